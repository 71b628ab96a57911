"""The verdict on the paper's numbers: what is inside its bands, and what is not compared."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from benchmark.errors import BenchmarkError
from benchmark.plan import config, variants
from benchmark.plan.records import WHOLE, Variant
from benchmark.tables import verdict


def test_the_paper_suites_variants_are_columns_of_the_paper_but_for_controls_of_ours():
    names = {name for e in config.load_suite("paper").experiments.values() for name in e.variants}
    controls = {name for name in names - {variants.ORIGINAL} if variants.control(Variant(name))}
    assert controls and names - set(verdict.COLUMNS) == controls
    printed = set(pd.read_csv(ROOT / "benchmark/paper/table1.csv").method)
    assert set(verdict.COLUMNS.values()) == printed


NAMES = {"original": "ORI", "sdd": "SDD", "esd": "ESD", "abconcept": "AbConcept"}


def measured(table="table1.csv", names=NAMES, **shifts):
    """A table of the paper as if it had been measured, its means those of its rows, each variant's numbers shifted."""
    printed = pd.read_csv(ROOT / "benchmark/paper" / table)
    rows = printed[printed.concept != "Avg"]
    keys = ["table", "method", "split", "metric"]
    rows = pd.concat([rows, rows.groupby(keys, as_index=False, sort=False).value.mean().assign(concept="Avg")])
    rows = pd.concat([rows[rows.method == column].assign(variant=name) for name, column in names.items()])
    task = "style" if table == "table1.csv" else "object"
    value = rows.value + [shifts.get(row.variant, {}).get(row.metric, 0) for row in rows.itertuples()]
    value = value.clip(0, np.where(rows.metric == "ACC", 100, np.inf))
    return pd.DataFrame(
        {
            "experiment": task, "task": task, "prompt_set": task, "variant": rows.variant, "checkpoint": 100,
            "label": rows.variant, "phrase": rows.concept,
            "concept": rows.concept.where(rows.concept != "Avg", WHOLE), "asked": WHOLE, "value": value,
            "role": rows.split.map({"erase": "erased", "preserve": "retained"}), "ci_low": value, "ci_high": value,
            "metric": rows.metric.map({"FID": "fid", "ACC": "accuracy", "LPIPS": "lpips"}),
        }
    ).reset_index(drop=True)  # fmt: skip


def verdicts(rows, variant, metric="ACC", role="erased"):
    table = verdict.table(rows)
    chosen = table[(table.variant == variant) & (table.metric == metric) & (table.role == role)]
    return set(chosen[chosen.concept != WHOLE].verdict)


def test_what_the_paper_prints_is_reproduced_by_itself_in_its_own_order():
    (_, means), (_, counts), (_, order) = verdict.blocks(measured())
    assert list(means.index) == ["original", "sdd", "esd", "abconcept"]
    assert counts.loc["esd", "reproduced"] == 9 * 6 and counts["not reproduced"].sum() == 0
    assert means.loc["original", "Erase ACC"] == "99.2 (99.2) reproduced" and means.loc["original", "Erase FID"] == "–"
    assert list(order.index) == ["as the paper writes"] and (order == "1.00 (3 variants)").all(axis=None)


def test_methods_are_ranked_as_the_paper_writes_them_and_as_its_authors_ran_them():
    names = {**NAMES, "abconcept-release": "AbConcept", "allbutone": "All-but-one", "allbutone-q9": "All-but-one"}
    *_, (_, order) = verdict.blocks(measured(names=names, abconcept={"ACC": -30}))
    assert list(order["Erase ACC"]) == ["0.00 (4 variants)", "1.00 (4 variants)"]


def test_methods_as_their_authors_ran_them_are_ranked_without_the_others():
    names = {"original": "ORI", "abconcept-release": "AbConcept", "advanchor-l1-release": "AdvAnchor-Ladv1"}
    *_, (_, order) = verdict.blocks(measured(names=names))
    assert list(order.index) == ["as its authors ran"] and (order == "1.00 (2 variants)").all(axis=None)
    rows = measured(names={"original": "ORI", "abconcept": "AbConcept", "abconcept-release": "AbConcept"})
    assert len(list(verdict.blocks(rows))) == 2, "one column has no order"


def test_a_mean_is_held_against_the_printed_rows_and_not_against_a_printed_average_that_is_wrong():
    names = {"original": "ORI", "abconcept": "AbConcept", "advanchor-l2": "AdvAnchor-Ladv2"}
    (_, means), _, (_, order) = verdict.blocks(measured("table2.csv", names))
    assert means.loc["advanchor-l2", "Erase ACC"] == "13.9 (13.9, printed as 18.3) reproduced"
    assert order.loc["as the paper writes", "Erase ACC"] == "1.00 (2 variants)"


def test_the_original_alone_has_a_verdict_and_no_order():
    rows = measured()
    (_, means), (_, counts) = verdict.blocks(rows[rows.variant == "original"])
    assert list(means.index) == ["original"] and counts.loc["original", "reproduced"] == 18


def test_nothing_is_comparable_where_the_original_is_not_the_papers():
    rows = measured(original={"ACC": -9})
    (title, _), (_, counts), *_ = verdict.blocks(rows)
    assert "Picasso" in title and counts.loc["esd", "not comparable"] == 9 * 6
    without = rows[rows.variant != "original"]
    assert set(verdict.table(without).verdict) == {"not comparable"}


def test_numbers_off_by_one_band_are_close_and_by_more_are_not_reproduced():
    table = verdict.table(measured(esd={"ACC": 7, "LPIPS": 0.2}, sdd={"FID": 0}))
    means = table[table.concept == WHOLE].set_index(["variant", "role", "metric"]).verdict
    assert means["esd", "erased", "ACC"] == "close" and means["esd", "erased", "LPIPS"] == "not reproduced"
    assert means["sdd", "erased", "FID"] == "reproduced"


def test_chance_between_two_shares_is_newcombes():
    # 9 of 10 and 3 of 10: the interval of their difference, .6, begins at .1705 (Newcombe 1998, table II, method 10)
    assert verdict._chance(90.0, 30.0, 10) == verdict._chance(30.0, 90.0, 10) == pytest.approx(60 - 17.05, abs=0.01)


def test_a_cell_is_reproduced_where_two_samples_of_the_papers_size_may_differ_as_much():
    table = verdict.table(measured(abconcept={"ACC": 7})).query("variant == 'abconcept' and metric == 'ACC'")
    erased = table[table.role == "erased"].set_index("erased")
    assert erased.printed["Van Gogh"] == 34.8 and erased.verdict["Van Gogh"] == "reproduced"
    assert erased.printed["Picasso"] == 0.4 and erased.verdict["Picasso"] == "close"


def test_an_interval_wider_than_the_bands_decides_nothing():
    rows = measured()
    wide = rows.assign(ci_low=rows.value - 20, ci_high=rows.value + 20)
    assert verdicts(wide.where(wide.variant == "esd", rows), "esd") == {"undecided"}
    assert verdicts(rows.assign(ci_low=np.nan, ci_high=np.nan), "esd") == {"undecided"}, "no interval, no verdict"


def test_a_missing_number_has_no_verdict():
    rows = measured()
    rows.loc[rows.variant == "esd", ["value", "ci_low", "ci_high"]] = float("nan")
    assert set(verdict.table(rows).query("variant == 'esd'").verdict) == {"not measured"}


def test_numbers_of_other_concepts_are_refused():
    rows = measured()
    with pytest.raises(BenchmarkError, match="prints nothing on chalk"):
        verdict.table(rows.assign(phrase=rows.phrase.replace("Picasso", "chalk")))
    with pytest.raises(BenchmarkError, match="prints none"):
        verdict.table(rows.assign(variant="esd-u"))


def test_a_mean_over_fewer_concepts_is_not_held_against_the_printed_one():
    rows = measured()
    (_, counts), *rest = verdict.blocks(rows[rows.phrase.isin(["Picasso", "Avg"])])
    assert not rest and counts.loc["esd", "reproduced"] == 6
