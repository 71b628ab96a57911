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


rule score:
    input:
        embeddings=embeddings(),
        prompts=collect("<results>/prompts/{set}.csv", set=dict(PLAN.looked_at)),
        evidence=[f"{SUITE.folder}/evidence/{name}/{shard}/evidence.csv" for name, shard in PLAN.looked_at],
    output:
        "<results>/scores.csv",
        details(*PLAN.views),
    log:
        "<results>/logs/score.log",
    benchmark:
        "<results>/benchmarks/score.tsv"
    params:
        cause=cause("score"),
        suite=SUITE.name,
        named=shlex.join(NAMED),
        embeddings=lambda w, input: option("embeddings", input.embeddings),
    shell:
        "python -m benchmark.score --suite {params.suite} {params.named} --prompts {input.prompts}"
        " --evidence {input.evidence} {params.embeddings} --out {output[0]} 2>&1 | tee {log}"
