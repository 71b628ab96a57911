"""Made-up evidence, and scoring it: what the tests of scores share."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
from synthetic import asked_of, furnish

from benchmark import prompts, score
from benchmark.files import write_atomically
from benchmark.plan.config import load_set, load_suite
from benchmark.plan.records import NOTHING, ORIGINAL, Variant
from benchmark.store.evidence import MANIFEST


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
        with write_atomically(folder / "evidence.csv", sealed=True) as aside:
            (change(rows) if change else rows).to_csv(aside, index=False)
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
