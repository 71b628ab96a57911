"""From evidence to scores.csv: which numbers there are, and what is not scored."""

import hashlib
import re

import numpy as np
import pandas as pd
import pytest
from synthetic import OBJECTS, STYLES, asked_of, furnish

from benchmark import prompts, score
from benchmark.config import load_set, load_suite
from benchmark.errors import BenchmarkError
from benchmark.evidence import MANIFEST
from benchmark.records import NOTHING, Variant
from benchmark.scores import COLUMNS, OPTIONAL
from benchmark.variants import ORIGINAL


@pytest.fixture
def world(small, tmp_path):
    """`world(task, variant, concept, seed, ...)` writes the evidence of one erasure and returns its path."""
    furnish(small, tmp_path)

    def write(task, variant, concept=NOTHING, seed=0, change=None, features=None, on=None):
        """On the task's own prompt set, or another one; `change` edits its rows, `features` the array beside them."""
        suite, chosen, name = load_suite("test"), Variant.of(variant), on or task
        own = (NOTHING if variant == ORIGINAL else task, chosen.method, chosen.name, chosen.checkpoint, concept, seed)
        rows = pd.DataFrame(
            [
                (f"{concept}/{p.row}_{i}.png", name, p.row, i, p.text, p.noise_seed, p.concept, p.wording, p.class_name)
                + (*own, "key", "cpu", "hash")
                for p in asked_of(load_set(name, suite.world), suite, concept)
                for i in range(p.images)
            ],
            columns=MANIFEST,
        )
        dice = np.random.default_rng([*map(ord, name + variant + concept), seed])
        noise = np.random.default_rng([*map(ord, name)]).normal(size=(len(rows), 6))
        array = noise if variant == ORIGINAL else noise + dice.normal(size=noise.shape)
        if features:
            array = features(array, rows)
        rows["classifier_label"] = np.where(rows.asked == concept, "blank", rows.class_name)
        rows["spread"] = 50.0
        rows["lpips_testbed"] = 0.0 if variant == ORIGINAL else dice.uniform(0.1, 0.5, len(rows))
        folder = tmp_path / f"{name}-{task}-{variant}-{concept}-{seed}"
        folder.mkdir(exist_ok=True)
        np.savez(folder / "testbed.npz", features=array.astype(np.float32))
        rows["testbed_features"] = hashlib.sha256((folder / "testbed.npz").read_bytes()).hexdigest()
        (change(rows) if change else rows).to_csv(folder / "evidence.csv", index=False)
        return folder / "evidence.csv"

    return write


@pytest.fixture
def some(world):
    """Evidence of a few models of the task `style`."""
    return [world("style", ORIGINAL), world("style", "wreck"), world("style", "fast", "ink")]


def run(paths, tmp_path, name="scores.csv", sets=("style", "object"), **narrowed):
    for each in sets:
        prompts.main("test", tmp_path / f"prompts/{each}.csv", set=each)
    rows = [tmp_path / f"prompts/{each}.csv" for each in sets]
    score.main("test", rows, paths, tmp_path / name, **narrowed)
    return pd.read_csv(tmp_path / name, dtype={"version": str}, keep_default_na=False, na_values={"ci_low": ""})


def test_columns_and_roles(some, tmp_path):
    scores = run(some, tmp_path)
    assert tuple(scores.columns) == (*COLUMNS, *OPTIONAL)
    assert set(scores.suite) == {"test"} and set(scores.experiment) == {"style"}
    versions = scores.groupby("variant").version.unique()
    assert all(re.fullmatch(r"3\.1\.[0-9a-f]{6}", version) for each in versions for version in each)
    assert {len(each) for each in versions} == {1} and scores.version.nunique() == 3, "settings are part of it"
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
    rows.to_csv(path, index=False)
    pd.testing.assert_frame_equal(run(some, tmp_path), before, rtol=1e-4)


def test_several_concepts_and_seeds(world, tmp_path):
    paths = [world("object", ORIGINAL), *(world("object", "fast", "fish", seed) for seed in (0, 1, 2))]
    scores = run(paths, tmp_path)
    fast = scores[scores.method == "fast"]
    assert sorted(fast.erasing_seed.unique()) == [0, 1, 2] and len(fast) == 3 * 5 * len(OBJECTS)


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


def test_a_set_of_two_tasks_is_looked_at_once_for_the_original(small, world, tmp_path):
    """Its numbers stand in both tasks and are the same."""
    looked_at(small, tmp_path, erased_on=["style"], retained_on=["style", "object"])
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


# ── what is not scored ──


def refused(paths, tmp_path, match):
    with pytest.raises(BenchmarkError, match=match) as error:
        run(paths, tmp_path)
    assert not (tmp_path / "scores.csv").exists()
    return str(error.value)


def test_a_smaller_denominator(world, tmp_path):
    fewer = world("style", "fast", "ink", change=lambda rows: rows.drop(index=3), features=lambda a, rows: a[:-1])
    said = refused([world("style", ORIGINAL), fewer], tmp_path, r"image ink-\d+_1 \(ink erased\) is missing")
    assert str(fewer) in said


def test_a_larger_one(world, tmp_path):
    def more(rows):
        return pd.concat([rows, rows.iloc[[0]].assign(index=7)])

    original = world("style", ORIGINAL, change=more, features=lambda a, rows: np.concatenate([a, a[:1]]))
    refused([original], tmp_path, r"image ink-\d+_7 \(- erased\) was not asked for")


def test_another_prompt(world, tmp_path):
    """As when a reader of tables takes an empty text for `nan`."""
    changed = world("style", "fast", "ink", change=lambda rows: rows.replace({"text": {"chalk": "nan"}}))
    refused(
        [world("style", ORIGINAL), changed],
        tmp_path,
        r"ink/chalk-\d+_0.png has another text or noise than its reference image",
    )


@pytest.mark.parametrize("value", ["", "nan", "inf", "much"])
def test_what_is_no_number(world, tmp_path, value):
    def spoil(rows):
        return rows.astype({"lpips_testbed": object}).assign(lpips_testbed=[value, *rows.lpips_testbed[1:]])

    spoiled = world("style", "fast", "ink", change=spoil)
    said = r"lpips_testbed of ink/ink-\d+_0.png is .*not a finite number"
    refused([world("style", ORIGINAL), spoiled], tmp_path, said)


def test_features_that_are_no_numbers(world, tmp_path):
    broken = world("style", "fast", "ink", features=lambda a, rows: np.where(a == a[0, 0], np.nan, a))
    said = r"testbed.npz: features of ink/ink-\d+_0.png are not finite"
    refused([world("style", ORIGINAL), broken], tmp_path, said)


@pytest.mark.parametrize("column", ["classifier_label", "spread", "lpips_testbed", "testbed_features"])
def test_evidence_that_lacks_a_column(world, tmp_path, column):
    """As when an observer failed: not a metric of 0."""
    lacking = world("style", ORIGINAL, change=lambda rows: rows.drop(columns=column))
    refused([lacking], tmp_path, f"has no column {column}, which \\w+ by \\w+ reads")


def test_an_image_without_a_class(world, tmp_path):
    silent = world("style", ORIGINAL, change=lambda rows: rows.assign(classifier_label=""))
    refused([silent], tmp_path, r"accuracy by classifier of ink: the classifier gave no class to -/ink-\d+_0.png")


def test_flat_pictures_of_the_original(world, tmp_path):
    flat = world("style", ORIGINAL, change=lambda rows: rows.assign(spread=0.5))
    refused([flat], tmp_path, "flat by spread of ink: is 100 for the original model, but must be 0")


def test_an_original_that_is_not_its_own_reference(world, tmp_path):
    moved = world("style", ORIGINAL, change=lambda rows: rows.assign(lpips_testbed=0.1))
    refused([moved], tmp_path, "lpips by testbed of ink: is 0.1 for the original model, but must be 0")


def test_features_of_other_images(world, tmp_path):
    original = world("style", ORIGINAL)
    np.savez(original.with_name("testbed.npz"), features=np.zeros((3, 6), np.float32))
    refused([original], tmp_path, "testbed.npz: is not the file that belongs to")


def test_no_original(world, tmp_path):
    refused([world("style", "fast", "ink")], tmp_path, "the original model's evidence on style is not among")


def test_erasures_that_nobody_asked_for(world, tmp_path):
    stranger = world("style", "fast", "chalk")
    refused(
        [world("style", ORIGINAL), stranger], tmp_path, "concept='chalk', erasing_seed=0.*, which no experiment shows"
    )


def test_a_file_that_is_not_there(world, tmp_path):
    refused([tmp_path / "none.csv"], tmp_path, "none.csv: cannot be read")


def test_a_method_that_was_named_is_scored_in_a_suite_that_lists_others(world, small, tmp_path):
    suite = (tmp_path / "benchmark/suites/test.yaml").read_text()
    small("benchmark/suites/test.yaml", suite.replace("without: &rival [rival]", "methods: [original, rival-l1]", 1)
          .replace("without: *rival", "methods: [original, rival-l1]"))  # fmt: skip
    evidence = [world("style", ORIGINAL), world("style", "fast", "ink")]
    with pytest.raises(BenchmarkError, match="fast.*, which no experiment shows"):
        run(evidence, tmp_path)
    assert set(run(evidence, tmp_path, methods=["fast"]).method) == {ORIGINAL, "fast"}
