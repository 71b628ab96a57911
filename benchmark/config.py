"""What may be run: suites and tasks, as their files declare them, and the labels and settings of methods."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from benchmark import eyes, plugins, ranges, source, strict, texts
from benchmark.errors import ConfigError
from benchmark.plugins import unknown
from benchmark.records import Concept, Detector, Judge, Task, Templates
from benchmark.selection import choose, everything
from benchmark.suite import Experiment, Suite

ORIGINAL = "original"  # the one method that the benchmark knows: every image of the others has its partner there
NOTHING = "-"  # the concept of a cell that erases none


# ── suites ──

POOLS = ("concept", "anchor")  # of what the original model draws images for a method to learn from


@dataclass(frozen=True)
class _Experiment:
    task: str
    views: tuple[str, ...]
    methods: Any = "all"
    without: tuple[str, ...] = ()  # of `methods: all`
    concepts: Any = "all"
    seeds: tuple[int, ...] = (0,)
    checkpoints: tuple[int, ...] = ()


@cache
def load_suite(name: str) -> Suite:
    """Read `benchmark/suites/<name>.yaml`. Raises `ConfigError` for anything that is not exactly as declared."""
    if name not in plugins.names("benchmark/suites", ".yaml"):
        raise ConfigError(unknown("config: suite", name, plugins.names("benchmark/suites", ".yaml")))
    where = f"benchmark/suites/{name}.yaml"
    raw = strict.mapping(strict.read(plugins.ROOT / where, where), where)
    suite: Suite = strict.build(Suite, {"name": name, **raw}, where)
    if suite.name != name:
        raise ConfigError(f"{where}: name: {suite.name!r} is not the file's name")
    if not suite.experiments:
        raise ConfigError(f"{where}: experiments: there is none")
    ranges.check_numbers("sampler", suite.sampler, where)
    ranges.check_numbers("budgets", suite.budgets, where)
    ranges.check_sampler(suite.sampler, f"{where}: sampler")
    ranges.check_budgets(suite.budgets, f"{where}: budgets")
    _check_settings(suite, where)
    resolved = {key: _experiment(suite, e, f"{where}: experiments.{key}") for key, e in suite.experiments.items()}
    return replace(suite, experiments=resolved, base=os.path.expanduser(suite.base))


def _experiment(suite: Suite, declared: Any, where: str) -> Experiment:
    raw: _Experiment = strict.build(_Experiment, declared, where)
    task = load_task(raw.task, suite.world)
    ranges.check_images(suite.budgets, task, f"benchmark/suites/{suite.name}.yaml: budgets")
    views = [f"{kind}/{view}" for kind in ("tables", "figures") for view in plugins.names(f"benchmark/{kind}")]
    choose(raw.views, views, f"{where}.views")
    if not raw.seeds or min(raw.seeds) < 0:
        raise ConfigError(f"{where}.seeds: {list(raw.seeds)} is not a list of whole numbers from 0 on")
    if any(not 0 < percent < 100 for percent in raw.checkpoints):
        raise ConfigError(f"{where}.checkpoints: {list(raw.checkpoints)} are not per cent between 1 and 99")
    listed, known = not everything(raw.methods), labels(suite)
    if listed and raw.without:
        raise ConfigError(f"{where}.without: goes with `methods: all`; here, leave them out of methods")
    without = choose(raw.without, known, f"{where}.without") if raw.without else ()
    methods = tuple(label for label in choose(raw.methods, known, f"{where}.methods") if label not in without)
    concepts = choose(raw.concepts, [c.name for c in task.concepts], f"{where}.concepts")
    return Experiment(raw.task, raw.views, methods, listed, concepts, raw.seeds, raw.checkpoints)


# ── tasks ──


@dataclass(frozen=True)
class _Judge:
    classifier: str
    blank: str | None = None


@dataclass(frozen=True)
class _Concept:
    phrase: str
    label: str | None = None
    attributes: tuple[str, ...] = ()
    anchors: Mapping[str, str] = field(default_factory=dict)
    wordings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _World:
    templates: Templates
    judge: _Judge
    metrics: tuple[str, ...]
    concepts: Mapping[str, Any]
    detector: Detector | None = None


@dataclass(frozen=True)
class _Task:
    title: str
    version: int
    worlds: Mapping[str, _World]
    sensitive: bool = False


@cache
def load_task(name: str, world: str) -> Task:
    """Read `benchmark/tasks/<name>.yaml` as it is in one world. Raises `ConfigError` for anything not as declared.

    A concept is a line `name: phrase`, or a mapping of the keys of `records.Concept`. A judge with
    `blank` is trained here: its classes are `blank`, drawn with that prompt, and every concept, drawn with its phrase.
    """
    if name not in plugins.names("benchmark/tasks", ".yaml"):
        raise ConfigError(unknown("benchmark/tasks", name, plugins.names("benchmark/tasks", ".yaml"), "task"))
    where = f"benchmark/tasks/{name}.yaml"
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise ConfigError(f"{where}: a task's name consists of small letters, digits and _")
    raw: _Task = strict.build(_Task, strict.read(plugins.ROOT / where, where), where)
    if world not in raw.worlds:
        raise ConfigError(unknown(f"{where}: worlds", world, raw.worlds))
    part, where = raw.worlds[world], f"{where}: worlds.{world}"
    concepts = tuple(_concept(key, item, f"{where}.concepts.{key}") for key, item in part.concepts.items())
    ranges.template(part.templates.target, f"{where}.templates: target")
    ranges.no_braces(part.templates.blank, f"{where}.templates: blank")
    choose(part.judge.classifier, plugins.names("classifiers"), f"{where}.judge.classifier")
    judge = Judge(part.judge.classifier, ())
    if part.judge.blank is not None:
        classes = ("blank", *(c.label for c in concepts))
        judge = Judge(part.judge.classifier, classes, (part.judge.blank, *(c.phrase for c in concepts)))
    if not concepts or not part.metrics:
        raise ConfigError(f"{where}: concepts and metrics must not be empty")
    if part.detector:
        ranges.check_detector(part.detector, f"{where}.detector")
    what = raw.sensitive, part.detector
    task = Task(name, raw.title, raw.version, world, part.templates, judge, part.metrics, concepts, *what)
    texts.check_phrases(task, where)
    eyes.needed(task)  # else a metric without an eye would be found out when all is drawn
    return task


def _concept(name: str, raw: Any, where: str) -> Concept:
    item = strict.build(_Concept, {"phrase": raw} if isinstance(raw, str) else raw, where)
    for place, key in ((where, name), *((f"{where}.wordings", key) for key in item.wordings)):
        if not re.fullmatch(r"[a-z0-9_]+", key):
            raise ConfigError(f"{place}: {key!r} becomes a folder's name: small letters, digits and _ only")
    return Concept(name, item.phrase, item.label or name, item.attributes, item.anchors, item.wordings)


# ── method labels ──

_VARIANTS = "a variant is named <method>-<variant>, in small letters, digits, _ and -"


def module(label: str) -> str:
    """The file of a label: `methods/foo.py` for `foo`, its variant `foo-bar` and the checkpoint `foo-bar@50`."""
    return f"methods/{re.split('[-@]', label)[0]}.py"


def labels(suite: Suite) -> tuple[str, ...]:
    """The labels that a suite can run: those of its settings, in their order, then the methods that it does not name.

    A method stands before its variants, whether the settings name it or not: a variant is one more, not one instead.
    """
    named: dict[str, None] = {}
    for label in suite.settings:
        named |= dict.fromkeys((module(label)[8:-3], label))
    return tuple(named | dict.fromkeys(name for name in plugins.names("methods") if _is_name(name)))


def check_name(method: str) -> None:
    """Raise `ConfigError` if the name of a file of `methods/` cannot be a label."""
    if not _is_name(method):
        raise ConfigError(f"methods/{method}.py: a method's name consists of small letters, digits and _")


def _is_name(method: str) -> bool:
    return re.fullmatch(r"[a-z0-9_]+", method) is not None


def check_label(suite: Suite, label: str) -> None:
    """Raise `ConfigError` unless a suite can run the label: one of its settings, or a method, or a checkpoint of it."""
    name, at, percent = label.partition("@")
    allowed = labels(suite)
    if name in allowed and (why := source.broken(module(name))):
        raise ConfigError(why)
    stops = percent.isdigit() and 0 < int(percent) < 100
    if name not in allowed or (at and not (stops and "steps" in source.settings(module(name)))):
        raise ConfigError(unknown("--method", label, allowed, "label"))


def label_settings(suite: Suite, label: str) -> dict[str, Any]:
    """All settings of a label: the method's defaults, then the suite's for its module, then those of the variant.

    `label@25` is the method stopped at 25 per cent of its `steps`: a checkpoint along its training. Of a file that is
    broken none is known.
    """
    name, _, percent = label.partition("@")
    if source.broken(module(name)):
        return {}
    where = f"benchmark/suites/{suite.name}.yaml: settings"
    declared = source.settings(module(name))
    values = {key: setting.default for key, setting in declared.items()}
    bare = re.split("-", name)[0]
    for entry in dict.fromkeys((bare, name)):
        for key, value in strict.mapping(suite.settings.get(entry), f"{where}.{entry}").items():
            if key not in declared:
                raise ConfigError(unknown(f"{where}.{entry}", key, declared, "setting"))
            values[key] = strict.build(declared[key].kind, value, f"{where}.{entry}.{key}")
            ranges.check(key, values[key], declared[key].default, f"{where}.{entry}.{key}")
    if percent:
        values["steps"] = max(1, round(values["steps"] * int(percent) / 100))
    return values


def pool(suite: Suite, label: str) -> str | None:
    """The training images that a label needs: its setting `pool` if it has one, else its module's `POOL`."""
    if source.broken(module(label)):
        return None
    kind = label_settings(suite, label).get("pool", source.literal(module(label), "POOL"))
    if kind not in (None, *POOLS):
        raise ConfigError(unknown(f"{label}: POOL, or the setting pool", kind, (None, *POOLS), "pool"))
    return kind


def per_concept(label: str) -> bool:
    """Whether a method makes one model per concept, as erasers do, or one in all, as `original` and controls do."""
    return bool(source.broken(module(label))) or source.literal(module(label), "PER_CONCEPT", True)


def _check_settings(suite: Suite, where: str) -> None:
    for label in suite.settings:
        name = module(label).removeprefix("methods/").removesuffix(".py")
        if name not in plugins.names("methods"):
            raise ConfigError(unknown(f"{where}: settings", label, plugins.names("methods")) + f"; {_VARIANTS}")
        if not re.fullmatch(r"[a-z0-9_]+(-[a-z0-9_-]+)?", label):
            raise ConfigError(f"{where}: settings: {label!r} cannot be the name of a variant: {_VARIANTS}")
    for label in labels(suite):
        try:
            source.settings(module(label))
        except ConfigError:  # the method's file is at fault, not the suite: a plan that has the method says so
            continue
        label_settings(suite, label)
