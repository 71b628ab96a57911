"""The means that tables and figures show, and their intervals."""

import numpy as np
import pandas as pd
import pytest

from benchmark.metrics import accuracy, fid, lpips
from benchmark.metrics._intervals import share
from benchmark.scores import COLUMNS
from benchmark.summary import MEAN, Number, mean, over_seeds, summarise

MODULES = {"accuracy": accuracy, "fid_testbed": fid, "lpips_testbed": lpips}


def rows(*values, columns=("method", "concept", "seed", "probe", "role", "value", "n")):
    """A small scores.csv of one metric; intervals are 1 to either side."""
    frame = pd.DataFrame(list(values), columns=columns)
    frame = frame.assign(suite="test", experiment="e", task="style", metric="fid_testbed", version="1.1")
    return frame.assign(ci_low=frame.value - 1, ci_high=frame.value + 1)[list(COLUMNS)]


def of(summary, **keys):
    chosen = summary[np.logical_and.reduce([summary[key] == value for key, value in keys.items()])]
    assert len(chosen) == 1
    return chosen.iloc[0]


def three_concepts(method="m", seed=0, erased="a", values=(9, 1, 3)):
    return [
        (method, erased, seed, probe, "erased" if probe == erased else "retained", value, 8)
        for probe, value in zip("abc", values, strict=True)
    ]


ORIGINAL = [("original", "-", 0, probe, "baseline", value, 8) for probe, value in {"a": 1, "b": 2, "c": 6}.items()]


def test_preserve_is_the_mean_over_all_other_concepts():
    summary = summarise(rows(*three_concepts()), MODULES)
    kept = of(summary, concept="a", role="retained", probe=MEAN)
    assert (kept.value, kept.n) == (2, 16)
    assert (kept.ci_low, kept.ci_high) == pytest.approx((2 - np.sqrt(2) / 2, 2 + np.sqrt(2) / 2))
    assert of(summary, concept="a", role="erased", probe=MEAN).value == 9


def test_the_average_is_over_erased_concepts_and_preserve_errors_are_shared():
    found = rows(*three_concepts(), *three_concepts(erased="b", values=(5, 7, 5)))
    summary = summarise(found, MODULES)
    erased = of(summary, concept=MEAN, role="erased")
    kept = of(summary, concept=MEAN, role="retained")
    assert (erased.value, kept.value) == (8, 3.5)
    assert erased.ci_high - erased.value == pytest.approx(np.sqrt(2) / 2), "different images: errors average out"
    assert kept.ci_high - kept.value == pytest.approx(np.sqrt(2) / 2), "the same images: they do not"


def test_the_wordings_of_an_erased_concept_are_erased_too():
    mine = [("m", "a", 0, "a.other", "erased", 5, 8), *three_concepts()]
    controls = [("original", "-", 0, "a.other", "baseline", 3, 8), *ORIGINAL]
    summary = summarise(rows(*controls, *mine), MODULES)
    for method, erased, kept in (("m", 7, 2), ("original", 2, 4)):
        assert of(summary, method=method, concept="a", role="erased", probe=MEAN).value == erased
        assert of(summary, method=method, concept="a", role="retained", probe=MEAN).value == kept


def test_a_missing_number_gives_no_average():
    found = rows(*three_concepts(), *three_concepts(erased="b", values=(5, 7, 5))[:2])
    summary = summarise(found, MODULES)
    assert np.isnan(of(summary, concept="b", role="retained", probe=MEAN).value)
    assert np.isnan(of(summary, concept=MEAN, role="retained").value)
    assert of(summary, concept="a", role="retained", probe=MEAN).value == 2
    assert of(summary, concept=MEAN, role="erased").value == 8


def test_a_seed_that_lacks_a_cell_gives_no_average():
    found = rows(*three_concepts(), *three_concepts(seed=1)[1:])
    summary = summarise(found, MODULES)
    assert np.isnan(of(summary, concept="a", role="erased", probe=MEAN).value)
    assert of(summary, concept="a", role="retained", probe=MEAN).value == 2


def test_original_is_left_out_one_concept_at_a_time():
    summary = summarise(rows(*ORIGINAL, *three_concepts(), *three_concepts(erased="b", values=(5, 7, 5))), MODULES)
    mine = summary[summary.method == "original"]
    assert of(mine, concept="a", role="erased", probe=MEAN).value == 1
    assert of(mine, concept="a", role="retained", probe=MEAN).value == 4
    assert of(mine, concept="b", role="retained", probe=MEAN).value == 3.5
    assert of(mine, concept=MEAN, role="retained").value == 3.75
    assert mine.control.all() and not summary.control[summary.method == "m"].any()
    assert list(summary.method.unique()) == ["original", "m"]


def test_other_controls_have_a_number_for_either_role():
    numbers = [("a", "erased", 50, 8), ("a", "retained", 90, 4), ("b", "retained", 60, 4), ("c", "retained", 80, 4)]
    wreck = [("wreck", "-", 0, *number) for number in numbers]
    mine = summarise(rows(*wreck, *three_concepts()), MODULES).query("method == 'wreck'")
    assert of(mine, concept="a", role="erased", probe=MEAN).value == 50
    assert of(mine, concept="a", role="retained", probe=MEAN).value == 70


def test_without_any_erasure_each_concept_is_left_out():
    assert of(summarise(rows(*ORIGINAL), MODULES), concept="c", role="retained", probe=MEAN).value == 1.5


def test_intervals_stay_within_what_a_metric_can_be():
    summary = summarise(rows(*three_concepts(values=(0.5, 1, 3))), MODULES)
    assert of(summary, concept="a", role="erased", probe="a").ci_low == 0


def coverage(interval, truth, trials):
    return np.mean([low <= truth <= high for low, high in (interval(trial) for trial in range(trials))])


@pytest.mark.parametrize("chance", [0.5, 0.9, 0.98])
def test_means_of_shares_of_few_images_cover(chance):
    """Quadrature of their own intervals would cover .88 to .93 of the time."""

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
