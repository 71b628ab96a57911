"""What a run has planned and not made is planned again, until it is made: no number is shown of before an edit."""

import os
import re
import shutil
import subprocess

import pytest
from conftest import ROOT
from test_workflow import SNAKEMAKE, planned, snakemake

from benchmark.plan import causes, grid

SUITE, LOOP = "benchmark/suites/micro.yaml", "benchmark/model/alignment.py"
EDITS = [  # of a finished run: the file, what stands there, what then does, and the job that fails the first time
    (SUITE, "esd: {steps: 10", "esd: {steps: 11", "erase"),
    (SUITE, "esd: {steps: 11", "esd: {steps: 12", "generate"),
    (SUITE, "guidance: 3.0", "guidance: 3.5", "train_classifier"),
    (LOOP, "step_with.step()", "step_with.step() or None", "erase"),
    (LOOP, "step_with.step() or None", "step_with.step() or False", "generate"),
    (LOOP, "step_with.step() or False", "step_with.step() or 0", "observe"),
]


@pytest.fixture(scope="module")
def done(fake, tmp_path_factory):
    """A copy in which the suite `micro` has run."""
    copy = tmp_path_factory.mktemp("due") / "copy"
    shutil.copytree(fake, copy, symlinks=True, ignore=shutil.ignore_patterns(".snakemake", "results"))
    snakemake(copy)
    return copy


@pytest.mark.parametrize(("file", "old", "new", "sick"), EDITS, ids=[f"{e[2]} {e[3]}" for e in EDITS])
def test_what_an_edit_has_planned_is_made_though_its_job_fails_once(done, file, old, new, sick):
    text = (done / file).read_text()
    assert old in text
    (done / file).write_text(text.replace(old, new, 1))
    command = [*SNAKEMAKE, "--cores", "2", "--config", "suite=micro"]
    failed = subprocess.run(command, cwd=done, capture_output=True, text=True, env=os.environ | {"SICK": sick})
    assert failed.returncode != 0, failed.stdout + failed.stderr
    rules = {rule for rule, _ in planned(done)}
    assert {sick, "score", "view"} <= rules or {sick, "score", "table"} <= rules, rules
    rest = planned(done, "tables")
    assert not {rule for rule, _ in rest} & {"erase", "generate", "observe"}, "views alone are made of scores.csv alone"
    snakemake(done)
    assert "Nothing to be done" in snakemake(done, "--dry-run")
    assert not (done / ".snakemake/concept-erasure/micro.due").read_text()


def test_what_is_due_is_named_as_the_rules_name_it(fake, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(fake, copy, symlinks=True, ignore=shutil.ignore_patterns(".snakemake", "results"))
    command = [*SNAKEMAKE, "--cores", "2", "--config", "suite=micro"]
    subprocess.run(command, cwd=copy, capture_output=True, text=True, env=os.environ | {"SICK": "base"})
    noted = (copy / ".snakemake/concept-erasure/micro.due").read_text().splitlines()
    made = eval(re.search(r"^MADE = (\{.*?^\})", (ROOT / "workflow/rules/course.smk").read_text(), re.M | re.S)[1])
    named = {f"results/micro/{made[rule].format(name)}" for rule, name in causes.jobs(grid.plan({"suite": "micro"}))
             if rule in made}  # fmt: skip
    ends = ("results/micro/tables/", "results/micro/figures/", "results/micro/scores.csv", "results/micro/details/")
    assert {path for path in noted if not path.startswith(ends)} == {
        path for path in named if not (copy / path).exists()
    }


def test_a_run_without_cores_is_refused_in_one_line(fake):
    end = subprocess.run(
        [*SNAKEMAKE, "--cores", "0", "--config", "suite=micro"], cwd=fake, capture_output=True, text=True
    )
    assert end.returncode == 1 and (end.stdout + end.stderr).strip() == (
        "error: --cores 0: no job would ever begin; give a number, or all"
    )
