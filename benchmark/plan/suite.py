"""A suite, as `config.load_suite` reads it from `benchmark/suites/`: base model, sampler, budgets, experiments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmark.plan.gates import Gate
from benchmark.plan.ranges import Budgets
from benchmark.plan.records import Sampler
from benchmark.plan.selection import ALL, Names

SMALL = 64  # pixels: the side of the largest picture that counts as small


@dataclass(frozen=True)
class DeclaredExperiment:
    """An experiment as a suite's file declares it."""

    task: str  # a file of benchmark/tasks/, without its ending
    views: tuple[str, ...]  # tables/<name> and figures/<name>
    methods: Names = ALL  # methods and variants
    without: tuple[str, ...] = ()  # of `methods: all`
    concepts: Names = ALL  # which concepts of the task to erase
    seeds: tuple[int, ...] = (0,)  # of the erasing
    checkpoints: tuple[int, ...] = ()  # per cent of a method's `steps` at which it is looked at, too


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


@dataclass(frozen=True, kw_only=True, eq=False)
class DeclaredSuite:
    """A file of `benchmark/suites/`: the base model, how images are drawn, budgets, method settings, experiments."""

    title: str
    world: Literal["paper", "testbed"]
    base: str  # a folder, or with a revision a model of the Hub
    sampler: Sampler
    budgets: Budgets
    shard: Literal["all", "one"]  # how many concepts a job works on
    experiments: Mapping[str, DeclaredExperiment]
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of methods and of variants of them
    revision: str | None = None  # of a model of the Hub: the commit
    gate: Mapping[str, Gate] = field(default_factory=dict)  # by prompt set: what the original must reach
    ungated: str = ""  # why a run goes on although its gate is closed; every view then says so


@dataclass(frozen=True, kw_only=True)
class SuiteLike:
    """A file of `benchmark/suites/` that says in what a suite differs from another one.

    `sampler`, `budgets` and `settings` take the place of the other's key by key, all else as a whole. With a `base` of
    its own a suite has neither the other's revision nor its gate, which are of the other base model.
    """

    like: str  # another file of benchmark/suites/, without its ending
    title: str
    base: str | None = None  # a folder, or with a revision a model of the Hub
    revision: str | None = None  # of a model of the Hub: the commit
    sampler: Mapping[str, Any] = field(default_factory=dict)  # keys of the other suite's
    budgets: Mapping[str, Any] = field(default_factory=dict)  # keys of the other suite's
    shard: Literal["all", "one"] | None = None  # how many concepts a job works on
    experiments: Mapping[str, DeclaredExperiment] | None = None
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of methods and of variants of them
    gate: Mapping[str, Gate] | None = None  # by prompt set: what the original must reach
    ungated: str | None = None  # why a run goes on although its gate is closed; every view then says so


@dataclass(frozen=True, kw_only=True, eq=False)
class Suite(DeclaredSuite):
    """A suite as `load_suite` read it: the name of its file, and what each of its experiments consists of.

    A suite equals itself only, so that what follows from it can be kept.
    """

    name: str
    experiments: Mapping[str, Experiment]

    @property
    def folder(self) -> str:
        return f"results/{self.name}"

    @property
    def small(self) -> bool:
        """Whether pictures are so small that a CPU draws one in a second or two, and a GPU has room for many jobs."""
        return self.sampler.size <= SMALL

    def erased(self, task: str) -> tuple[str, ...]:
        """The concepts that some experiment erases in a task: a control has as many images of them as erasers do."""
        offered = [e.concepts for e in self.experiments.values() if e.task == task]
        return tuple(dict.fromkeys(concept for concepts in offered for concept in concepts))
