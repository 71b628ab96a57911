"""What a run consists of: which cells and parts exist, under which labels, and what they are asked for.

Standard library and PyYAML only, and no plugin is imported: the Snakefile imports this module, so it must stay light.
Whoever needs a suite, a task or prompts finds them here, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from benchmark import contract, plugins, source, strict
from benchmark.config import (  # noqa: F401
    NOTHING,
    ORIGINAL,
    POOLS,
    Experiment,
    Suite,
    check_label,
    check_name,
    label_settings,
    labels,
    load_suite,
    load_task,
    module,
    per_concept,
    pool,
)
from benchmark.errors import ConfigError
from benchmark.prompts import all_texts, pool_prompts, prompts, train_prompts  # noqa: F401
from benchmark.records import Cell, Task, digest
from benchmark.selection import choose, choose_numbers, everything
from benchmark.source import literal  # noqa: F401


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
class Pool:
    """Images of the original model that methods train on: of concepts, or of none if `kind` is `anchor`."""

    task: str
    kind: str
    name: str
    concepts: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return f"{self.task}/{ORIGINAL}/pool_{self.kind}/{self.name}"


@dataclass(frozen=True)
class Plan:
    """Everything that one configuration asks for.

    `experiments` holds each experiment's cells under the labels that it asked for; `aliases` maps each label to the
    equal one that is run in its place (mostly itself); `cells` and `parts` are what is run. `named` has the experiments
    and methods that the configuration names, where it does not say `all`.
    """

    suite: Suite
    named: Mapping[str, tuple[str, ...]]
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


def narrow(config: Mapping[str, Any]) -> tuple[Suite, dict[str, tuple[str, ...]], dict[str, Experiment]]:
    """The suite that `config.yaml` selects, the experiments and methods that it names, and what is left of each one.

    A method that is named runs in the experiments that have it. One that none has runs in all of them, and so does one
    that none lists by name: a new method, which a suite that says `all` somewhere has only there.
    """
    chosen: _Config = strict.build(_Config, config, "config")
    suite = load_suite(chosen.suite)
    names = choose(chosen.experiments, suite.experiments, "config: experiments")
    offered: list[Experiment] = [suite.experiments[name] for name in names]
    methods = choose(chosen.methods, labels(suite), "config: methods")
    concepts = choose(chosen.concepts, _union(e.concepts for e in offered), "config: concepts")
    seeds = choose_numbers(chosen.seeds, _union(e.seeds for e in offered), "config: seeds")
    named = {"experiments": () if everything(chosen.experiments) else names}
    named["methods"] = () if everything(chosen.methods) else methods
    known = {module(label) for e in offered if e.listed for label in e.methods}
    new = {
        label
        for label in named["methods"]
        if module(label) not in known or not any(label in e.methods for e in offered)
    }
    left = {}
    for name, e in zip(names, offered, strict=True):
        rows = [label for label in e.methods if label in methods]
        rows = tuple(dict.fromkeys((*rows, *(label for label in methods if label in new))))
        erased = tuple(concept for concept in e.concepts if concept in concepts)
        repeats = tuple(seed for seed in e.seeds if seed in seeds)
        if rows and erased and repeats:  # else another experiment has what was asked for, which is no mistake
            rows = tuple(dict.fromkeys((ORIGINAL, *rows)))
            left[name] = replace(e, methods=rows, concepts=erased, seeds=repeats)
    if not left:
        raise ConfigError(f"config: no experiment of suite {suite.name} has these methods, concepts and seeds together")
    return suite, named, left


def plan(config: Mapping[str, Any], tolerant: bool = False) -> Plan:
    """The cells that `config.yaml` selects. It only narrows what the suite offers; `original` is always among them.

    A method whose file is broken is a `ConfigError`. A tolerant plan has it all the same: whoever runs it says what is
    wrong, and others are run; whoever scores what was run needs no method's file.
    """
    suite, named, left = narrow(config)
    for name in plugins.names("methods"):
        check_name(name)
    tasks = {e.task: load_task(e.task, suite.world) for e in left.values()}
    experiments = {
        name: tuple(
            Cell(e.task, label, concept, seed)
            for label in _with_checkpoints(suite, e.methods, e.checkpoints)
            for seed in (e.seeds if per_concept(label) else [0])
            for concept in (e.concepts if per_concept(label) else [NOTHING])
        )
        for name, e in left.items()
    }

    rows = _union([cell.method for cell in cells] for cells in experiments.values())
    if not tolerant:
        check_methods(suite, rows)
    aliases = _aliases(suite, rows)
    cells = _union([replace(cell, method=aliases[cell.method]) for cell in cells] for cells in experiments.values())
    return Plan(
        suite, named, tasks, experiments, aliases, cells, _parts(suite, cells), _union(e.views for e in left.values())
    )


def pool_of(plan: Plan, part: Part) -> Pool | None:
    """What a part's method trains on, if it wants images: one set per part, or one in all if they show no concept."""
    kind = pool(plan.suite, part.method)
    return Pool(part.task, kind, part.name if kind == "concept" else "all") if kind else None


def pools(plan: Plan) -> dict[str, Pool]:
    """The pools of a plan by path. Each shows the concepts that the parts which train on it erase."""
    found: dict[str, Pool] = {}
    for part in plan.parts.values():
        if wanted := pool_of(plan, part):
            known = found.get(wanted.path, wanted).concepts
            shown = (*known, *(name for name in part.concepts if name not in known)) if wanted.kind == "concept" else ()
            found[wanted.path] = replace(wanted, concepts=shown)
    return found


def check_methods(suite: Suite, rows: Iterable[str]) -> None:
    """Raise `ConfigError` for the first method of the rows that would fail in its job. Others may be broken."""
    for file in dict.fromkeys(map(module, rows)):
        if problem := broken(file):
            raise ConfigError(problem)
    for label in rows:
        pool(suite, label)


def broken(file: str) -> str | None:
    """What is wrong with a method's file, as far as it is seen without importing it; None if nothing is."""
    problems = contract.problems(file)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0]}{more}" if problems else None


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
