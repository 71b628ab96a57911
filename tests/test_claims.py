"""How claims are judged: the arithmetic, what is said if numbers are missing, and the program."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from claiming import L1, L2, STYLES, SUITE, gaps, of, scored, two, verdicts
from conftest import ROOT

from benchmark import claims
from benchmark.errors import BenchmarkError, ConfigError
from benchmark.plan.config import load_suite
from benchmark.showing import effects
from benchmark.showing.effects import Numbers, Unknown, within
from benchmark.showing.judging import FAILS, HOLDS, UNDECIDED, judge
from benchmark.store import claimed
from benchmark.store.claimed import Claim, Claims, Part


def test_no_effect_without_an_error():
    dice = np.random.default_rng(0)
    for frame, why in (
        (gaps(dice, 1, concepts=1, seeds=1), "one concept and one erasing seed"),
        (gaps(dice, 1).assign(value=3.0, se=0.0), "all differences are equal"),
        (gaps(dice, 1, concepts=9).assign(value=63.8, se=0.0), "all differences are equal"),  # but for rounding
        (gaps(dice, 1).iloc[:0], "no concept and seed has all the numbers"),
    ):
        with pytest.raises(Unknown, match=why):
            within(frame, False, "accuracy")
    with pytest.raises(Unknown, match="too few prompt rows"):
        within(gaps(dice, 1).assign(se=np.nan), True, "fid")
    some = gaps(dice, 1, concepts=3)
    with pytest.raises(Unknown, match="too few prompt rows"):
        within(some.assign(se=[np.nan, *some.se.iloc[1:]]), True, "fid")


def test_if_variants_swap_their_numbers_the_claims_swap_their_verdicts():
    scores = scored(np.random.default_rng(3), {L1: (10, 60), L2: (40, 30), "esd": (40, 30), "sdd": (40, 30)})
    swapped = scores.assign(variant=scores.variant.replace({L1: L2, L2: L1}))
    before, after = verdicts(scores), verdicts(swapped)
    assert (before["erases"].verdict, before["retains"].verdict) == (HOLDS, HOLDS)
    assert (after["erases"].verdict, after["retains"].verdict, after["converse"].verdict) == (FAILS, FAILS, HOLDS)


def test_the_correction_is_holms():
    scores = scored(np.random.default_rng(3), {L1: (10, 60), L2: (40, 30), "esd": (40, 30), "sdd": (40, 30)})
    judged = sorted(verdicts(scores).values(), key=lambda each: each.p)
    wanted = np.maximum.accumulate([min(1, each.p * (len(judged) - rank)) for rank, each in enumerate(judged)])
    assert [each.corrected for each in judged] == pytest.approx(wanted)


# ── what is missing ──


def test_a_variant_without_numbers_leaves_a_claim_undecided_and_is_named():
    scores = scored(np.random.default_rng(3), {L1: (40, 60), L2: (10, 30), "esd": (40, 30)})
    judged = verdicts(scores)
    assert judged["alike"].verdict == UNDECIDED and np.isnan(judged["alike"].p)
    assert judged["alike"].reason == "scores.csv has no accuracy of sdd in the task style"
    part = verdicts(scores[scores.variant != "esd"])["erases"]
    assert part.verdict == FAILS, "one part is refuted, so what the other says does not matter"
    assert "no accuracy of esd" in part.reason
    gone = verdicts(scores[scores.role == "erased"])["retains"]
    assert gone.reason == "scores.csv has no number of what was retained in the task style"
    others = scores.assign(erasing_seed=scores.erasing_seed + (scores.variant == L1) * 10)
    assert "have erased no concept with the same seed" in verdicts(others)["retains"].reason


def test_what_a_suite_does_not_plan_or_nobody_can_test_is_undecided():
    declared = Claims(0.05, {
        "elsewhere": of(two("erased", "accuracy", L1, "nobody"), tasks=("style", "nowhere")),
        "untested": Claim("a claim", "here", "nothing", untested="nobody has looked"),
    })  # fmt: skip
    judged = verdicts(scored(np.random.default_rng(0), {L1: (1, 1)}), declared=declared)
    assert judged["untested"].reason == "nobody has looked"
    assert judged["elsewhere"].reason == "the suite testbed has no experiment with these variants (style, nowhere)"


def test_a_mean_over_methods_is_never_one_of_fewer():
    """A method that lacks concepts or seeds on one side would otherwise make the sides differ."""
    dice, part = np.random.default_rng(3), Part("harm", "retained", {"fid": 2.0}, "harms", (), (L1, L2), "object")
    here, there = (scored(dice, {L1: (0, 200), L2: (0, 20)}, task=task) for task in ("style", "object"))
    lacking = there[~((there.variant == L1) & there.concept.isin(STYLES[2:]))]
    whole, fewer = (
        Numbers(pd.concat([here, side]), {}, claims.directions).effect(part, "style") for side in (there, lacking)
    )
    assert abs(whole.value) < 10 and abs(fewer.value) < 10 and (whole.concepts, fewer.concepts) == (18, 11)
    none = there[(there.variant == L2) | ~there.concept.isin(STYLES)]
    with pytest.raises(Unknown, match="no fid of advanchor-l1 in the task object"):
        Numbers(pd.concat([here, none]), {}, claims.directions).effect(part, "style")
    unknown = there.assign(ci_low=np.nan, ci_high=np.nan)
    with pytest.raises(Unknown, match="too few prompt rows"):
        Numbers(pd.concat([here, unknown]), {}, claims.directions).effect(part, "style")


def test_a_task_may_say_which_of_its_metrics_a_claim_is_about():
    scores = scored(np.random.default_rng(3), {L1: (10, 60), L2: (40, 30)}).assign(metric="detected")
    both = pd.concat([scores, scores.assign(metric="exposed", value=100 - scores.value)])
    pairs, least = ((L1, L2),), {"detected": 5.0, "exposed": 50.0}
    for metric in least:
        part = Part("less is left", "erased", least, pairs=pairs, metrics={"style": metric})
        assert Numbers(both, {}, claims.directions).effect(part, "style").metric == metric
    with pytest.raises(Unknown, match="the task style has no exposed of what was erased"):
        Numbers(scores, {}, claims.directions).effect(part, "style")


def test_the_papers_tables_4_and_5_are_judged_by_their_own_counts():
    parts = [part for claim in claimed.read().claims.values() for part in claim.parts if "nudity" in claim.tasks]
    erased = [part for part in parts if part.role == "erased"]
    assert len(erased) == 6 and all(part.metrics == {"nudity": "exposed", "portrait": "detected"} for part in erased)


# ── where errors come from ──


def test_differences_on_the_same_noise_are_taken_where_there_are_some():
    scores = scored(np.random.default_rng(3), {L1: (10, 60), L2: (40, 30)})
    keys = ["task", "concept", "erasing_seed", "prompt_set", "role", "metric", "observer"]
    wide = scores.pivot_table(index=keys, columns="variant", values="value").reset_index()
    paired = wide.assign(variant=L2, other=L1, difference=wide[L2] - wide[L1], se=0.1)
    part = two("retained", "fid", L2, L1)
    alone, both = (
        Numbers(scores.assign(ci_low=scores.value - 20, ci_high=scores.value + 20), details, claims.directions)
        for details in ({}, {"paired": paired})
    )
    one, other = alone.effect(part, "style"), both.effect(part, "style")
    assert (one.errors, other.errors) == (effects.UNPAIRED, effects.PAIRED)
    assert other.value == pytest.approx(one.value) and other.se < one.se / 2
    back = both.effect(two("retained", "fid", L1, L2), "style")
    assert back.value == pytest.approx(-other.value) and back.errors == effects.PAIRED
    lacking = Numbers(scores, {"paired": paired[paired.concept != STYLES[0]]}, claims.directions)
    assert lacking.effect(part, "style").errors == effects.UNPAIRED, (
        "never fewer concepts because the detail lacks some"
    )


def test_anchors_are_told_apart_by_their_measured_distance():
    names = ["a", "b", "c"]
    scores = scored(np.random.default_rng(3), dict(zip(names, [(0, 20), (0, 40), (0, 60)], strict=True)))
    distances = {"x": 9, "y": 5, "z": 1}
    far = pd.DataFrame([("style", concept, *each) for concept in STYLES for each in distances.items()],
                       columns=["task", "concept", "anchor", "distance"])  # fmt: skip
    part = Part("nearest", "retained", {"fid": 2.0}, "nearest", anchors=dict(zip(names, "xyz", strict=True)))
    effect = Numbers(scores, {"distances": far}, claims.directions).effect(part, "style")
    assert effect.value == pytest.approx(-40, abs=8), "here the nearest anchor (z, of variant c) retains least"
    with pytest.raises(Unknown, match=r"no details/distances.csv"):
        Numbers(scores, {}, claims.directions).effect(part, "style")


def test_two_tasks_are_compared_over_their_concepts():
    dice = np.random.default_rng(3)
    scores = pd.concat(
        [scored(dice, {L1: (0, 60), L2: (0, 50)}), scored(dice, {L1: (0, 30), L2: (0, 20)}, task="object")]
    )
    part = Part("harms", "retained", {"fid": 2.0}, "harms", variants=(L1, L2), against="object")
    effect = Numbers(scores, {}, claims.directions).effect(part, "style")
    assert effect.value == pytest.approx(30, abs=9) and effect.concepts == 18 and effect.above(2) < 1e-3
    few = Numbers(scores[(scores.task == "style") | (scores.concept == STYLES[0])], {}, claims.directions)
    with pytest.raises(Unknown, match="a single concept"):
        few.effect(part, "style")


# ── the program ──


def test_the_shipped_page_is_what_the_program_makes_of_the_shipped_scores(tmp_path, capsys):
    shutil.copy(ROOT / "docs/testbed/scores.csv", tmp_path / "scores.csv")
    shutil.copytree(ROOT / "docs/testbed/details", tmp_path / "details")
    claims.main("testbed", tmp_path / "scores.csv", tmp_path)
    assert "undecided" in capsys.readouterr().out
    shipped = (ROOT / "docs/testbed/claims.md").read_text()
    made = "make claims SUITE=testbed, with docs/testbed/scores.csv and details"
    assert (tmp_path / "claims.md").read_text() == shipped, made
    rows = pd.read_csv(tmp_path / "claims.csv")
    assert list(rows) == list(claims.COLUMNS) and set(rows.verdict) <= {HOLDS, FAILS, UNDECIDED}
    assert set(claimed.read().claims) == set(rows.claim), "every claim is in the table"


def test_a_page_of_the_papers_model_says_nothing_of_the_testbed_and_an_open_gate_is_named():
    judged = judge(
        claimed.read(), SUITE, Numbers(scored(np.random.default_rng(0), {L1: (1, 1)}), {}, claims.directions)
    )
    assert "What the testbed can tell" in claims.page(judged, SUITE, 0.05)
    text = claims.page(judged, replace(load_suite("paper"), ungated="our own weights"), 0.05)
    assert "What the testbed" not in text and "went on all the same: our own weights" in text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("level: 0.05", "level: 5", r"claims.yaml: level: 5 is no probability between 0 and 1"),
        ("least: {lpips: 0.01}", "least: {lips: 0.01}", "there is no metric 'lips'; did you mean lpips"),
        ("kind: alike", "kind: alik", r"there is no value 'alik'; did you mean alike"),
        ("50, detected: 5}\n        metrics: *of_task\n        pairs: [[l2", "0, detected: 5}\n        pairs: [[l2",
         "kind alike needs more than 0"),
        ("portrait: detected}", "portrait: deteced}", "there is no metric in `least` 'deteced'; did you mean detected"),
        ("pairs: [[advanchor-l2, advanchor-l1]]", "pairs: [[advanchor-l2]]", "advanchor-l2 are not two variants"),
        ("place: Section 4\n", "place: Section 4\n    untested: so\n", "needs either `untested`, or `parts`"),
        ("        against: object\n", "", "kind harms needs `against`"),
    ],
)  # fmt: skip
def test_claims_that_are_not_as_declared_are_refused(tmp_path, old, new, message):
    text = claimed.FILE.read_text()
    assert old in text
    (tmp_path / "claims.yaml").write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError, match=message):
        claimed.read(tmp_path / "claims.yaml")


def test_a_scores_file_of_another_suite_is_refused(tmp_path):
    with pytest.raises(BenchmarkError, match="quick"):
        claims.main("quick", ROOT / "docs/testbed/scores.csv", tmp_path)
