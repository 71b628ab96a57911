"""From another folder than the repository's, one line says where to go."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        (["--snakefile", str(ROOT / "Snakefile")], "elsewhere"),
        (["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(ROOT / "config.yaml")], "elsewhere"),
        (["--snakefile", str(ROOT / "Snakefile"), "--directory", "deeper"], "elsewhere/deeper"),
        (["--snakefile", str(ROOT / "Snakefile"), "tables", "--profile", str(ROOT / "slurm")], "elsewhere"),
    ],
)
def test_snakemake_says_where_to_go(tmp_path, arguments, folder):
    (tmp_path / "elsewhere/deeper").mkdir(parents=True)
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", *arguments]
    end = subprocess.run(command, cwd=tmp_path / "elsewhere", capture_output=True, text=True)
    said = [line for line in end.stderr.splitlines() if not line.startswith(("Using profile", "Config file"))]
    assert end.returncode != 0
    assert said == [f"error: {tmp_path}/{folder} is not the repository: cd {ROOT}, then the same without --directory"]


def test_the_repository_may_be_reached_by_a_link_or_named_from_elsewhere(tmp_path):
    (tmp_path / "link").symlink_to(ROOT)
    plan = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", "--config", "suite=micro"]
    for folder, more in ((tmp_path / "link", []), (tmp_path, ["--snakefile", "link/Snakefile", "--directory", "link"])):
        end = subprocess.run([*plan, *more], cwd=folder, capture_output=True, text=True)
        assert end.returncode == 0, end.stderr


@pytest.mark.parametrize(
    "command",
    [
        "benchmark.base --suite micro --out base.json",
        "benchmark.tools.available --suite micro",
        "testbed.quality --images 1",
    ],
)
def test_runners_say_where_to_go(tmp_path, command):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}  # without it Python finds no module, and says so itself
    words = [sys.executable, "-m", *command.split()]
    end = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert (end.returncode, end.stderr) == (
        2,
        f"error: {tmp_path} is not the repository: cd {ROOT}, then the same command\n",
    )
    assert not list(tmp_path.iterdir())
