"""How large a run may be: planning time and memory, files and bytes, and how the paper's suite spreads over GPUs.

    python -m benchmark.tools.scale --what planning       Snakemake itself, on suites of 10 to 10,000 erasures
    python -m benchmark.tools.scale --what files          what a finished run has left in results/
    python -m benchmark.tools.scale --what schedule       a simulation, from the plan's volumes and a stated speed

Each prints the table that docs/cluster.md shows.
"""

from __future__ import annotations

import heapq
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmark.errors import BenchmarkError
from benchmark.plan import grid, plugins, prompt_rows, variants
from benchmark.plan.config import load_suite, load_task
from benchmark.plan.records import NOTHING, ORIGINAL, Variant
from benchmark.running import cli


def main(
    what: Literal["planning", "files", "schedule"],
    suite: str = "paper",
    erasures: list[int] | None = None,
    gpus: list[int] | None = None,
    image_seconds: float = 5.0,
    erase_seconds: float = 1030.0,
    look_seconds: float = 0.1,
    experiments: list[str] | None = None,
    methods: list[str] | None = None,
) -> None:
    """Print how a suite scales.

    Args:
        what: planning, files or schedule.
        suite: whose rules, files or volumes.
        erasures: how many to plan, the original model among them.
        gpus: how many GPUs to schedule on.
        image_seconds: of one GPU, for one image of the suite's sampler.
        erase_seconds: of one GPU, for one erasure.
        look_seconds: of one GPU, for all networks to look at one image.
        experiments: those of the suite that are scheduled, if not all.
        methods: those that are scheduled, if not all.
    """
    if what == "planning":
        _planning(suite, erasures or [10, 100, 1000, 10000])
    elif what == "files":
        _files(Path(load_suite(suite).folder), len(set(grid.plan({"suite": suite}).run.values())))
    else:
        speed = Speed(image_seconds, erase_seconds, look_seconds)
        plan = grid.plan({"suite": suite, "experiments": experiments or "all", "methods": methods or "all"})
        images = sum(job.seconds for job in jobs(plan, IMAGES).values())
        print(f"{images:,.0f} images")
        _schedule(jobs(plan, speed), gpus or [8, 64])


# ── planning ──


def _planning(suite: str, sizes: list[int]) -> None:
    """Plan suites of one task and one method with many seeds: three jobs per erasure if each is a shard of its own."""
    print("| erasures | jobs | fresh folder | memory | finished folder | memory |\n|---|---|---|---|---|---|")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "repository"
            ignored = shutil.ignore_patterns(".*", "results", "__pycache__", "testbed")
            shutil.copytree(plugins.ROOT, copy, ignore=ignored, symlinks=True)
            (copy / "testbed").symlink_to(plugins.ROOT / "testbed")
            _write_suite(copy, suite, size)
            count, seconds, memory = _measured(copy, "--dry-run", "--quiet", "rules")
            print(f"| {size:,} | {count:,} | {seconds:.1f} s | {memory:.0f} MB |", end="", flush=True)
            _pretend(copy)
            left, seconds, memory = _measured(copy, "--dry-run", "--quiet", "rules")
            if left:
                raise BenchmarkError(f"{copy}: after all was made, {left} jobs are still planned")
            print(f" {seconds:.1f} s | {memory:.0f} MB |", flush=True)


def _write_suite(copy: Path, suite: str, size: int) -> None:
    """Write the suite `scale`: the given one with one method, which erases nine concepts, or one, with many seeds."""
    import yaml

    raw = yaml.safe_load((copy / f"benchmark/suites/{suite}.yaml").read_text())
    name, experiment = next(iter(raw["experiments"].items()))
    erasers = [name for name in experiment["methods"] if not variants.control(Variant(name))]
    concepts = 9 if (size - 1) % 9 == 0 else 1
    experiment |= {"methods": [ORIGINAL, erasers[0]], "seeds": list(range((size - 1) // concepts))}
    experiment["concepts"] = [c.name for c in load_task(experiment["task"], raw["world"]).concepts][:concepts]
    (copy / "benchmark/suites/scale.yaml").write_text(yaml.safe_dump(raw | {"experiments": {name: experiment}}))


OPTIONS = ["--cores", "1", "--config", "suite=scale"]


def _measured(copy: Path, *options: str) -> tuple[int, float, float]:
    """Run Snakemake; returns the jobs that it plans, seconds, and megabytes at the most."""
    with tempfile.TemporaryFile("w+") as said:
        began = time.monotonic()
        command = [sys.executable, "-m", "snakemake", *options, *OPTIONS]
        process = subprocess.Popen(command, cwd=copy, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    if process.returncode:
        raise BenchmarkError(f"Snakemake failed: {text[-2000:]}")
    total = [line.split()[1] for line in text.splitlines() if line.startswith("total ")]
    return int(total[0]) if total else 0, seconds, usage.ru_maxrss / 1024


# Snakemake's `--touch` sleeps between files and weighs all ready jobs before each: for 10,000 erasures it takes hours.
# This scheduler makes every output as an empty file, all of one age, and Snakemake's record of it.
PRETEND = """
import os, sys, time
from pathlib import Path
from snakemake import cli
from snakemake.scheduling.job_scheduler import JobScheduler

NOW = time.time()

def schedule(self):
    for job in self.workflow.dag.needrun_jobs():
        for path in map(Path, job.output):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            os.utime(path, (NOW, NOW))
        self.workflow.async_run(self.workflow.persistence.finished(job))
    return True

JobScheduler.schedule = schedule
cli.main(sys.argv[1:])
"""


def _pretend(copy: Path) -> None:
    """Make every output of every job: what matters is how many files and records Snakemake must look at."""
    subprocess.run([sys.executable, "-c", PRETEND, "--quiet", "all", *OPTIONS], cwd=copy, check=True)


# ── files ──

KINDS = {
    ".png": "images",
    ".safetensors": "models",
    ".npy": "features",
    ".csv": "lists",
    ".tsv": "times",
    ".log": "logs",
}


def _files(results: Path, erasures: int) -> None:
    """Count what lies in a finished run's folder, by kind, per erasure."""
    if not (results / "scores.csv").exists():
        raise BenchmarkError(f"{results}: there is no finished run")
    count, size = defaultdict(int), defaultdict(int)
    for path in results.rglob("*"):
        if path.is_file():
            kind = KINDS.get(path.suffix, "other")
            count[kind] += 1
            size[kind] += path.stat().st_size
    print(f"{erasures} erasures in {results}\n")
    print("| kind | files per erasure | kB per erasure | kB per file |\n|---|---|---|---|")
    for kind in sorted(count, key=size.__getitem__, reverse=True):
        kb = size[kind] / 1000
        print(f"| {kind} | {count[kind] / erasures:.1f} | {kb / erasures:,.0f} | {kb / count[kind]:,.1f} |")


# ── schedule ──


@dataclass(frozen=True)
class Speed:
    """Seconds of one GPU: to draw an image, to erase a concept, to look at an image."""

    image: float
    erase: float
    look: float


IMAGES = Speed(image=1, erase=0, look=0)  # a job's "seconds" are then the images that it draws


@dataclass(frozen=True)
class Job:
    """What a GPU does for `seconds` once all of `after` is done; in the queue a higher `priority` goes first."""

    seconds: float
    after: tuple[str, ...] = ()
    priority: int = 0


def jobs(plan: grid.Plan, speed: Speed) -> dict[str, Job]:
    """The GPU jobs of a plan, by the names that causes give them, in the order in which Snakemake would submit them."""
    work: dict[str, Job] = {}
    rows = {name: prompt_rows.known(prompt_set, plan.suite, plan.files) for name, prompt_set in plan.sets.items()}

    def images(name: str, concept: str = NOTHING) -> int:
        return prompt_rows.count_images(plan.sets[name], plan.suite, concept, rows[name])

    base = grid.BASE.path
    for name, prompt_set in plan.sets.items():
        if not prompt_set.measures:  # images from which a classifier or a method learns
            work[f"generate {name}/{base}"] = Job(images(name) * speed.image, priority=1)
    classifiers = {name: asked.classifier.prompt_set for name, asked in plan.sets.items() if asked.classifier}
    for name in dict.fromkeys(classifiers.values()):
        if training := grid.training_of(plan, name):
            after = (f"generate {training.name}/{base}",)
            work[f"train_classifier {name}"] = Job(images(training.name) * speed.look, after, 1)
    for path, shard in plan.shards.items():
        if shard != grid.BASE:
            pool = grid.pool_of(plan, shard)
            after = (f"generate {pool.name}/{base}",) if pool else ()
            work[f"erase {path}"] = Job(len(shard.concepts) * speed.erase, after)
    for name, path in plan.looked_at:
        shard = plan.shards[path]
        count, first = sum(images(name, concept) for concept in shard.concepts), int(shard == grid.BASE)
        after = () if first else (f"erase {path}",)
        work[f"generate {name}/{path}"] = Job(count * speed.image, after, first)
        after = (f"generate {name}/{path}", f"generate {name}/{base}", f"train_classifier {classifiers.get(name)}")
        work[f"observe {name}/{path}"] = Job(count * speed.look, tuple(job for job in after if job in work), first)
    return work


def simulate(work: dict[str, Job], gpus: int) -> float:
    """Seconds until all is done, if whoever is ready takes the next free GPU: by priority, then in the plan's order."""
    waiting = {name: set(job.after) for name, job in work.items()}
    followers = defaultdict(list)
    for name, job in work.items():
        for before in job.after:
            followers[before].append(name)
    order = {name: (-job.priority, index) for index, (name, job) in enumerate(work.items())}
    ready = [(order[name], name) for name in work if not waiting[name]]
    heapq.heapify(ready)
    running: list[tuple[float, str]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < gpus:
            _, name = heapq.heappop(ready)
            heapq.heappush(running, (now + work[name].seconds, name))
        now, last = heapq.heappop(running)
        for follower in followers[last]:
            waiting[follower].discard(last)
            if not waiting[follower]:
                heapq.heappush(ready, (order[follower], follower))
    return now


def longest(work: dict[str, Job], name: str) -> float:
    """The seconds from the start of a run to the end of a job if GPUs were free at all times."""
    return work[name].seconds + max((longest(work, before) for before in work[name].after), default=0)


def _schedule(work: dict[str, Job], sizes: list[int]) -> None:
    total = sum(job.seconds for job in work.values())
    ends = {name: longest(work, name) for name in work}
    last = max(ends, key=ends.__getitem__)
    one = max(job.seconds for job in work.values())
    print(f"{len(work):,} GPU jobs, {total / 3600:,.0f} GPU hours; the longest job is {one / 3600:.1f} h", end="")
    print(f", the longest chain {ends[last] / 3600:.1f} h\n")
    pools = {before for name, job in work.items() if name.startswith("erase ") for before in job.after}
    turn = {name: job.priority if name in pools else -job.priority for name, job in work.items()}
    backwards = {name: Job(job.seconds, job.after, turn[name]) for name, job in work.items()}
    print("| GPUs | hours | GPUs idle | at least | reference and training images last |\n|---|---|---|---|---|")
    for gpus in sizes:
        seconds = simulate(work, gpus)
        worst = simulate(backwards, gpus)
        bound = max(total / gpus, ends[last])
        idle = 1 - total / seconds / gpus
        print(f"| {gpus} | {seconds / 3600:.1f} | {idle:.1%} | {bound / 3600:.1f} | {worst / 3600:.1f} |")
    chain = [last]
    while work[chain[-1]].after:
        chain.append(max(work[chain[-1]].after, key=ends.__getitem__))
    print("\nThe longest chain: " + " → ".join(f"{name} ({work[name].seconds / 3600:.1f} h)" for name in chain[::-1]))


if __name__ == "__main__":
    cli.run(main)
