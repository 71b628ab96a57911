"""Kill anything at any time, start again, and get the same bytes: `make test-kill`, about a quarter of an hour."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import endings
import pytest

pytestmark = pytest.mark.kill

# How often each stage is killed in a run of `micro`, and within how many seconds of a job's life.
STAGES = {
    "base": (1, 0.3),
    "generate": (4, 5),
    "prompts": (1, 0.3),
    "train_classifier": (1, 2),
    "erase": (2, 5),
    "observe": (2, 2),
    "score": (1, 0.5),
    "view": (1, 0.5),
}
SNAKEMAKE, JOB, BOTH = "Snakemake", "a job", "both"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Callable[[str], dict[str, str]]:
    """What a run of a suite leaves on disk if nobody disturbs it."""
    known: dict[str, dict[str, str]] = {}

    def of(suite: str) -> dict[str, str]:
        if suite not in known:
            copy = endings.repository(tmp_path_factory.mktemp("undisturbed") / suite)
            assert endings.snakemake(copy, suite).wait() == 0, (copy / "run.log").read_text()[-3000:]
            known[suite] = endings.fingerprint(copy / "results" / suite)
            shutil.rmtree(copy)
        return known[suite]

    return of


def start(copy: Path, suite: str) -> subprocess.Popen:
    """As a person would after a crash: unlock, then the same command."""
    unlock = [sys.executable, "-m", "snakemake", "--unlock", "--cores", "all", "--config", f"suite={suite}"]
    subprocess.run(unlock, cwd=copy, env=endings.ENVIRONMENT, check=True, capture_output=True)
    return endings.snakemake(copy, suite, "--rerun-incomplete")


Moment = Callable[[], "tuple[int, str] | None"]  # None, or it is time: a job, 0 if it has just ended, and its stage


def kill(run: subprocess.Popen, target: str, job: int) -> None:
    """Kill -9 Snakemake (its jobs go on without it), or one of its jobs (it ends when the others have), or all."""
    with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
        if target == BOTH:
            os.killpg(run.pid, signal.SIGKILL)
        else:
            os.kill(job if target == JOB and job else run.pid, signal.SIGKILL)
    if target != JOB:
        run.wait()


def disturb(copy: Path, suite: str, moments: Iterable[Moment], chance: random.Random, reference: dict) -> Counter:
    """Run a suite to its end, killing something at each moment; check the end; count what was killed in which stage."""
    finished, kills, results = {}, Counter(), copy / "results" / suite
    queue = iter(moments)
    moment, run = next(queue, None), start(copy, suite)
    while run.returncode != 0:
        if run.poll() is not None:
            assert run.returncode == 0 or kills, (copy / "run.log").read_text()[-3000:]
            run = run if run.returncode == 0 else start(copy, suite)
        elif moment and (meant := moment()):
            finished |= endings.finished_work(results)
            target = chance.choice((SNAKEMAKE, JOB, BOTH) if meant[0] else (SNAKEMAKE, BOTH))
            kill(run, target, meant[0])
            kills[target, meant[1]] += 1
            moment = next(queue, None)
        else:
            time.sleep(0.05)
    assert endings.differences(results, reference) == []
    after = endings.finished_work(results)
    assert [name for name, stat in finished.items() if after[name] != stat] == [], "was whole, and was made again"
    return kills


def tell(suite: str, seed: int, kills: Counter, files: int, seconds: float) -> None:
    stages = Counter(stage for _, stage in kills.elements())
    targets = Counter(target for target, _ in kills.elements())
    where = ", ".join(f"{n} in {stage}" for stage, n in stages.items())
    what = ", ".join(f"{n} of {target}" for target, n in targets.items())
    print(f"\n{suite}, seed {seed}: {kills.total()} kills ({what}; {where}); {files} files identical, {seconds:.0f} s")


@pytest.mark.parametrize("seed", [1, 2])
def test_micro_killed_in_every_stage(tmp_path, undisturbed, capsys, seed):
    reference, began, chance = undisturbed("micro"), time.monotonic(), random.Random(seed)
    copy = endings.repository(tmp_path / "copy")
    waiting = [(stage, chance.uniform(0, within)) for stage, (times, within) in STAGES.items() for _ in range(times)]
    seen: dict[int, tuple[str, float]] = {}

    def moment() -> tuple[int, str] | None:
        """When a job of a stage that is yet to be killed has lived as long as was drawn for it, or has just ended."""
        running, now = dict(endings.processes(copy)), time.monotonic()
        seen.update({pid: (name, now) for pid, name in running.items() if pid not in seen})
        for pid, (name, since) in list(seen.items()):
            for stage, least in waiting:
                if stage == name and (now - since >= least or pid not in running):
                    waiting.remove((stage, least))
                    seen.clear()
                    return pid if pid in running else 0, name
        return None

    kills = disturb(copy, "micro", [moment] * len(waiting), chance, reference)
    with capsys.disabled():
        tell("micro", seed, kills, len(reference), time.monotonic() - began)
    assert {stage for _, stage in kills} == STAGES.keys()


def test_quick_killed_at_random(tmp_path, undisturbed, capsys):
    reference, began, chance = undisturbed("quick"), time.monotonic(), random.Random(3)
    copy = endings.repository(tmp_path / "copy")

    def after(seconds: float) -> Moment:
        end: list[float] = []

        def moment() -> tuple[int, str] | None:
            end.append(time.monotonic() + seconds)
            running = endings.processes(copy) if time.monotonic() > end[0] else []
            return chance.choice(running) if running else None

        return moment

    kills = disturb(copy, "quick", (after(chance.uniform(4, 40)) for _ in range(16)), chance, reference)
    with capsys.disabled():
        tell("quick", 3, kills, len(reference), time.monotonic() - began)
    assert kills.total() >= 12


LONG = "esd: {steps: 120, lr: 3.0e-4, batch: 4, denoise_steps: 4}"
RUNNER = (
    "import benchmark.erase as erase; from benchmark.running import cli;"
    " erase.CHECKPOINT_SECONDS = {}; cli.run(erase.main)"
)


@pytest.mark.parametrize(("number", "seconds"), [(signal.SIGKILL, 1), (signal.SIGTERM, 1000)])
def test_a_long_erasure_resumes_to_identical_weights(tmp_path, capsys, number, seconds):
    """SIGKILL costs what came after the last checkpoint; SIGTERM, what schedulers send first, costs nothing."""
    copy = endings.repository(tmp_path / "copy")
    suite = copy / "benchmark/suites/micro.yaml"
    suite.write_text(re.sub(r"esd: \{.*\}", LONG, suite.read_text()))
    base = [sys.executable, "-m", "benchmark.base", "--suite", "micro", "--out", "results/micro/base.json"]
    subprocess.run(base, cwd=copy, env=endings.ENVIRONMENT, check=True, capture_output=True)

    def erase(out: str) -> subprocess.Popen:
        what = ["--suite", "micro", "--task", "style", "--variant", "esd", "--concepts", "chalk", "--out", out]
        code = [sys.executable, "-c", RUNNER.format(seconds), *what]
        return subprocess.Popen(code, cwd=copy, env=endings.ENVIRONMENT, stdout=subprocess.PIPE, text=True)

    began, whole = time.monotonic(), erase("whole")
    whole.communicate()
    assert whole.returncode == 0
    whole_seconds, resumed, kills = time.monotonic() - began, [], 0
    for share in (0.3, 0.3, 0.3):  # less than all, or nothing would be left to resume
        process = erase("killed")
        time.sleep(share * whole_seconds)
        kills += process.poll() is None
        process.send_signal(number)
        resumed += re.findall(r"resumed after step (\d+)", process.communicate()[0])
    last = erase("killed")
    resumed += re.findall(r"resumed after step (\d+)", last.communicate()[0])
    assert last.returncode == 0 and kills == len(resumed) == 3 and resumed == sorted(set(resumed), key=int)
    for name in ("delta.safetensors", "trace.csv"):
        assert (copy / "killed/chalk" / name).read_bytes() == (copy / "whole/chalk" / name).read_bytes(), name
    assert not list((copy / "killed").rglob("checkpoint.pt")) and not (copy / "killed/.lease").exists()
    with capsys.disabled():
        print(f"\nerasing for 120 steps, {number.name} three times, resumed after {', '.join(resumed)}: same weights")
