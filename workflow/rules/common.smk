# What the rules share: paths, the files that a job depends on, and lookups in the plan.
import os
import shlex
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

from benchmark import eyes, plugins, trouble
from benchmark.files import unwritable

SUITE = PLAN.suite
if problem := unwritable(SUITE.folder):
    sys.exit(f"error: {problem}")
SHIPPED_JUDGES = ("backbone.safetensors", "classes.json")

# Jobs say `python -m benchmark.<runner>` and mean the Python that runs Snakemake, be its environment active or not.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]))

# Else glibc gives the memory of each batch back to the kernel, and faults it in again at the next one.
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(4 * 2**30))
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(16 * 2**30))


pathvars:
    results=SUITE.folder,
    original=f"{SUITE.folder}/images/{{task}}/{grid.ORIGINAL}",
    part="{task}/{method}/seed{seed}/{part}",


wildcard_constraints:
    task="[a-z0-9_]+",
    method="[a-z0-9_@-]+",
    seed="[0-9]+",
    part="[a-z0-9_]+",
    kind="concept|anchor",


# ── files ──


def code(*files):
    """What the given files and all that they import say, as a parameter: editing one of them runs the job again.

    As inputs they would be twenty per job, which planning would feel.
    """
    return f"code {grid.fingerprint(*files)}"


def plugin_files(folder):
    return [f"{folder}/{name}.py" for name in plugins.names(folder)]


def observers(wildcards):
    """The eyes that a task's metrics read: another network added to the folder makes nobody look again."""
    return [f"benchmark/observers/{file}.py" for file in eyes.needed(task_of(wildcards)).values()]


def judge_file(wildcards):
    return f"classifiers/{task_of(wildcards).judge.classifier}.py"


def shipped_judges():
    """The weights behind the testbed's judges and eye, by name: Snakemake says which of them is missing."""
    return [f"testbed/judges/{name}" for name in SHIPPED_JUDGES] if SUITE.world == "testbed" else []


def base_files():
    """The shipped model's files; those of a model of the Hub are fetched, and are pinned by its revision."""
    return [] if SUITE.revision else [str(path) for path in sorted(Path(SUITE.base).rglob("*")) if path.is_file()]


def suffixes(view):
    return ["csv", "md", "tex"] if view.startswith("tables/") else ["csv", "svg", "png"]


def option(name, value):
    """A command-line option, or nothing if it has no value."""
    return f"--{name} {value}" if value else ""


# ── the plan ──


def task_of(wildcards):
    return PLAN.tasks[wildcards.task]


def part_of(wildcards):
    return PLAN.parts["{task}/{method}/seed{seed}/{part}".format(**wildcards)]


def train_images_of(wildcards):
    """What a judge learns from; one that comes trained needs nothing."""
    return collect("<original>/train/manifest.csv", **wildcards) if task_of(wildcards).judge.train else []


def pool_of(wildcards):
    """What a method learns from, if it wants images: one set per part, or one in all if they show no concept."""
    kind = grid.pool(SUITE, wildcards.method)
    name = wildcards.part if kind == "concept" else "all"
    return collect("<original>/pool_{kind}/{name}/manifest.csv", **wildcards, kind=kind, name=name) if kind else []


def pool_concepts(wildcards):
    """The concepts of a pool: those that a part of this name erases with a method that wants images of them."""
    parts = [p for p in PLAN.parts.values() if (p.task, p.name) == (wildcards.task, wildcards.part)]
    wanted = [p.concepts for p in parts if wildcards.kind == grid.pool(SUITE, p.method) == "concept"]
    return list(dict.fromkeys(concept for concepts in wanted for concept in concepts))


def models_of(wildcards):
    """The models of a part; the original model is the base model, and nothing is erased in it."""
    return [] if wildcards.method == grid.ORIGINAL else collect("<results>/models/<part>/models.csv", **wildcards)


def asked_of(wildcards):
    """What a part's models are asked for: from this and from `images` follow all rows, which are too many to list."""
    part, task = part_of(wildcards), task_of(wildcards)
    targets = SUITE.erased(task.name) if grid.NOTHING in part.concepts else part.concepts
    return {"phrases": {concept.name: concept.phrase for concept in task.concepts}, "targets": targets}


def first(wildcards):
    """A priority: all images are compared with the original model's, and if that one is not right, nothing else is."""
    return int(wildcards.method == grid.ORIGINAL)


def images(*keys):
    """The image counts of the suite that a rule depends on."""
    return {key: getattr(SUITE.budgets, key) for key in keys}


def printed(view):
    """The paper's own numbers, for a view that shows them (`PAPER = [file, …]` in its file)."""
    return [f"benchmark/paper/{name}" for name in grid.literal(f"benchmark/{view}.py", "PAPER", [])]


def feeding(view):
    """The experiments whose numbers a view shows."""
    return [name for name in PLAN.experiments if view in SUITE.experiments[name].views]


def manifests(view):
    """The images of every part, for a view that shows pictures (`IMAGES = True` in its file)."""
    shown = PLAN.parts if grid.literal(f"benchmark/{view}.py", "IMAGES") else []
    return [f"{SUITE.folder}/images/{part}/manifest.csv" for part in shown]


def redrawable(kind):
    """The views of a kind, without those whose pictures are not here: a scores.csv may have come alone."""
    views = [view for view in PLAN.views if view.startswith(kind)]
    return [view for view in views if all(Path(path).exists() for path in manifests(view))]


# ── while it runs, and at its end ──

COMMAND = os.environ.get("TYPED") or shlex.join(["snakemake", *sys.argv[1:]])
PARTIAL = f"{SUITE.folder}/partial"
BROKEN = list(dict.fromkeys(filter(None, (grid.broken(grid.module(label)) for label in PLAN.aliases))))

if SCREEN:  # what jobs say is in their logs, and their last line on the screen; here it would run through the bar
    shell.prefix("set -euo pipefail; exec > /dev/null; ")

if workflow.is_main_process:
    for problem in BROKEN:
        print(f"broken: {problem}: its jobs will fail, all others are run", file=sys.stderr)


def jobs_of(rule):
    return [job for job in workflow.dag.jobs if job.rule.name == rule]


def seen():
    """The parts whose evidence stands: its job has ended well, or there was none to be done."""
    jobs = [job for job in jobs_of("observe") if workflow.dag.finished(job) or not workflow.dag.needrun(job)]
    return ["{task}/{method}/seed{seed}/{part}".format(**job.wildcards) for job in jobs]


onstart:
    workflow.scheduler.keepgoing = True  # one failed job does not stop the others: `--keep-going`
    if BROKEN and not workflow.local_exec:
        sys.exit(f"error: {BROKEN[0]}; nothing was sent to the cluster")


onsuccess:
    if SCREEN:
        SCREEN.finish()
    if jobs_of("score"):
        shutil.rmtree(PARTIAL, ignore_errors=True)
        if BROKEN:  # a job that reads such a file fails: there was none, so that its numbers are not of this file
            sys.exit(f"error: {'; '.join(BROKEN)}: its numbers are those of an earlier file")


onerror:
    if SCREEN:
        SCREEN.finish()
    kept, lacking = grid.whole(PLAN, seen())
    stopped = trouble.stopped(Path(log[0]).read_text(errors="replace"))
    if workflow.local_exec and jobs_of("score") and kept and lacking and not stopped:
        evidence = [f"{SUITE.folder}/evidence/{part}/evidence.csv" for part in kept]
        command = ["-m", "benchmark.partial", "--suite", SUITE.name, "--out", PARTIAL]
        subprocess.run([sys.executable, *command, "--evidence", *evidence, "--lacking", *lacking])
    trouble.main(Path(log[0]), COMMAND)
