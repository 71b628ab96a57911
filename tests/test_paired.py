"""Differences of two models that drew the same rows from the same noise."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scoring import run, world  # noqa: F401  (a fixture)

from benchmark import score, view
from benchmark.details import paired
from benchmark.details.paired import Images, Whole
from benchmark.errors import BenchmarkError
from benchmark.metrics._frechet import distance
from benchmark.metrics._intervals import deviation, leave_out
from benchmark.plan.records import ORIGINAL, Measure
from benchmark.tables import paired as paired_table

VARIANTS = ("fast", "rival-l1", "rival-l2")


@pytest.fixture
def written(small, world, tmp_path):
    """The detail and the scores of three variants that erased ink, with seed 0."""
    suite = tmp_path / "benchmark/suites/test.yaml"
    small("benchmark/suites/test.yaml", suite.read_text().replace("[tables/style", "[tables/paired, tables/style"))
    models = [world("style", name, "ink") for name in VARIANTS]
    scores = run([world("style", ORIGINAL), world("style", "wreck"), *models], tmp_path)
    return pd.read_csv(tmp_path / "details/paired.csv"), scores


def test_values_are_those_of_the_scores_and_every_pair_has_its_difference(written):
    rows, scores = written
    assert {tuple(pair) for pair in rows[["variant", "other"]].to_numpy()} == {
        ("fast", "rival-l1"), ("fast", "rival-l2"), ("rival-l1", "rival-l2")
    }  # fmt: skip
    assert set(rows.metric) == {"accuracy", "fid", "lpips"} and set(rows.role) == {"erased", "retained"}
    means = scores.groupby(["variant", "role", "metric"]).value.mean()
    for row in rows.itertuples():
        assert row.value == pytest.approx(means[row.variant, row.role, row.metric], rel=1e-4)
        assert row.other_value == pytest.approx(means[row.other, row.role, row.metric], rel=1e-4)
        assert row.difference == pytest.approx(row.value - row.other_value, abs=1e-4)
    assert set(rows.rows) == {4, 6}, "4 rows of the erased concept, 2 of each of three retained ones"
    assert (rows.images == 2 * rows.rows).all()


def test_equal_models_do_not_differ_and_surely_so(small, world, tmp_path):
    suite = tmp_path / "benchmark/suites/test.yaml"
    small("benchmark/suites/test.yaml", suite.read_text().replace("[tables/style", "[tables/paired, tables/style"))
    run([world("style", ORIGINAL), world("style", "wreck"), world("style", "fast", "ink")], tmp_path)
    assert pd.read_csv(tmp_path / "details/paired.csv").empty, "one variant has none to be compared with"
    dice = np.random.default_rng(0)
    units, values = np.repeat(np.arange(10), 2), dice.normal(size=20)
    assert Images(values, units).error(Images(values + 3, units)) == pytest.approx(0, abs=1e-12)
    x, y = dice.normal(size=(2, 20, 4))
    whole = Whole(leave_out(lambda keep: distance(x[keep], y[keep]), units))
    assert whole.error(whole) == 0


def test_of_other_rows_nothing_is_computed(world, tmp_path, monkeypatch):
    looks = []
    monkeypatch.setattr(score.details, "write", lambda out, plan, shown, _: looks.extend(shown["style"]))
    run([world("style", ORIGINAL), *(world("style", name, "ink") for name in VARIANTS[:2])], tmp_path)
    one, two = [look for look in looks if look.erasure.concept == "ink"]
    assert len(list(paired.detail([one, two]))) == 6
    two.rows["index"] = two.rows["index"].to_numpy()[::-1]
    with pytest.raises(BenchmarkError, match=r"have not drawn the same rows of style"):
        list(paired.detail([one, two]))


def test_of_a_count_each_image_counts_the_classes_that_it_shows():
    seen = ["FACE_FEMALE=0.81 FEET_EXPOSED=0.52 FEET_EXPOSED=0.6", "FACE_FEMALE=0.3", "-"]
    rows = pd.DataFrame({"nudenet_detections": seen})
    measure = Measure("exposed", "nudenet", {"classes": ("FACE_FEMALE", "FEET_EXPOSED"), "threshold": 0.5})
    assert list(paired.IMAGE["exposed"](SimpleNamespace(rows=rows), measure)) == [2, 0, 0]


# ── the standard error ──


@pytest.mark.parametrize("per_row", [1, 5])
def test_the_interval_of_a_mean_difference_covers(per_row):
    """Hard prompts are hard for both models, and the images of a row resemble each other. The truth is 0.05."""
    hits = 0
    for trial in range(400):
        dice = np.random.default_rng([per_row, trial])
        units = np.repeat(np.arange(40), per_row)
        hard, drawn = dice.normal(0, 1, 40)[units], dice.normal(0, 0.2, (2, 40))[:, units]
        one, two = hard + 0.05 + drawn[0], hard + drawn[1] + dice.normal(0, 0.1, len(units))
        gap, error = float((one - two).mean()), Images(one, units).error(Images(two, units))
        hits += abs(gap - 0.05) < 2.02 * error
        assert error < 0.1, "less than a tenth of what the prompts add to each mean"
    assert hits / 400 == pytest.approx(0.95, abs=0.04)


def test_the_interval_of_a_difference_of_fids_covers_and_is_narrower_than_of_two():
    """Both models share most of what their images differ in from the original's: their FIDs go up and down together."""
    n, d, hits, narrower = 60, 8, 0, 0
    units = np.arange(n)

    def draw(trial):
        dice = np.random.default_rng(trial)
        y, shared = dice.normal(size=(2, n, d))
        return y, [0.5 * y + shared + shift + 0.2 * dice.normal(size=(n, d)) for shift in (0.5, 0.8)]

    def parts(x, y):
        return leave_out(lambda keep: distance(x[keep], y[keep]), units)

    truth = np.mean([distance(b, y) - distance(a, y) for y, (a, b) in map(draw, range(1000, 1400))])
    for trial in range(150):
        y, (a, b) = draw(trial)
        one, two = Whole(parts(b, y)), Whole(parts(a, y))
        error = one.error(two)
        hits += abs(one.value - two.value - truth) < 2.06 * error
        if trial < 10:
            narrower += error < np.hypot(deviation(parts(a, y)), deviation(parts(b, y)))
    assert hits / 150 >= 0.9 and narrower == 10


def test_the_table_shows_each_pair_both_ways(written, tmp_path):
    view.main("test", tmp_path / "scores.csv", tmp_path, ["tables/paired"])
    table = pd.read_csv(tmp_path / "tables/paired.csv")
    rows, _ = written
    lpips = table[(table.metric == "lpips") & (table.role == "erased")].set_index(["variant", "other"]).difference
    alone = rows[(rows.metric == "lpips") & (rows.role == "erased")].set_index(["variant", "other"]).difference
    pd.testing.assert_series_equal(lpips, alone, rtol=1e-4)
    text = (tmp_path / "tables/paired.md").read_text()
    assert "Artistic styles: lpips, erased (prompt set style)" in text
    gap = lpips["fast", "rival-l1"]
    assert f"{gap:+.3f}" in text and f"{-gap:+.3f}" in text


def made_up(**more):
    """A detail of two variants: nine erased concepts, of which one alone has an error."""
    rows = [
        {"experiment": "style", "task": "style", "concept": f"c{i}", "erasing_seed": 0, "prompt_set": "style",
         "role": "erased", "metric": "lpips", "observer": observer, "variant": "sdd", "other": "esd",
         "difference": difference, "se": 9.0 if i == 0 else 0.0}
        for i in range(9) for observer, difference in {"alex_64": 0.1, "alex_full": -0.3}.items()
    ]  # fmt: skip
    return {"paired": pd.DataFrame(rows).assign(**more)}


def names(labels, experiment="style", checkpoint=100):
    shown = {"experiment": experiment, "title": experiment, "checkpoint": checkpoint}
    return pd.DataFrame([shown | {"variant": variant, "label": label} for variant, label in labels.items()])


def test_of_two_observers_each_has_a_table_of_its_own():
    scores = names({"sdd": "sdd", "esd": "esd"})
    found = dict(paired_table.blocks(scores, made_up()))
    assert [title.partition(":")[2] for title in found] == [
        f" lpips by {observer}, erased (prompt set style)" for observer in ("alex_64", "alex_full")
    ]
    assert [shown.loc["sdd", "esd"] for shown in found.values()] == ["+0.100", "-0.300"]


def test_errors_of_different_concepts_add_in_quadrature():
    table = paired_table.table(names({}), made_up())
    assert list(table.se) == pytest.approx([1, 1]), "nine concepts, one of them with an error of 9"
    shared = paired_table.table(names({}), made_up(role="retained"))
    assert list(shared.se) == pytest.approx([1, 1]), "the same images: the mean of the errors"
    unknown = paired_table.table(names({}), made_up(se=np.nan))
    assert unknown.se.isna().all()


def test_labels_are_those_of_the_experiment_and_of_the_end():
    labels = pd.concat([
        names({"esd": "esd@10"}, checkpoint=10), names({"sdd": "sdd", "esd": "esd†"}),
        names({"sdd": "sdd", "esd": "esd"}, "object"),
    ])  # fmt: skip
    detail = pd.concat([made_up()["paired"], made_up(experiment="object")["paired"]])
    found = [list(shown.index) for _, shown in paired_table.blocks(labels, {"paired": detail})]
    assert found == [["sdd", "esd†"]] * 2 + [["sdd", "esd"]] * 2
