"""The version of a number: what it was measured under, so far as it can change behind a finished scores.csv.

Imports no plugin: whoever compares versions must not have to load what computes numbers.
"""

from __future__ import annotations

from types import ModuleType

from benchmark.config import Suite, label_settings, module
from benchmark.records import Task, digest

PARTS = ("task", "metric", "conditions")  # of a version, in order


def version(suite: Suite, task: Task, metric: ModuleType, label: str) -> str:
    """The task's version, the metric's, and six digits of what the suite says of model, sampler, budgets and method.

    `metric` is a module of `benchmark/metrics/`. Raises `ConfigError` if the settings of the label cannot be read.
    """
    s = suite
    conditions = digest([s.base, s.revision, s.sampler, s.budgets, module(label), label_settings(s, label)])
    return f"{task.version}.{metric.VERSION}.{conditions[:6]}"


def differing(stated: str, now: str) -> tuple[str, ...]:
    """The parts in which two versions differ, or which the first of them does not state."""
    said = stated.split(".", len(PARTS) - 1)
    said += [""] * (len(PARTS) - len(said))
    return tuple(part for part, old, new in zip(PARTS, said, now.split("."), strict=True) if old != new)
