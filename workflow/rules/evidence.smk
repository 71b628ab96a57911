# What networks see in every image, once; and the numbers that follow from it.


rule observe:
    input:
        classifier=classifier_of,
        weights=causes.shipped(SUITE),
        images="<results>/images/{set}/{shard}/manifest.csv",
        references="<original>/manifest.csv",
    output:
        "<results>/evidence/{set}/{shard}/evidence.csv",
    log:
        "<results>/logs/observe/{set}/{shard}.log",
    benchmark:
        "<results>/benchmarks/observe/{set}/{shard}.tsv"
    priority: first
    threads: SUITE.sampler.threads
    params:
        cause=cause("observe", "{set}/{shard}"),
        suite=SUITE.name,
        classifier=lambda w, input: option("classifier", input.classifier and Path(str(input.classifier)).parent),
        out=lambda w, output: Path(output[0]).parent,
    shell:
        "python -m benchmark.observe --suite {params.suite} --images {input.images} --references {input.references}"
        " {params.classifier} --out {params.out} 2>&1 | tee {log}"


rule gate:
    input:
        prompts=collect("<results>/prompts/{set}.csv", set=GATED),
        evidence=collect(f"<results>/evidence/{{set}}/{grid.BASE.path}/evidence.csv", set=GATED),
        cards=[card for name in GATED for card in cards_of(name)],
    output:
        "<results>/gate.json",
    log:
        "<results>/logs/gate.log",
    params:
        cause=cause("gate"),
        suite=SUITE.name,
        cards=lambda w, input: option("cards", input.cards),
    shell:
        "python -m benchmark.gate --suite {params.suite} --prompts {input.prompts} --evidence {input.evidence}"
        " {params.cards} --out {output} 2>&1 | tee {log}"


rule score:
    input:
        gate_of,
        embeddings=embeddings(),
        models=traced(),
        prompts=collect("<results>/prompts/{set}.csv", set=dict(PLAN.looked_at)),
        evidence=[f"{SUITE.folder}/evidence/{name}/{shard}/evidence.csv" for name, shard in PLAN.looked_at],
    output:
        details(*PLAN.views, *PLAN.empty),  # whoever asks for an empty view by name gets its answer from its job
        scores="<results>/scores.csv",
    log:
        "<results>/logs/score.log",
    benchmark:
        "<results>/benchmarks/score.tsv"
    params:
        cause=cause("score"),
        suite=SUITE.name,
        named=shlex.join(NAMED),
        embeddings=lambda w, input: option("embeddings", input.embeddings),
        models=lambda w, input: option("models", input.models),
    shell:
        "python -m benchmark.score --suite {params.suite} {params.named} --prompts {input.prompts}"
        " --evidence {input.evidence} {params.embeddings} {params.models} --out {output.scores} 2>&1 | tee {log}"
