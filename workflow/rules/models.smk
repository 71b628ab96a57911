# The base model, the models that methods make of it or that were made elsewhere, and attacks on them.


# Compute nodes may have no way to the Hub.
localrules:
    base,
    remember,


# Snakemake forgets what jobs were made from when its folder is lost. This file is lost with it: all jobs then run once
# more, and their runners keep what has the right key.
rule remember:
    output:
        MEMORY,
    log:
        "<results>/logs/remember.log",
    shell:
        "touch {output} {log}"


rule base:
    input:
        base_files(),
        MEMORY,
    output:
        "<results>/base.json",
    log:
        "<results>/logs/base.log",
    params:
        cause=cause("base"),
        suite=SUITE.name,
    shell:
        "python -m benchmark.base --suite {params.suite} --out {output} 2>&1 | tee {log}"


rule embed:
    input:
        base="<results>/base.json",
    output:
        "<results>/embeddings.csv",
    log:
        "<results>/logs/embed.log",
    threads: SUITE.sampler.threads
    params:
        cause=cause("embed"),
        suite=SUITE.name,
    shell:
        "python -m benchmark.embed --suite {params.suite} --out {output} 2>&1 | tee {log}"


rule erase:
    input:
        base="<results>/base.json",
        pool=pool_of,
    output:
        "<results>/models/{shard}/models.csv",
    log:
        "<results>/logs/erase/{shard}.log",
    benchmark:
        "<results>/benchmarks/erase/{shard}.tsv"
    wildcard_constraints:
        shard=MADE_HERE["weights"],
    threads: SUITE.sampler.threads
    params:
        cause=cause("erase", "{shard}"),
        suite=SUITE.name,
        shard=lambda w: options(shard_of(w)),
        pool=lambda w, input: option("pool", input.pool),
        out=lambda w, output: Path(output[0]).parent,
    shell:
        "python -m benchmark.erase --suite {params.suite} {params.shard} {params.pool} --out {params.out} 2>&1 | tee {log}"


rule adopt_models:
    input:
        adopted_files,
        base="<results>/base.json",
    output:
        "<results>/models/{shard}/models.csv",
    log:
        "<results>/logs/adopt/{shard}.log",
    wildcard_constraints:
        shard=ADOPTED["weights"],
    params:
        cause=cause("adopt_models", "{shard}"),
        suite=SUITE.name,
        shard=lambda w: options(shard_of(w)),
        out=lambda w, output: Path(output[0]).parent,
    shell:
        "python -m benchmark.adopt --suite {params.suite} {params.shard} --out {params.out} 2>&1 | tee {log}"


rule attack:
    input:
        base="<results>/base.json",
        prompts="<results>/prompts/{set}.csv",
        models=models_of,
    output:
        "<results>/attacks/{set}/{shard}/prompts.csv",
    log:
        "<results>/logs/attack/{set}/{shard}.log",
    benchmark:
        "<results>/benchmarks/attack/{set}/{shard}.tsv"
    threads: SUITE.sampler.threads
    params:
        cause=cause("attack", "{set}/{shard}"),
        suite=SUITE.name,
        shard=lambda w: options(shard_of(w)),
        out=lambda w, output: Path(output[0]).parent,
    shell:
        "python -m benchmark.attack --suite {params.suite} --set {wildcards.set} --rows {input.prompts} {params.shard}"
        " --models {input.models} --out {params.out} 2>&1 | tee {log}"
