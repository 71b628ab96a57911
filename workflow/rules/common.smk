# What the rules share: paths, the files that a job depends on, and lookups in the plan.
import os
import re
import shlex
from pathlib import Path

from benchmark.plan import causes, variants, view_details
from benchmark.files import unwritable
from benchmark.plan.source import literal

SUITE = PLAN.suite
CAUSES = causes.jobs(PLAN)
NAMED = [word for what, names in PLAN.named.items() if names for word in (f"--{what}", *map(str, names))]

# The places of files that config.yaml names. No job depends on a place, so they are neither inputs nor parameters: a
# file's hash is in the cause of the job that reads it.
FILES = shlex.join(["--files", *(f"{name}={path}" for name, path in PLAN.files.items())]) if PLAN.files else ""

if problem := unwritable(SUITE.folder):
    sys.exit(f"error: {problem}")

# Jobs say `python -m benchmark.<runner>` and mean the Python that runs Snakemake, be its environment active or not.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]))

# Else glibc gives the memory of each batch back to the kernel, and faults it in again at the next one.
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(4 * 2**30))
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(16 * 2**30))


MEMORY = f".snakemake/concept-erasure/{SUITE.name}"
DUE = Path(f"{MEMORY}.due")


pathvars:
    results=SUITE.folder,
    original=f"{SUITE.folder}/images/{{set}}/{grid.BASE.path}",


SHARD = f"{grid.BASE.path}|[a-z0-9_]+/[a-z0-9_@-]+/seed[0-9]+/[a-z0-9_]+"


wildcard_constraints:
    set="[a-z0-9_]+",
    shard=SHARD,


# A rule for what was made elsewhere is for shards of such variants, and the rule that makes it here for all others.
ADOPTED = {
    kind: "|".join(re.escape(path) for path, s in PLAN.shards.items() if variants.adopts(s.variant) == kind) or "(?!)"
    for kind in ("weights", "images")
}
MADE_HERE = {kind: f"(?!(?:{adopted})/)(?:{SHARD})" for kind, adopted in ADOPTED.items()}


# ── files ──


def base_files():
    """The shipped model's files; those of a model of the Hub are fetched, and are pinned by its revision."""
    return [] if SUITE.revision else [str(path) for path in sorted(Path(SUITE.base).rglob("*")) if path.is_file()]


def suffixes(view):
    return ["csv", "md", "tex", "html"] if view.startswith("tables/") else ["csv", "svg", "png"]


def option(name, value):
    """A command-line option, or nothing if it has no value."""
    return f"--{name} {value}" if value else ""


# ── the plan ──


def shard_of(wildcards):
    return PLAN.shards[wildcards.shard]


def options(shard):
    """The command-line options that name a shard; what the original model draws needs none."""
    if shard == grid.BASE:
        return ""
    named = f"--task {shard.task} --variant {shard.variant} --seed {shard.erasing_seed}"
    return f"{named} --concepts {' '.join(shard.concepts)}"


def derived(wildcards):
    """The command-line options that say whence the rows of a prompt set come."""
    source = PLAN.sets[wildcards.set].source
    if source.kind not in ("training", "pool_concept", "pool_anchor"):
        return option("set", wildcards.set)
    concepts = option("concepts", " ".join(source.concepts)) if source.concepts else ""
    return " ".join(filter(None, (option("task", source.task), option("kind", source.kind), concepts)))


def drawn(prompt_set):
    """The images of the original model on a prompt set."""
    return f"{SUITE.folder}/images/{prompt_set.name}/{grid.BASE.path}/manifest.csv"


def training_images_of(wildcards):
    """What a classifier learns from; one that comes trained needs nothing."""
    training = grid.training_of(PLAN, wildcards.set)
    return [drawn(training)] if training else []


def cards_of(name):
    """The card of the classifier that looks at the images of a prompt set, if one does."""
    classifier = PLAN.sets[name].classifier
    return [f"{SUITE.folder}/classifiers/{classifier.prompt_set}/card.json"] if classifier else []


def classifier_of(wildcards):
    return next(iter(cards_of(wildcards.set)), [])


GATED = [name for name in SUITE.gate if name in dict(PLAN.looked_at)]


def gate_of(wildcards):
    """What erased models wait for before they draw, if the suite has a gate. When it was passed does not matter."""
    erased = "shard" not in wildcards.keys() or wildcards.shard != grid.BASE.path
    return [ancient(f"{SUITE.folder}/gate.json")] if GATED and erased else []


def pool_of(wildcards):
    """The images that a shard's method trains on, if it wants some."""
    pool = grid.pool_of(PLAN, shard_of(wildcards))
    return drawn(pool) if pool else []


def models_of(wildcards):
    """The models of a shard; the original model is the base model, and nothing is erased in it."""
    own = shard_of(wildcards) != grid.BASE
    return collect("<results>/models/{shard}/models.csv", **wildcards) if own else []


def prompts_of(wildcards):
    """The rows of which a shard's models draw: an attack makes other texts for each erased model."""
    attacked = PLAN.sets[wildcards.set].source.kind == "attack" and wildcards.shard != grid.BASE.path
    folder = "<results>/attacks/{set}/{shard}/prompts.csv" if attacked else "<results>/prompts/{set}.csv"
    return collect(folder, **wildcards)


def adopted_files(wildcards):
    """The files of a shard that was made elsewhere: its weights, or its lists of images; of a missing one its job says
    so, and all others are run."""
    shard = shard_of(wildcards)
    settings, kind = variants.settings(SUITE, shard.variant), variants.adopts(shard.variant)
    path = settings["weights" if kind == "weights" else "rows"]
    paths = [os.path.expanduser(path.replace("{concept}", concept)) for concept in shard.concepts]
    return [path for path in paths if os.path.exists(path)]


def first(wildcards):
    """A priority: all images are compared with the original model's, and if that one is not right, nothing else is."""
    return int(wildcards.shard == grid.BASE.path)


def printed(view):
    """The paper's own numbers, for a view that shows them (`PAPER = [file, …]` in its file)."""
    return [f"benchmark/paper/{name}" for name in literal(f"benchmark/{view}.py", "PAPER", [])]


def details(*views):
    """The details beside scores.csv that views show (`DETAILS = [name, …]` in their files)."""
    names = dict.fromkeys(name for view in views for name in view_details.details_of(f"benchmark/{view}.py"))
    return [f"{SUITE.folder}/details/{name}.csv" for name in names]


def embeddings():
    """How far apart concepts are to the text encoder, if a view shows a detail that needs it."""
    return [f"{SUITE.folder}/embeddings.csv"] if view_details.need("EMBEDDINGS", SUITE, PLAN.experiments) else []


def traced():
    """The models, beside each of which lies the trace of its erasure, if a view shows a detail that needs it."""
    if not view_details.need("TRACES", SUITE, PLAN.experiments):
        return []
    erased = [s for s in PLAN.shards.values() if s != grid.BASE and not variants.adopts(s.variant)]
    return [f"{SUITE.folder}/models/{shard.path}/models.csv" for shard in erased]


def stated(kind, name, otherwise):
    """What the file of a table or figure says as `name`, by the wildcard `view`: for the report."""
    return lambda wildcards: literal(f"benchmark/{kind}/{wildcards.view}.py", name, otherwise)


def in_report(kind):
    """How a table or figure is shown in the report: under its place in the paper, with its caption."""
    category = stated(kind, "PAPER_PLACE", "Without a place in the paper")
    return {"caption": f"../report/{kind}.rst", "category": category, "labels": {kind: "{view}"}}


def shown():
    """The views that end a run; a report is on those that are there, since a narrowed run has not made all of them."""
    if not any(word.partition("=")[0] == "--report" for word in sys.argv):
        return PLAN.views
    there = [v for v in PLAN.views if all(Path(SUITE.folder, f"{v}.{suffix}").exists() for suffix in suffixes(v))]
    if not there:
        sys.exit(f"error: {SUITE.folder}: has no table or figure to report on: run the suite {SUITE.name} first")
    return there


def manifests(view):
    """All images that are looked at, for a view that shows pictures (`IMAGES = True` in its file)."""
    shown = PLAN.looked_at if literal(f"benchmark/{view}.py", "IMAGES") else []
    return [f"{SUITE.folder}/images/{name}/{shard}/manifest.csv" for name, shard in shown]


def redrawable(kind):
    """The views of a kind, without those that need pictures which are not here: a scores.csv may be alone."""
    views = [view for view in PLAN.views if view.startswith(kind)]
    return [view for view in views if all(Path(path).exists() for path in manifests(view))]


def cause(rule, name=""):
    """What a job depends on, as a parameter: another cause runs the job again. `name` may hold wildcards."""
    return lambda wildcards: CAUSES[rule, name.format(**wildcards)]()
