"""Tables 4 and 5 of the paper: how many erasures they take, and what stands in them."""

from functools import cache

import pytest
from real_suites import whole

from benchmark import view
from benchmark.plan import grid, variants
from benchmark.plan.config import load_suite
from benchmark.plan.records import WHOLE
from benchmark.store import printed
from benchmark.tables import _ablation, inner_steps, strategies, verdict

LOSSES, SEEDS = 2, 3
TABLES = "strategies, inner_steps"
EXPERIMENTS = {"testbed": TABLES, "paper": TABLES}


@cache
def planned(suite: str) -> grid.Plan:
    return grid.plan({"suite": suite, "experiments": EXPERIMENTS[suite]})


@cache
def numbers(suite: str):
    return whole(suite, experiments=EXPERIMENTS[suite])


def blocks_of(suite: str, experiment: str, change=lambda rows: rows):
    rows = numbers(suite)
    means, _ = view.prepare(change(rows[rows.experiment == experiment]), load_suite(suite))
    return list(_ablation.blocks(means))


@pytest.mark.parametrize("suite", EXPERIMENTS)
def test_equal_settings_are_one_erasure(suite):
    """Three strategies and four K, one of them in both tables: twelve erasures, of fourteen rows."""
    plan = planned(suite)
    asked = [e for erasures in plan.experiments.values() for e in erasures if not variants.control(e.variant)]
    erased = {plan.run[e] for e in asked}
    assert len(asked) == LOSSES * (3 + 4) * SEEDS and len(erased) == LOSSES * (3 + 4 - 1) * SEEDS
    assert len([shard for shard in plan.shards.values() if shard.variant in {e.variant for e in erased}]) == len(erased)


@pytest.mark.parametrize("suite", EXPERIMENTS)
def test_settings_differ_in_what_a_table_is_about_and_in_nothing_else(suite):
    plan = planned(suite)
    settings = {
        name: {e.variant: variants.settings(plan.suite, e.variant) for e in erasures if not variants.control(e.variant)}
        for name, erasures in plan.experiments.items()
    }
    for name, about in (("strategies", "strategy"), ("inner_steps", "inner_steps")):
        values = [{**each} for each in settings[name].values()]
        found = [(each.pop("loss"), each.pop(about)) for each in values]
        assert len(set(found)) == len(found) and all(each == values[0] for each in values)
        losses = [loss for loss, _ in found]
        assert losses == sorted(losses), "one loss after the other, as in the paper"
    steps = [each["inner_steps"] for each in settings["inner_steps"].values()]
    k40 = {each["inner_steps"] for each in settings["strategies"].values()}
    assert steps == sorted(steps[:4]) * 2 and k40 == {steps[2]}, "Table 4 is at the third K"
    ratios = [round(k / steps[2], 1) for k in steps[:4]]
    assert ratios == pytest.approx([0.5, 0.75, 1, 1.25], abs=0.051), "as 20, 30, 40 and 50"


def test_a_row_is_a_variant_and_has_what_is_left_and_what_is_retained():
    (heading, means), (_, seeds) = blocks_of("testbed", "strategies")
    assert heading.startswith("Portrait, in the place of explicit content: erasing portrait, with 95 % ")
    assert heading.endswith("(erase on prompt set portrait; preserve on prompt set portrait)")
    assert list(means.index) == [
        "original (ORI)", "scramble", "advanchor-l1-alternating", "advanchor-l1-sequential", "advanchor-l1-cyclical",
        "advanchor-l2-alternating", "advanchor-l2-sequential", "advanchor-l2-cyclical",
    ]  # fmt: skip
    assert [name for name in means if name.startswith("Preserve")] == [
        "Preserve FID ↓", "Preserve ACC ↑", "Preserve LPIPS ↓"
    ]  # fmt: skip
    assert {name for name in means if name.startswith("Erase")} <= {
        "Erase count ↓",
        "Erase detected ↓",
        "Erase precision ↑",
    }
    assert all("[" in cell for cell in means.iloc[2:].to_numpy().ravel()), "each with its interval"
    assert seeds.shape == (1, 6) and all(cell.count("/") == 2 for cell in seeds.iloc[0])


def test_the_mean_is_over_the_seeds():
    rows = numbers("testbed")
    one = rows[(rows.experiment == "inner_steps") & (rows.variant == "advanchor-l1-k5") & (rows.role == "erased")]
    (_, means), *_ = blocks_of("testbed", "inner_steps")
    expected = one[one.metric == "detected"].groupby("erasing_seed").value.mean().mean()
    assert float(means.loc["advanchor-l1-k5", "Erase detected ↓"].split()[0]) == pytest.approx(expected, abs=0.06)


def test_a_table_without_counts_shows_the_rest():
    (heading, means), *seeds = blocks_of(
        "testbed", "strategies", lambda rows: rows[~rows.metric.isin(_ablation.SHOWN["erased"])]
    )
    assert len(means.columns) == 3 and not seeds and "erase on" not in heading


def test_on_the_papers_model_each_table_is_compared_with_its_own():
    """Every printed number of Tables 4 and 5 has a measured one beside it."""
    rows = numbers("paper")
    means, _ = view.prepare(rows, load_suite("paper"))
    compared = verdict.table(means)
    of = compared[compared.concept != WHOLE].groupby("experiment").table.unique().map(list).to_dict()
    assert of == {"strategies": ["Table 4"], "inner_steps": ["Table 5"]}
    for experiment, file in (("strategies", "table4.csv"), ("inner_steps", "table5.csv")):
        own = compared[compared.experiment == experiment]
        assert len(own[own.concept != WHOLE]) == len(printed.numbers(file))


def test_on_the_papers_model_counts_and_what_is_retained_are_of_two_sets():
    (heading, means), _ = blocks_of("paper", "strategies")
    assert heading.endswith("(erase on prompt set i2p; preserve on prompt set imagenet)")
    assert list(means)[-4:] == ["Erase count ↓", "Preserve FID ↓", "Preserve ACC ↑", "Preserve LPIPS ↓"]
    assert len(means) == 8


def test_the_views_say_their_place():
    assert (strategies.PAPER_PLACE, inner_steps.PAPER_PLACE) == ("Table 4", "Table 5")
