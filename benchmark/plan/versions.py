"""The version of a number: what it was measured under, so far as it can change behind a finished scores.csv.

Imports no plugin: whoever compares versions must not have to load what computes numbers.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from benchmark.plan import variants
from benchmark.plan.prompt_set import load_set
from benchmark.plan.records import Measure, PromptSet, Source, Variant, digest
from benchmark.plan.suite import Suite
from benchmark.plan.task import load_task

PARTS = ("prompt set", "metric", "conditions")  # of a version, in order
CLASSIFIER = "classifier"  # the observer that is the set's classifier


def version(suite: Suite, prompt_set: PromptSet, metric: ModuleType, measure: Measure, variant: Variant) -> str:
    """The prompt set's version, the metric's, and six digits of the conditions: what the suite and the set say.

    `metric` is a module of `benchmark/metrics/`. Raises `ConfigError` if the settings of the variant cannot be read.
    """
    return f"{prompt_set.version}.{metric.VERSION}.{conditions(suite, prompt_set, measure, variant)[:6]}"


def conditions(suite: Suite, prompt_set: PromptSet, measure: Measure, variant: Variant) -> str:
    """A key of what a number was measured under: how images of the set are drawn, from which model, how looked at."""
    return digest([of_set(suite, prompt_set), of_variant(suite, variant), of_measure(prompt_set, measure)])


def of_set(suite: Suite, prompt_set: PromptSet) -> list[Any]:
    """Base model, sampler and budgets, the file of the set's rows, or its attack, and the task that it asks for."""
    budgets = {key: value for key, value in vars(suite.budgets).items() if key != "anchors"}  # of no number in scores
    drawn = [suite.base, suite.revision, suite.sampler, budgets]
    return [*drawn, *_rows(prompt_set.source, suite), *_asked(prompt_set, suite)]


def _asked(prompt_set: PromptSet, suite: Suite) -> list[Any]:
    """The task whose concepts a set asks for: its templates, and the texts of each concept."""
    task = load_task(prompt_set.source.task, suite.world) if prompt_set.source.task else None
    return [task.templates, [(c.name, c.class_name, c.phrases) for c in task.concepts]] if task else []


def of_variant(suite: Suite, variant: Variant) -> list[Any]:
    """The method, its settings, and whether it is told what is evaluated."""
    return [variant.file, variants.settings(suite, variant), variants.told(suite, variant)]


def of_measure(prompt_set: PromptSet, measure: Measure) -> list[Any]:
    """The metric and its settings, and the settings of its observer, or the classifier."""
    classifier = prompt_set.classifier if measure.observer == CLASSIFIER else None
    return [measure, prompt_set.observers.get(measure.observer), classifier]


def _rows(source: Source, suite: Suite) -> list[Any]:
    """Where rows come from, beside the concepts of a task; those of an attack, or of a part, from another set.

    Of a file whose hash no entry says, what is expected of its rows: who only has a scores.csv does not have the file.
    """
    file = source.file
    own = [(file.sha256 or file.expected) if file else "", source.columns, source.defaults]
    if source.kind == "attack":
        return [source.attack, source.settings, source.of, *_rows(load_set(source.of, suite.world).source, suite)]
    if source.kind == "part":
        return [source.of, source.concepts, own, *_rows(load_set(source.of, suite.world).source, suite)]
    return own


def differing(stated: str, now: str) -> tuple[str, ...]:
    """The parts in which two versions differ, or which the first of them does not state."""
    parts = stated.split(".", len(PARTS) - 1)
    parts += [""] * (len(PARTS) - len(parts))
    return tuple(name for name, old, new in zip(PARTS, parts, now.split("."), strict=True) if old != new)
