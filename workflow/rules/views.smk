# Tables and figures. Two ways lead to them: the rules `table` and `figure` end a whole run; `tables` and `figures` draw
# all of them again from a scores.csv as it lies there, whatever its age and origin, and never plan a model for it. The
# rule `unmasked`, which runs only if it is asked for by name, draws figures of pictures again and masks none of these.


localrules:
    all,
    table,
    figure,
    tables,
    figures,
    unmasked,


rule table:
    input:
        lambda w: details(f"tables/{w.view}"),
        printed=lambda w: printed(f"tables/{w.view}"),
        scores="<results>/scores.csv",
    output:
        csv="<results>/tables/{view}.csv",
        md="<results>/tables/{view}.md",
        tex="<results>/tables/{view}.tex",
        html=report("<results>/tables/{view}.html", **in_report("tables")),
    log:
        "<results>/logs/view/tables/{view}.log",
    params:
        cause=cause("view", "tables/{view}"),
        suite=SUITE.name,
        caption=stated("tables", "CAPTION", ""),
        place=stated("tables", "PAPER_PLACE", ""),
        out=lambda w, output: Path(output.csv).parents[1],
    shell:
        "python -m benchmark.view --suite {params.suite} --scores {input.scores} --view tables/{wildcards.view}"
        " --out {params.out} 2>&1 | tee {log}"


rule figure:
    input:
        lambda w: details(f"figures/{w.view}"),
        printed=lambda w: printed(f"figures/{w.view}"),
        scores="<results>/scores.csv",
        images=lambda w: manifests(f"figures/{w.view}"),
    output:
        csv="<results>/figures/{view}.csv",
        svg=report("<results>/figures/{view}.svg", **in_report("figures")),
        png="<results>/figures/{view}.png",
    log:
        "<results>/logs/view/figures/{view}.log",
    params:
        cause=cause("view", "figures/{view}"),
        suite=SUITE.name,
        caption=stated("figures", "CAPTION", ""),
        place=stated("figures", "PAPER_PLACE", ""),
        images=lambda w, input: option("images", input.images),
        out=lambda w, output: Path(output.csv).parents[1],
    shell:
        "python -m benchmark.view --suite {params.suite} --scores {input.scores} --view figures/{wildcards.view}"
        " {params.images} --out {params.out} 2>&1 | tee {log}"


rule tables:
    log:
        "<results>/logs/view/tables.log",
    params:
        suite=SUITE.name,
        results=SUITE.folder,
        views=option("view", " ".join(redrawable("tables"))),
    shell:
        "python -m benchmark.view --suite {params.suite} --scores {params.results}/scores.csv --if-any {params.views}"
        " --out {params.results} 2>&1 | tee {log}"


rule figures:
    log:
        "<results>/logs/view/figures.log",
    params:
        suite=SUITE.name,
        results=SUITE.folder,
        views=option("view", " ".join(redrawable("figures"))),
        images=option("images", " ".join(path for view in redrawable("figures") for path in manifests(view))),
    shell:
        "python -m benchmark.view --suite {params.suite} --scores {params.results}/scores.csv --if-any {params.views}"
        " {params.images} --out {params.results} 2>&1 | tee {log}"


rule unmasked:
    log:
        "<results>/logs/view/unmasked.log",
    params:
        suite=SUITE.name,
        results=SUITE.folder,
        views=option("view", " ".join(view for view in redrawable("figures") if manifests(view))),
        images=option("images", " ".join(path for view in redrawable("figures") for path in manifests(view))),
    shell:
        "python -m benchmark.view --suite {params.suite} --scores {params.results}/scores.csv --if-any {params.views}"
        " {params.images} --out {params.results} --unmasked 2>&1 | tee {log}"
