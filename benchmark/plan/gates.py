"""A suite's gate: what the original model and the classifiers must reach before any erased model draws."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmark.errors import ConfigError
from benchmark.plan.plugins import unknown
from benchmark.plan.prompt_set import load_set
from benchmark.plan.records import WHOLE, PromptSet
from benchmark.plan.selection import choose
from benchmark.plan.task import load_task


@dataclass(frozen=True)
class Gate:
    """What is expected of one prompt set: a number of the original model, and its classifier's accuracy."""

    expected: Mapping[str, float]  # the number, by concept; for a set that is scored as a whole, by `*`
    each_within: float  # how far the number of a concept may be from it, to either side
    mean_within: float  # how far the mean over the concepts may be from the mean of what is expected
    metric: str = "accuracy"  # which number
    held_out: float = 0.0  # the least accuracy of the set's classifier on images held out of its training, in per cent


def check(gates: Mapping[str, Gate], sets: Iterable[str], world: str, where: str) -> None:
    """Raise `ConfigError` for a gate of a set that no experiment looks at, or of a number that is not measured."""
    for name in choose(list(gates), list(sets), f"{where}: gate") if gates else ():
        gate, prompt_set, here = gates[name], load_set(name, world), f"{where}: gate.{name}"
        measured = [measure.metric for measure in prompt_set.measures]
        if gate.metric not in measured:
            raise ConfigError(unknown(f"{here}.metric", gate.metric, dict.fromkeys(measured), "metric of this set"))
        for concept in gate.expected:
            if concept not in (known := _asked(prompt_set, world)):
                raise ConfigError(unknown(f"{here}.expected", concept, known, "concept"))
        if not gate.expected:
            raise ConfigError(f"{here}.expected: nothing is expected")
        numbers = {f"expected.{key}": value for key, value in gate.expected.items()}
        numbers |= {key: getattr(gate, key) for key in ("each_within", "mean_within", "held_out")}
        for key, value in numbers.items():
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"{here}.{key}: {value} is not a number from 0 on")
        if gate.held_out and not (prompt_set.classifier and prompt_set.classifier.texts):
            raise ConfigError(f"{here}.held_out: the classifier of {name} comes trained: it has no such number")


def _asked(prompt_set: PromptSet, world: str) -> list[Any]:
    """What numbers of a set are of."""
    if prompt_set.score_by == "set":
        return [WHOLE]
    return [concept.name for concept in load_task(prompt_set.source.task, world).concepts]
