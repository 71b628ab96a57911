# Prompt sets, and the seeded images that models draw of them.


localrules:
    prompts,


rule prompts:
    output:
        "<results>/prompts/{set}.csv",
    log:
        "<results>/logs/prompts/{set}.log",
    params:
        cause=cause("prompts", "{set}"),
        suite=SUITE.name,
        derived=derived,
    shell:
        "python -m benchmark.prompts --suite {params.suite} {params.derived} {FILES} --out {output} 2>&1 | tee {log}"


rule generate:
    input:
        gate_of,
        base="<results>/base.json",
        prompts=prompts_of,
        models=models_of,
    output:
        "<results>/images/{set}/{shard}/manifest.csv",
    log:
        "<results>/logs/generate/{set}/{shard}.log",
    benchmark:
        "<results>/benchmarks/generate/{set}/{shard}.tsv"
    wildcard_constraints:
        shard=MADE_HERE["images"],
    priority: first
    threads: SUITE.sampler.threads
    params:
        cause=cause("generate", "{set}/{shard}"),
        suite=SUITE.name,
        shard=lambda w: options(shard_of(w)),
        models=lambda w, input: option("models", input.models),
        out=lambda w, output: Path(output[0]).parent,
    shell:
        "python -m benchmark.generate --suite {params.suite} --set {wildcards.set} --prompts {input.prompts}"
        " {params.shard} {params.models} --out {params.out} 2>&1 | tee {log}"


rule adopt_images:
    input:
        adopted_files,
        base="<results>/base.json",
        prompts="<results>/prompts/{set}.csv",
    output:
        "<results>/images/{set}/{shard}/manifest.csv",
    log:
        "<results>/logs/adopt/{set}/{shard}.log",
    wildcard_constraints:
        shard=ADOPTED["images"],
    params:
        cause=cause("adopt_images", "{set}/{shard}"),
        suite=SUITE.name,
        shard=lambda w: options(shard_of(w)),
        out=lambda w, output: Path(output[0]).parent,
    shell:
        "python -m benchmark.adopt --suite {params.suite} --set {wildcards.set} --prompts {input.prompts}"
        " {params.shard} --out {params.out} 2>&1 | tee {log}"
