# The judges: trained on images of the original model, or taken as they come.


rule classify:
    input:
        base="<results>/base.json",
        images=train_images_of,
        weights=causes.shipped(SUITE),
    output:
        "<results>/classifiers/{task}/card.json",
    log:
        "<results>/logs/classify/{task}.log",
    benchmark:
        "<results>/benchmarks/classify/{task}.tsv"
    threads: SUITE.sampler.threads
    params:
        cause=cause("classify", "{task}"),
        suite=SUITE.name,
        images=lambda w, input: option("images", input.images),
        out=lambda w, output: Path(output[0]).parent,
    shell:
        "python -m benchmark.classify --suite {params.suite} --task {wildcards.task}"
        " {params.images} --out {params.out} 2>&1 | tee {log}"
