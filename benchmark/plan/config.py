"""Suites, as the files of `benchmark/suites/` declare them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from benchmark.errors import ConfigError
from benchmark.plan import anchors, gates, plugins, ranges, strict, texts, variants
from benchmark.plan.plugins import unknown
from benchmark.plan.prompt_set import load_set
from benchmark.plan.records import Variant
from benchmark.plan.selection import NAMED, choose, everything, is_name
from benchmark.plan.suite import DeclaredExperiment, DeclaredSuite, Experiment, Suite, SuiteLike
from benchmark.plan.task import load_task


@cache
def load_suite(name: str) -> Suite:
    """Read `benchmark/suites/<name>.yaml`. Raises `ConfigError` for anything that is not exactly as declared."""
    if name not in plugins.names("benchmark/suites", ".yaml"):
        raise ConfigError(unknown("config: suite", name, plugins.names("benchmark/suites", ".yaml")))
    where = f"benchmark/suites/{name}.yaml"
    raw: DeclaredSuite = strict.build(DeclaredSuite, _declared(where), where)
    suite = Suite(**vars(raw) | {"name": name, "experiments": {}, "base": os.path.expanduser(raw.base)})
    if not raw.experiments:
        raise ConfigError(f"{where}: experiments: there is none")
    for key in raw.experiments:
        if not is_name(key):
            raise ConfigError(f"{where}: experiments: {key!r} is not a name: {NAMED}")
    ranges.check_numbers("sampler", suite.sampler, where)
    ranges.check_numbers("budgets", suite.budgets, where)
    ranges.check_sampler(suite.sampler, f"{where}: sampler")
    ranges.check_budgets(suite.budgets, f"{where}: budgets")
    variants.check(suite, where)
    resolved = {key: _experiment(suite, e, f"{where}: experiments.{key}") for key, e in raw.experiments.items()}
    looked_at = dict.fromkeys(name for e in resolved.values() for name in load_task(e.task, suite.world).sets)
    gates.check(suite.gate, looked_at, suite.world, where)
    return replace(suite, experiments=resolved)


def _declared(where: str) -> Any:
    """What a suite's file declares; of one that is `like` another, what both declare together."""
    own = strict.read(plugins.ROOT / where, where)
    if not (isinstance(own, Mapping) and "like" in own):
        return own
    given = {key: value for key, value in own.items() if key != "like"}
    other: str = strict.build(SuiteLike, own, where).like
    if other not in plugins.names("benchmark/suites", ".yaml"):
        raise ConfigError(unknown(f"{where}: like", other, plugins.names("benchmark/suites", ".yaml"), "suite"))
    there = f"benchmark/suites/{other}.yaml"
    whole = strict.read(plugins.ROOT / there, there)
    if isinstance(whole, Mapping) and "like" in whole:
        raise ConfigError(f"{where}: like: {other} is itself like {whole['like']}; name a suite that is like no other")
    strict.build(DeclaredSuite, whole, there)
    if given.get("base") not in (None, whole["base"]):
        whole = {key: value for key, value in whole.items() if key not in ("revision", "gate")}
    by_key = {key: {**(whole.get(key) or {}), **(given.get(key) or {})} for key in ("sampler", "budgets", "settings")}
    return whole | given | by_key


def _experiment(suite: Suite, raw: DeclaredExperiment, where: str) -> Experiment:
    task = load_task(raw.task, suite.world)
    for prompt_set in (load_set(name, suite.world) for name in task.drawn):
        source = prompt_set.source
        concepts = load_task(source.task, suite.world).concepts if source.task else ()
        concepts = [concept for concept in concepts if concept.name in (source.concepts or (concept.name,))]
        retained = len({concept.name for concept in (*task.concepts, *concepts)}) > 1
        ranges.check_images(suite.budgets, prompt_set, retained, f"benchmark/suites/{suite.name}.yaml")
        if concepts:
            texts.check_others(task, concepts, f"benchmark/tasks/{task.name}.yaml: worlds.{suite.world}")
    views = [f"{kind}/{view}" for kind in ("tables", "figures") for view in plugins.names(f"benchmark/{kind}")]
    choose(raw.views, views, f"{where}.views")
    if not raw.seeds or min(raw.seeds) < 0:
        raise ConfigError(f"{where}.seeds: {list(raw.seeds)} is not a list of whole numbers from 0 on")
    if any(not 0 < percent < 100 for percent in raw.checkpoints):
        raise ConfigError(f"{where}.checkpoints: {list(raw.checkpoints)} are not per cent between 1 and 99")
    listed, known = not everything(raw.methods), variants.names(suite)
    if listed and raw.without:
        raise ConfigError(f"{where}.without: goes with `methods: all`; here, leave them out of methods")
    without = choose(raw.without, known, f"{where}.without") if raw.without else ()
    chosen = tuple(name for name in choose(raw.methods, known, f"{where}.methods") if name not in without)
    concepts = choose(raw.concepts, [c.name for c in task.concepts], f"{where}.concepts")
    settings = {name: variants.settings(suite, Variant(name)) for name in chosen}
    if not listed:  # all that can run here: of a variant with an anchor, the task must have the anchor
        chosen = tuple(name for name in chosen if not anchors.lacking(task, settings[name], concepts))
    for name in chosen:
        anchors.check(task, settings[name], concepts, f"benchmark/suites/{suite.name}.yaml: settings.{name}")
    seeds, checkpoints = (tuple(dict.fromkeys(numbers)) for numbers in (raw.seeds, raw.checkpoints))
    return Experiment(raw.task, raw.views, chosen, listed, concepts, seeds, checkpoints)


def erased_on(suite: Suite, name: str) -> frozenset[str]:
    """The concepts erased from models that are looked at on a prompt set, or on an attack of its rows."""
    return frozenset(
        concept
        for experiment in suite.experiments.values()
        for looked_at in load_task(experiment.task, suite.world).sets
        for source in [load_set(looked_at, suite.world).source]
        if name == looked_at or source.kind == "attack" and name == source.of
        for concept in experiment.concepts
    )


def retained(suite: Suite, name: str) -> bool:
    """Whether some experiment looks at a prompt set for what models retain."""
    return any(name in load_task(e.task, suite.world).retained_on for e in suite.experiments.values())


def phrases(suite: Suite) -> tuple[str, ...]:
    """The phrases of all concepts that a suite erases or asks for, each once, in the order of the alphabet."""
    tasks = [load_task(experiment.task, suite.world) for experiment in suite.experiments.values()]
    sets = [load_set(name, suite.world) for task in tasks for name in task.sets]
    asked = [load_task(prompt_set.source.task, suite.world) for prompt_set in sets if prompt_set.source.task]
    return tuple(sorted({concept.phrase for task in (*tasks, *asked) for concept in task.concepts}))


def all_texts(suite: Suite) -> list[texts.Text]:
    """All texts of the concepts of a suite's tasks, and of its variants' settings."""
    names = dict.fromkeys(name for experiment in suite.experiments.values() for name in experiment.variants)
    settings = {name: variants.settings(suite, Variant(name)) for name in names}
    tasks = dict.fromkeys(experiment.task for experiment in suite.experiments.values())
    return [
        text
        for name in tasks
        for text in texts.of(load_task(name, suite.world), load_set(name, suite.world).classifier, settings)
    ]
