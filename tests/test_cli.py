"""Command lines from functions, files that are whole or absent."""

import errno
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path
from typing import Literal

import pytest
from conftest import METHOD, ROOT, SUITE

from benchmark.errors import BenchmarkError
from benchmark.files import sha256, unwritable, write_atomically
from benchmark.running import cli
from benchmark.tools import available


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
    code = "from benchmark.running import cli; print(sum(cli.progress(range(5), 5, 'draw')))"
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    end = subprocess.run([sys.executable, "-c", code], stderr=slave, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    os.close(slave)
    shown = os.read(master, 10_000).decode()
    assert end.stdout == "10\n" and "draw: 100%" in shown and "5/5" in shown


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def make(*arguments):
    """What make would do, or what it says."""
    command = ["make", "--dry-run", "--assume-old=.venv/installed", *arguments]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)


@pytest.mark.parametrize(
    "given",
    ["METHOD=esd", "CONCEPT=chalk", "SEED=0", "EXPERIMENT=style", "methods=esd", "suite=quick", "METHODS_=esd"],
)  # fmt: skip
@pytest.mark.parametrize("target", ["run", "list", "test"])
def test_make_refuses_what_it_does_not_know(given, target):
    end = make(target, given)
    name = given.partition("=")[0]
    assert end.returncode == 2 and not end.stdout and end.stderr.count("\n") == 1
    assert f"there is no variable {name} (allowed: SUITE EXPERIMENTS METHODS CONCEPTS SEEDS CORES" in end.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["METHODS="], "METHODS: nothing is named"),
        (["list", "SEEDS= "], "SEEDS: nothing is named"),
        (["clean", "METHODS=esd"], "METHODS: narrows what is run, not `make clean`"),
        (["test", "SEEDS=0"], "SEEDS: narrows what is run, not `make test`"),
        (["verify", "SUITE=tour"], "SUITE: chooses what is run, not `make verify`"),
        (["clean", "SUITE=quick testbed"], "SUITE: 'quick testbed' is not the name of one suite"),
        (["clean", "SUITE=../docs"], "SUITE: '../docs' is not the name of one suite"),
    ],
)
def test_make_refuses_what_it_would_ignore(arguments, said):
    end = make(*arguments)
    assert end.returncode == 2 and said in end.stderr and not end.stdout


def test_make_narrows_by_all_that_config_has():
    given = ["METHODS=esd, it's", "CONCEPTS=chalk fish", "SEEDS=0,1", "EXPERIMENTS=[style]", "SUITE=testbed"]
    for target in ("run", "plan", "tables", "repro"):
        said = make(target, *given).stdout
        assert (
            "--config suite='testbed' experiments='[style]' methods='esd, it'\\''s' concepts='chalk fish' seeds='0,1'"
            in said
        )
    said = " ".join(make("list", *given).stdout.replace("\\\n", " ").split())
    assert (
        "--suite 'testbed' --experiments='[style]' --methods='esd, it'\\''s' --concepts='chalk fish' --seeds='0,1'"
        in said
    )
    assert "--config suite='quick' --rerun" in " ".join(make("run", "CORES=2").stdout.split())


def test_the_list_is_narrowed(capsys):
    cli.run(available.main, ["--suite=testbed", "--methods=esd, esd-u", "--seeds=0,1", "--concepts=chalk"])
    said = capsys.readouterr().out
    assert re.findall("^experiment (.*): ", said, re.MULTILINE) == ["style", "variants", "curves"]
    assert re.findall("^  methods +(.*)", said, re.MULTILINE) == ["original, esd", "original, esd-u", "original, esd"]
    assert (
        set(re.findall("^  concepts +(.*), of ink, ", said, re.MULTILINE)) == {"chalk"} and "  seeds     0, 1\n" in said
    )
    assert "sdd" not in said and "methods esd, esd-u; concepts chalk; seeds 0,1" in said


def test_the_list_has_what_cannot_be_run_with_its_line_and_the_rest(small, capsys, tmp_path):
    small("methods/solo.py", METHOD + "def erase(:\n")
    small("methods/My-Method.py", METHOD)
    small("benchmark/suites/test.yaml", SUITE.replace("without: [twin]", "methods: [original, twin-a, solo]"))
    small("methods/extra.py", METHOD)
    small("methods/latin.py", "")
    (tmp_path / "methods/latin.py").write_bytes(b"# \xe9")
    available.main("test")
    said = capsys.readouterr().out
    assert "twin-a" in said and "  methods   original, twin-a, solo\n" in said
    assert re.search(
        "  solo +cannot be run: methods/solo.py: line 26: cannot be read as Python: invalid syntax\n", said
    )
    assert re.search(
        "  My-Method +cannot be run: methods/My-Method.py: a method's name consists of small letters", said
    )
    assert re.search("  latin +cannot be run: methods/latin.py: cannot be read as Python: ", said)
    assert re.search("^  extra$", said, re.MULTILINE)


@pytest.mark.parametrize("runner", ["tools.available", "view", "tools.compare"])
def test_an_ascii_locale_stops_nothing(runner, tmp_path):
    scores = "docs/testbed/scores.csv"
    arguments = {
        "tools.available": ["--suite", "micro"],
        "view": ["--suite", "testbed", "--scores", scores, "--view", "tables/style", "--out", str(tmp_path)],
        "tools.compare": ["--first", scores, "--second", scores],
    }[runner]
    command = [sys.executable, "-m", f"benchmark.{runner}", *arguments]
    end = subprocess.run(command, cwd=ROOT, env=os.environ | ASCII, capture_output=True)
    assert end.returncode == 0, end.stderr.decode()
    shown = end.stdout.decode() if runner != "view" else (tmp_path / "tables/style.md").read_text()
    assert runner == "tools.compare" or "–" in shown or "↑" in shown


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
from benchmark.running import cli
from benchmark.store import checkpoint, manifest, weights
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
