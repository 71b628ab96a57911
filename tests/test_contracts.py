"""What every view, runner and copied table must have."""

import re
import subprocess
import sys
from typing import Protocol

import pandas as pd
import pytest
from conftest import ROOT

from benchmark.metrics._intervals import Score
from benchmark.plan import config, contract, plugins, protocols, source
from benchmark.tools import available


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
    names = {name for experiment in loaded.experiments.values() for name in experiment.variants}
    assert all(re.search(rf"^  {re.escape(name)} ", said, re.MULTILINE) for name in names)
    assert loaded.world == "paper" or "lr 0.0003 (1e-05)" in said


@pytest.mark.parametrize("runner", ["observe", "score", "view", "tools.compare", "tools.available"])
def test_runners_explain_themselves(runner):
    command = [sys.executable, "-m", f"benchmark.{runner}", "--help"]
    end = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert end.returncode == 0 and f"python -m benchmark.{runner}" in end.stdout


@pytest.mark.parametrize("folder", protocols.FOLDERS)
def test_every_shipped_plugin_is_what_its_protocol_says_as_a_file_and_imported(folder):
    for name in plugins.names(folder):
        assert contract.problems(f"{folder}/{name}.py") == []
        assert plugins.load(folder, name)


def test_contributing_says_what_the_protocols_say():
    """Line by line: what it asks of plugins is what is checked."""
    page = (ROOT / "CONTRIBUTING.md").read_text()
    kinds = [kind for kind in vars(protocols).values() if getattr(kind, "_is_protocol", False) and kind is not Protocol]
    assert len(kinds) >= 10
    for kind in kinds:
        where = kind.__doc__.partition(":")[0] if "/" in kind.__doc__.partition(":")[0] else kind.__name__
        functions = {protocols.signature(kind, name): lack for name, (_, lack) in protocols.functions(kind).items()}
        told = [
            ", ".join(f"*`{name}`*" if lack else f"`{name}`" for name, lack in names.items()) or "–"
            for names in (functions, protocols.attributes(kind))
        ]
        assert f"| {where} | {told[0]} | {told[1]} |" in page


def test_the_papers_numbers_are_here():
    folder = ROOT / "benchmark/paper"
    tables = {i: pd.read_csv(folder / f"table{i}.csv") for i in range(1, 6)}
    assert [len(table) for table in tables.values()] == [420, 420, 140, 24, 32]
    one = tables[1].set_index(["concept", "method", "split", "metric"]).value
    assert one["Van Gogh", "AdvAnchor-Ladv1", "erase", "ACC"] == 34.0
    assert pd.read_csv(folder / "nudenet_ori_counts.csv").images_with_class[:8].sum() == 815


def test_scores_are_named_tuples_of_four():
    assert Score._fields == ("value", "n", "ci_low", "ci_high")


def test_metrics_may_share_settings_in_a_private_file_of_their_folder(small):
    shared = (
        "from dataclasses import dataclass\n\n\n@dataclass(frozen=True)\nclass Settings:\n    threshold: float = 0.5\n"
    )
    small("benchmark/metrics/_shared.py", shared)
    metric = (ROOT / "benchmark/metrics/flat.py").read_text()
    for module, told in (("_shared", []), ("shared", ["Settings must be a class in this file"])):
        small("benchmark/metrics/mine.py", f"{metric}\nfrom benchmark.metrics.{module} import Settings\n")
        problems = contract.problems("benchmark/metrics/mine.py")
        assert len(problems) == len(told) and all(text in problems[0] for text in told)
        assert ("threshold" in source.settings("benchmark/metrics/mine.py")) == (not told)
    small("benchmark/metrics/mine.py", f"{metric}\nfrom benchmark.metrics._shared import Settings\n")
    small("benchmark/metrics/_shared.py", shared.replace("0.5", "[0.5]"))
    assert "a default must not be a list" in contract.problems("benchmark/metrics/mine.py")[0]
