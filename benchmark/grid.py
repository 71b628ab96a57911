"""What a run consists of: which cells and parts exist, under which labels, and what they are asked for.

Standard library and PyYAML only, and no plugin is imported: the Snakefile imports this module, so it must stay light.
Whoever needs a suite, a task or prompts finds them here, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from benchmark import source, strict
from benchmark.config import (  # noqa: F401
    NOTHING,
    ORIGINAL,
    POOLS,
    Suite,
    check_label,
    choose,
    label_settings,
    labels,
    load_suite,
    load_task,
    module,
    per_concept,
    pool,
)
from benchmark.errors import ConfigError
from benchmark.prompts import pool_prompts, prompts, train_prompts  # noqa: F401
from benchmark.records import Cell, Task, digest
from benchmark.source import broken, closure, fingerprint, literal  # noqa: F401


@dataclass(frozen=True)
class Part:
    """The cells that one job works on: several concepts of one (task, method, seed)."""

    task: str
    method: str
    seed: int
    name: str
    concepts: tuple[str, ...]

    @property
    def path(self) -> str:
        return f"{self.task}/{self.method}/seed{self.seed}/{self.name}"


@dataclass(frozen=True)
class Plan:
    """Everything that one configuration asks for.

    `experiments` holds each experiment's cells under the labels that it asked for; `aliases` maps each label to the
    equal one that is run in its place (mostly itself); `cells` and `parts` are what is run.
    """

    suite: Suite
    tasks: Mapping[str, Task]
    experiments: Mapping[str, tuple[Cell, ...]]
    aliases: Mapping[str, str]
    cells: tuple[Cell, ...]
    parts: Mapping[str, Part]
    views: tuple[str, ...]


@dataclass(frozen=True)
class _Config:
    suite: str
    experiments: Any = "all"
    methods: Any = "all"
    concepts: Any = "all"
    seeds: Any = "all"


def plan(config: Mapping[str, Any], tolerant: bool = False) -> Plan:
    """The cells that `config.yaml` selects. It only narrows what the suite offers; `original` is always among them.

    A method whose file is broken is a `ConfigError`. A tolerant plan has it all the same: whoever runs it says what is
    wrong, and others are run; whoever scores what was run needs no method's file.
    """
    chosen: _Config = strict.build(_Config, config, "config")
    suite = load_suite(chosen.suite)
    names = choose(chosen.experiments, suite.experiments, "config: experiments")
    offered = [suite.experiments[name] for name in names]
    methods = choose(chosen.methods, _union(e.methods for e in offered), "config: methods")
    concepts = choose(chosen.concepts, _union(e.concepts for e in offered), "config: concepts")
    numbers = choose(chosen.seeds, _union(e.seeds for e in offered), "config: seeds")

    tasks, experiments, views = {}, {}, {}
    for name, experiment in zip(names, offered, strict=True):
        rows = [label for label in experiment.methods if label in methods]
        erased = [concept for concept in experiment.concepts if concept in concepts]
        repeats = [seed for seed in experiment.seeds if seed in numbers]
        if not (rows and erased and repeats):
            continue  # another experiment has what was asked for; that this one has none of it is no mistake
        tasks[experiment.task] = load_task(experiment.task, suite.world)
        experiments[name] = tuple(
            Cell(experiment.task, label, concept, seed)
            for label in _with_checkpoints(suite, dict.fromkeys((ORIGINAL, *rows)), experiment.checkpoints)
            for seed in (repeats if per_concept(label) else [0])
            for concept in (erased if per_concept(label) else [NOTHING])
        )
        views |= dict.fromkeys(experiment.views)
    if not experiments:
        raise ConfigError(f"config: no experiment of suite {suite.name} has these methods, concepts and seeds together")

    if not tolerant:
        _refuse_broken(cell.method for cells in experiments.values() for cell in cells)
    aliases = _aliases(suite, _union([cell.method for cell in cells] for cells in experiments.values()))
    cells = _union([replace(cell, method=aliases[cell.method]) for cell in cells] for cells in experiments.values())
    return Plan(suite, tasks, experiments, aliases, cells, _parts(suite, cells), tuple(views))


def _refuse_broken(rows: Iterable[str]) -> None:
    for file in dict.fromkeys(map(module, rows)):
        if problem := broken(file):
            raise ConfigError(problem)


def whole(plan: Plan, seen: Iterable[str]) -> tuple[list[str], list[str]]:
    """The parts that can be scored if only those of `seen` were looked at, and what is then left out, for people.

    A method is left out of a task if one of its parts there was not looked at; if that is the original, all of the task
    is left out. No part is returned if none of them erases a concept: controls alone are no table.
    """
    seen = set(seen)
    failed = {(part.task, part.method) for path, part in plan.parts.items() if path not in seen}
    tasks = [task for task in plan.tasks if (task, ORIGINAL) not in failed]
    parts = {path: part for path, part in plan.parts.items() if part.task in tasks}
    kept = [path for path, part in parts.items() if (part.task, part.method) not in failed]
    asked = dict.fromkeys((cell.task, cell.method) for cells in plan.experiments.values() for cell in cells)
    lacking = [f"{label} of {task}" for task, label in asked if (task, plan.aliases[label]) in failed and task in tasks]
    lacking += [f"all of {task}" for task in plan.tasks if task not in tasks]
    return kept if any(NOTHING not in parts[path].concepts for path in kept) else [], lacking


def _with_checkpoints(suite: Suite, rows: Iterable[str], checkpoints: Iterable[int]) -> Iterator[str]:
    for label in rows:
        if "steps" in label_settings(suite, label):
            yield from (f"{label}@{percent}" for percent in checkpoints)
        yield label


def _aliases(suite: Suite, rows: Iterable[str]) -> dict[str, str]:
    """Each label and the first one of its module with equal settings, whose cells serve both.

    Of a file that is broken no settings are known, so that its labels are not known to be equal.
    """
    first: dict[str, str] = {}
    known = {
        label: [module(label), label_settings(suite, label), source.broken(module(label)) and label] for label in rows
    }
    return {label: first.setdefault(digest(settings), label) for label, settings in known.items()}


def _parts(suite: Suite, cells: Iterable[Cell]) -> dict[str, Part]:
    grouped: dict[tuple[str, str, int, str], list[str]] = {}
    for cell in cells:
        name = "all" if suite.part == "all" or cell.concept == NOTHING else cell.concept
        grouped.setdefault((cell.task, cell.method, cell.seed, name), []).append(cell.concept)
    parts = [Part(*key, tuple(concepts)) for key, concepts in grouped.items()]
    return {part.path: part for part in parts}


def _union(groups: Iterable[Iterable[Any]]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(item for group in groups for item in group))
