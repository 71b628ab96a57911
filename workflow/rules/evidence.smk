# What networks see in every image, once; and the numbers that follow from it.


rule observe:
    input:
        judge="<results>/classifiers/{task}/card.json",
        weights=shipped_judges(),
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
        code=lambda w: code("benchmark/observe.py", judge_file(w), *observers(w)),
        suite=SUITE.name,
        metrics=lambda w: task_of(w).metrics,
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
        code=code("benchmark/score.py", *plugin_files("benchmark/metrics")),
        suite=SUITE.name,
        named=" ".join(option(what, " ".join(names)) for what, names in PLAN.named.items() if names),
        tasks=[asdict(task) for task in PLAN.tasks.values()],
        aliases=PLAN.aliases,
        experiments=grid.digest(PLAN.experiments),
        conditions=grid.digest([SUITE.base, SUITE.revision, SUITE.sampler, SUITE.budgets, SUITE.settings]),
    shell:
        "python -m benchmark.score --suite {params.suite} {params.named} --evidence {input.evidence} --out {output} 2>&1 | tee {log}"
