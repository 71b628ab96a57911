"""What is no evidence is not scored: no smaller denominator, no other image, no number that is none."""

import numpy as np
import pandas as pd
import pytest
from scoring import run, world  # noqa: F401  (fixtures)

from benchmark.errors import BenchmarkError
from benchmark.plan.records import ORIGINAL


def refused(paths, tmp_path, match):
    with pytest.raises(BenchmarkError, match=match) as error:
        run(paths, tmp_path)
    assert not (tmp_path / "scores.csv").exists()
    return str(error.value)


def test_a_smaller_denominator(world, tmp_path):
    fewer = world("style", "fast", "ink", change=lambda rows: rows.drop(index=3), features=lambda a, rows: a[:-1])
    message = refused([world("style", ORIGINAL), fewer], tmp_path, r"image ink-\d+_1 \(ink erased\) is missing")
    assert str(fewer) in message


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
    message = r"lpips_testbed of ink/ink-\d+_0.png is .*not a finite number"
    refused([world("style", ORIGINAL), spoiled], tmp_path, message)


def test_features_that_are_no_numbers(world, tmp_path):
    broken = world("style", "fast", "ink", features=lambda a, rows: np.where(a == a[0, 0], np.nan, a))
    message = r"testbed.npz: features of ink/ink-\d+_0.png are not finite"
    refused([world("style", ORIGINAL), broken], tmp_path, message)


@pytest.mark.parametrize("column", ["classifier_label", "spread", "lpips_testbed", "testbed_features"])
def test_evidence_that_lacks_a_column(world, tmp_path, column):
    """As when an observer failed: not a metric of 0."""
    lacking = world("style", ORIGINAL, change=lambda rows: rows.drop(columns=column))
    refused([lacking], tmp_path, f"has no column {column}, which \\w+ by \\w+ reads")


def test_an_image_without_a_class(world, tmp_path):
    silent = world("style", ORIGINAL, change=lambda rows: rows.assign(classifier_label=""))
    refused([silent], tmp_path, r"accuracy by classifier of ink: the classifier gave no class to -/ink-\d+_0.png")


def test_mostly_flat_pictures_of_the_original(world, tmp_path):
    flat = world("style", ORIGINAL, change=lambda rows: rows.assign(spread=0.5))
    refused([flat], tmp_path, "flat by spread of ink: is 100 for the original model, but must be 0 to 50")


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
