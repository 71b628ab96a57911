"""The means that tables and figures show, and their intervals."""

import numpy as np
import pandas as pd
import pytest

from benchmark.metrics import accuracy, fid
from benchmark.metrics._intervals import share
from benchmark.plan.records import WHOLE, Task, Templates
from benchmark.showing.summary import Number, mean, over_seeds, summarise
from benchmark.store.scores import COLUMNS


def rows(*values, columns=("variant", "concept", "erasing_seed", "asked", "role", "value", "n"), **same):
    """A small scores.csv of one metric; intervals are 1 to either side. An asked `a.other` is a wording of `a`."""
    frame = pd.DataFrame(list(values), columns=columns)
    asked = frame.asked.str.partition(".")
    frame = frame.assign(suite="test", experiment="e", task="style", metric="fid", observer="testbed", version="1.1")
    frame = frame.assign(method=frame.variant, checkpoint=100, prompt_set="style", asked=asked[0], wording=asked[2])
    return frame.assign(ci_low=frame.value - 1, ci_high=frame.value + 1, **same)[list(COLUMNS)]


def summary_of(*frames, erased_on=("style",), retained_on=("style",), erased=None):
    task = Task("style", "Styles", 1, "testbed", Templates("{c}", "x"), (), erased_on, retained_on)
    return summarise(pd.concat(frames, ignore_index=True), {"fid": fid}, {"style": task}, erased)


def of(summary, **keys):
    """The one row of a summary that has these values; without a wording, and the mean over what was asked for."""
    keys = {"asked": WHOLE, "wording": ""} | keys
    chosen = summary[np.logical_and.reduce([summary[key] == value for key, value in keys.items()])]
    assert len(chosen) == 1
    return chosen.iloc[0]


def three_concepts(variant="m", seed=0, erased="a", values=(9, 1, 3)):
    return [
        (variant, erased, seed, asked, "erased" if asked == erased else "retained", value, 8)
        for asked, value in zip("abc", values, strict=True)
    ]


ORIGINAL = [("original", "-", 0, asked, "baseline", value, 8) for asked, value in {"a": 1, "b": 2, "c": 6}.items()]


def test_preserve_is_the_mean_over_all_other_concepts():
    summary = summary_of(rows(*three_concepts()))
    retained = of(summary, concept="a", role="retained")
    assert (retained.value, retained.n) == (2, 16)
    assert (retained.ci_low, retained.ci_high) == pytest.approx((2 - np.sqrt(2) / 2, 2 + np.sqrt(2) / 2))
    assert of(summary, concept="a", role="erased").value == 9


def test_a_concept_counts_once_however_many_wordings_it_has():
    retained = [("m", "a", 0, asked, "retained", value, 8) for asked, value in {"b": 0, "b.old": 0, "c": 90}.items()]
    summary = summary_of(rows(("m", "a", 0, "a", "erased", 9, 8), *retained))
    of_all = of(summary, concept="a", role="retained")
    assert (of_all.value, of_all.n) == (45, 24)
    of_b = np.sqrt(2) / 2  # the margin of the mean of two numbers, each of them 1
    assert of_all.ci_high - of_all.value == pytest.approx(np.hypot(of_b, 1) / 2)


def test_the_average_is_over_erased_concepts_and_preserve_errors_are_shared():
    summary = summary_of(rows(*three_concepts(), *three_concepts(erased="b", values=(5, 7, 5))))
    erased = of(summary, concept=WHOLE, role="erased")
    retained = of(summary, concept=WHOLE, role="retained")
    assert (erased.value, retained.value) == (8, 3.5)
    assert erased.ci_high - erased.value == pytest.approx(np.sqrt(2) / 2), "different images: errors average out"
    assert retained.ci_high - retained.value == pytest.approx(np.sqrt(2) / 2), "the same images: they do not"


def test_the_wordings_of_an_erased_concept_are_erased_too():
    others = [("m", "a", 0, "a.other", "erased", 5, 8), *three_concepts()]
    controls = [("original", "-", 0, "a.other", "baseline", 3, 8), *ORIGINAL]
    summary = summary_of(rows(*controls, *others))
    for variant, erased, retained in (("m", 7, 2), ("original", 2, 4)):
        assert of(summary, variant=variant, concept="a", role="erased").value == erased
        assert of(summary, variant=variant, concept="a", role="retained").value == retained
    assert of(summary, variant="m", concept="a", role="erased", asked="a", wording="other").value == 5
    assert of(summary, variant="m", concept="a", role="erased", asked="a").value == 9


def test_a_missing_number_gives_no_average():
    summary = summary_of(rows(*three_concepts(), *three_concepts(erased="b", values=(5, 7, 5))[:2]))
    assert np.isnan(of(summary, concept="b", role="retained").value)
    assert np.isnan(of(summary, concept=WHOLE, role="retained").value)
    assert of(summary, concept="a", role="retained").value == 2
    assert of(summary, concept=WHOLE, role="erased").value == 8


def test_a_seed_that_lacks_a_number_gives_no_average():
    summary = summary_of(rows(*three_concepts(), *three_concepts(seed=1)[1:]))
    assert np.isnan(of(summary, concept="a", role="erased").value)
    assert of(summary, concept="a", role="retained").value == 2


def test_original_is_left_out_one_concept_at_a_time():
    summary = summary_of(rows(*ORIGINAL, *three_concepts(), *three_concepts(erased="b", values=(5, 7, 5))))
    original = summary[summary.variant == "original"]
    assert of(original, concept="a", role="erased").value == 1
    assert of(original, concept="a", role="retained").value == 4
    assert of(original, concept="b", role="retained").value == 3.5
    assert of(original, concept=WHOLE, role="retained").value == 3.75
    assert original.control.all() and not summary.control[summary.variant == "m"].any()
    assert list(summary.variant.unique()) == ["original", "m"]


def test_other_controls_have_a_number_for_either_role():
    numbers = [("a", "erased", 50, 8), ("a", "retained", 90, 4), ("b", "retained", 60, 4), ("c", "retained", 80, 4)]
    wreck = [("wreck", "-", 0, *number) for number in numbers]
    control = summary_of(rows(*wreck, *three_concepts())).query("variant == 'wreck'")
    assert of(control, concept="a", role="erased").value == 50
    assert of(control, concept="a", role="retained").value == 70


def test_without_any_erasure_each_concept_is_left_out():
    assert of(summary_of(rows(*ORIGINAL)), concept="c", role="retained").value == 1.5
    only_a = summary_of(rows(*ORIGINAL), erased={"e": ("a", "not there")})
    assert set(only_a.concept) == {"a", WHOLE}


def test_an_interval_that_was_cut_at_zero_counts_as_it_was_before():
    """FID of 2 with a standard error of 2: its interval is [-2.1, 6.1], and scores.csv has [0, 6.1]."""
    cut, known = Number(2.0, 0.0, 6.1, 100), Number(20.0, 18.0, 22.0, 100)
    assert mean([cut, known]) == pytest.approx(mean([cut._replace(ci_low=-2.1), known]))
    nothing = Number(0.0, 0.0, 3.7, 100)
    assert mean([nothing, nothing]).ci_low == 0, "a share of nothing has no lower margin"


def test_intervals_stay_within_what_a_metric_can_be():
    summary = summary_of(rows(*three_concepts(values=(0.5, 1, 3))))
    assert of(summary, concept="a", role="erased", asked="a").ci_low == 0


# ── several prompt sets ──

PEOPLE = rows(
    ("original", "-", 0, "*", "baseline", 1, 60), ("wreck", "-", 0, "*", "retained", 40, 60),
    ("m", "a", 0, "*", "retained", 10, 60), ("m", "b", 0, "*", "retained", 20, 60), prompt_set="people",
)  # fmt: skip


def test_a_set_as_a_whole_is_one_number_per_role_and_no_mean_is_across_sets():
    own = rows(*ORIGINAL, *three_concepts(), *three_concepts(erased="b", values=(5, 7, 5)))
    alone = summary_of(own)
    summary = summary_of(own, PEOPLE, retained_on=("style", "people"))
    pd.testing.assert_frame_equal(summary[summary.prompt_set == "style"].reset_index(drop=True), alone)
    people = summary[summary.prompt_set == "people"]
    assert set(people.role) == {"retained"} and set(people.asked) == {WHOLE}
    assert of(people, variant="m", concept="a").value == 10 and of(people, variant="m", concept="b").n == 60
    both = of(people, variant="m", concept=WHOLE)
    assert (both.value, both.ci_low, both.ci_high) == (15, 14, 16), "the same prompts: errors are shared"
    for variant, value in (("original", 1), ("wreck", 40)):
        assert [of(people, variant=variant, concept=name).value for name in ("a", "b", WHOLE)] == [value] * 3


def test_the_original_stands_in_each_role_that_a_task_looks_at_on_a_set():
    people = PEOPLE[PEOPLE.variant == "original"]
    for erased_on, retained_on, roles in (
        (("style", "people"), ("style",), {"erased"}),
        (("style",), ("style", "people"), {"retained"}),
        (("style", "people"), ("style", "people"), {"erased", "retained"}),
    ):
        summary = summary_of(rows(*ORIGINAL), people, erased_on=erased_on, retained_on=retained_on)
        assert set(summary[summary.prompt_set == "people"].role) == roles


def test_a_set_on_which_only_retained_concepts_are_looked_at_has_no_erased_one():
    own = rows(*ORIGINAL, *three_concepts())
    things = rows(
        ("original", "-", 0, "x", "baseline", 3, 8), ("original", "-", 0, "y", "baseline", 5, 8),
        ("m", "a", 0, "x", "retained", 2, 8), ("m", "a", 0, "y", "retained", 4, 8), prompt_set="object",
    )  # fmt: skip
    summary = summary_of(own, things, retained_on=("style", "object")).query("prompt_set == 'object'")
    assert set(summary.role) == {"retained"} and set(summary.concept) == {"a", WHOLE}
    assert of(summary, variant="original", concept="a").value == 4 and of(summary, variant="m", concept="a").value == 3


def coverage(interval, truth, trials):
    return np.mean([low <= truth <= high for low, high in (interval(trial) for trial in range(trials))])


@pytest.mark.parametrize("chance", [0.5, 0.9, 0.98])
def test_means_of_shares_of_few_images_cover(chance):
    """Quadrature of their own intervals would cover 0.88 to 0.93 of the time."""

    def interval(trial):
        hits = np.random.default_rng([int(100 * chance), trial]).random((8, 8)) < chance
        numbers = [Number(s.value, s.ci_low, s.ci_high, s.n) for s in map(share, hits)]
        return mean(numbers, interval=accuracy.interval)[1:3]

    assert 0.93 <= coverage(interval, 100 * chance, 500) <= 0.985


def test_a_mean_of_shares_of_unequal_n_is_as_uncertain_as_it_is():
    numbers = [Number(50, *accuracy.interval(50, n), n) for n in (32, 8)]
    low, high = mean(numbers, interval=accuracy.interval)[1:3]
    assert (low, high) == pytest.approx(accuracy.interval(50, 4 / (1 / 32 + 1 / 8)))


def test_seeds_that_differ_widen_the_interval_and_cover():
    """Three erasings on the same noise: images err by 1 in common, seeds by .5 each."""

    def interval(trial):
        dice = np.random.default_rng(trial)
        shared = dice.normal()
        values = 10 + shared + 0.5 * dice.normal(size=3)
        return over_seeds([Number(value, value - 1.96, value + 1.96, 8) for value in values])[1:3]

    assert 0.93 <= coverage(interval, 10, 500)
    agreeing = over_seeds([Number(10, 9, 11, 8)] * 3)
    assert agreeing == (10, 9, 11, 24)
