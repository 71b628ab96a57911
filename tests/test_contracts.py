"""What every view, runner and copied table must have."""

import re
import subprocess
import sys

import pandas as pd
import pytest
from conftest import ROOT

from benchmark import available, config, plugins
from benchmark.metrics._intervals import Score


@pytest.mark.parametrize("kind", ["tables", "figures"])
def test_views_have_a_caption(kind):
    for name in plugins.names(f"benchmark/{kind}"):
        module = plugins.load(f"benchmark/{kind}", name)
        assert module.CAPTION and callable(getattr(module, kind[:-1]))


@pytest.mark.parametrize("suite", plugins.names("benchmark/suites", ".yaml"))
def test_what_a_suite_can_run_is_listed_with_all_that_it_sets(suite, capsys):
    available.main(suite)
    said = capsys.readouterr().out
    loaded = config.load_suite(suite)
    assert all(f"experiment {name}: task" in said for name in loaded.experiments)
    labels = {label for experiment in loaded.experiments.values() for label in experiment.methods}
    assert all(re.search(rf"^  {re.escape(label)} ", said, re.MULTILINE) for label in labels)
    assert suite == "paper" or "lr 0.0003 (1e-05)" in said


@pytest.mark.parametrize("runner", ["observe", "score", "view", "compare", "available"])
def test_runners_explain_themselves(runner):
    command = [sys.executable, "-m", f"benchmark.{runner}", "--help"]
    end = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert end.returncode == 0 and f"python -m benchmark.{runner}" in end.stdout


def test_the_papers_numbers_are_here():
    folder = ROOT / "benchmark/paper"
    tables = {i: pd.read_csv(folder / f"table{i}.csv") for i in range(1, 6)}
    assert [len(table) for table in tables.values()] == [420, 420, 140, 24, 32]
    one = tables[1].set_index(["concept", "method", "split", "metric"]).value
    assert one["Van Gogh", "AdvAnchor-Ladv1", "erase", "ACC"] == 34.0
    assert pd.read_csv(folder / "nudenet_ori_counts.csv").images_with_class[:8].sum() == 815


def test_scores_are_named_tuples_of_four():
    assert Score._fields == ("value", "n", "ci_low", "ci_high")
