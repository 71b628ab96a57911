"""What the scenarios of `run.py` work with: a cluster, a finished local run and copies of it, and what must hold."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import endings
from cluster import Cluster, wait_until

SUITE = "micro"
SET, SHARD = "style", "style/esd/seed0/all"  # the images that are disturbed while they are drawn
UNDONE = (f"images/{SET}/style/esd", f"evidence/{SET}/style/esd", "scores.csv", "tables")  # made in each scenario
SOON = (
    "--latency-wait",
    "10",
    "--slurm-init-seconds-before-status-checks",
    "3",
    "--seconds-between-status-checks",
    "3",
)


class Skipped(Exception):
    """This machine cannot do what a scenario does; the message says why."""


class Lab:
    """What scenarios work with: the cluster, a finished local run, and a folder for copies of it.

    All waiting has limits, which are longer on a machine that needs longer for the local run.
    """

    def __init__(self, cluster: Cluster, folder: Path):
        self.cluster, self.folder = cluster, folder
        self.finished = endings.repository(folder / "finished")
        began = time.monotonic()
        assert endings.snakemake(self.finished, SUITE).wait() == 0, tail(self.finished, 30)
        self.pace = max(1.0, (time.monotonic() - began) / 60)  # how much longer than a minute this machine needs
        self.reference = endings.fingerprint(self.finished / "results" / SUITE)

    def copy(self, name: str) -> Path:
        """A finished run without the images of the shard that is disturbed and what follows from them."""
        copy = endings.again(self.finished, self.folder / name, SUITE, *UNDONE)
        (copy / "run.log").unlink()
        return copy

    def start(self, copy: Path, *options: str, suite: str = SUITE) -> subprocess.Popen:
        environment = {**endings.ENVIRONMENT, "SLURM_CONF": str(self.cluster.configuration)}
        return endings.snakemake(copy, suite, "--profile", "slurm", *SOON, *options, env=environment)

    def wait(self, run: subprocess.Popen, seconds: float) -> int:
        """A run's exit code."""
        return run.wait(seconds * self.pace)

    def running(self, copy: Path, rule: str) -> str:
        """Wait for the job of a rule to run; returns its id. The log of a job is named after it."""
        logs = copy / f".snakemake/slurm_logs/rule_{rule}"
        wait_until(lambda: self.last(logs) in self.cluster.where(), 90 * self.pace, f"a running job of {rule}")
        return self.last(logs)

    @staticmethod
    def last(logs: Path) -> str:
        return max((path.stem for path in logs.glob("*/*.log")), key=int, default="")

    def drawing(self, copy: Path) -> str:
        """Wait until the job that draws has some images, but not all; returns its id."""
        wait_until(lambda: len(images(copy)) >= 4, 120 * self.pace, "first images")
        return self.running(copy, "generate")

    def resumed(self, copy: Path, *options: str) -> None:
        """Run again to the end, keeping what was whole, to the bytes of the undisturbed run."""
        before = endings.finished_work(copy / "results" / SUITE)
        assert self.start(copy, *options).wait() == 0, tail(copy, 30)
        self.ended(copy, before)

    def ended(self, copy: Path, before: dict) -> None:
        results = copy / "results" / SUITE
        wrong = endings.differences(results, self.reference)
        assert not wrong, f"not as in the undisturbed run: {wrong[:5]}"
        after = endings.finished_work(results)
        again = [name for name, stat in before.items() if after[name] != stat]
        assert not again, f"made again: {again[:5]}"

    def mended(self, copy: Path, run: subprocess.Popen, before: dict, seconds: float) -> str:
        """Wait for a run that needs no second one; returns what it kept."""
        assert self.wait(run, seconds) == 0, tail(copy, 30)
        self.ended(copy, before)
        return f"{len([name for name in before if SHARD in name])} finished files kept, one run"

    @staticmethod
    def tell_drawing(copy: Path, number: int) -> None:
        """Send a signal to the processes that draw."""
        for pid, runner in endings.processes(copy):
            if runner == "generate":
                os.kill(pid, number)


def images(copy: Path) -> list[Path]:
    files = (copy / f"results/{SUITE}/images/{SET}/{SHARD}").glob("*/*.png")
    return [path for path in files if not path.name.startswith(".")]


def tail(copy: Path, lines: int = 10) -> str:
    return "\n".join((copy / "run.log").read_text().rstrip().splitlines()[-lines:])


def says(copy: Path, *words: str) -> None:
    """The last ten lines name the shard, the cause and the next command."""
    last = tail(copy)
    for word in (SHARD, "next: ", "snakemake", *words):
        assert word in last, f"the last ten lines lack {word!r}:\n{last}"
