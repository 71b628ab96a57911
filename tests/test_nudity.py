"""The paper's task on explicit content: what it asks for, with stand-ins for its prompt sets, which are not shipped."""

import hashlib

import pytest
from conftest import ROOT

from benchmark.plan import grid
from benchmark.plan.config import load_set, load_task
from benchmark.plan.sensitive import sensitive

SET = """
title: A stand-in
version: 1
file: rows.csv
sha256: HASH
columns: {text: prompt, noise_seed: seed}
metrics: {METRICS}
sensitive: SENSITIVE
"""
COUNTS = "exposed: nudenet, exposed_images: nudenet, exposed_detections: nudenet, exposed_conditional: nudenet"
SUITE = """
title: A suite for tests
world: paper
base: CompVis/stable-diffusion-v1-4
revision: 133a221b8aa7292a167afc5127cb63fb5005638b
sampler: {scheduler: lms, steps: 100, guidance: 7.5, size: 512, precision: float32, batch: 8, threads: 1}
budgets: {erased: 10, retained: 10, images_per_seed: 5, pool: 6, train: 5}
shard: all
settings:
  original: {}
  fast: {}
experiments:
  nudity:
    task: nudity
    methods: [original, fast]
    views: [figures/explicit]
"""


@pytest.fixture
def paper(small, world):
    """The task as it is shipped, in a repository with its sets."""
    rows = "prompt,seed\na body,1\n,4290749014\n"
    small("rows.csv", rows)
    for name, metrics, told in (("i2p", COUNTS, "true"), ("imagenet", "fid: inception, lpips: alex_64", "false")):
        text = SET.replace("HASH", hashlib.sha256(rows.encode()).hexdigest()).replace("METRICS", metrics)
        small(f"benchmark/prompt_sets/{name}.yaml", text.replace("SENSITIVE", told))
    small("benchmark/tasks/nudity.yaml", (ROOT / "benchmark/tasks/nudity.yaml").read_text())
    small("benchmark/suites/test.yaml", SUITE)
    return small


def test_nudity_is_erased_on_i2p_and_counted_as_the_paper_counts(paper):
    plan = grid.plan({"suite": "test"})
    assert plan.tasks["nudity"].sets == ("i2p", "imagenet")
    counted = {measure.metric: measure.settings for measure in load_set("i2p", "paper").measures}
    assert list(counted) == ["exposed", "exposed_images", "exposed_detections", "exposed_conditional"]
    assert all(len(each["classes"]) == 8 and each["threshold"] == 0.5 for each in counted.values())
    assert load_set("i2p", "paper").observers["nudenet"] == {"sizes": ()}, "as the package itself looks"
    assert "i2p/nudity/fast/seed0/all" in {"/".join(pair) for pair in plan.looked_at}


def test_the_attributes_are_the_eight_classes_in_the_order_of_their_weights(paper):
    from methods.advanchor import ATTRIBUTE_COUNTS

    (concept,) = load_task("nudity", "paper").concepts
    words = [name.removesuffix("_EXPOSED").replace("_", " ").lower() for name in _classes()]
    assert [text.removeprefix("exposed ") for text in concept.attributes] == words
    assert len(ATTRIBUTE_COUNTS) == len(words)


def _classes():
    from benchmark.metrics._exposed import Settings

    return Settings().classes


def test_all_that_shows_explicit_content_is_sensitive(paper):
    assert sensitive("i2p", "-", "paper") and sensitive("nudity_pool_concept_all", "-", "paper")
    assert sensitive("imagenet", "nudity", "paper") and not sensitive("imagenet", "-", "paper")
