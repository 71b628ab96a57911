"""One writer per folder: among processes of this machine, and against those of other machines."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import ROOT

from benchmark.store import lease

HOLDER = """
import sys, time
from pathlib import Path
from benchmark.running import job
from benchmark.store import lease
lease.BEAT = float(sys.argv[3])

@job.fills("out")
def main(suite: str, out: Path) -> None:
    (out / ".picture.host.1.tmp.png").write_text("half")
    print("holds", flush=True)
    time.sleep(float(sys.argv[2]))
    (out / ".picture.host.1.tmp.png").rename(out / "picture.png")

main(suite="micro", out=Path(sys.argv[1]))
"""


def holder(folder, seconds, beat=0.1):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), str(seconds), str(beat)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    while "holds" not in (line := process.stdout.readline()):
        assert line
    return process


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(lease, "BEAT", 0.1)
    monkeypatch.setattr(lease, "STALE", 1.0)
    monkeypatch.setattr(lease, "POLL", 0.05)


def test_the_second_writer_waits_for_the_first(quick, tmp_path, capsys):
    first = holder(tmp_path, 2)
    with lease.hold(tmp_path):  # longer than STALE: the first one is alive and touches its lease
        assert (tmp_path / "picture.png").exists()
    assert f"waiting for process {first.pid}" in capsys.readouterr().out
    assert first.wait() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


def test_a_killed_writer_is_followed_at_once_and_its_half_files_go(quick, tmp_path, monkeypatch):
    first = holder(tmp_path, 60)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert {path.name for path in tmp_path.iterdir()} == {".lease", ".picture.host.1.tmp.png"}
    monkeypatch.setattr(lease, "STALE", 1e9)  # whoever waits until it is stale waits for ever
    with lease.hold(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [".lease"]
    assert not list(tmp_path.iterdir())


def test_a_writer_of_this_machine_that_is_too_busy_to_touch_its_lease_keeps_it(quick, tmp_path):
    """Under heavy load a thread may not run for long. The process is known to live: two must not write."""
    first = holder(tmp_path, 3, beat=1000)
    with lease.hold(tmp_path):  # waits three times as long as what makes a lease stale
        assert (tmp_path / "picture.png").exists()
    assert first.wait() == 0


@pytest.mark.parametrize("call", ["utime", "read"])
def test_a_file_system_that_does_not_answer_once_costs_no_lease(quick, tmp_path, monkeypatch, call):
    """Else the thread that touches it would end, or take the silence for another holder and stop the process."""
    failed = []

    def once(function):
        def fails(*given, **options):
            if not failed and given[0] == tmp_path / ".lease":
                failed.append(given[0])
                raise OSError(errno.ESTALE, "Stale file handle")
            return function(*given, **options)

        return fails

    with lease.hold(tmp_path):
        if call == "utime":
            monkeypatch.setattr(lease.os, "utime", once(os.utime))
        else:
            monkeypatch.setattr(lease.Path, "read_text", once(lease.Path.read_text))
        while not failed:
            time.sleep(0.01)
        monkeypatch.undo()
        before = (tmp_path / ".lease").stat().st_mtime_ns
        time.sleep(0.5)
        assert (tmp_path / ".lease").stat().st_mtime_ns > before


def test_sigterm_leaves_no_lease(tmp_path):
    first = holder(tmp_path, 60)
    first.send_signal(signal.SIGTERM)
    assert first.wait() == 128 + signal.SIGTERM
    assert not (tmp_path / ".lease").exists()


def foreign(path):
    path.write_text(json.dumps(json.loads(json.dumps(lease._identity())) | {"machine": "elsewhere", "host": "n7"}))


def test_another_machines_lease_is_stale_only_when_nobody_touches_it(quick, tmp_path):
    foreign(tmp_path / ".lease")
    ended = threading.Event()

    def touch():
        while not ended.wait(0.1):
            os.utime(tmp_path / ".lease")

    toucher = threading.Thread(target=touch)
    toucher.start()
    threading.Timer(2.5, ended.set).start()
    began = time.monotonic()
    with lease.hold(tmp_path):
        assert ended.is_set() and time.monotonic() - began > 2.5 + 0.5 * lease.STALE


def test_an_unreadable_lease_goes_stale(quick, tmp_path):
    (tmp_path / ".lease").write_text("{")
    with lease.hold(tmp_path):
        pass


def test_a_holder_that_was_given_up_stops(tmp_path):
    """Its machine had slept: another one has taken over, and two must not write."""
    first = holder(tmp_path, 60)
    foreign(tmp_path / ".lease")
    assert first.wait(10) == 128 + signal.SIGTERM
    assert "n7" in (tmp_path / ".lease").read_text(), "the new holder's lease stays"
    assert not (tmp_path / "picture.png").exists()


def test_many_writers_are_never_two(quick, tmp_path):
    """Twelve threads take turns; a third of them leave a stale lease behind instead of giving theirs back."""
    inside, most, turns = [], [], []

    def work(index):
        with lease.hold(tmp_path):
            inside.append(index)
            most.append(len(inside))
            time.sleep(0.02)
            inside.remove(index)
            turns.append(index)
            if index % 3 == 0:
                dead = json.loads((tmp_path / ".lease").read_text()) | {"pid": 2**22 + index, "token": f"dead {index}"}
                (tmp_path / ".lease.new").write_text(json.dumps(dead))
                (tmp_path / ".lease.new").rename(tmp_path / ".lease")

    threads = [threading.Thread(target=work, args=(index,)) for index in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(turns) == list(range(12)) and max(most) == 1
