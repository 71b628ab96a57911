# The base model, and the models that methods make of it.


# Compute nodes may have no way to the Hub.
localrules:
    base,


rule base:
    input:
        base_files(),
    output:
        "<results>/base.json",
    log:
        "<results>/logs/base.log",
    params:
        code=code("benchmark/base.py"),
        suite=SUITE.name,
        hub=(SUITE.base, SUITE.revision) if SUITE.revision else None,
    shell:
        "python -m benchmark.base --suite {params.suite} --out {output} 2>&1 | tee {log}"


rule erase:
    input:
        method=lambda w: grid.module(w.method),
        base="<results>/base.json",
        pool=pool_of,
    output:
        "<results>/models/<part>/models.csv",
    log:
        "<results>/logs/erase/<part>.log",
    benchmark:
        "<results>/benchmarks/erase/<part>.tsv"
    threads: SUITE.sampler.threads
    params:
        code=lambda w: code("benchmark/erase.py", grid.module(w.method)),
        suite=SUITE.name,
        settings=lambda w: grid.label_settings(SUITE, w.method),
        templates=lambda w: asdict(task_of(w).templates),
        phrases=lambda w: [asdict(c) for c in task_of(w).concepts if c.name in part_of(w).concepts],
        concepts=lambda w: part_of(w).concepts,
        pool=lambda w, input: option("pool", input.pool),
        out=lambda w, output: Path(output[0]).parent,
    shell:
        "python -m benchmark.erase --suite {params.suite} --task {wildcards.task} --method {wildcards.method}"
        " --seed {wildcards.seed} --concepts {params.concepts} {params.pool} --out {params.out} 2>&1 | tee {log}"
