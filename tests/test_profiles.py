"""Profiles name what exists and plan the suite that they are for."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT
from test_workflow import edited

PROFILES = [ROOT / "slurm/profile.yaml", ROOT / "workflow/profiles/gpus/profile.yaml"]
USES_A_GPU = {"train_classifier", "erase", "generate", "observe", "attack"}


def keys(path):
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_a_profile_gives_a_gpu_to_every_rule_that_computes_on_one(path):
    rules = set(re.findall(r"^rule (\w+):", "".join(p.read_text() for p in ROOT.glob("workflow/rules/*.smk")), re.M))
    asked = keys(path)["set-resources"]
    assert asked.keys() <= rules
    assert {rule for rule, resources in asked.items() if resources.get("gpu") == 1} == USES_A_GPU


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_a_profile_plans_the_paper_suite(fake, path):
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "all", "--profile", str(path.parent)]
    with edited(fake / "config.yaml", "experiments: all", "experiments: style"):
        end = subprocess.run(command, cwd=fake, capture_output=True, text=True)
    assert end.returncode == 0 and "results/paper/scores.csv" in end.stdout, end.stderr


def test_the_short_name_stays_where_a_download_turns_links_into_text(fake, tmp_path):
    """As the ZIP of a repository does, and a clone where the file system has no links."""
    copy = tmp_path / "repository"
    shutil.copytree(fake, copy, symlinks=True, ignore=shutil.ignore_patterns("results", ".snakemake"))
    for path in [path for path in copy.rglob("*") if path.is_symlink() and path != copy / "testbed"]:
        target = os.readlink(path)
        path.unlink()
        path.write_text(target)
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "all", "--profile", "slurm"]
    end = subprocess.run([*command, "--config", "suite=micro"], cwd=copy, capture_output=True, text=True)
    assert end.returncode == 0 and "results/micro/scores.csv" in end.stdout, end.stderr
    assert keys(copy / "slurm/profile.yaml")["slurm-status-command"] == "squeue"


def test_requests_grow_with_the_attempt():
    for rule, resources in keys(ROOT / "slurm/profile.yaml")["set-resources"].items():
        assert "attempt" in str(resources["mem_mb"])
        assert ("attempt" in str(resources["runtime"])) == (rule != "generate"), (
            "it goes on from the images that it has"
        )


def test_no_device_is_named():
    """Where a job runs is the profile's business, and a scheduler's: no code chooses a device by its number."""
    for path in [*ROOT.glob("benchmark/**/*.py"), *ROOT.glob("methods/*.py"), *ROOT.glob("workflow/**/*.*")]:
        assert not re.search(r"cuda:\d", path.read_text()), path
