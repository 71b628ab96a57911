"""From evidence to scores.csv: which numbers there are."""

import hashlib
import re

import numpy as np
import pandas as pd
import pytest
from conftest import METHOD, sealed
from scoring import run, some, world  # noqa: F401  (fixtures)
from synthetic import OBJECTS, STYLES

from benchmark.errors import BenchmarkError
from benchmark.metrics._intervals import mean
from benchmark.plan import grid
from benchmark.plan.records import ORIGINAL
from benchmark.store.scores import COLUMNS, OPTIONAL


def test_columns_and_roles(some, tmp_path):
    scores = run(some, tmp_path)
    assert tuple(scores.columns) == (*COLUMNS, *OPTIONAL)
    assert set(scores.suite) == {"test"} and set(scores.experiment) == {"style"}
    versions = scores.groupby(["variant", "metric"]).version.unique()
    assert all(re.fullmatch(r"3\.1\.[0-9a-f]{6}", version) for each in versions for version in each)
    assert {len(each) for each in versions} == {1}
    assert set(scores.groupby("metric").version.nunique()) == {3}, "the variants' settings are part of it"
    fast = scores[scores.method == "fast"]
    assert len(fast) == 5 * len(STYLES) and set(fast.concept) == {"ink"}
    assert set(fast.task) == {"style"} == set(fast.prompt_set) and set(fast.checkpoint) == {100}
    assert set(fast.role[fast.asked == "ink"]) == {"erased"} and set(fast.role[fast.asked != "ink"]) == {"retained"}
    assert set(fast.n[fast.role == "erased"]) == {8} and set(fast.n[fast.role == "retained"]) == {4}
    original = scores[scores.method == ORIGINAL]
    assert set(original.role) == {"baseline"} and set(original.concept) == {"-"} and set(original.task) == {"style"}
    pairs = set(scores[["metric", "observer"]].itertuples(index=False, name=None))
    read = {"accuracy": "classifier", "flat": "spread", "fid": "testbed", "kid": "testbed", "lpips": "testbed"}
    assert pairs == set(read.items())


def test_values(some, tmp_path):
    scores = run(some, tmp_path).set_index(["method", "metric", "asked"]).sort_index()
    assert scores.value["fast", "accuracy", "ink"].item() == 0
    assert scores.value["fast", "accuracy", "chalk"].item() == 100
    assert 0.1 < scores.value["fast", "lpips", "neon"].item() < 0.5
    assert (scores.value[ORIGINAL].drop("accuracy", level="metric") == 0).all()
    assert (scores.value["fast", "fid"] > 0).all()
    assert (scores.ci_low <= scores.value).all() and (scores.value <= scores.ci_high).all()


def test_intervals_resample_prompt_rows_in_the_order_of_their_noise_seeds(small, world, tmp_path):
    """Of so many rows the quantiles of the resamples depend on the order."""
    suite = (tmp_path / "benchmark/suites/test.yaml").read_text()
    small("benchmark/suites/test.yaml", suite.replace("erased: 8", "erased: 32"))
    paths = [world("style", ORIGINAL), world("style", "fast", "ink")]
    scores = run(paths, tmp_path).query("method == 'fast' and metric == 'lpips' and asked == 'ink'")
    seen = pd.read_csv(paths[1], keep_default_na=False).query("asked == 'ink'").sort_values(["noise_seed", "index"])
    assert list(seen.row) != sorted(seen.row), "the names of rows have another order"
    expected = mean(seen.lpips_testbed.to_numpy(), np.arange(32) // 2)
    assert scores[["value", "n", "ci_low", "ci_high"]].to_numpy()[0] == pytest.approx(expected, rel=1e-5)


def test_a_control_has_as_many_images_as_what_stands_beside_it(some, tmp_path):
    """FID depends on the number of images: a control must have as few of retained concepts as erasers have."""
    scores = run(some, tmp_path)
    counts = scores[scores.method == "wreck"].groupby(["asked", "role"]).n.unique().map(list).to_dict()
    assert counts == {
        ("ink", "erased"): [8], ("ink", "retained"): [4], ("stained_glass", "erased"): [8],
        ("stained_glass", "retained"): [4], ("chalk", "retained"): [4], ("neon", "retained"): [4],
    }  # fmt: skip


def test_twice_the_same_bytes_in_any_order(some, tmp_path):
    run(some, tmp_path, "one.csv")
    run(some[::-1], tmp_path, "two.csv")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_rows_of_one_file_may_be_in_any_order(some, world, tmp_path):
    before = run(some, tmp_path)
    path = some[2]
    rows = pd.read_csv(path, keep_default_na=False)
    order = np.random.default_rng(0).permutation(len(rows))
    array = np.load(path.with_name("testbed.npz"))["features"][order]
    np.savez(path.with_name("testbed.npz"), features=array)
    rows = rows.iloc[order]
    rows["testbed_features"] = hashlib.sha256(path.with_name("testbed.npz").read_bytes()).hexdigest()
    sealed(path, rows.to_csv(index=False))
    pd.testing.assert_frame_equal(run(some, tmp_path), before, rtol=1e-4)


def test_several_concepts_and_seeds(world, tmp_path):
    paths = [world("object", ORIGINAL), *(world("object", "fast", "fish", seed) for seed in (0, 1, 2))]
    scores = run(paths, tmp_path)
    fast = scores[scores.method == "fast"]
    assert sorted(fast.erasing_seed.unique()) == [0, 1, 2] and len(fast) == 3 * 5 * len(OBJECTS)


def test_a_run_of_some_seeds_and_concepts_has_no_number_of_others(small, world, tmp_path):
    """A method that no seed changes is run with seed 0; and two tasks may look at one set."""
    small("methods/fast.py", METHOD.replace('POOL = "concept"', "POOL = None\nSEEDED = False"))
    task = (tmp_path / "benchmark/tasks/style.yaml").read_text()
    sets = "    retained_on: [style, object]\n    templates:"
    small("benchmark/tasks/style.yaml", task.replace("    templates:", sets))
    paths = [world("object", ORIGINAL), world("object", "fast", "fish")]
    scores = run(paths, tmp_path, concepts=["fish"], seeds=[1])
    assert set(scores.experiment) == {"object"}
    assert set(scores.erasing_seed[scores.variant == "fast"]) == {1}


def test_a_variant_with_the_settings_of_another_has_its_numbers(small, world, tmp_path):
    suite = (tmp_path / "benchmark/suites/test.yaml").read_text()
    small("benchmark/suites/test.yaml", suite.replace("rival-l2: {loss: l2}", "rival-l2: {loss: l1}"))
    scores = run([world("style", ORIGINAL), world("style", "rival-l1", "ink")], tmp_path)
    one, two = (scores[scores.variant == name].drop(columns="variant") for name in ("rival-l1", "rival-l2"))
    assert len(one) == 5 * len(STYLES)
    pd.testing.assert_frame_equal(one.reset_index(drop=True), two.reset_index(drop=True))


def test_a_wording_of_what_was_erased_is_erased_and_a_detector_counts_above_its_threshold(small, world, tmp_path):
    task = (tmp_path / "benchmark/tasks/style.yaml").read_text()
    task = task.replace("ink: ink", "ink: {phrase: ink, wordings: {pen: pen lines}}")
    detector = "detected: {observer: nudenet, classes: [FACE_FEMALE, FACE_MALE], threshold: 0.3}"
    small("benchmark/tasks/style.yaml", task.replace("metrics: {", f"metrics: {{{detector}, "))

    def seen(rows):
        """One class is above the threshold where pen lines were asked for; the other never is."""
        scores = np.where(rows.wording == "pen", 0.31, 0.3)
        return rows.assign(nudenet_FACE_FEMALE=0.3, nudenet_FACE_MALE=scores, classifier_label=rows.class_name)

    scores = run([world("style", ORIGINAL, change=seen), world("style", "fast", "ink", change=seen)], tmp_path)
    fast = scores[scores.method == "fast"].set_index(["metric", "asked", "wording"]).sort_index()
    detected = fast.loc["detected"]
    assert detected.role[detected.role == "erased"].index.tolist() == [("ink", ""), ("ink", "pen")]
    assert detected.role.value_counts().to_dict() == {"erased": 2, "retained": 3}
    assert detected.value["ink", "pen"] == 100 and detected.value["ink", ""] == 0
    assert fast.value["accuracy", "ink", "pen"] == 100, "the class is the concept's"


# ── prompt sets ──

CAPTIONS = """
title: Captions
version: 1
file: captions.csv
sha256: HASH
columns: {text: text}
metrics: {fid: testbed, kid: testbed, lpips: testbed}
"""


def looked_at(small, tmp_path, **sets):
    """Say on which sets the task `style` is looked at."""
    task = (tmp_path / "benchmark/tasks/style.yaml").read_text()
    lines = "".join(f"    {key}: [{', '.join(names)}]\n" for key, names in sets.items())
    small("benchmark/tasks/style.yaml", task.replace("    concepts:\n", f"{lines}    concepts:\n", 1))


def test_a_set_that_shows_what_is_retained_gives_no_row_of_what_is_erased(small, world, tmp_path):
    """`object` asks for nothing that `style` erases, and is looked at for its own task, too."""
    looked_at(small, tmp_path, erased_on=["style"], retained_on=["style", "object"])
    originals = [world("style", ORIGINAL), world("style", ORIGINAL, on="object")]
    erased = [world("style", "fast", "ink", on=name) for name in ("style", "object")]
    scores = run([*originals, *erased, world("style", "wreck", on="object")], tmp_path, experiments=["style"])
    on_object = scores[scores.prompt_set == "object"]
    assert on_object.groupby("method").role.unique().map(list).to_dict() == {
        "original": ["baseline"], "fast": ["retained"], "wreck": ["retained"],
    }  # fmt: skip
    assert set(on_object.asked) == set(OBJECTS) and set(on_object.task) == {"style"}
    assert set(on_object.n[on_object.method != ORIGINAL]) == {4}


def test_what_a_set_does_not_show_is_not_scored(small, world, tmp_path):
    looked_at(small, tmp_path, erased_on=["style"], retained_on=["object"])
    paths = [world("style", variant, concept, on=name)
             for name in ("style", "object") for variant, concept in ((ORIGINAL, "-"), ("fast", "ink"))]  # fmt: skip
    fast = run(paths, tmp_path, experiments=["style"]).query("method == 'fast'")
    assert set(fast[["prompt_set", "role", "asked"]].itertuples(index=False, name=None)) == {
        ("style", "erased", "ink"), *(("object", "retained", name) for name in OBJECTS),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sets", "roles"),
    [
        ({"erased_on": ["style", "captions"]}, ["erased"]),
        ({"retained_on": ["style", "captions"]}, ["retained"]),
        ({"erased_on": ["captions"], "retained_on": ["captions"]}, ["erased", "retained"]),
    ],
)
def test_a_set_that_is_scored_as_a_whole_has_a_number_in_each_role_that_the_task_gives_it(
    small, world, tmp_path, sets, roles
):
    text = "text\n" + "".join(f"caption {number}\n" for number in range(6))
    small("captions.csv", text)
    small("benchmark/prompt_sets/captions.yaml", CAPTIONS.replace("HASH", hashlib.sha256(text.encode()).hexdigest()))
    looked_at(small, tmp_path, **sets)
    names = ("style", "captions") if "style" in str(sets) else ("captions",)
    models = ((ORIGINAL, "-"), ("wreck", "-"), ("fast", "ink"))
    paths = [world("style", variant, concept, on=name) for name in names for variant, concept in models]
    scores = run(paths, tmp_path, sets=names, experiments=["style"]).query("prompt_set == 'captions'")
    assert set(scores.asked) == {"*"} and set(scores.wording) == {""} and set(scores.n) == {6}
    shown = scores[scores.metric == "lpips"].groupby("method").role.apply(list).to_dict()
    assert shown == {"original": ["baseline"], "wreck": roles, "fast": roles}
    numbers = scores[scores.method == "fast"].groupby("metric").value.nunique()
    assert set(numbers) == {1}, "a whole set has the same images in every role"


def test_a_set_of_two_tasks_is_looked_at_once_for_the_original(small, world, tmp_path):
    """Its numbers stand in both tasks and are the same."""
    looked_at(small, tmp_path, erased_on=["style"], retained_on=["style", "object"])
    assert grid.plan({"suite": "test"}, tolerant=True).looked_at.count(("object", "original")) == 1
    paths = [world("style", ORIGINAL), world("object", ORIGINAL)]
    assert [pd.read_csv(path).task.unique().tolist() for path in paths] == [["-"], ["-"]]
    scores = run([*paths, world("style", "fast", "ink"), world("style", "fast", "ink", on="object"),
                  world("object", "fast", "fish")], tmp_path)  # fmt: skip
    shared = scores[(scores.method == ORIGINAL) & (scores.prompt_set == "object")].drop(columns="experiment")
    one, two = (shared[shared.task == name].drop(columns="task").reset_index(drop=True) for name in ("style", "object"))
    assert len(one) == 5 * len(OBJECTS)
    pd.testing.assert_frame_equal(one, two)


def test_one_row_of_noise_has_no_interval_and_a_number(small, world, tmp_path):
    suite = (tmp_path / "benchmark/suites/test.yaml").read_text()
    small("benchmark/suites/test.yaml", suite.replace("retained: 4", "retained: 2"))
    scores = run([world("style", ORIGINAL), world("style", "fast", "ink")], tmp_path)
    fid = scores[(scores.metric == "fid") & (scores.role == "retained")]
    assert fid.value.notna().all() and fid.ci_low.isna().all()


def test_a_method_that_was_named_is_scored_in_a_suite_that_lists_others(world, small, tmp_path):
    suite = (tmp_path / "benchmark/suites/test.yaml").read_text()
    small("benchmark/suites/test.yaml", suite.replace("without: &rival [rival]", "methods: [original, rival-l1]", 1)
          .replace("without: *rival", "methods: [original, rival-l1]"))  # fmt: skip
    evidence = [world("style", ORIGINAL), world("style", "fast", "ink")]
    with pytest.raises(BenchmarkError, match="fast.*, which no experiment shows"):
        run(evidence, tmp_path)
    assert set(run(evidence, tmp_path, methods=["fast"]).method) == {ORIGINAL, "fast"}
