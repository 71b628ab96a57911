"""A suite, as `config.load_suite` reads it from `benchmark/suites/`: base model, sampler, budgets, experiments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmark.ranges import Budgets
from benchmark.records import Sampler


@dataclass(frozen=True)
class Experiment:
    """Which task × variants × concepts × seeds feed which views; `checkpoints` are per cent of a method's `steps`.

    `listed` says whether the suite's file lists the variants by name, or says `all`.
    """

    task: str
    views: tuple[str, ...]
    variants: tuple[str, ...]
    listed: bool
    concepts: tuple[str, ...]
    seeds: tuple[int, ...]
    checkpoints: tuple[int, ...]


@dataclass(frozen=True)
class Suite:
    """One file of `benchmark/suites/`: the base model, how images are drawn, budgets, method settings, experiments."""

    name: str
    title: str
    world: Literal["paper", "testbed"]
    base: str  # a folder, or with a revision a model of the Hub
    sampler: Sampler
    budgets: Budgets
    shard: Literal["all", "one"]  # how many concepts a job works on
    experiments: Mapping[str, Any]  # an `Experiment` each, once `load_suite` has read what the file says
    settings: Mapping[str, Any] = field(default_factory=dict)
    revision: str | None = None

    @property
    def folder(self) -> str:
        return f"results/{self.name}"

    def erased(self, task: str) -> tuple[str, ...]:
        """The concepts that some experiment erases in a task: `original` draws as many images of them as erasers do."""
        offered = [e.concepts for e in self.experiments.values() if e.task == task]
        return tuple(dict.fromkeys(concept for concepts in offered for concept in concepts))
