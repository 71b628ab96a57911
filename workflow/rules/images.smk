# Seeded images: what judges and methods learn from, drawn by the original model, and what every model is evaluated on.


rule train_images:
    input:
        base="<results>/base.json",
    output:
        "<original>/train/manifest.csv",
    log:
        "<results>/logs/generate/{task}/original/train.log",
    benchmark:
        "<results>/benchmarks/generate/{task}/original/train.tsv"
    priority: 1  # all evidence waits for the judge, and this is its longest job
    threads: SUITE.sampler.threads
    params:
        cause=cause("train_images", "{task}"),
        suite=SUITE.name,
        method=grid.ORIGINAL,
        out=lambda w, output: Path(output[0]).parent,
    shell:
        "python -m benchmark.generate --suite {params.suite} --task {wildcards.task} --method {params.method}"
        " --set train --out {params.out} 2>&1 | tee {log}"


rule pool:
    input:
        base="<results>/base.json",
    output:
        "<original>/pool_{kind}/{part}/manifest.csv",
    log:
        "<results>/logs/generate/{task}/original/pool_{kind}/{part}.log",
    benchmark:
        "<results>/benchmarks/generate/{task}/original/pool_{kind}/{part}.tsv"
    threads: SUITE.sampler.threads
    params:
        cause=cause("pool", POOL),
        suite=SUITE.name,
        method=grid.ORIGINAL,
        concepts=lambda w: option("concepts", " ".join(pool_concepts(w))),
        out=lambda w, output: Path(output[0]).parent,
    shell:
        "python -m benchmark.generate --suite {params.suite} --task {wildcards.task} --method {params.method}"
        " --set pool:{wildcards.kind} {params.concepts} --out {params.out} 2>&1 | tee {log}"


rule generate:
    input:
        base="<results>/base.json",
        models=models_of,
    output:
        "<results>/images/<part>/manifest.csv",
    log:
        "<results>/logs/generate/<part>.log",
    benchmark:
        "<results>/benchmarks/generate/<part>.tsv"
    priority: first
    threads: SUITE.sampler.threads
    params:
        cause=cause("generate", PART),
        suite=SUITE.name,
        concepts=lambda w: part_of(w).concepts,
        models=lambda w, input: option("models", input.models),
        out=lambda w, output: Path(output[0]).parent,
    shell:
        "python -m benchmark.generate --suite {params.suite} --task {wildcards.task} --method {wildcards.method}"
        " --seed {wildcards.seed} {params.models} --set evaluation --concepts {params.concepts}"
        " --out {params.out} 2>&1 | tee {log}"
