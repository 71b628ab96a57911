"""A made-up repository, its pictures and its scores: observing, scoring and viewing are tested without any model."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from conftest import CONTROL, METHOD, ROOT
from PIL import Image

from benchmark import eyes, grid, manifest, plugins
from benchmark.config import NOTHING, ORIGINAL, load_suite, load_task
from benchmark.metrics._intervals import share
from benchmark.prompts import prompts
from benchmark.records import Cell, Task, asked_for
from benchmark.scores import COLUMNS
from benchmark.versions import version

SIZE = 16
SUITE = """
title: A suite for tests
world: testbed
base: testbed/model
sampler: {scheduler: ddim, steps: 10, guidance: 5.0, size: 16, precision: float32, batch: 8, threads: 1}
budgets: {erased: 8, retained: 4, images_per_seed: 2, pool: 6, train: 5}
part: all
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
    judge: {classifier: judge, blank: picture}
    metrics: [accuracy, degenerate, fid_testbed, kid_testbed, lpips_testbed]
    concepts:
"""
STYLES = {"ink": "ink", "stained_glass": "stained glass", "chalk": "chalk", "neon": "neon"}
OBJECTS = {"fish": "fish", "gas_pump": "gas pump", "dog": "dog"}
METRICS = ("accuracy", "degenerate", "fid_testbed", "kid_testbed", "lpips_testbed")
METHODS = ("original", "wreck", "fast", "rival-l1", "rival-l2")
LEVELS = dict(zip(METHODS, [(97, 95), (5, 8), (2, 70), (10, 85), (0, 90)], strict=True))  # ACC erased, retained


def furnish(write: Callable[[str, str], None], root: Path, styles=STYLES, objects=OBJECTS, suite=SUITE) -> None:
    """Fill the repository of the fixture `small` with two tasks, three erasers, a control and the real plugins."""
    for folder in ("metrics", "observers", "tables", "figures"):
        shutil.copytree(ROOT / "benchmark" / folder, root / "benchmark" / folder, dirs_exist_ok=True)
    for path in (*(ROOT / "benchmark").glob("*.py"), ROOT / "classifiers/testbed_backbone.py"):
        shutil.copy(path, root / path.relative_to(ROOT))  # causes read the code that determines bytes
    for name, title, concepts in (("style", "Artistic styles", styles), ("object", "Objects", objects)):
        lines = "".join(f"      {key}: {phrase}\n" for key, phrase in concepts.items())
        write(f"benchmark/tasks/{name}.yaml", TASK.replace("TITLE", title) + lines)
    write("methods/wreck.py", CONTROL)
    write("methods/fast.py", METHOD)
    write("methods/rival.py", METHOD + '\nNOTE = "a reconstruction"\n')
    write("benchmark/suites/test.yaml", suite)


def draw(
    folder: Path,
    task: str,
    method: str,
    erased: str,
    seed: int = 0,
    paint: Callable[[str, int, int], np.ndarray] | None = None,
) -> Path:
    """The pictures of one cell and their manifest; `paint(probe, seed, index)` makes one, else they are noise."""
    suite = load_suite("test")
    shade = {ORIGINAL: 0}.get(method, 1 + sum(map(ord, method + erased)) + seed)

    def noise(probe: str, seed: int, index: int) -> np.ndarray:
        dice = np.random.default_rng([seed, index, shade, *map(ord, probe)])
        return dice.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)

    rows = []
    for prompt in prompts(load_task(task, suite.world), suite, None if erased == "-" else erased):
        for index in range(prompt.images):
            name = f"{erased}/{prompt.probe}/{prompt.seed}_{index}.png"
            buffer = io.BytesIO()
            Image.fromarray((paint or noise)(prompt.probe, prompt.seed, index)).save(buffer, "PNG")
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(buffer.getvalue())
            what = (name, task, method, seed, erased, prompt.probe, prompt.text, prompt.seed, index)
            rows.append(manifest.Image(*what, "key", "cpu", sha256(buffer.getvalue()).hexdigest()))
    manifest.write(folder / "manifest.csv", rows)
    return folder / "manifest.csv"


def scores(
    experiment: str,
    task: str,
    methods: dict[str, tuple[float, float]],
    concepts: Sequence[str],
    probes: Sequence[str],
    seeds: Sequence[int] = (0,),
    n: tuple[int, int] = (32, 8),
) -> pd.DataFrame:
    """A scores.csv in which each method has the given accuracy, in per cent, on what is erased and on what is retained.

    The first two methods are controls. Other metrics follow from the accuracy's distance to the original's.
    """
    suite = load_suite("test")
    modules = {name: plugins.load("benchmark/metrics", eyes.metric(name)[0]) for name in METRICS}
    dice = np.random.default_rng(sum(map(ord, experiment + task)))
    rows = []
    for place, (method, (erased, retained)) in enumerate(methods.items()):
        cells = [("-", 0)] if place < 2 else [(concept, seed) for seed in seeds for concept in concepts]
        for concept, seed in cells:
            for probe in probes:
                roles = (
                    ["baseline"]
                    if place == 0
                    else ["erased"] * (probe in concepts) + ["retained"]
                    if place == 1
                    else [""]
                )
                for role in roles:
                    role = role or ("erased" if probe == concept else "retained")
                    count = n[0] if probe in concepts and role != "retained" else n[1]
                    wanted = erased if role == "erased" else retained
                    hits = np.arange(count) < dice.binomial(count, np.clip(wanted, 0.5, 99.5) / 100)
                    damage = 0 if place == 0 else (100 - 100 * hits.mean()) / 100 + dice.uniform(0.02, 0.08)
                    key = ("test", experiment, task, method, concept, seed)
                    for metric, value, half in (
                        ("accuracy", None, None),
                        ("degenerate", None, None),
                        ("fid_testbed", 300 * damage, 30 * damage),
                        ("kid_testbed", 0.4 * damage, 0.05 * damage),
                        ("lpips_testbed", 0.5 * damage, 0.05 * damage),
                    ):
                        if metric == "accuracy":
                            number = share(hits)
                        elif metric == "degenerate":
                            number = share(np.arange(count) < (place == 1 and count // 8))
                        else:
                            number = (value, count, value - half, value + half)
                        stated = version(suite, load_task(task, suite.world), modules[metric], method)
                        rows.append((*key, metric, probe, role, *number, stated))
    return pd.DataFrame(rows, columns=COLUMNS)


def whole(name: str, **narrowed: object) -> pd.DataFrame:
    """A scores.csv of what a real suite runs, of made-up numbers: more is erased and less kept by later methods."""
    plan = grid.plan({"suite": name, **narrowed})
    modules = {m: plugins.load("benchmark/metrics", eyes.metric(m)[0]) for t in plan.tasks.values() for m in t.metrics}
    versions = {
        (task.name, metric, label): version(plan.suite, task, modules[metric], label)
        for task in plan.tasks.values()
        for metric in task.metrics
        for label in {cell.method for cells in plan.experiments.values() for cell in cells}
    }
    rows = []
    for experiment, cells in plan.experiments.items():
        places = {label: place for place, label in enumerate(dict.fromkeys(cell.method for cell in cells))}
        for cell in cells:
            task = plan.tasks[cell.task]
            key = (name, experiment, cell.task, cell.method, cell.concept, cell.seed)
            for probe, role in _asked(task, cell, plan.suite.erased(task.name)):
                harm = 0 if role == "baseline" else (1 + places[cell.method] + cell.seed + len(probe) % 3) / 40
                for metric in task.metrics:
                    kind = metric.partition("_")[0]
                    share = {"accuracy": 95 * (1 - harm), "detected": 90 * (1 - harm), "degenerate": 5 * harm}.get(kind)
                    value = round(share if share is not None else {"fid": 300, "kid": 5, "lpips": 1}[kind] * harm, 4)
                    low, high = (value, value) if not value else (0.9 * value, min(1.1 * value, 100 if share else 1e9))
                    number = (value, 100 if role == "erased" else 16, low, high)
                    rows.append((*key, metric, probe, role, *number, versions[cell.task, metric, cell.method]))
    return pd.DataFrame(rows, columns=COLUMNS)


def _asked(task: Task, cell: Cell, erased: Sequence[str]) -> list[tuple[str, str]]:
    """The probes of a cell with their roles; a control that is not the original has what is erased in both."""
    probes = [probe for concept in task.concepts for probe in concept.probes]
    if cell.method == ORIGINAL:
        return [(probe, "baseline") for probe in probes]
    if cell.concept != NOTHING:
        return [(probe, "erased" if asked_for(probe) == cell.concept else "retained") for probe in probes]
    lost = [(probe, "erased") for probe in probes if asked_for(probe) in erased]
    return lost + [(probe, "retained") for probe in probes if set(erased) - {asked_for(probe)}]


def pictures(scores: pd.DataFrame, name: str) -> tuple[pd.DataFrame, Callable[[pd.Series], np.ndarray]]:
    """Images of the models in `scores`, as a gallery gets them, three of each probe; each is of one colour."""
    suite = load_suite(name)
    rows = []
    cells = scores[["task", "method", "concept", "seed"]].drop_duplicates().itertuples(index=False, name=None)
    for task, method, concept, seed in cells:
        drawn = prompts(load_task(task, suite.world), suite, None if concept == NOTHING else concept)
        first = {probe: [p.seed for p in drawn if p.probe == probe][:3] for probe in {p.probe for p in drawn}}
        for prompt in (p for p in drawn if p.seed in first[p.probe]):
            what = (task, method, seed, concept, prompt.probe, prompt.text, prompt.seed, 0)
            rows.append((*what, Path(), f"{prompt.seed}.png", ""))
    columns = [
        "task",
        "method",
        "tuning_seed",
        "erased",
        "probe",
        "prompt",
        "seed",
        "index",
        "folder",
        "file",
        "sha256",
    ]

    def open_picture(row: pd.Series) -> np.ndarray:
        colour = np.random.default_rng([*map(ord, row.method), row.seed]).integers(0, 256, 3)
        return np.broadcast_to(colour, (suite.sampler.size, suite.sampler.size, 3)).astype(np.uint8)

    return pd.DataFrame(rows, columns=columns), open_picture
