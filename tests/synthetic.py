"""A made-up repository, its pictures and its scores: observing, scoring and viewing are tested without any model."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from conftest import CONTROL, METHOD, ROOT
from PIL import Image

from benchmark.files import write_atomically
from benchmark.metrics._intervals import share
from benchmark.plan import plugins
from benchmark.plan.config import load_set, load_suite
from benchmark.plan.prompt_rows import of, of_model, write
from benchmark.plan.records import NOTHING, ORIGINAL, Prompt, PromptSet, Variant
from benchmark.plan.suite import Suite
from benchmark.plan.versions import version
from benchmark.store import manifest
from benchmark.store.scores import COLUMNS

SIZE = 16
SUITE = """
title: A suite for tests
world: testbed
base: testbed/model
sampler: {scheduler: ddim, steps: 10, guidance: 5.0, size: 16, precision: float32, batch: 8, threads: 1}
budgets: {erased: 8, retained: 4, images_per_seed: 2, pool: 6, train: 5}
shard: all
settings:
  original: {}
  wreck: {}
  fast: {}
  rival-l1: {loss: l1}
  rival-l2: {loss: l2}
experiments:
  style:
    task: style
    without: &rival [rival]
    concepts: [ink, stained_glass]
    views: [tables/style, figures/tradeoff, figures/gallery]
  object:
    task: object
    without: *rival
    concepts: [fish]
    seeds: [0, 1, 2]
    views: [tables/object, figures/tradeoff]
"""
TASK = """
title: TITLE
version: 3
worlds:
  testbed:
    templates: {target: "{c} picture", blank: picture}
    classifier: {network: resnet, blank: picture}
    metrics: {accuracy: classifier, flat: spread, fid: testbed, kid: testbed, lpips: testbed}
    concepts:
"""
STYLES = {"ink": "ink", "stained_glass": "stained glass", "chalk": "chalk", "neon": "neon"}
OBJECTS = {"fish": "fish", "gas_pump": "gas pump", "dog": "dog"}
VARIANTS = ("original", "wreck", "fast", "rival-l1", "rival-l2")
LEVELS = dict(zip(VARIANTS, [(97, 95), (5, 8), (2, 70), (10, 85), (0, 90)], strict=True))  # ACC erased, retained


def furnish(place: Callable[[str, str], None], root: Path, styles=STYLES, objects=OBJECTS, suite=SUITE) -> None:
    """Fill the repository of the fixture `small` with two tasks, three erasers, a control and the real plugins."""
    for path in (*(ROOT / "benchmark").rglob("*.py"), ROOT / "classifiers/testbed_backbone.py"):
        copy = root / path.relative_to(ROOT)  # causes read the code that determines bytes
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    for name, title, concepts in (("style", "Artistic styles", styles), ("object", "Objects", objects)):
        lines = "".join(f"      {key}: {phrase}\n" for key, phrase in concepts.items())
        place(f"benchmark/tasks/{name}.yaml", TASK.replace("TITLE", title) + lines)
    place("classifiers/resnet.py", '"""A network for tests."""\n\n\ndef build(classes): ...\n')
    place("methods/wreck.py", CONTROL)
    place("methods/fast.py", METHOD)
    place("methods/rival.py", METHOD + '\nNOTE = "a reconstruction"\n')
    place("benchmark/suites/test.yaml", suite)


def asked_of(prompt_set: PromptSet, suite: Suite, concept: str) -> tuple[Prompt, ...]:
    """The rows of a prompt set from which a model without `concept` draws."""
    return of_model(of(prompt_set, suite), prompt_set, suite, concept)


def image_of(prompt: Prompt, index: int, prompt_set: str, task: str, variant: str, concept: str, seed: int) -> dict:
    """An image's line in a manifest: the fields of `manifest.Image`; its file is not there."""
    chosen = Variant.of(variant)
    return {
        "file": f"{concept}/{prompt.row}_{index}.png",
        "prompt_set": prompt_set,
        "row": prompt.row,
        "index": index,
        "text": prompt.text,
        "noise_seed": prompt.noise_seed,
        "asked": prompt.concept,
        "wording": prompt.wording,
        "class_name": prompt.class_name,
        "task": NOTHING if variant == ORIGINAL else task,
        "method": chosen.method,
        "variant": chosen.name,
        "checkpoint": chosen.checkpoint,
        "concept": concept,
        "erasing_seed": seed,
        "key": "key",
        "device": "cpu",
        "sha256": "hash",
    }


def draw(
    folder: Path,
    task: str,
    variant: str,
    concept: str,
    erasing_seed: int = 0,
    paint: Callable[[str, int, int], np.ndarray] | None = None,
) -> Path:
    """The images of one erasure on its task's own set, and their manifest.

    `paint(asked, noise_seed, index)` makes one; without it they are noise.
    """
    suite = load_suite("test")
    shade = {ORIGINAL: 0}.get(variant, 1 + sum(map(ord, variant + concept)) + erasing_seed)

    def noise(asked: str, noise_seed: int, index: int) -> np.ndarray:
        dice = np.random.default_rng([noise_seed, index, shade, *map(ord, asked)])
        return dice.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)

    images = []
    for prompt in asked_of(load_set(task, suite.world), suite, concept):
        for index in range(prompt.images):
            line = image_of(prompt, index, task, task, variant, concept, erasing_seed)
            buffer = io.BytesIO()
            Image.fromarray((paint or noise)(prompt.concept, prompt.noise_seed, index)).save(buffer, "PNG")
            (folder / line["file"]).parent.mkdir(parents=True, exist_ok=True)
            (folder / line["file"]).write_bytes(buffer.getvalue())
            images.append(manifest.Image(**line | {"sha256": sha256(buffer.getvalue()).hexdigest()}))
    manifest.write(folder / "manifest.csv", images)
    return folder / "manifest.csv"


def evidence(
    root: Path,
    task: str,
    variant: str,
    concept: str = NOTHING,
    erasing_seed: int = 0,
    change: Callable[[pd.DataFrame], pd.DataFrame] = lambda lines: lines,
    features: Callable[[np.ndarray, pd.DataFrame], np.ndarray] = lambda array, lines: array,
) -> Path:
    """What observers saw in the images of one erasure on its task's own set: the classifier sees no erased concept.

    `change` and `features` change the lines of the evidence.csv and the features before they are written.
    """
    suite = load_suite("test")
    lines = pd.DataFrame(
        image_of(prompt, index, task, task, variant, concept, erasing_seed)
        for prompt in asked_of(load_set(task, suite.world), suite, concept)
        for index in range(prompt.images)
    )
    dice = np.random.default_rng([*map(ord, task + variant + concept), erasing_seed])
    noise = np.random.default_rng([*map(ord, task)]).normal(size=(len(lines), 6))
    array = features(noise if variant == ORIGINAL else noise + dice.normal(size=noise.shape), lines)
    lines["classifier_label"] = np.where(lines.asked == concept, "blank", lines.class_name)
    lines["spread"] = 50.0
    lines["lpips_testbed"] = 0.0 if variant == ORIGINAL else dice.uniform(0.1, 0.5, len(lines))
    folder = root / f"{task}-{variant}-{concept}-{erasing_seed}"
    folder.mkdir(exist_ok=True)
    np.savez(folder / "testbed.npz", features=array.astype(np.float32))
    lines["testbed_features"] = sha256((folder / "testbed.npz").read_bytes()).hexdigest()
    with write_atomically(folder / "evidence.csv", sealed=True) as aside:
        change(lines).to_csv(aside, index=False)
    return folder / "evidence.csv"


def prompts_of(root: Path, *names: str) -> list[Path]:
    """The rows of prompt sets as the files that stages read."""
    suite = load_suite("test")
    paths = [root / f"prompts/{name}.csv" for name in names]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        write(path, of(load_set(path.stem, suite.world), suite))
    return paths


def scores(
    experiment: str,
    task: str,
    variants: dict[str, tuple[float, float]],
    concepts: Sequence[str],
    asked: Sequence[tuple[str, str]],
    seeds: Sequence[int] = (0,),
    n: tuple[int, int] = (32, 8),
) -> pd.DataFrame:
    """A scores.csv in which each variant has the given accuracy in per cent, on what is erased and what is retained.

    `asked` are pairs of a concept and a wording. The first two variants are controls. Other metrics follow from the
    distance of the accuracy to 100 %.
    """
    suite, prompt_set = load_suite("test"), load_set(task, load_suite("test").world)
    dice = np.random.default_rng(sum(map(ord, experiment + task)))
    table = []
    for place, (name, (erased, retained)) in enumerate(variants.items()):
        variant = Variant.of(name)
        erasures = [(NOTHING, 0)] if place < 2 else [(concept, seed) for seed in seeds for concept in concepts]
        for concept, seed in erasures:
            for name_asked, wording in asked:
                roles = ["erased" if name_asked == concept else "retained"]
                if place < 2:
                    roles = ["baseline"] if place == 0 else ["erased"] * (name_asked in concepts) + ["retained"]
                for role in roles:
                    count = n[0] if name_asked in concepts and role != "retained" else n[1]
                    wanted = erased if role == "erased" else retained
                    hits = np.arange(count) < dice.binomial(count, np.clip(wanted, 0.5, 99.5) / 100)
                    damage = 0 if place == 0 else (100 - 100 * hits.mean()) / 100 + dice.uniform(0.02, 0.08)
                    flat = np.arange(count) < (place == 1 and count // 8)
                    numbers = {"accuracy": share(hits), "detected": share(hits), "flat": share(flat)}
                    for metric, scale, margin in (("fid", 300, 30), ("kid", 0.4, 0.05), ("lpips", 0.5, 0.05)):
                        value, half = scale * damage, margin * damage
                        numbers[metric] = (value, count, value - half, value + half)
                    key = ("test", experiment, task, variant.method, variant.name, variant.checkpoint, concept, seed)
                    for measure in prompt_set.measures:
                        metric = plugins.load("benchmark/metrics", measure.metric)
                        table.append(
                            (*key, task, name_asked, wording, role, measure.metric, measure.observer)
                            + (*numbers[measure.metric], version(suite, prompt_set, metric, measure, variant))
                        )
    return pd.DataFrame(table, columns=list(COLUMNS))


def plain(concepts: Iterable[str]) -> list[tuple[str, str]]:
    """Concepts that are asked for by their own phrases only."""
    return [(concept, "") for concept in concepts]
