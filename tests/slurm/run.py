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
from lab import SET, SHARD, SUITE, Lab, Skipped, images, says, tail

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
    assert lab.wait(run, 180) != 0
    kept = len(images(copy))
    says(copy, "CANCELLED")
    lab.resumed(copy)
    return f"{kept} of 40 images kept"


def cancelled_and_retried(lab: Lab) -> str:
    """With the profile's retries the same run mends itself."""
    copy = lab.copy("retried")
    run = lab.start(copy)
    job = lab.drawing(copy)
    before = endings.finished_work(copy / "results" / SUITE)
    lab.cluster.ask("scancel", job)
    return lab.mended(copy, run, before, 240)


def over_its_time(lab: Lab) -> str:
    """A job that hangs (its processes are stopped) until its minute is over."""
    copy = lab.copy("time")
    run = lab.start(copy, "--retries", "0", "--set-resources", "generate:runtime=1")
    job = lab.drawing(copy)
    lab.tell_drawing(copy, signal.SIGSTOP)
    assert job in lab.cluster.where()
    assert lab.wait(run, 300) != 0
    says(copy, "DUE TO TIME LIMIT", "runtime")
    kept = len(images(copy))
    lab.resumed(copy)
    return f"{kept} of 40 images kept"


def out_of_memory(lab: Lab) -> str:
    copy = lab.copy("memory")
    run = lab.start(copy, "--retries", "0", "--set-resources", "generate:mem_mb=400")
    assert lab.wait(run, 180) != 0
    says(copy, "mem_mb")
    # The same request, but four times as much at the second attempt: one run that mends itself.
    lab.resumed(copy, "--retries", "1", "--set-resources", "generate:mem_mb=400 * attempt ** 4")
    assert ": error: " in (copy / "run.log").read_text().rpartition(" jobs: ")[2], "the first attempt was killed"
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
    return f"{node} lost; {lab.mended(copy, run, before, 400)}"


def requeued(lab: Lab) -> str:
    """What preemption does, too."""
    copy = lab.copy("requeue")
    run = lab.start(copy)
    job = lab.drawing(copy)
    lab.cluster.ask("scontrol", "requeue", job)
    before = endings.finished_work(copy / "results" / SUITE)
    return lab.mended(copy, run, before, 300)


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
        assert lab.wait(run, 150) == 0, tail(copy, 30)
        lab.ended(copy, before)
        return "away for 15 s; jobs and Snakemake went on"
    except subprocess.TimeoutExpired:
        assert not lab.cluster.jobs(), "Snakemake waits although nothing is left in the queue"
        os.killpg(run.pid, signal.SIGINT)
        lab.wait(run, 60)
        lab.resumed(copy)
        return "away for 15 s; the job went on, Snakemake waited without end; Ctrl-C and the same command ended the run"


def orphan(lab: Lab) -> str:
    """Snakemake is killed and started again while its job still draws: the successor waits, then finds all done."""
    copy = lab.copy("orphan")
    run = lab.start(copy)
    first = lab.drawing(copy)
    lab.tell_drawing(copy, signal.SIGSTOP)  # so that it surely is at work when its successor comes
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    before = endings.finished_work(copy / "results" / SUITE)
    assert lab.start(copy).wait() != 0 and "--unlock" in tail(copy, 20), "a killed run leaves its lock"
    unlock = [sys.executable, "-m", "snakemake", "--cores", "all", "--unlock", "--config", f"suite={SUITE}"]
    subprocess.run(unlock, cwd=copy, env=endings.ENVIRONMENT, check=True, capture_output=True)
    run = lab.start(copy)
    wait_until(lambda: lab.running(copy, "generate") != first, 90 * lab.pace, "a successor")
    name = lab.running(copy, "generate")
    (second,) = (copy / ".snakemake/slurm_logs/rule_generate").glob(f"*/{name}.log")
    wait_until(lambda: "waiting for process" in second.read_text(), 60 * lab.pace, "the successor waits")
    assert f"cluster job {first}" in second.read_text()
    assert set(lab.cluster.where()) >= {first, second.stem}, "both are at work"
    lab.tell_drawing(copy, signal.SIGCONT)
    assert lab.wait(run, 300) == 0, tail(copy, 30)
    log = (copy / f"results/{SUITE}/logs/generate/{SET}/{SHARD}.log").read_text(errors="replace")
    assert "40 images, 0 drawn, 40 kept" in log, "something was drawn twice"
    lab.ended(copy, before)
    return f"job {second.stem} waited for orphan {first}, then drew 0 of 40 images"


def full_disk(lab: Lab) -> str:
    """The folder of the images lies on a small file system that fills up."""
    copy = lab.copy("disk")
    scratch = copy / f"results/{SUITE}/images/{SET}/style/esd"
    scratch.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(scratch)]
    if subprocess.run(mount, capture_output=True).returncode:
        raise Skipped("this machine does not let us mount a small file system")
    try:
        assert lab.wait(lab.start(copy, "--retries", "0"), 180) != 0
        says(copy, "No space left on device", "make room")
        kept = len(images(copy))
        subprocess.run(["mount", "-o", "remount,size=64m", str(scratch)], check=True)
        lab.resumed(copy)
    finally:
        subprocess.run(["umount", str(scratch)], check=True)
    return f"{kept} of 40 images kept"


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
