"""What a run shows, and how it ends if a job or a method's file fails: by Snakemake's own hand and by `make`."""

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from conftest import ROOT

SNAKEMAKE = [sys.executable, "-m", "snakemake", "--cores", "2"]
SBATCH = "#!/bin/sh\necho 'sbatch: error: Batch job submission failed: Invalid account' >&2\nexit 1\n"
TABLES = '''"""Stands in for the tables of the rest: says what it was given."""
import sys

print("| the rest |", *sys.argv[1:])
'''
ERASE = '''"""Stands in for erasing, but reads the method's file as the real runner does."""
import sys
from pathlib import Path

from benchmark.plan import grid, plugins, variants
from benchmark.running import cli
from benchmark.plan.config import load_suite


def main(suite: str, task: str, variant: str, concepts: list[str], out: Path, seed: int = 0, pool: Path | None = None):
    loaded = load_suite(suite)
    chosen = variants.parse(loaded, variant)
    grid.check_methods(loaded, [chosen])
    erase = plugins.load("methods", chosen.method).erase
    if variant == "loud":
        erase(None, None, None)
    print(f"{out}/models.csv: {len(concepts)} models")
    out.mkdir(parents=True, exist_ok=True)
    (out / "models.csv").write_text("")


if __name__ == "__main__":
    cli.run(main)
'''


@pytest.fixture
def copy(fake, tmp_path):
    """A copy of this repository in which every job takes no time, with an environment for `make`."""
    folder = tmp_path / "copy"
    shutil.copytree(fake, folder, symlinks=True, ignore=shutil.ignore_patterns(".snakemake", "results", ".venv"))
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "benchmark/erase.py").write_text(ERASE)
    (folder / "benchmark/partial.py").write_text(TABLES)
    return folder


def run(folder, command, **environment):
    end = subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )
    return end.returncode, end.stdout


def make(folder, suite="micro"):
    """`make`, without installing anything."""
    return run(folder, ["make", "--old-file=.venv/installed", f"SUITE={suite}"])


def test_make_ends_with_the_cause_of_a_failure(copy):
    (copy / "benchmark/generate.py").write_text("raise ValueError('odd pictures')\n")
    status, out = make(copy)
    assert status != 0
    *_, failed, cause, next, end = out.splitlines()
    assert failed.startswith("failed: ") and "of results/micro/images/style" in failed
    assert cause.startswith(
        "  cause: ValueError: odd pictures (benchmark/generate.py, line 1); log: results/micro/logs/"
    )
    assert next == "next: the same command goes on from here:  make SUITE=micro" and end.startswith("make: ***")
    assert re.search(r"and \d more for the same cause", failed), "one failed job does not stop the others"


def test_a_job_that_was_killed_is_told_so(copy):
    (copy / "benchmark/base.py").write_text("import os\nos.kill(os.getpid(), 9)\n")
    status, out = make(copy)
    assert status != 0 and "failed: base of results/micro/base.json\n" in out
    assert "  cause: killed by signal 9 (SIGKILL); its log is empty; log: " in out and "memory" not in out


BROKEN = {  # files of methods/, and what is said of each
    "syntax": ("def erase(:\n", "methods/syntax.py: .*cannot be read as Python: .*invalid syntax"),
    "binary": (b"\x00\xff\xfe", "methods/binary.py: .*cannot be read as Python: "),
    "setting": (
        "from dataclasses import dataclass\n\n\n@dataclass(frozen=True)\nclass Settings:\n    steps: int = len('x')\n",
        "methods/setting.py: steps must be a literal",
    ),
    "imports": (
        "import nosuchmodule\n\n\ndef erase(m, c, s): pass\n",
        r"ModuleNotFoundError: No module named 'nosuchmodule' \(methods/imports.py, line 1\)",
    ),
    "raises": (
        "def erase(m, c, s): pass\n\n\nraise RuntimeError('at import')\n",
        r"RuntimeError: at import \(methods/raises.py, line 4\)",
    ),
    "nothing": ("POOL = None\n", r"methods/nothing.py: there is no function erase\(model, request, settings\)"),
    "loud": ("def erase(m, c, s):\n    raise KeyError('weight')\n", r"KeyError: 'weight' \(methods/loud.py, line 2\)"),
}


def test_broken_files_in_methods_stop_nothing_but_their_own_jobs(copy):
    suite = copy / "benchmark/suites/micro.yaml"
    whole = suite.read_text()
    suite.write_text(whole.replace("methods: [original,", f"methods: [{', '.join(BROKEN)},"))
    for name, (text, _) in BROKEN.items():
        (copy / f"methods/{name}.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    status, out = make(copy)
    assert status != 0
    end = out[out.index("\nfailed: ") :]
    for name, (_, cause) in BROKEN.items():
        assert f"failed: erase of results/micro/models/style/{name}/" in end, name
        assert re.search(f"  cause: {cause}", end), end
    assert out.index("broken: methods/syntax.py") < out.index("[ 1/"), "what planning sees is said at once"
    evidence = {path.parts[-4] for path in copy.glob("results/micro/evidence/style/style/*/*/*/evidence.csv")}
    evidence |= {path.parts[-2] for path in copy.glob("results/micro/evidence/style/original/evidence.csv")}
    assert evidence == {"original", "scramble", "esd"}, "all others are run"
    rest = re.search(r"^\| the rest \| (.*)$", out, re.MULTILINE)[1]
    assert "evidence/style/style/esd/seed0/all/evidence.csv" in rest and "loud of style" in rest
    assert not (copy / "results/micro/scores.csv").exists() and not (copy / "results/micro/tables").exists()
    (copy / "results/micro/partial").mkdir()
    suite.write_text(whole)
    for name in BROKEN:
        (copy / f"methods/{name}.py").unlink()
    status, out = make(copy)
    assert status == 0 and (copy / "results/micro/tables/style.md").exists(), out
    assert not (copy / "results/micro/partial").exists(), "it was of a run that is mended"


def test_a_file_that_breaks_after_its_models_were_made_does_not_pass_for_whole(copy):
    assert make(copy)[0] == 0
    (copy / "methods/esd.py").write_text("def erase(:\n")
    status, out = make(copy)
    assert status != 0 and "  cause: methods/esd.py: " in out


def test_a_broken_file_never_passes_for_whole_even_if_no_job_reads_it(copy, fake):
    shutil.copy(fake / "benchmark/erase.py", copy / "benchmark/erase.py")
    (copy / "methods/esd.py").write_text("def erase(:\n")
    status, out = make(copy)
    assert status != 0 and "error: methods/esd.py: " in out.splitlines()[-2] and "earlier file" in out


def test_a_cluster_gets_nothing_of_a_plan_with_a_broken_file(copy, tmp_path):
    (copy / "methods/syntax.py").write_text("def erase(:\n")
    status, out = run(copy, [*SNAKEMAKE, "--profile", "slurm", "--config", "suite=quick"], PATH=slurm(tmp_path))
    assert status != 0 and re.search("error: methods/syntax.py: .*; nothing was sent to the cluster", out)
    assert not (copy / "results/quick/base.json").exists()
    assert run(copy, [*SNAKEMAKE, "--config", "suite=micro"])[0] == 0, "the folder is not locked"


def slurm(folder: Path) -> str:
    """A PATH with a SLURM that refuses the account."""
    (folder / "bin").mkdir()
    for name in ("sbatch", "sacct", "sacctmgr", "scancel", "scontrol", "sinfo", "squeue", "sshare"):
        (folder / "bin" / name).write_text(SBATCH if name == "sbatch" else "#!/bin/sh\n")
        (folder / "bin" / name).chmod(0o755)
    return f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"


def test_an_account_that_slurm_refuses_is_the_cause(copy, tmp_path):
    command = [*SNAKEMAKE, "--profile", "slurm", "--retries", "0", "--config", "suite=micro"]
    command += ["--slurm-init-seconds-before-status-checks", "1"]
    status, out = run(copy, command, PATH=slurm(tmp_path))
    *_, cause, next = out.splitlines()
    assert status != 0 and "cause: SLURM sbatch failed" in cause and "Invalid account" in cause, out
    assert "slurm/profile.yaml" in next and "memory" not in cause + next


def test_a_log_gets_a_plain_line_for_each_job(copy):
    (copy / "benchmark/view.py").write_text("import time\ntime.sleep(1.2)\n" + (copy / "benchmark/view.py").read_text())
    status, out = run(copy, [*SNAKEMAKE, "--config", "suite=micro"])
    assert status == 0
    lines = out.splitlines()
    counts = (
        "1 remember, 1 base, 2 prompts, 2 erase, 4 generate, 1 train_classifier, 3 observe, 1 score, 1 table, 1 all"
    )
    head, _, listed = lines[0].partition(": ")
    assert head == "17 jobs" and sorted(listed.split(", ")) == sorted(counts.split(", "))
    assert [re.match(r"\[ ?(\d+)/17\] ", line)[1] for line in lines[1:-1]] == [str(n) for n in range(1, 17)]
    assert re.fullmatch(r"17 of 17 jobs done in .* s", lines[-1])
    assert any(re.fullmatch(r"\[.*\] erase style/esd/seed0/all: 1 models \(\d+ s\)", line) for line in lines), out
    assert any(re.fullmatch(r"\[.*\] table style \(\d+ s\)", line) for line in lines)
    assert "\r" not in out and "\x1b" not in out
    log = max((copy / ".snakemake/log").glob("*.log")).read_text()
    assert "Finished jobid: " in log and "Select jobs" in log, "Snakemake's own log has all"
    assert (copy / "results/micro/logs/erase/style/esd/seed0/all.log").read_text().endswith("1 models\n")


def test_a_terminal_gets_a_bar_that_is_gone_at_the_end(copy):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    slow = "import time\ntime.sleep(.6)\n"
    (copy / "benchmark/observe.py").write_text(slow + (copy / "benchmark/observe.py").read_text())
    command = [*SNAKEMAKE, "--config", "suite=micro"]
    with subprocess.Popen(command, cwd=copy, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                seen += os.read(ours, 4096)
            except OSError:  # it has ended
                break
    os.close(ours)
    text = seen.decode()
    assert process.returncode == 0 and re.search(r"\d+/17 jobs .*about .* left", text), text
    assert "[16/17] table style (" in text and "Select jobs" not in text
    assert text.rstrip().rpartition("\r")[2].endswith(" s") and "17 of 17 jobs done" in text


def test_a_quiet_run_that_fails_names_its_cause(copy):
    (copy / "benchmark/base.py").write_text("raise EOFError\n")
    for quiet in ("rules", "all"):
        status, out = run(copy, [*SNAKEMAKE, "--quiet", quiet, "--config", "suite=micro"])
        assert (
            status != 0
            and "failed: base of results/micro/base.json\n  cause: EOFError (benchmark/base.py, line 1)" in out
        )


def test_a_dry_run_is_as_it_was():
    status, out = run(ROOT, [*SNAKEMAKE, "--dry-run", "--config", "suite=micro"])
    assert status == 0 and re.search(r"^(local)?rule generate:$", out, re.MULTILINE) and "Job stats:" in out
