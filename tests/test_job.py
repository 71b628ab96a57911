"""When SIGTERM comes: before, between and after the steps, where its exit is dropped, and while a state is saved."""

import re
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from conftest import ROOT

from benchmark import erase
from benchmark.errors import BenchmarkError
from benchmark.model import workbench
from benchmark.plan.records import Request, Target
from benchmark.running import job
from benchmark.store import checkpoint

REQUEST = Request((Target("chalk", "chalk"),))
STOPPED = 128 + signal.SIGTERM

RUNNER = """
import signal, sys, time
from pathlib import Path
from benchmark.running import cli, job
from benchmark.errors import BenchmarkError

class Finalised:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)  # Python drops what an object's end raises

def swallowed():
    try:
        signal.raise_signal(signal.SIGTERM)
    except BaseException:
        pass

def work():
    print("goes on", flush=True)
    for _ in range(200):
        time.sleep(0.1)

@job.fills("out")
def main(suite: str, out: Path) -> None:
    {}
    print("finished", flush=True)

job.AGAIN = {}
cli.run(main, ["--suite", "micro", "--out", sys.argv[1]])
"""


def told(folder, body, again=0.3):
    code = RUNNER.format(body.replace("\n", "\n    "), again)
    return subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=15
    )


@pytest.mark.parametrize("dropped", ["Finalised()", "swallowed()", "Finalised(); swallowed(); Finalised()"])
def test_an_exit_that_was_dropped_is_asked_for_again(tmp_path, dropped):
    end = told(tmp_path, f"{dropped}\nwork()")
    assert end.returncode == STOPPED and "goes on" in end.stdout and "finished" not in end.stdout
    assert end.stderr.count("told to stop (SIGTERM)") == 1, "it is said once"
    assert not list(tmp_path.iterdir()), "the lease is given back"


def test_an_exit_that_was_dropped_before_the_steps_is_found_when_they_begin(tmp_path):
    end = told(tmp_path, "Finalised()\nwith job.deferred():\n    work()", again=1000)
    assert end.returncode == STOPPED and "goes on" not in end.stdout


def test_an_error_of_the_steps_is_not_hidden_by_the_signal(tmp_path):
    end = told(tmp_path, "with job.deferred():\n    swallowed()\n    raise BenchmarkError('weight w is not finite')")
    assert end.returncode == 2 and "error: weight w is not finite" in end.stderr
    assert "told to stop" not in end.stderr


def test_a_signal_that_is_held_back_ends_the_job_after_the_block(tmp_path):
    end = told(tmp_path, "with job.deferred() as stopping:\n    swallowed()\n    print(stopping())\nwork()", again=1000)
    assert end.returncode == STOPPED and end.stdout == "True\n"


def test_what_one_job_was_told_is_not_told_to_the_next_one_of_the_process():
    with pytest.raises(SystemExit), job._obedient():
        signal.raise_signal(signal.SIGTERM)
    with job.deferred() as stopping:
        assert not stopping()
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


# ── the steps of an erasure ──


def method(at=None, steps=4):
    """Scales a weight in each step; SIGTERM comes in step `at`, after the last one if that is `steps`."""

    def loop(model, request, settings):
        weight, start = model.unet.conv_in.weight, 0
        if model.resume:
            start = model.resume["step"]
            model.set_weights(model.resume["weights"])
        for step in range(start, steps):
            if step == at:
                signal.raise_signal(signal.SIGTERM)
            with torch.no_grad():
                weight.mul_(1.01)
            yield {"step": step + 1, "weights": {"conv_in.weight": weight.detach().clone()}}
        if at == steps:
            signal.raise_signal(signal.SIGTERM)

    return SimpleNamespace(erase=loop)


def run(plugin, folder):
    with job._obedient():
        erase._erase(lambda: workbench.load("testbed/model"), plugin, REQUEST, None, folder, "key", "erase chalk")


def weights_of(folder):
    return re.sub(rb"^.*?conv_in", b"", (folder / "delta.safetensors").read_bytes(), flags=re.DOTALL)


@pytest.mark.parametrize("at", [0, 2, 3])
def test_a_signal_in_a_step_saves_that_step_and_the_next_run_goes_on_from_it(tmp_path, capfd, at):
    run(method(), tmp_path / "whole")
    with pytest.raises(SystemExit) as end:
        run(method(at), tmp_path / "told")
    assert end.value.code == STOPPED
    assert [path.name for path in (tmp_path / "told").iterdir()] == ["checkpoint.pt"]
    assert checkpoint.read(tmp_path / "told/checkpoint.pt", "key")["step"] == at + 1
    run(method(), tmp_path / "told")
    assert f"resumed after step {at + 1}" in capfd.readouterr().out or at == 3
    assert weights_of(tmp_path / "told") == weights_of(tmp_path / "whole")


def test_a_signal_after_the_last_step_costs_nothing(tmp_path):
    """What is finished is written; it had been thrown away, with all steps since the last checkpoint."""
    with pytest.raises(SystemExit):
        run(method(at=4), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"delta.safetensors", "meta.json", "trace.csv", "trace.sha256"}


def test_a_signal_between_two_looks_at_it_does_not_lose_the_state(tmp_path, monkeypatch):
    """It comes when the runner has just asked whether it had come, and looks at the clock."""
    clock, looks = erase.time.monotonic, []

    def monotonic():
        looks.append(1)
        if len(looks) == 3:
            signal.raise_signal(signal.SIGTERM)
        return clock()

    monkeypatch.setattr(erase, "time", SimpleNamespace(monotonic=monotonic))
    with pytest.raises(SystemExit):
        run(method(), tmp_path)
    assert checkpoint.read(tmp_path / "checkpoint.pt", "key")["step"] in (2, 3)


def test_a_signal_while_a_state_is_saved_leaves_it_whole(tmp_path, monkeypatch):
    write = checkpoint.write

    def slowly(path, state):
        signal.raise_signal(signal.SIGTERM)
        write(path, state)

    monkeypatch.setattr(checkpoint, "write", slowly)
    monkeypatch.setattr(erase, "CHECKPOINT_SECONDS", 0)
    with pytest.raises(SystemExit):
        run(method(), tmp_path)
    assert checkpoint.read(tmp_path / "checkpoint.pt", "key")["step"] == 2, "the next one was saved before it left"
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_state_that_takes_long_to_write_is_written_less_often(tmp_path, monkeypatch):
    clock, written = [0.0], []

    def write(path, state):
        written.append(clock[0])
        clock[0] += 5

    def erased(model, request, settings):
        for step in range(1, 1000):
            clock[0] += 1
            yield {"step": step}
        model.unet.conv_in.weight.data.mul_(1.5)

    monkeypatch.setattr(checkpoint, "write", write)
    monkeypatch.setattr(erase, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    run(SimpleNamespace(erase=erased), tmp_path)
    assert written == [61, 61 + 5 + 301, 61 + 2 * (5 + 301), 61 + 3 * (5 + 301)]


def test_a_method_that_fails_after_the_signal_is_told_as_a_failure(tmp_path):
    def fails(model, request, settings):
        signal.raise_signal(signal.SIGTERM)
        raise BenchmarkError("the tokens do not stand in the prompt")
        yield

    with pytest.raises(BenchmarkError, match="the tokens do not stand"):
        run(SimpleNamespace(erase=fails), tmp_path)
