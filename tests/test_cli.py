"""Command lines from functions, files that are whole or absent."""

import errno
import os
import pty
import subprocess
import sys
import termios
from pathlib import Path
from typing import Literal

import pytest
from conftest import ROOT

from benchmark import cli
from benchmark.errors import BenchmarkError
from benchmark.files import sha256, unwritable, write_atomically


def example(
    suite: str,
    out: Path,
    concepts: list[str],
    seed: int = 0,
    models: Path | None = None,
    scale: float = 1.5,
    kind: Literal["a", "b"] = "a",
    quiet: bool = False,
):
    """Do nothing.

    Args:
        suite: the suite, 100 % of it.
        out: where it goes,
            on two lines.
    """
    if suite == "bad":
        raise BenchmarkError("no such thing")
    if suite == "bug":
        raise KeyError("a bug")
    print(suite, out, concepts, seed, models, scale, kind, quiet)


def test_a_function_becomes_a_command_line(capsys):
    cli.run(example, "--suite s --out a/b --concepts ink chalk --seed 3 --scale 2 --kind b --quiet".split())
    assert capsys.readouterr().out == "s a/b ['ink', 'chalk'] 3 None 2.0 b True\n"


def test_the_concept_of_nothing_is_a_value(capsys):
    cli.run(example, "--suite s --out o --concepts - --models m.csv".split())
    assert "['-'] 0 m.csv" in capsys.readouterr().out


def test_help_comes_from_the_docstring(capsys):
    with pytest.raises(SystemExit) as end:
        cli.run(example, ["--help"])
    out = capsys.readouterr().out
    assert end.value.code == 0
    assert (
        "Do nothing." in out
        and "100 % of it." in out
        and "where it goes, on two lines." in out
        and "default: 1.5" in out
    )


@pytest.mark.parametrize(
    "line", ["--suite s", "--suite s --out o --concepts a --seed x", "--suite s --out o --concepts a --kind c"]
)
def test_a_wrong_command_line_ends_with_2(line, capsys):
    with pytest.raises(SystemExit) as end:
        cli.run(example, line.split())
    assert end.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_errors_for_people_are_one_line_and_bugs_keep_their_traceback(capsys):
    with pytest.raises(SystemExit) as end:
        cli.run(example, "--suite bad --out o --concepts a".split())
    assert end.value.code == 2
    assert capsys.readouterr().err == "error: no such thing\n"
    with pytest.raises(KeyError):
        cli.run(example, "--suite bug --out o --concepts a".split())


def test_progress_in_a_log_is_a_line_a_minute_and_none_of_short_work(capsys, monkeypatch):
    assert list(cli.progress(range(3), 3, "x")) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    clock = iter(range(0, 1000, 25))  # seconds, one look at the clock per item
    monkeypatch.setattr(cli.time, "monotonic", lambda: next(clock))
    assert list(cli.progress(range(7), 7, "draw")) == list(range(7))
    assert capsys.readouterr().err == "draw: 3 of 7 in 75 s\ndraw: 6 of 7 in 150 s\n"


def test_progress_on_a_terminal_is_a_bar():
    code = "from benchmark import cli; print(sum(cli.progress(range(5), 5, 'draw')))"
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    end = subprocess.run([sys.executable, "-c", code], stderr=slave, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    os.close(slave)
    shown = os.read(master, 10_000).decode()
    assert end.stdout == "10\n" and "draw: 100%" in shown and "5/5" in shown


def test_a_file_is_whole_or_absent(tmp_path):
    path = tmp_path / "new/file.csv"
    with write_atomically(path) as temporary:
        assert temporary.suffix == ".csv" and temporary.parent == path.parent and not path.exists()
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    with pytest.raises(ZeroDivisionError), write_atomically(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "whole" and os.listdir(path.parent) == ["file.csv"]


def test_a_full_disk_and_a_forbidden_folder_are_errors_for_people(tmp_path):
    with (
        pytest.raises(BenchmarkError, match="x.csv: cannot be written: No space left"),
        write_atomically(tmp_path / "x.csv"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(BenchmarkError, match="file/x.csv: cannot be written"),
        write_atomically(tmp_path / "file/x.csv"),
    ):
        pass
    with pytest.raises(FileNotFoundError), write_atomically(tmp_path / "x.csv"):
        open(tmp_path / "a mistake of the code")


@pytest.mark.parametrize(
    "write",
    [
        "weights.save_delta(path, {'w': torch.zeros(100_000)}, 'key')",
        "manifest.save_png(path, np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8), ('key', 'cpu'))",
        "checkpoint.write(path, {'step': 1, 'w': torch.zeros(100_000)})",
    ],
)
def test_a_file_that_finds_no_room_is_one_line_and_leaves_nothing(tmp_path, write):
    code = f"""
import resource
from pathlib import Path
import numpy as np, torch
from benchmark import checkpoint, cli, manifest, weights
path = Path({str(tmp_path / "new.bin")!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
def main() -> None: {write}
cli.run(main, [])
"""
    end = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert end.returncode == 2, end.stderr
    assert end.stderr == f"error: {tmp_path}/new.bin: cannot be written: File too large\n"
    assert not os.listdir(tmp_path)


def test_a_folder_that_cannot_be_written_is_known_before(tmp_path, monkeypatch):
    assert unwritable(tmp_path / "new/folder") is None
    (tmp_path / "results").write_text("a file")
    assert unwritable(tmp_path / "results/micro").endswith("results is not a folder")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    assert "is read-only" in unwritable(tmp_path / "new")


def test_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a").startswith("ba7816bf")
    with pytest.raises(BenchmarkError, match="b: cannot be read: No such file"):
        sha256(tmp_path / "b")
