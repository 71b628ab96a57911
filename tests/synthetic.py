"""A made-up repository, its pictures and its scores: observing, scoring and viewing are tested without any model."""

from __future__ import annotations

import io
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from conftest import CONTROL, METHOD, ROOT
from PIL import Image

from benchmark import grid, manifest, plugins
from benchmark.config import load_set, load_suite
from benchmark.frames import IMAGES
from benchmark.metrics._intervals import share
from benchmark.prompts import of_model, rows
from benchmark.records import NOTHING, WHOLE, Prompt, PromptSet, Task, Variant
from benchmark.scores import COLUMNS
from benchmark.suite import Suite
from benchmark.variants import ORIGINAL
from benchmark.versions import version

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


def furnish(write: Callable[[str, str], None], root: Path, styles=STYLES, objects=OBJECTS, suite=SUITE) -> None:
    """Fill the repository of the fixture `small` with two tasks, three erasers, a control and the real plugins."""
    for folder in ("metrics", "observers", "tables", "figures"):
        shutil.copytree(ROOT / "benchmark" / folder, root / "benchmark" / folder, dirs_exist_ok=True)
    for path in (*(ROOT / "benchmark").glob("*.py"), ROOT / "classifiers/testbed_backbone.py"):
        shutil.copy(path, root / path.relative_to(ROOT))  # causes read the code that determines bytes
    for name, title, concepts in (("style", "Artistic styles", styles), ("object", "Objects", objects)):
        lines = "".join(f"      {key}: {phrase}\n" for key, phrase in concepts.items())
        write(f"benchmark/tasks/{name}.yaml", TASK.replace("TITLE", title) + lines)
    write("classifiers/resnet.py", '"""A network for tests."""\n')
    write("methods/wreck.py", CONTROL)
    write("methods/fast.py", METHOD)
    write("methods/rival.py", METHOD + '\nNOTE = "a reconstruction"\n')
    write("benchmark/suites/test.yaml", suite)


def asked_of(prompt_set: PromptSet, suite: Suite, concept: str) -> tuple[Prompt, ...]:
    """The rows of a prompt set from which a model without `concept` draws."""
    return of_model(rows(prompt_set, suite), prompt_set, suite, concept)


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
    suite, chosen = load_suite("test"), Variant.of(variant)
    shade = {ORIGINAL: 0}.get(variant, 1 + sum(map(ord, variant + concept)) + erasing_seed)

    def noise(asked: str, noise_seed: int, index: int) -> np.ndarray:
        dice = np.random.default_rng([noise_seed, index, shade, *map(ord, asked)])
        return dice.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)

    images = []
    for prompt in asked_of(load_set(task, suite.world), suite, concept):
        for index in range(prompt.images):
            name = f"{concept}/{prompt.row}_{index}.png"
            buffer = io.BytesIO()
            Image.fromarray((paint or noise)(prompt.concept, prompt.noise_seed, index)).save(buffer, "PNG")
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(buffer.getvalue())
            images.append(
                manifest.Image(
                    file=name,
                    prompt_set=task,
                    row=prompt.row,
                    index=index,
                    text=prompt.text,
                    noise_seed=prompt.noise_seed,
                    asked=prompt.concept,
                    wording=prompt.wording,
                    class_name=prompt.class_name,
                    task=NOTHING if variant == ORIGINAL else task,
                    method=chosen.method,
                    variant=chosen.name,
                    checkpoint=chosen.checkpoint,
                    concept=concept,
                    erasing_seed=erasing_seed,
                    key="key",
                    device="cpu",
                    sha256=sha256(buffer.getvalue()).hexdigest(),
                )
            )
    manifest.write(folder / "manifest.csv", images)
    return folder / "manifest.csv"


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


def whole(name: str, **narrowed: object) -> pd.DataFrame:
    """A scores.csv of what a real suite runs, of made-up numbers: later variants erase more and retain less."""
    plan = grid.plan({"suite": name, **narrowed})
    table = []
    for experiment, erasures in plan.experiments.items():
        task = plan.tasks[plan.suite.experiments[experiment].task]
        places = {variant: place for place, variant in enumerate(dict.fromkeys(e.variant for e in erasures))}
        for erasure in erasures:
            variant, seed = erasure.variant, erasure.erasing_seed
            key = (name, experiment, task.name, variant.method, variant.name, variant.checkpoint)
            for prompt_set in (plan.sets[of] for of in task.sets):
                stated = {
                    measure.name: version(
                        plan.suite, prompt_set, plugins.load("benchmark/metrics", measure.metric), measure, variant
                    )
                    for measure in prompt_set.measures
                }
                for asked, wording, role in _asked(task, prompt_set, plan.suite, variant, erasure.concept):
                    harm = 0 if role == "baseline" else (1 + places[variant] + seed + len(asked + wording) % 3) / 40
                    for measure in prompt_set.measures:
                        share = {"accuracy": 95 * (1 - harm), "detected": 90 * (1 - harm), "flat": 5 * harm}
                        scale = {"fid": 300, "kid": 5, "lpips": 1}
                        of_images = measure.metric in share
                        value = share[measure.metric] if of_images else scale[measure.metric] * harm
                        value = round(value, 4)
                        ends = (0.9 * value, min(1.1 * value, 100 if of_images else 1e9)) if value else (0, 0)
                        of = (erasure.concept, seed, prompt_set.name, asked, wording, role)
                        number = (value, 100 if role == "erased" else 16, *ends)
                        table.append((*key, *of, measure.metric, measure.observer, *number, stated[measure.name]))
    return pd.DataFrame(table, columns=list(COLUMNS))


def _asked(
    task: Task, prompt_set: PromptSet, suite: Suite, variant: Variant, concept: str
) -> list[tuple[str, str, str]]:
    """What a model was asked for: concept, wording and role. A control has what others erase in both roles."""
    on = {"erased": task.erased_on, "retained": task.retained_on}
    roles = [role for role, sets in on.items() if prompt_set.name in sets]
    if prompt_set.score_by == "set":
        return [(WHOLE, "", role) for role in (["baseline"] if variant.name == ORIGINAL else roles)]
    pairs = list(dict.fromkeys((prompt.concept, prompt.wording) for prompt in rows(prompt_set, suite)))
    if variant.name == ORIGINAL:
        return [(*pair, "baseline") for pair in pairs]
    lost = suite.erased(task.name) if concept == NOTHING else (concept,)
    asked = [(*pair, "erased") for pair in pairs if pair[0] in lost]
    asked += [(*pair, "retained") for pair in pairs if set(lost) - {pair[0]}]
    return [place for place in asked if place[2] in roles]


def pictures(scores: pd.DataFrame, name: str) -> tuple[pd.DataFrame, Callable[[pd.Series], np.ndarray]]:
    """Images of the models in `scores`, as a gallery gets them, three of each concept; each is of one colour."""
    suite = load_suite(name)
    images = []
    models = ["task", "variant", "checkpoint", "concept", "erasing_seed", "prompt_set"]
    for model in scores[models].drop_duplicates().itertuples(index=False):
        counts = Counter[tuple[str, str]]()
        for prompt in asked_of(load_set(model.prompt_set, suite.world), suite, model.concept):
            counts[prompt.concept, prompt.wording] += 1
            if counts[prompt.concept, prompt.wording] <= 3:
                shown = {"asked": prompt.concept, "wording": prompt.wording, "text": prompt.text, "row": prompt.row}
                shown |= {"index": 0, "folder": Path(), "file": f"{prompt.row}_0.png", "sha256": ""}
                task = NOTHING if model.variant == ORIGINAL else model.task
                images.append(model._asdict() | shown | {"task": task})

    def open_picture(row: pd.Series) -> np.ndarray:
        colour = np.random.default_rng([*map(ord, row.variant + row.row)]).integers(0, 256, 3)
        return np.broadcast_to(colour, (suite.sampler.size, suite.sampler.size, 3)).astype(np.uint8)

    return pd.DataFrame(images).drop_duplicates(ignore_index=True)[list(IMAGES)], open_picture
