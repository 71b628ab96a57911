"""The suite `micro` on a real SLURM, undisturbed and disturbed: `make test-slurm`.

    python tests/slurm/run.py [--quick] [SCENARIO ...]      all by default; --quick adds the suite `quick`, undisturbed

Each scenario does to a run what clusters do to jobs, resumes it, and asserts what must hold afterwards: the results
have the bytes of an undisturbed local run, nothing half done lies about, no image or model that was whole was made
again. One line per scenario; the exit code is 0 if all held. What this machine cannot do is printed as skipped.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import endings
from cluster import GPUS, NODES, Cluster, missing, wait_until

SUITE = "micro"
PART = "style/esd/seed0/all"  # the cell that is disturbed
UNDONE = ("images/style/esd", "evidence/style/esd", "scores.csv", "tables")  # made in each scenario
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
    """What scenarios work with: the cluster, a finished local run, and a folder for copies of it."""

    def __init__(self, cluster: Cluster, folder: Path):
        self.cluster, self.folder = cluster, folder
        self.finished = endings.repository(folder / "finished")
        run = endings.snakemake(self.finished, SUITE)
        assert run.wait() == 0, tail(self.finished, 30)
        self.reference = endings.fingerprint(self.finished / "results" / SUITE)

    def copy(self, name: str) -> Path:
        """A finished run but for the disturbed cell and what follows from it."""
        copy = endings.again(self.finished, self.folder / name, SUITE, *UNDONE)
        (copy / "run.log").unlink()
        return copy

    def start(self, copy: Path, *options: str, suite: str = SUITE) -> subprocess.Popen:
        environment = {**endings.ENVIRONMENT, "SLURM_CONF": str(self.cluster.configuration)}
        return endings.snakemake(copy, suite, "--profile", "slurm", *SOON, *options, env=environment)

    def running(self, copy: Path, rule: str) -> str:
        """Wait for the job of a rule to run; returns its id. The log of a job is named after it."""
        logs = copy / f".snakemake/slurm_logs/rule_{rule}"
        wait_until(lambda: self.last(logs) in self.cluster.where(), 90, f"a running job of {rule}")
        return self.last(logs)

    @staticmethod
    def last(logs: Path) -> str:
        return max((path.stem for path in logs.glob("*/*.log")), key=int, default="")

    def drawing(self, copy: Path) -> str:
        """Wait until the job that draws has some images, but not all; returns its id."""
        wait_until(lambda: len(images(copy)) >= 4, 120, "first images")
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


def images(copy: Path) -> list[Path]:
    found = (copy / f"results/{SUITE}/images/{PART}").glob("*/*/*.png")
    return [path for path in found if not path.name.startswith(".")]


def tail(copy: Path, lines: int = 10) -> str:
    return "\n".join((copy / "run.log").read_text().rstrip().splitlines()[-lines:])


def says(copy: Path, *words: str) -> None:
    """The last ten lines name the cell, the cause and the next command."""
    last = tail(copy)
    for word in (PART, "next: ", "snakemake", *words):
        assert word in last, f"the last ten lines lack {word!r}:\n{last}"


# ── scenarios: each returns what it saw ──


def literal(lab: Lab, suite: str = SUITE) -> str:
    """The command that the README gives, as it is there, from a clean copy; where its jobs ran."""
    copy = endings.repository(lab.folder / f"literal-{suite}")
    environment = {**endings.ENVIRONMENT, "SLURM_CONF": str(lab.cluster.configuration)}
    run = endings.snakemake(copy, suite, "--profile", "slurm", env=environment)
    places: dict[str, tuple[str, str]] = {}
    while run.poll() is None:
        places |= {job: place for job, place in lab.cluster.where().items() if place[1] != "-"}
        time.sleep(0.3)
    assert run.returncode == 0, tail(copy, 30)
    if suite == SUITE:
        reference = lab.reference
    else:
        local = endings.repository(lab.folder / f"local-{suite}")
        assert endings.snakemake(local, suite).wait() == 0, tail(local, 30)
        reference = endings.fingerprint(local / "results" / suite)
    wrong = endings.differences(copy / "results" / suite, reference)
    assert not wrong, f"not as in the local run: {wrong[:5]}"
    wanted = {(node, str(index)) for node in NODES for index in range(GPUS)}
    assert set(places.values()) == wanted, f"jobs ran on {sorted(set(places.values()))} only"
    return f"{len(places)} GPU jobs on {len(NODES)} nodes × {GPUS} GPUs; {len(reference)} files as in the local run"


def cancelled(lab: Lab) -> str:
    copy = lab.copy("cancelled")
    run = lab.start(copy, "--retries", "0")
    lab.cluster.ask("scancel", lab.drawing(copy))
    assert run.wait(180) != 0
    kept = len(images(copy))
    says(copy, "cancelled")
    lab.resumed(copy)
    return f"{kept} of 40 images kept"


def cancelled_and_retried(lab: Lab) -> str:
    """With the profile's retries the same run mends itself."""
    copy = lab.copy("retried")
    run = lab.start(copy)
    job = lab.drawing(copy)
    before = endings.finished_work(copy / "results" / SUITE)
    lab.cluster.ask("scancel", job)
    assert run.wait(240) == 0, tail(copy, 30)
    lab.ended(copy, before)
    return f"{len([name for name in before if PART in name])} finished files kept, one run"


def over_its_time(lab: Lab) -> str:
    """A job that hangs (its processes are stopped) until its minute is over."""
    copy = lab.copy("time")
    run = lab.start(copy, "--retries", "0", "--set-resources", "generate:runtime=1")
    job = lab.drawing(copy)
    for pid in processes(copy, "benchmark.generate"):
        os.kill(pid, signal.SIGSTOP)
    assert job in lab.cluster.where()
    assert run.wait(300) != 0
    says(copy, "over its time limit", "runtime")
    kept = len(images(copy))
    lab.resumed(copy)
    return f"{kept} of 40 images kept"


def out_of_memory(lab: Lab) -> str:
    copy = lab.copy("memory")
    run = lab.start(copy, "--retries", "0", "--set-resources", "generate:mem_mb=400")
    assert run.wait(180) != 0
    says(copy, "out of memory", "mem_mb")
    # The same request, but four times as much at the second attempt: one run that mends itself.
    lab.resumed(copy, "--retries", "1", "--set-resources", "generate:mem_mb=400 * attempt ** 4")
    assert "SLURM-job" in (copy / "run.log").read_text().rpartition("SNAKEMAKE")[2], "the first attempt was killed"
    return "killed at 400 MB twice; the attempt with more memory ended"


def node_lost(lab: Lab) -> str:
    """A power cut while a job draws: SLURM runs it again, Snakemake need not know."""
    copy = lab.copy("node")
    run = lab.start(copy)
    job = lab.drawing(copy)
    before, node = endings.finished_work(copy / "results" / SUITE), lab.cluster.where()[job][0]
    lab.cluster.crash(node)
    time.sleep(1)
    lab.cluster.start_node(node)
    assert run.wait(400) == 0, tail(copy, 30)
    lab.ended(copy, before)
    return f"{node} lost; {len([name for name in before if PART in name])} finished files kept, one run"


def requeued(lab: Lab) -> str:
    """What preemption does, too."""
    copy = lab.copy("requeue")
    run = lab.start(copy)
    job = lab.drawing(copy)
    lab.cluster.ask("scontrol", "requeue", job)
    before = endings.finished_work(copy / "results" / SUITE)
    assert run.wait(300) == 0, tail(copy, 30)
    lab.ended(copy, before)
    return f"{len([name for name in before if PART in name])} finished files kept, one run"


def controller_restarted(lab: Lab) -> str:
    """The plugin forgets its jobs if all its questions about them fail in a row: then Ctrl-C, and the same command."""
    copy = lab.copy("controller")
    run = lab.start(copy)
    lab.drawing(copy)
    lab.cluster.stop_controller()
    time.sleep(15)
    before = endings.finished_work(copy / "results" / SUITE)
    lab.cluster.start_controller()
    try:
        assert run.wait(150) == 0, tail(copy, 30)
        lab.ended(copy, before)
        return "away for 15 s; jobs and Snakemake went on"
    except subprocess.TimeoutExpired:
        assert not lab.cluster.jobs(), "Snakemake waits although nothing is left in the queue"
        os.killpg(run.pid, signal.SIGINT)
        run.wait(60)
        lab.resumed(copy)
        return "away for 15 s; the job went on, Snakemake waited without end; Ctrl-C and the same command ended the run"


def orphan(lab: Lab) -> str:
    """Snakemake is killed and started again while its job still draws: the successor waits, then finds all done."""
    copy = lab.copy("orphan")
    run = lab.start(copy)
    first = lab.drawing(copy)
    for pid in processes(copy, "benchmark.generate"):
        os.kill(pid, signal.SIGSTOP)  # so that it surely is at work when its successor comes
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    before = endings.finished_work(copy / "results" / SUITE)
    assert lab.start(copy).wait() != 0 and "--unlock" in tail(copy, 20), "a killed run leaves its lock"
    unlock = [sys.executable, "-m", "snakemake", "--cores", "all", "--unlock", "--config", f"suite={SUITE}"]
    subprocess.run(unlock, cwd=copy, env=endings.ENVIRONMENT, check=True, capture_output=True)
    run = lab.start(copy)
    wait_until(lambda: lab.running(copy, "generate") != first, 90, "a successor")
    second = copy / f".snakemake/slurm_logs/rule_generate/{PART.replace('/', '_').replace('seed', '')}"
    second = second / f"{lab.running(copy, 'generate')}.log"
    wait_until(lambda: "waiting for process" in second.read_text(), 60, "the successor waits")
    assert f"cluster job {first}" in second.read_text()
    assert set(lab.cluster.where()) >= {first, second.stem}, "both are at work"
    for pid in processes(copy, "benchmark.generate"):
        os.kill(pid, signal.SIGCONT)
    assert run.wait(300) == 0, tail(copy, 30)
    said = (copy / f"results/{SUITE}/logs/generate/{PART}.log").read_text(errors="replace")
    assert "40 images, 0 drawn, 40 kept" in said, "something was drawn twice"
    lab.ended(copy, before)
    return f"job {second.stem} waited for orphan {first}, then drew 0 of 40 images"


def full_disk(lab: Lab) -> str:
    """The folder of the images lies on a small file system that fills up."""
    copy = lab.copy("disk")
    scratch = copy / f"results/{SUITE}/images/style/esd"
    scratch.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(scratch)]
    if subprocess.run(mount, capture_output=True).returncode:
        raise Skipped("this machine does not let us mount a small file system")
    try:
        assert lab.start(copy, "--retries", "0").wait(180) != 0
        says(copy, "the disk is full", "make room")
        kept = len(images(copy))
        subprocess.run(["mount", "-o", "remount,size=64m", str(scratch)], check=True)
        lab.resumed(copy)
    finally:
        subprocess.run(["umount", str(scratch)], check=True)
    return f"{kept} of 40 images kept"


def processes(copy: Path, module: str) -> list[int]:
    """The processes of a runner that work in a copy."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if words[1:3] == [b"-m", module.encode()] and os.readlink(process / "cwd") == str(copy):
                found.append(int(process.name))
        except OSError:
            continue
    return found


SCENARIOS: tuple[tuple[str, Callable[[Lab], str]], ...] = (
    ("the literal command", literal),
    ("job cancelled", cancelled),
    ("job cancelled, retried", cancelled_and_retried),
    ("over its time limit", over_its_time),
    ("out of memory", out_of_memory),
    ("node lost", node_lost),
    ("requeued", requeued),
    ("controller restarted", controller_restarted),
    ("Snakemake killed, orphan", orphan),
    ("full disk", full_disk),
)
QUICK = ("the literal command, quick", lambda lab: literal(lab, "quick"))


def main(words: list[str]) -> int:
    if missing():
        print("skipped: this machine has no SLURM to start", *missing(), sep="\n  ")
        return 2
    wanted = [word for word in words if not word.startswith("-")]
    scenarios = [*SCENARIOS, *([QUICK] if "--quick" in words else [])]
    scenarios = [(name, what) for name, what in scenarios if not wanted or any(word in name for word in wanted)]
    folder, failed, skipped, began = Path(tempfile.mkdtemp(prefix="test-slurm-")), 0, 0, time.monotonic()
    with Cluster() as cluster:
        lab = Lab(cluster, folder)
        print(f"the local run that all are compared with: {time.monotonic() - began:.0f} s", flush=True)
        for name, scenario in scenarios:
            start = time.monotonic()
            try:
                result, seen = "ok", scenario(lab)
            except Skipped as reason:
                result, seen, skipped = "skipped", str(reason), skipped + 1
            except Exception as error:
                (folder / "errors.log").open("a").write(f"{name}\n{traceback.format_exc()}\n")
                result, seen, failed = "FAILED", f"{type(error).__name__}: {error}", failed + 1
                cluster.ask("scancel", *cluster.jobs(), check=False)
            print(f"{result:8} {name:28} {time.monotonic() - start:4.0f} s  {seen}", flush=True)
    held, seconds = len(scenarios) - failed - skipped, time.monotonic() - began
    print(f"{held} held, {failed} failed, {skipped} skipped, {seconds:.0f} s")
    if failed:
        print(f"what was run is left in {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    # A shell lets its background jobs ignore Ctrl-C, and what they start would ignore it, too.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
