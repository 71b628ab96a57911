"""The FID of all retained images together, beside the mean of one for each concept."""

import numpy as np
import pandas as pd
import pytest
from scoring import run, world  # noqa: F401  (a fixture)

from benchmark import view
from benchmark.metrics._frechet import distance
from benchmark.plan.records import ORIGINAL


@pytest.fixture
def written(small, world, tmp_path):
    suite = tmp_path / "benchmark/suites/test.yaml"
    small("benchmark/suites/test.yaml", suite.read_text().replace("[tables/style", "[tables/pooled, tables/style"))
    paths = [world("style", ORIGINAL), world("style", "wreck"), world("style", "fast", "ink")]
    return paths, run(paths, tmp_path)


def features(path, rows, *asked):
    array = np.load(path.parent / "testbed.npz")["features"].astype(float)
    return array[rows.asked.isin(asked).to_numpy()]


def test_it_is_the_fid_of_all_images_of_the_retained_concepts(written, tmp_path):
    (original, _, fast), scores = written
    pooled = pd.read_csv(tmp_path / "details/pooled.csv").set_index(["variant", "without"])
    own, theirs = pd.read_csv(fast), pd.read_csv(original)
    retained = [name for name in own.asked.unique() if name != "ink"]
    kept = own[own.asked.isin(retained)]
    reference = theirs[["row", "index"]].apply(tuple, axis=1).isin(kept[["row", "index"]].apply(tuple, axis=1))
    there = np.load(original.parent / "testbed.npz")["features"].astype(float)[reference.to_numpy()]
    expected = distance(features(fast, own, *retained), there)
    assert pooled.loc[("fast", "ink"), "fid"] == pytest.approx(expected, rel=1e-5)
    assert pooled.loc[("fast", "ink"), "images"] == len(kept)
    means = scores[(scores.variant == "fast") & (scores.metric == "fid") & (scores.role == "retained")].value
    assert expected < means.mean(), "more images, less of what FID adds for being few"
    assert ORIGINAL not in pooled.index.get_level_values("variant")


def test_a_control_is_pooled_as_the_models_beside_it(written, tmp_path):
    pooled = pd.read_csv(tmp_path / "details/pooled.csv")
    assert set(pooled[pooled.variant == "wreck"].without) >= {"ink"}
    sizes = pooled[pooled.without == "ink"].set_index("variant").images
    assert sizes["wreck"] == sizes["fast"]


def test_the_table_has_both_readings(written, tmp_path):
    view.main("test", tmp_path / "scores.csv", tmp_path, ["tables/pooled"])
    rows = pd.read_csv(tmp_path / "tables/pooled.csv").set_index("variant")
    detail = pd.read_csv(tmp_path / "details/pooled.csv")
    assert rows.loc["fast", "pooled"] == pytest.approx(detail[detail.variant == "fast"].fid.mean(), rel=1e-5)
    text = (tmp_path / "tables/pooled.md").read_text()
    assert "mean over concepts ↓" in text and "all images together ↓" in text
