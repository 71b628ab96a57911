"""A repository in which stages are run one by one, on the testbed."""

import shutil

import pytest
from conftest import ROOT, forget

import methods
from benchmark import base, generate, observe, prompts
from benchmark import train_classifier as train
from benchmark.plan import plugins

SUITE = """
title: Stages
world: testbed
base: testbed/model
sampler: {scheduler: dpm, steps: 4, guidance: 3.0, size: 64, precision: float32, batch: 4, threads: 1}
budgets: {erased: 4, retained: 2, images_per_seed: 2, pool: 2, train: 4}
shard: all
settings:
  original: {}
  esd: {steps: 8, lr: 1.0e-3, batch: 2, denoise_steps: 3}
experiments:
  object: {task: object, methods: [original, esd], concepts: [church], views: [tables/object]}
"""
ATTACKED = """
title: Objects, after a search for words that bring them back
version: 1
attack: random_words
of: object
settings: {candidates: 3, noises: 2}
metrics: {accuracy: classifier, flat: spread}
"""
WEIGHTS = '''"""Theirs: weights of other people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ADOPTS = "weights"


@dataclass(frozen=True)
class Settings:
    weights: str = "elsewhere/{concept}.safetensors"
    sha256: Mapping[str, str] | None = None
'''
IMAGES = '''"""Drawn: images of other people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ADOPTS = "images"


@dataclass(frozen=True)
class Settings:
    images: str = "elsewhere/{concept}"
    rows: str = "elsewhere/{concept}.csv"
    sha256: Mapping[str, str] | None = None
'''


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A copy of what runs are made of, in which a suite of one concept is begun; `repository(path, text)` edits it."""
    for folder in ("benchmark", "methods", "attacks", "classifiers"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "testbed").symlink_to(ROOT / "testbed")
    monkeypatch.setattr(plugins, "ROOT", tmp_path)
    monkeypatch.setattr(methods, "__path__", [str(tmp_path / "methods")])
    monkeypatch.chdir(tmp_path)

    def write(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
        forget()

    write("benchmark/suites/test.yaml", SUITE)
    base.main("test", tmp_path / "results/test/base.json")
    yield write
    forget()


def only(task, sets):
    """The task of the repository, with models looked at on these sets, too."""
    text = (ROOT / f"benchmark/tasks/{task}.yaml").read_text()
    return text.replace("  testbed:\n", f"  testbed:\n    erased_on: [{', '.join(sets)}]\n", 1)


def draw(tmp_path, name, *shard):
    """The images of a set by the original model or by a shard's, and what was seen in them."""
    rows = tmp_path / f"results/test/prompts/{name}.csv"
    folder = tmp_path / "results/test/images" / name
    if not rows.exists():
        prompts.main("test", rows, set=name)
    if not (folder / "original/manifest.csv").exists():
        generate.main("test", name, rows, folder / "original")
    if shard:
        generate.main("test", name, *shard)
    return folder


def look(tmp_path, name, images):
    classifier = tmp_path / "results/test/classifiers/object"
    if not classifier.exists():
        train.main("test", "object", classifier)
    out = tmp_path / "results/test/evidence" / name / images.parent.name
    observe.main("test", images, tmp_path / f"results/test/images/{name}/original/manifest.csv", out, classifier)
    return out / "evidence.csv"
