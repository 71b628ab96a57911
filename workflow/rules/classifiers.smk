# The classifiers: trained on images of the original model, or taken as they come.


rule train_classifier:
    input:
        base="<results>/base.json",
        images=training_images_of,
        weights=causes.shipped(SUITE),
    output:
        "<results>/classifiers/{set}/card.json",
    log:
        "<results>/logs/train_classifier/{set}.log",
    benchmark:
        "<results>/benchmarks/train_classifier/{set}.tsv"
    threads: SUITE.sampler.threads
    params:
        cause=cause("train_classifier", "{set}"),
        suite=SUITE.name,
        images=lambda w, input: option("images", input.images),
        out=lambda w, output: Path(output[0]).parent,
    shell:
        "python -m benchmark.train_classifier --suite {params.suite} --set {wildcards.set}"
        " {params.images} --out {params.out} 2>&1 | tee {log}"
