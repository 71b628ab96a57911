"""The verdict on the paper's numbers: what is inside its bands, and what is not compared."""

import pandas as pd
import pytest
from conftest import ROOT

from benchmark import config, grid
from benchmark.errors import BenchmarkError
from benchmark.summary import MEAN
from benchmark.tables import verdict


def test_the_paper_suites_labels_are_columns_of_the_paper_but_for_controls_of_ours():
    labels = {label for e in config.load_suite("paper").experiments.values() for label in e.methods}
    assert labels - set(verdict.COLUMNS) == {label for label in labels - {grid.ORIGINAL} if not grid.per_concept(label)}
    printed = set(pd.read_csv(ROOT / "benchmark/paper/table1.csv").method)
    assert set(verdict.COLUMNS.values()) == printed


def measured(**shifts):
    """The paper's Table 1 as if it had been measured, with each method's numbers shifted."""
    printed = pd.read_csv(ROOT / "benchmark/paper/table1.csv")
    labels = {"ORI": "original", "ESD": "esd", "SDD": "sdd", "AbConcept": "abconcept"}
    rows = printed[printed.method.isin(labels)]
    shift = [shifts.get(labels[row.method], {}).get(row.metric, 0) for row in rows.itertuples()]
    value = rows.value + shift
    return pd.DataFrame(
        {
            "experiment": "style", "task": "style", "method": rows.method.map(labels), "phrase": rows.concept,
            "concept": rows.concept.where(rows.concept != "Avg", MEAN), "probe": MEAN, "value": value,
            "role": rows.split.map({"erase": "erased", "preserve": "retained"}), "ci_low": value, "ci_high": value,
            "metric": rows.metric.map({"FID": "fid_inception", "ACC": "accuracy", "LPIPS": "lpips_alex_64"}),
        }
    )  # fmt: skip


def test_what_the_paper_prints_is_reproduced_by_itself_in_its_own_order():
    (_, means), (_, counts), (_, order) = verdict.blocks(measured())
    assert list(means.index) == ["original", "sdd", "esd", "abconcept"]
    assert counts.loc["esd", "reproduced"] == 9 * 6 and counts["not reproduced"].sum() == 0
    assert means.loc["original", "Erase ACC"] == "99.2 (99.2) reproduced" and means.loc["original", "Erase FID"] == "–"
    assert (order.loc["all"] == "1.00 (3 methods)").all()


def test_the_original_alone_has_a_verdict_and_no_order():
    rows = measured()
    (_, means), (_, counts) = verdict.blocks(rows[rows.method == "original"])
    assert list(means.index) == ["original"] and counts.loc["original", "reproduced"] == 18


def test_numbers_off_by_one_band_are_close_and_by_more_are_not_reproduced():
    table = verdict.table(measured(esd={"ACC": 7, "LPIPS": 0.2}, sdd={"FID": 0}))
    means = table[table.concept == MEAN].set_index(["method", "role", "metric"]).verdict
    assert means["esd", "erased", "ACC"] == "close" and means["esd", "erased", "LPIPS"] == "not reproduced"
    assert means["sdd", "erased", "FID"] == "reproduced"


def test_a_cell_is_reproduced_where_the_intervals_of_both_overlap():
    rows = measured(esd={"ACC": 8})
    wide = rows.assign(ci_low=rows.value - 8, ci_high=rows.value + 1)
    for given, expected in ((rows, "close"), (wide, "reproduced")):
        table = verdict.table(given).query("method == 'esd' and metric == 'ACC' and role == 'erased'")
        assert set(table.verdict[table.concept != MEAN]) == {expected}


def test_a_missing_number_has_no_verdict():
    rows = measured()
    rows.loc[rows.method == "esd", ["value", "ci_low", "ci_high"]] = float("nan")
    assert set(verdict.table(rows).query("method == 'esd'").verdict) == {"not measured"}


def test_numbers_of_other_concepts_are_refused():
    rows = measured()
    with pytest.raises(BenchmarkError, match="prints nothing on chalk"):
        verdict.table(rows.assign(phrase=rows.phrase.replace("Picasso", "chalk")))
    with pytest.raises(BenchmarkError, match="prints none"):
        verdict.table(rows.assign(method="esd-u"))


def test_a_mean_over_fewer_concepts_is_not_held_against_the_printed_one():
    rows = measured()
    (_, counts), *rest = verdict.blocks(rows[rows.phrase.isin(["Picasso", "Avg"])])
    assert not rest and counts.loc["esd", "reproduced"] == 6
