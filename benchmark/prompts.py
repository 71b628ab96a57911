"""Which images are drawn: the prompt rows of evaluation, of judges' training and of methods' pools, and their seeds."""

from __future__ import annotations

import hashlib
from functools import cache

from benchmark import texts
from benchmark.config import Suite, label_settings, load_task
from benchmark.errors import ConfigError
from benchmark.ranges import SEEDS, most_seeds
from benchmark.records import Judge, Prompt, Task


def prompts(task: Task, suite: Suite, erased: str | None) -> tuple[Prompt, ...]:
    """The rows that evaluate one model: every concept of the task by its bare phrase, and by its other wordings.

    `erased` is the concept that the model has lost; None stands for a model that lost none. The rows of a smaller
    budget begin those of a larger one, so each image of an eraser has its partner among those of `original`.
    """
    targets = suite.erased(task.name) if erased is None else (erased,)
    budgets, rows = suite.budgets, []
    for concept in task.concepts:
        images = budgets.erased if concept.name in targets else budgets.retained
        for probe, phrase in concept.probes.items():
            chosen = seeds("evaluation", suite.world, probe, images // budgets.images_per_seed)
            rows += [Prompt(phrase, probe, seed, budgets.images_per_seed) for seed in chosen]
    return tuple(rows)


def train_prompts(judge: Judge, suite: Suite) -> tuple[Prompt, ...]:
    """The rows from which a judge learns: `budgets.train` images of each class, one per seed; `probe` is the class."""
    return tuple(
        Prompt(text, label, seed, 1)
        for label, text in zip(judge.classes, judge.train or (), strict=bool(judge.train))
        for seed in seeds("train", suite.world, label, suite.budgets.train)
    )


def pool_prompts(task: Task, suite: Suite, kind: str, concepts: tuple[str, ...]) -> tuple[Prompt, ...]:
    """The rows of a training pool: `concept` draws each concept's phrase, `anchor` the concept-free prompt.

    The probe of the latter is `blank`: one set serves all concepts.
    """
    if kind == "anchor":
        wanted = [("blank", task.templates.blank)]
    else:
        wanted = [(name, task.concept(name).phrase) for name in concepts]
    return tuple(
        Prompt(text, probe, seed, 1)
        for probe, text in wanted
        for seed in seeds("pool", suite.world, probe, suite.budgets.pool)
    )


def all_texts(suite: Suite) -> list[texts.Text]:
    """All texts that some model of a suite may be asked with, while it is erased or drawn."""
    labels = {label: None for experiment in suite.experiments.values() for label in experiment.methods}
    settings = {label: label_settings(suite, label) for label in labels}
    tasks = {e.task: load_task(e.task, suite.world) for e in suite.experiments.values()}
    return [text for task in tasks.values() for text in texts.of(task, settings)]


@cache
def seeds(use: str, world: str, name: str, count: int) -> tuple[int, ...]:
    """`count` different noise seeds for one name, derived from a hash: a longer list begins with the shorter one."""
    first, span = SEEDS[use]
    if count > most_seeds(use):
        raise ConfigError(f"{use}: {count} seeds for {name} are too many: {most_seeds(use)} at most")
    chosen: dict[int, None] = {}
    i = 0
    while len(chosen) < count:
        draw = hashlib.sha256(f"{use}/{world}/{name}/{i}".encode()).digest()
        chosen[first + int.from_bytes(draw[:8], "big") % span] = None
        i += 1
    return tuple(chosen)
