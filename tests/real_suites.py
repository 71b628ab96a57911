"""What the real suites would write, with made-up numbers and pictures: views of them are tested without any run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
from synthetic import asked_of

from benchmark.plan import grid, plugins, prompt_rows, variants
from benchmark.plan.config import load_set, load_suite, load_task
from benchmark.plan.records import NOTHING, ORIGINAL, WHOLE, PromptSet, Task, Variant
from benchmark.plan.suite import Suite
from benchmark.plan.versions import version
from benchmark.store.details import FIRST
from benchmark.store.frames import IMAGES
from benchmark.store.scores import COLUMNS


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
                        share["precision"] = 85 * (1 - harm)
                        scale = {"fid": 300, "kid": 5, "lpips": 1}  # of what is no share; counts are of 90 images
                        of_images = measure.metric in share
                        value = share[measure.metric] if of_images else scale.get(measure.metric, 90) * harm
                        n = 100 if role == "erased" else 16
                        value = round(value * n / 100) * 100 / n if of_images else round(value, 4)
                        ends = (0.9 * value, min(1.1 * value, 100 if of_images else 1e9)) if value else (0, 0)
                        of = (erasure.concept, seed, prompt_set.name, asked, wording, role)
                        number = (value, n, *ends)
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
    pairs = list(dict.fromkeys((prompt.concept, prompt.wording) for prompt in prompt_rows.of(prompt_set, suite)))
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


def details(module: ModuleType, numbers: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Made-up details for a view that shows some: of each model and group of images in `numbers` a row of ones.

    Of columns whose values views know, a row for each of the values that they must have. Settings are the suite's; of
    concepts and anchors there is a row for each pair.
    """
    known_values = {"unit": ["pairs"], "class_name": [WHOLE, "one"]}
    ones = {str: "one", int: 1, float: 1.0}
    suite = load_suite(numbers.suite.iloc[0])
    found = {}
    for name in getattr(module, "DETAILS", ()):
        if name in PAIRED:
            columns = [*FIRST, *plugins.load("benchmark/details", name).COLUMNS]
            groups = numbers.groupby(["experiment", "task"], sort=False)
            rows = [
                dict(zip(FIRST, (suite.name, key[0]), strict=True)) | row
                for key, own in groups
                for row in PAIRED[name](suite, load_task(key[1], suite.world), own)
            ]
            found[name] = pd.DataFrame(rows, columns=columns)
            continue
        columns = FIRST | plugins.load("benchmark/details", name).COLUMNS
        known = numbers[[column for column in columns if column in numbers]].drop_duplicates()
        for column in known_values.keys() & columns.keys():
            known = known.merge(pd.DataFrame({column: known_values[column]}), how="cross")
        found[name] = known.assign(**{c: ones[kind] for c, kind in columns.items() if c not in known})[list(columns)]
    return found


def _settings(suite: Suite, task: Task, numbers: pd.DataFrame) -> Iterator[dict]:
    for method, name, checkpoint in numbers[["method", "variant", "checkpoint"]].drop_duplicates().to_numpy():
        model = {"task": task.name, "method": method, "variant": name, "checkpoint": checkpoint}
        for setting, value in variants.settings(suite, Variant(name, int(checkpoint))).items():
            yield model | {"setting": setting, "value": str(value)}


def _distances(suite: Suite, task: Task, numbers: pd.DataFrame) -> Iterator[dict]:
    for i, concept in enumerate(task.concepts):
        for j, (anchor, text) in enumerate(concept.anchors.items()):
            far = {"distance": 50.0 + 9 * i + 20 * j, "distance_low": 1.0, "distance_high": 500.0, "images": 9}
            named = {"task": task.name, "concept": concept.name, "anchor": anchor, "observer": "testbed"}
            yield named | {"text": concept.phrase, "anchor_text": text} | far


def _embeddings(suite: Suite, task: Task, numbers: pd.DataFrame) -> Iterator[dict]:
    names = [name for name in dict.fromkeys((*numbers.concept, *numbers.asked)) if name not in (NOTHING, WHOLE)]
    for i, concept in enumerate(names):
        for j, other in enumerate(names):
            pair = {"concept": concept, "other": other, "text": concept, "other_text": other}
            yield pair | {"distance": abs(i - j) / 10}


PAIRED = {"settings": _settings, "distances": _distances, "embeddings": _embeddings}
