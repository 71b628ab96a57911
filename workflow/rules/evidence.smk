# What networks see in every image, once; and the numbers that follow from it.


rule observe:
    input:
        judge="<results>/classifiers/{task}/card.json",
        weights=causes.shipped(SUITE),
        images="<results>/images/<part>/manifest.csv",
        partners="<original>/seed0/all/manifest.csv",
    output:
        "<results>/evidence/<part>/evidence.csv",
    log:
        "<results>/logs/observe/<part>.log",
    benchmark:
        "<results>/benchmarks/observe/<part>.tsv"
    priority: first
    threads: SUITE.sampler.threads
    params:
        cause=cause("observe", PART),
        suite=SUITE.name,
        judge=lambda w, input: Path(input.judge).parent,
        out=lambda w, output: Path(output[0]).parent,
    shell:
        "python -m benchmark.observe --suite {params.suite} --task {wildcards.task} --images {input.images}"
        " --partners {input.partners} --judge {params.judge} --out {params.out} 2>&1 | tee {log}"


rule score:
    input:
        evidence=collect("<results>/evidence/{part}/evidence.csv", part=PLAN.parts),
    output:
        "<results>/scores.csv",
    log:
        "<results>/logs/score.log",
    benchmark:
        "<results>/benchmarks/score.tsv"
    params:
        cause=cause("score"),
        suite=SUITE.name,
        named=" ".join(option(what, " ".join(names)) for what, names in PLAN.named.items() if names),
    shell:
        "python -m benchmark.score --suite {params.suite} {params.named} --evidence {input.evidence} --out {output} 2>&1 | tee {log}"
