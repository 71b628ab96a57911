"""A CSV file of somebody becomes a prompt set by one entry: it is drawn, looked at and scored beside a task's concepts.

Its rows are as untidy as such files are, and all of them are drawn as they stand.
"""

import csv
import shutil
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, forget

from benchmark import base, erase, generate, observe, prompts, score, train_classifier
from benchmark.plan import plugins, prompt_rows
from benchmark.plan.records import Prompt
from benchmark.store import evidence, manifest

LARGE = 2**32
LONG = " ".join(["lorry"] * 200)
SUITE = """
title: A suite for tests
world: testbed
base: testbed/model
sampler: {scheduler: dpm, steps: 4, guidance: 3.0, size: 64, precision: float32, batch: 16, threads: 1}
budgets: {erased: 4, retained: 2, images_per_seed: 1, pool: 4, train: 8}
shard: all
settings:
  original: {}
  scramble: {}
  esd: {steps: 2, lr: 3.0e-4, denoise_steps: 4, batch: 2}
experiments:
  object:
    task: object
    methods: [original, scramble, esd]
    concepts: [lorry]
    views: [tables/object]
"""
SET = """
title: Captions of somebody
version: 1
file: captions.csv
sha256: HASH
columns: {text: caption, noise_seed: seed, guidance: scale}
metrics: {flat: spread, fid: testbed, kid: testbed, lpips: testbed}
"""
WORDS = ("ink", "dog", "a picture of a church", "fish", "neon", "a blueprint picture of a saw", "chalk")


def captions():
    """60 rows: an empty text, one of 200 words, duplicates with and without the noise of their twin, scales."""
    rows = [[WORDS[number % len(WORDS)], LARGE + number, ""] for number in range(60)]
    rows[3][0], rows[5][0] = "", LONG
    rows[8] = list(rows[1])  # the same text, noise and scale
    rows[15] = [rows[1][0], rows[1][1], "7.5"]  # the same text and noise with a scale of its own
    for number in range(40, 50):
        rows[number][2] = "1.5"
    return rows


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository in which models of the task `object` are also looked at on the captions; jobs run in it."""
    for folder in ("benchmark", "methods", "classifiers"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "testbed").symlink_to(ROOT / "testbed")
    with (tmp_path / "captions.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["caption", "seed", "scale"], *captions()])
    hashed = sha256((tmp_path / "captions.csv").read_bytes()).hexdigest()
    (tmp_path / "benchmark/prompt_sets").mkdir(exist_ok=True)
    (tmp_path / "benchmark/prompt_sets/captions.yaml").write_text(SET.replace("HASH", hashed))
    (tmp_path / "benchmark/suites/test.yaml").write_text(SUITE)
    task = tmp_path / "benchmark/tasks/object.yaml"
    looked_at = "    retained_on: [object, captions]\n    concepts:\n"
    task.write_text(task.read_text().replace("    concepts:\n", looked_at, 1))
    monkeypatch.setattr(plugins, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    forget()
    yield tmp_path
    forget()


def test_sixty_untidy_rows_are_drawn_looked_at_and_scored(repository, capsys):
    sets, results = ("object", "captions"), repository / "results/test"
    base.main("test", results / "base.json")
    capsys.readouterr()
    for name in sets:
        prompts.main("test", results / f"prompts/{name}.csv", set=name)
    log = capsys.readouterr().out
    assert "captions.csv: 60 rows, 60 images; 1 without text, 51 with the text of an earlier row, 11 with a" in log

    models = {"original": (None, None), "scramble": ("-", {}), "esd": ("lorry", {})}
    for variant, concept in (("scramble", "-"), ("esd", "lorry")):
        erase.main("test", "object", variant, [concept], results / f"models/{variant}")
        models[variant] = (concept, {"task": "object", "models": results / f"models/{variant}/models.csv"})
    capsys.readouterr()
    for name in sets:
        for variant, (concept, more) in models.items():
            given = {"variant": variant, "concepts": [concept], **more} if concept else {}
            out = results / f"images/{name}/{variant}"
            generate.main("test", name, results / f"prompts/{name}.csv", out, **given)
    assert capsys.readouterr().out.count("1 of 9 texts are longer than the text encoder reads: their ends are") == 3
    _check_images(results / "images/captions")

    train_classifier.main("test", "object", results / "classifiers/object")
    for name in sets:
        classifier = results / "classifiers/object" if name == "object" else None
        original = results / f"images/{name}/original/manifest.csv"
        for variant in models:
            images = results / f"images/{name}/{variant}/manifest.csv"
            observe.main("test", images, original, results / f"evidence/{name}/{variant}", classifier)
    seen = evidence.read(results / "evidence/captions/esd/evidence.csv")
    assert len(seen) == 60 and (seen.text == [row[0] for row in captions()]).all() and (seen.asked == "").all()
    assert (seen.noise_seed == [row[1] for row in captions()]).all() and seen.noise_seed.min() >= LARGE

    rows = [results / f"prompts/{name}.csv" for name in sets]
    files = [results / f"evidence/{name}/{variant}/evidence.csv" for name in sets for variant in models]
    score.main("test", rows, files, results / "scores.csv")
    _check_scores(pd.read_csv(results / "scores.csv", keep_default_na=False))


def _check_images(folder):
    for variant, concept in (("original", "-"), ("scramble", "-"), ("esd", "lorry")):
        images = manifest.read(folder / variant / "manifest.csv")
        assert [image.file for image in images] == [f"{concept}/{row}_0.png" for row in range(60)]
    pictures = [manifest.picture(folder / "esd" / image.file, image.sha256) for image in images]
    assert (pictures[1] == pictures[8]).all(), "the same text, noise and scale are the same image"
    assert (pictures[1] != pictures[15]).any() and (pictures[1] != pictures[22]).any(), "another scale, other noise"
    assert len({picture.tobytes() for picture in pictures}) == 59
    assert min(picture.std((0, 1)).max() for picture in pictures[3:6:2]) > 4, "an empty and a long text draw something"


def _check_scores(scores):
    whole = scores[scores.prompt_set == "captions"]
    assert set(whole.asked) == {"*"} and set(whole.wording) == {""} and set(whole.n) == {60}
    roles = whole.groupby("method").role.unique().map(list).to_dict()
    assert roles == {"original": ["baseline"], "scramble": ["retained"], "esd": ["retained"]}
    assert len(whole) == 3 * 4 and set(whole.task) == {"object"}
    numbers = whole.set_index(["method", "metric"])[["value", "ci_low", "ci_high"]].astype(float)
    assert (numbers.loc["original"][["value"]].loc[["fid", "kid", "lpips"]] == 0).to_numpy().all()
    assert (numbers.value.loc[["scramble", "esd"]].drop("flat", level="metric") > 0).all()
    assert np.isfinite(numbers).to_numpy().all() and (numbers.ci_low <= numbers.value).all()
    beside = scores[scores.prompt_set == "object"]
    assert set(beside.asked[(beside.method == "esd") & (beside.role == "erased")]) == {"lorry"}
    assert set(beside.n[(beside.method == "esd") & (beside.role == "retained")]) == {2}
    assert set(beside.metric) == {"accuracy", "flat", "fid", "kid", "lpips", "precision"}


def test_a_row_is_read_as_it_stands(repository):
    prompts.main("test", repository / "captions.csv.rows", set="captions")
    rows = prompt_rows.read(repository / "captions.csv.rows")
    assert rows[3] == Prompt("3", "", LARGE + 3) and rows[5].text == LONG
    assert rows[15] == Prompt("15", WORDS[1], LARGE + 1, guidance=7.5)
