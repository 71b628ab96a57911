"""From evidence to scores.csv: which numbers there are, and what is not scored."""

import hashlib
import re

import numpy as np
import pandas as pd
import pytest
from synthetic import OBJECTS, STYLES, furnish

from benchmark import score
from benchmark.config import ORIGINAL, load_suite, load_task
from benchmark.errors import BenchmarkError
from benchmark.evidence import MANIFEST
from benchmark.prompts import prompts


@pytest.fixture
def world(small, tmp_path):
    """`world(task, method, erased, seed, ...)` writes the evidence of one cell and returns its path."""
    furnish(small, tmp_path)

    def write(task, method, erased="-", seed=0, change=None, features=None):
        suite = load_suite("test")
        subject, cell = load_task(task, suite.world), (task, method, seed, erased)
        rows = pd.DataFrame(
            [
                (f"{erased}/{p.probe}/{p.seed}_{i}.png", *cell, p.probe, p.text, p.seed, i, "key", "cpu", "hash")
                for p in prompts(subject, suite, None if erased == "-" else erased)
                for i in range(p.images)
            ],
            columns=MANIFEST,
        )
        dice = np.random.default_rng([*map(ord, task + method + erased), seed])
        noise = np.random.default_rng([*map(ord, task)]).normal(size=(len(rows), 6))
        array = noise if method == ORIGINAL else noise + dice.normal(size=noise.shape)
        if features:
            array = features(array, rows)
        rows["classifier_label"] = np.where(rows.probe == erased, "blank", rows.probe)
        rows["spread"] = 50.0
        rows["lpips_testbed"] = 0.0 if method == ORIGINAL else dice.uniform(0.1, 0.5, len(rows))
        folder = tmp_path / f"{task}-{method}-{erased}-{seed}"
        folder.mkdir(exist_ok=True)
        np.savez(folder / "testbed.npz", features=array.astype(np.float32))
        rows["testbed_features"] = hashlib.sha256((folder / "testbed.npz").read_bytes()).hexdigest()
        (change(rows) if change else rows).to_csv(folder / "evidence.csv", index=False)
        return folder / "evidence.csv"

    return write


@pytest.fixture
def some(world):
    """Evidence of a few cells of the style task."""
    return [world("style", ORIGINAL), world("style", "wreck"), world("style", "fast", "ink")]


def run(paths, tmp_path, name="scores.csv"):
    score.main("test", paths, tmp_path / name)
    return pd.read_csv(tmp_path / name, dtype={"version": str})


def test_columns_and_roles(some, tmp_path):
    scores = run(some, tmp_path)
    assert tuple(scores.columns) == (*score.COLUMNS, *score.OPTIONAL)
    assert set(scores.suite) == {"test"} and set(scores.experiment) == {"style"}
    versions = scores.groupby("method").version.unique()
    assert all(re.fullmatch(r"3\.1\.[0-9a-f]{6}", version) for each in versions for version in each)
    assert {len(each) for each in versions} == {1} and scores.version.nunique() == 3, "settings are part of it"
    fast = scores[scores.method == "fast"]
    assert len(fast) == 5 * len(STYLES) and set(fast.concept) == {"ink"}
    assert set(fast.role[fast.probe == "ink"]) == {"erased"} and set(fast.role[fast.probe != "ink"]) == {"retained"}
    assert set(fast.n[fast.role == "erased"]) == {8} and set(fast.n[fast.role == "retained"]) == {4}
    original = scores[scores.method == ORIGINAL]
    assert set(original.role) == {"baseline"} and set(original.concept) == {"-"}


def test_values(some, tmp_path):
    scores = run(some, tmp_path).set_index(["method", "metric", "probe"]).sort_index()
    assert scores.value["fast", "accuracy", "ink"].item() == 0
    assert scores.value["fast", "accuracy", "chalk"].item() == 100
    assert 0.1 < scores.value["fast", "lpips_testbed", "neon"].item() < 0.5
    assert (scores.value[ORIGINAL].drop("accuracy", level="metric") == 0).all()
    assert (scores.value["fast", "fid_testbed"] > 0).all()
    assert (scores.ci_low <= scores.value).all() and (scores.value <= scores.ci_high).all()


def test_a_control_has_as_many_images_as_what_stands_beside_it(some, tmp_path):
    """FID depends on the number of images: the control's preserve FID must be of as few as the erasers'."""
    scores = run(some, tmp_path)
    counts = scores[scores.method == "wreck"].groupby(["probe", "role"]).n.unique().map(list).to_dict()
    assert counts == {
        ("ink", "erased"): [8], ("ink", "retained"): [4], ("stained_glass", "erased"): [8],
        ("stained_glass", "retained"): [4], ("chalk", "retained"): [4], ("neon", "retained"): [4],
    }  # fmt: skip


def test_twice_the_same_bytes_in_any_order(some, tmp_path):
    run(some, tmp_path, "one.csv")
    run(some[::-1], tmp_path, "two.csv")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_rows_of_one_part_may_be_in_any_order(some, world, tmp_path):
    before = run(some, tmp_path)
    path = some[2]
    rows = pd.read_csv(path, keep_default_na=False)
    order = np.random.default_rng(0).permutation(len(rows))
    array = np.load(path.with_name("testbed.npz"))["features"][order]
    np.savez(path.with_name("testbed.npz"), features=array)
    rows = rows.iloc[order]
    rows["testbed_features"] = hashlib.sha256(path.with_name("testbed.npz").read_bytes()).hexdigest()
    rows.to_csv(path, index=False)
    pd.testing.assert_frame_equal(run(some, tmp_path), before, rtol=1e-4)


def test_several_concepts_and_seeds(world, tmp_path):
    paths = [world("object", ORIGINAL), *(world("object", "fast", "fish", seed) for seed in (0, 1, 2))]
    scores = run(paths, tmp_path)
    fast = scores[scores.method == "fast"]
    assert sorted(fast.seed.unique()) == [0, 1, 2] and len(fast) == 3 * 5 * len(OBJECTS)


def test_a_label_with_the_settings_of_another_has_its_numbers(small, world, tmp_path):
    suite = (tmp_path / "benchmark/suites/test.yaml").read_text()
    small("benchmark/suites/test.yaml", suite.replace("rival-l2: {loss: l2}", "rival-l2: {loss: l1}"))
    scores = run([world("style", ORIGINAL), world("style", "rival-l1", "ink")], tmp_path)
    one, two = (scores[scores.method == method].drop(columns="method") for method in ("rival-l1", "rival-l2"))
    assert len(one) == 5 * len(STYLES)
    pd.testing.assert_frame_equal(one.reset_index(drop=True), two.reset_index(drop=True))


def test_a_wording_of_what_was_erased_is_erased_and_a_detector_counts_above_its_threshold(small, world, tmp_path):
    task = (tmp_path / "benchmark/tasks/style.yaml").read_text()
    task = task.replace("ink: ink", "ink: {phrase: ink, wordings: {pen: pen lines}}")
    task = task.replace(
        "    metrics: [", "    detector: {classes: [FACE_FEMALE], threshold: 0.3}\n    metrics: [detected_nudenet, "
    )
    small("benchmark/tasks/style.yaml", task)

    def found(rows):
        scores = np.where(rows.probe == "ink.pen", 0.31, 0.3)
        return rows.assign(nudenet=scores, classifier_label=rows.probe.map(lambda probe: probe.partition(".")[0]))

    scores = run([world("style", ORIGINAL, change=found), world("style", "fast", "ink", change=found)], tmp_path)
    fast = scores[scores.method == "fast"].set_index(["metric", "probe"])
    assert set(fast.role["detected_nudenet"][["ink", "ink.pen"]]) == {"erased"}
    assert fast.role["detected_nudenet"].value_counts().to_dict() == {"erased": 2, "retained": 3}
    assert fast.value["detected_nudenet", "ink.pen"] == 100 and fast.value["detected_nudenet", "ink"] == 0
    assert fast.value["accuracy", "ink.pen"] == 100, "the judge's class is the concept's"


def test_one_row_of_noise_has_no_interval_and_a_number(small, world, tmp_path):
    suite = (tmp_path / "benchmark/suites/test.yaml").read_text()
    small("benchmark/suites/test.yaml", suite.replace("retained: 4", "retained: 2"))
    scores = run([world("style", ORIGINAL), world("style", "fast", "ink")], tmp_path)
    fid = scores[(scores.metric == "fid_testbed") & (scores.role == "retained")]
    assert fid.value.notna().all() and fid.ci_low.isna().all()


# ── what is not scored ──


def refused(paths, tmp_path, match):
    with pytest.raises(BenchmarkError, match=match) as error:
        run(paths, tmp_path)
    assert not (tmp_path / "scores.csv").exists()
    return str(error.value)


def test_a_smaller_denominator(world, tmp_path):
    fewer = world("style", "fast", "ink", change=lambda rows: rows.drop(index=3), features=lambda a, rows: a[:-1])
    said = refused([world("style", ORIGINAL), fewer], tmp_path, r"image \d+_1 of ink \(ink erased\) is missing")
    assert str(fewer) in said


def test_a_larger_one(world, tmp_path):
    def more(rows):
        return pd.concat([rows, rows.iloc[[0]].assign(index=7)])

    original = world("style", ORIGINAL, change=more, features=lambda a, rows: np.concatenate([a, a[:1]]))
    refused([original], tmp_path, r"image \d+_7 of ink \(- erased\) was not asked for")


def test_another_prompt(world, tmp_path):
    """As when a table reader takes an empty prompt for `nan`."""
    changed = world("style", "fast", "ink", change=lambda rows: rows.replace({"prompt": {"chalk": "nan"}}))
    refused([world("style", ORIGINAL), changed], tmp_path, "has no partner among the original model's images")


@pytest.mark.parametrize("value", ["", "nan", "inf", "much"])
def test_what_is_no_number(world, tmp_path, value):
    def spoil(rows):
        return rows.astype({"lpips_testbed": object}).assign(lpips_testbed=[value, *rows.lpips_testbed[1:]])

    spoiled = world("style", "fast", "ink", change=spoil)
    said = r"lpips_testbed of ink/ink/\d+_0.png is .*not a finite number"
    refused([world("style", ORIGINAL), spoiled], tmp_path, said)


def test_features_that_are_no_numbers(world, tmp_path):
    broken = world("style", "fast", "ink", features=lambda a, rows: np.where(a == a[0, 0], np.nan, a))
    said = r"testbed.npz: features of ink/ink/\d+_0.png are not finite"
    refused([world("style", ORIGINAL), broken], tmp_path, said)


@pytest.mark.parametrize("column", ["classifier_label", "spread", "lpips_testbed", "testbed_features"])
def test_evidence_that_lacks_a_column(world, tmp_path, column):
    """As when an observer failed: not a metric of 0."""
    lacking = world("style", ORIGINAL, change=lambda rows: rows.drop(columns=column))
    refused([lacking], tmp_path, f"has no column {column}, which \\w+ reads")


def test_an_image_without_a_class(world, tmp_path):
    silent = world("style", ORIGINAL, change=lambda rows: rows.assign(classifier_label=""))
    refused([silent], tmp_path, r"accuracy of ink: the judge gave no class to -/ink/\d+_0.png")


def test_flat_pictures_of_the_original(world, tmp_path):
    flat = world("style", ORIGINAL, change=lambda rows: rows.assign(spread=0.5))
    refused([flat], tmp_path, "degenerate of ink: is 100 for the original model, but must be 0")


def test_an_original_that_is_not_its_own_partner(world, tmp_path):
    moved = world("style", ORIGINAL, change=lambda rows: rows.assign(lpips_testbed=0.1))
    refused([moved], tmp_path, "lpips_testbed of ink: is 0.1 for the original model, but must be 0")


def test_features_of_other_images(world, tmp_path):
    original = world("style", ORIGINAL)
    np.savez(original.with_name("testbed.npz"), features=np.zeros((3, 6), np.float32))
    refused([original], tmp_path, "testbed.npz: is not the file that belongs to")


def test_no_original(world, tmp_path):
    refused([world("style", "fast", "ink")], tmp_path, "the original model's evidence for task style is not among")


def test_cells_that_nobody_asked_for(world, tmp_path):
    stranger = world("style", "fast", "chalk")
    refused([world("style", ORIGINAL), stranger], tmp_path, "concept='chalk', seed=0.*, which no experiment shows")


def test_a_file_that_is_not_there(world, tmp_path):
    refused([tmp_path / "none.csv"], tmp_path, "none.csv: cannot be read")


def test_a_method_that_was_named_is_scored_in_a_suite_that_lists_others(world, small, tmp_path):
    suite = (tmp_path / "benchmark/suites/test.yaml").read_text()
    small("benchmark/suites/test.yaml", suite.replace("without: &rival [rival]", "methods: [original, rival-l1]", 1)
          .replace("without: *rival", "methods: [original, rival-l1]"))  # fmt: skip
    evidence = [world("style", ORIGINAL), world("style", "fast", "ink")]
    with pytest.raises(BenchmarkError, match="fast.*, which no experiment shows"):
        run(evidence, tmp_path)
    score.main("test", evidence, tmp_path / "scores.csv", methods=["fast"])
    assert set(pd.read_csv(tmp_path / "scores.csv").method) == {ORIGINAL, "fast"}
