"""What a run consists of: which erasures, shards and prompt sets exist, and what each job is about.

Standard library and PyYAML only, and no plugin is imported: the Snakefile imports this module, so it must stay light.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from benchmark.errors import ConfigError
from benchmark.plan import contract, least, plugins, protocols, source, strict, variants, view_details
from benchmark.plan.config import Experiment, Suite, load_set, load_suite, load_task
from benchmark.plan.prompt_set import pool_set, training_set
from benchmark.plan.records import NOTHING, ORIGINAL, Erasure, PromptSet, Task, Variant, digest
from benchmark.plan.selection import ALL, Names, Numbers, choose, choose_numbers, everything


@dataclass(frozen=True)
class Shard:
    """The erasures that one job works on: several concepts of one (task, variant, erasing seed).

    The original model is one shard, which tasks share.
    """

    task: str
    variant: Variant
    erasing_seed: int
    name: str
    concepts: tuple[str, ...]

    @property
    def path(self) -> str:
        if self.task == NOTHING:
            return ORIGINAL
        return f"{self.task}/{self.variant}/seed{self.erasing_seed}/{self.name}"


BASE = Shard(NOTHING, Variant(ORIGINAL), 0, "all", (NOTHING,))


@dataclass(frozen=True)
class Plan:
    """Everything that one configuration asks for.

    `experiments` holds the erasures that each experiment asks for. `run` maps each of them to the erasure that is run
    for it: itself, or an equal one. `shards` are the jobs' shares of what is run, by path. `sets` are all prompt sets
    of which images are drawn; `looked_at` names those images that observers look at, as pairs of a set's name and a
    shard's path. `views` are the tables and figures; `empty` says of others why they are left out. `named` has what
    the configuration names, by its key, where it does not say `all`; `files` has the places of prompt sets' files that
    it names, by the set.
    """

    suite: Suite
    named: Mapping[str, tuple[Any, ...]]
    tasks: Mapping[str, Task]
    experiments: Mapping[str, tuple[Erasure, ...]]
    run: Mapping[Erasure, Erasure]
    shards: Mapping[str, Shard]
    sets: Mapping[str, PromptSet]
    looked_at: tuple[tuple[str, str], ...]
    views: tuple[str, ...]
    empty: Mapping[str, str]
    files: Mapping[str, str]


@dataclass(frozen=True)
class _Config:
    """What to run: a suite, and what of that which it offers. The command line may say the same."""

    suite: str  # a file of benchmark/suites/, without its ending
    experiments: Names = ALL  # which of the suite's experiments to run
    methods: Names = ALL  # which methods and variants to run; `original` is always among them
    concepts: Names = ALL  # which concepts to erase
    seeds: Numbers = ALL  # which erasing seeds to run, whole numbers from 0 on
    files: Mapping[str, str] = field(default_factory=dict)  # where files of prompt sets lie, by the set


def narrow(config: Mapping[str, Any]) -> tuple[Suite, dict[str, tuple[Any, ...]], dict[str, Experiment]]:
    """The suite that `config.yaml` selects, what it names of that, and what is left of each experiment.

    A method that is named runs in the experiments that have it. A new method, which no experiment lists by name, runs
    in all of them: else it would run only in those that say `all`.
    """
    chosen: _Config = strict.build(_Config, config, "config")
    suite = load_suite(chosen.suite)
    if chosen.files:
        choose(list(chosen.files), plugins.names("benchmark/prompt_sets", ".yaml"), "config: files")
    names = choose(chosen.experiments, suite.experiments, "config: experiments")
    offered: list[Experiment] = [suite.experiments[name] for name in names]
    methods = choose(chosen.methods, variants.names(suite), "config: methods")
    concepts = choose(chosen.concepts, _union(e.concepts for e in offered), "config: concepts")
    seeds = choose_numbers(chosen.seeds, _union(e.seeds for e in offered), "config: seeds")
    selected = {"experiments": names, "methods": methods, "concepts": concepts, "seeds": seeds}
    named = {key: () if everything(getattr(chosen, key)) else selection for key, selection in selected.items()}
    known = {Variant(name).method for e in offered if e.listed for name in e.variants}
    new = {
        name
        for name in named["methods"]
        if Variant(name).method not in known or not any(name in e.variants for e in offered)
    }
    left = {}
    for name, e in zip(names, offered, strict=True):
        rows = [variant for variant in e.variants if variant in methods]
        rows = tuple(dict.fromkeys((*rows, *(variant for variant in methods if variant in new))))
        erased = tuple(concept for concept in e.concepts if concept in concepts)
        repeats = tuple(seed for seed in e.seeds if seed in seeds)
        if rows and erased and repeats:  # else another experiment has what was asked for, which is no mistake
            rows = tuple(dict.fromkeys((ORIGINAL, *rows)))
            left[name] = replace(e, variants=rows, concepts=erased, seeds=repeats)
    if not left:
        raise ConfigError(f"config: no experiment of suite {suite.name} has these methods, concepts and seeds together")
    return suite, named, left


def plan(config: Mapping[str, Any], tolerant: bool = False) -> Plan:
    """The erasures that `config.yaml` selects. It only narrows what the suite offers; `original` is always among them.

    A plugin whose file is broken is a `ConfigError`. A tolerant plan has it all the same: whoever runs it says what is
    wrong (`faults`), and others are run; whoever scores what was run needs no method's file.
    """
    suite, named, left = narrow(config)
    for name in plugins.names("methods"):
        variants.check_name(name)
    tasks = {e.task: load_task(e.task, suite.world) for e in left.values()}
    experiments = {name: tuple(_erasures(suite, e)) for name, e in left.items()}
    asked = _union(experiments.values())
    if not tolerant:
        check_methods(suite, dict.fromkeys(erasure.variant for erasure in asked))
    run = _run(suite, asked)
    shards = _shards(suite, dict.fromkeys(run.values()))
    looked_at = [(name, BASE.path) for name in _union(task.drawn for task in tasks.values())]
    looked_at += [(name, path) for path, shard in shards.items() if shard != BASE for name in tasks[shard.task].sets]
    sets = {name: load_set(name, suite.world) for name, _ in looked_at}
    views, empty = least.views(suite, left, experiments)
    for name, path in looked_at:
        if sets[name].source.kind == "attack" and variants.adopts(shards[path].variant) == "images":
            raise ConfigError(f"{shards[path].variant}: has images and no model, which prompt set {name} would attack")
    learn = _union(
        [asked.classifier.prompt_set] for asked in sets.values() if asked.classifier and asked.classifier.texts
    )
    training = {asked.name: asked for asked in (training_set(load_task(name, suite.world)) for name in learn)}
    pools: dict[str, PromptSet] = {}
    for shard in shards.values():
        if pool := _pool(suite, shard):
            shown = dict.fromkeys((*pools.get(pool.name, pool).source.concepts, *pool.source.concepts))
            pools[pool.name] = replace(pool, source=replace(pool.source, concepts=tuple(shown)))
    for name in (names := [*sets, *training, *pools]):
        if names.count(name) > 1:
            raise ConfigError(f"prompt set {name}: another set of this run has the name; rename the file or the task")
    files = dict(config.get("files") or {})
    made = Plan(
        suite, named, tasks, experiments, run, shards, sets | training | pools, tuple(looked_at), views, empty, files
    )
    for problem in () if tolerant else faults(made):
        raise ConfigError(problem)
    return made


def pool_of(plan: Plan, shard: Shard) -> PromptSet | None:
    """What a shard's method trains on, if it wants images: one set per shard, or one in all if they show no concept."""
    pool = _pool(plan.suite, shard)
    return pool and plan.sets[pool.name]


def training_of(plan: Plan, classifier: str) -> PromptSet | None:
    """The images from which the classifier of a prompt set learns, if it is trained here."""
    texts = load_set(classifier, plan.suite.world).classifier.texts
    return plan.sets[training_set(load_task(classifier, plan.suite.world)).name] if texts else None


def check_methods(suite: Suite, chosen: Iterable[Variant]) -> None:
    """Raise `ConfigError` for the first method that would fail in its job. Others may be broken."""
    chosen = list(chosen)
    for file in dict.fromkeys(variant.file for variant in chosen):
        if problem := broken(file):
            raise ConfigError(problem)
    for variant in chosen:
        variants.pool(suite, variant)


def faults(plan: Plan) -> list[str]:
    """What is wrong with the files of plugins of which the jobs of a plan would fail, a line each."""
    files: dict[str, type | None] = dict.fromkeys(erasure.variant.file for erasure in plan.run)
    files |= dict.fromkeys(f"benchmark/{view}.py" for view in plan.views)
    files |= dict.fromkeys(
        f"benchmark/details/{name}.py" for name in view_details.details(plan.suite, plan.experiments)
    )
    for asked in plan.sets.values():
        for measure in asked.measures:
            files |= dict.fromkeys(
                (f"benchmark/metrics/{measure.metric}.py", f"benchmark/observers/{measure.observer}.py")
            )
        if asked.source.kind == "attack":
            files[f"attacks/{asked.source.attack}.py"] = None
        if asked.source.file and asked.source.file.made_by:
            files[f"benchmark/prompt_sets/{asked.source.file.made_by}.py"] = None
        if asked.classifier:
            files[f"classifiers/{asked.classifier.network}.py"] = protocols.Classifier
    return [problem for file, protocol in files.items() if (problem := broken(file, protocol))]


def broken(file: str, protocol: type | None = None) -> str | None:
    """What is wrong with a plugin's file, as far as it is seen without importing it; None if nothing is."""
    problems = contract.problems(file, protocol)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0]}{more}" if problems else None


def whole(plan: Plan, seen: Iterable[tuple[str, str]]) -> tuple[list[tuple[str, str]], list[str]]:
    """What can be scored if only the images of `seen` were looked at, and what is then left out, for people.

    Both are pairs of a prompt set and a shard's path. A variant is left out of a task if one of its shards there was
    not looked at on one of the sets; if the original was not, all tasks with this set are left out. Nothing is returned
    if no erasure is left: controls alone are no table.
    """
    seen = set(seen)
    unlooked = [(name, plan.shards[path]) for name, path in plan.looked_at if (name, path) not in seen]
    failed = {(shard.task, shard.variant) for _, shard in unlooked if shard != BASE}
    unseen = {name for name, shard in unlooked if shard == BASE}
    tasks = [name for name, task in plan.tasks.items() if not unseen & set(task.drawn)]
    shown = {name for task in tasks for name in plan.tasks[task].drawn}
    kept = [
        (name, path)
        for name, path in plan.looked_at
        for shard in [plan.shards[path]]
        if (name in shown if shard == BASE else shard.task in tasks and (shard.task, shard.variant) not in failed)
    ]
    asked = dict.fromkeys((e.task, e.variant) for erasures in plan.experiments.values() for e in erasures)
    runs = {(e.task, e.variant): plan.run[e] for erasures in plan.experiments.values() for e in erasures}
    lacking = [
        f"{variant} of {task}"
        for task, variant in asked
        if (runs[task, variant].task, runs[task, variant].variant) in failed and task in tasks
    ]
    lacking += [f"all of {task}" for task in plan.tasks if task not in tasks]
    return kept if any(NOTHING not in plan.shards[path].concepts for _, path in kept) else [], lacking


def _erasures(suite: Suite, experiment: Experiment) -> Iterator[Erasure]:
    """What an experiment asks for; a control is one model in all."""
    for name in experiment.variants:
        stops = experiment.checkpoints if "steps" in variants.settings(suite, Variant(name)) else ()
        for variant in (*(Variant(name, percent) for percent in stops), Variant(name)):
            if variants.control(variant):
                yield Erasure(experiment.task, variant, NOTHING, 0)
                continue
            for seed in experiment.seeds:
                for concept in experiment.concepts:
                    yield Erasure(experiment.task, variant, concept, seed)


def _run(suite: Suite, asked: Iterable[Erasure]) -> dict[Erasure, Erasure]:
    """Each erasure and the one that is run for it.

    Variants of one method with equal settings are run once, and methods that no seed changes are run with seed 0.
    Of a file that is broken no settings are known, so that its variants are not known to be equal. What the original
    model draws is no task's.
    """
    asked, first = list(asked), dict[str, Variant]()
    equal: dict[Variant, Variant] = {}
    for variant in dict.fromkeys(erasure.variant for erasure in asked):
        same = [variant.file, variants.settings(suite, variant), variants.told(suite, variant)]
        key = str(variant) if source.broken(variant.file) else digest(same)
        equal[variant] = first.setdefault(key, variant)
    return {
        erasure: replace(
            erasure,
            task=NOTHING if erasure.variant == BASE.variant else erasure.task,
            variant=equal[erasure.variant],
            erasing_seed=erasure.erasing_seed if variants.seeded(erasure.variant) else 0,
        )
        for erasure in asked
    }


def _shards(suite: Suite, erasures: Iterable[Erasure]) -> dict[str, Shard]:
    grouped: dict[tuple[str, Variant, int, str], list[str]] = {}
    for erasure in erasures:
        name = "all" if suite.shard == "all" or erasure.concept == NOTHING else erasure.concept
        grouped.setdefault((erasure.task, erasure.variant, erasure.erasing_seed, name), []).append(erasure.concept)
    shards = [Shard(*key, tuple(concepts)) for key, concepts in grouped.items()]
    return {shard.path: shard for shard in shards}


def _pool(suite: Suite, shard: Shard) -> PromptSet | None:
    kind = variants.pool(suite, shard.variant)
    return pool_set(load_task(shard.task, suite.world), kind, shard.name, shard.concepts) if kind else None


def _union(groups: Iterable[Iterable[Any]]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(item for group in groups for item in group))
