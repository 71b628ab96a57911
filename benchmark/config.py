"""What may be run: suites and tasks, as their files declare them, and the labels and settings of methods."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import Any, Literal

from benchmark import eyes, plugins, source, strict
from benchmark.errors import ConfigError
from benchmark.plugins import unknown
from benchmark.records import Concept, Detector, Judge, Sampler, Task, Templates

ORIGINAL = "original"  # the one method that the benchmark knows: every image of the others has its partner there
NOTHING = "-"  # the concept of a cell that erases none


# ── suites ──

POOLS = ("concept", "anchor")  # of what the original model draws images for a method to learn from


@dataclass(frozen=True)
class Budgets:
    """Image counts: of the erased concept and of each other one, per evaluated cell; per pool; per class of a judge."""

    erased: int
    retained: int
    images_per_seed: int
    pool: int
    train: int


@dataclass(frozen=True)
class Experiment:
    """Which task × methods × concepts × seeds feed which views; `checkpoints` are per cent of a method's `steps`.

    A file may say `all` for methods and concepts; what `load_suite` returns lists them.
    """

    task: str
    views: tuple[str, ...]
    methods: Any = "all"
    concepts: Any = "all"
    seeds: tuple[int, ...] = (0,)
    checkpoints: tuple[int, ...] = ()


@dataclass(frozen=True)
class Suite:
    """One file of `benchmark/suites/`: the base model, how images are drawn, budgets, method settings, experiments."""

    name: str
    title: str
    world: Literal["paper", "testbed"]
    base: str  # a folder, or with a revision a model of the Hub
    sampler: Sampler
    budgets: Budgets
    part: Literal["all", "one"]  # how many concepts a job works on
    experiments: Mapping[str, Experiment]
    settings: Mapping[str, Any] = field(default_factory=dict)
    revision: str | None = None

    @property
    def folder(self) -> str:
        return f"results/{self.name}"

    def erased(self, task: str) -> tuple[str, ...]:
        """The concepts that some experiment erases in a task: `original` draws as many images of them as erasers do."""
        offered = [e.concepts for e in self.experiments.values() if e.task == task]
        return tuple(dict.fromkeys(concept for concepts in offered for concept in concepts))


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
    _check_numbers(suite, where)
    _check_settings(suite, where)
    resolved = {key: _experiment(suite, e, f"{where}: experiments.{key}") for key, e in suite.experiments.items()}
    return replace(suite, experiments=resolved)


def _experiment(suite: Suite, raw: Experiment, where: str) -> Experiment:
    task = load_task(raw.task, suite.world)
    views = [f"{kind}/{view}" for kind in ("tables", "figures") for view in plugins.names(f"benchmark/{kind}")]
    choose(raw.views, views, f"{where}.views")
    if not raw.seeds or min(raw.seeds) < 0:
        raise ConfigError(f"{where}.seeds: {list(raw.seeds)} is not a list of whole numbers from 0 on")
    if any(not 0 < percent < 100 for percent in raw.checkpoints):
        raise ConfigError(f"{where}.checkpoints: {list(raw.checkpoints)} are not per cent between 1 and 99")
    allowed = labels(suite) if raw.methods == "all" else dict.fromkeys((*labels(suite), *suite.settings))
    methods = choose(raw.methods, allowed, f"{where}.methods")
    return replace(
        raw, methods=methods, concepts=choose(raw.concepts, [c.name for c in task.concepts], f"{where}.concepts")
    )


def _check_numbers(suite: Suite, where: str) -> None:
    budgets, sampler = suite.budgets, suite.sampler
    for section, record in (("budgets", budgets), ("sampler", sampler)):
        for key, value in asdict(record).items():
            if isinstance(value, (int, float)) and value <= 0:
                raise ConfigError(f"{where}: {section}.{key}: {value} is not above 0")
    for key, allowed in (("scheduler", ("lms", "ddim", "dpm")), ("precision", ("float32", "float16", "bfloat16"))):
        if getattr(sampler, key) not in allowed:
            raise ConfigError(unknown(f"{where}: sampler.{key}", getattr(sampler, key), allowed, "value"))
    for key in ("erased", "retained"):
        if getattr(budgets, key) % budgets.images_per_seed:
            raise ConfigError(f"{where}: budgets.{key}: {getattr(budgets, key)} is not a multiple of images_per_seed")
    if budgets.retained > budgets.erased:
        raise ConfigError(f"{where}: budgets.retained: {budgets.retained} is more than erased, {budgets.erased}")


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
    if "{c}" not in part.templates.target or "{c}" in part.templates.blank:
        raise ConfigError(f"{where}.templates: target needs {{c}} where the concept stands, blank must not have it")
    choose(part.judge.classifier, plugins.names("classifiers"), f"{where}.judge.classifier")
    judge = Judge(part.judge.classifier, ())
    if part.judge.blank is not None:
        classes = ("blank", *(c.label for c in concepts))
        judge = Judge(part.judge.classifier, classes, (part.judge.blank, *(c.phrase for c in concepts)))
    if not concepts or not part.metrics:
        raise ConfigError(f"{where}: concepts and metrics must not be empty")
    if part.detector and not (part.detector.classes and part.detector.sizes):
        raise ConfigError(f"{where}.detector: classes and sizes must not be empty")
    what = raw.sensitive, part.detector
    task = Task(name, raw.title, raw.version, world, part.templates, judge, part.metrics, concepts, *what)
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

    A method with variants has its bare label only where an experiment lists it by name.
    """
    for name in plugins.names("methods"):
        if not re.fullmatch(r"[a-z0-9_]+", name):
            raise ConfigError(f"methods/{name}.py: a method's name consists of small letters, digits and _")
    named = [label for label in suite.settings if "-" in label or not _variants(suite, label)]
    mentioned = {module(label) for label in suite.settings}
    return tuple(named + [name for name in plugins.names("methods") if module(name) not in mentioned])


def check_label(suite: Suite, label: str) -> None:
    """Raise `ConfigError` unless a suite can run the label: one of its settings, or a method, or a checkpoint of it."""
    name, at, percent = label.partition("@")
    allowed = tuple(dict.fromkeys((*labels(suite), *suite.settings)))
    stops = percent.isdigit() and 0 < int(percent) < 100
    if name not in allowed or (at and not (stops and "steps" in source.settings(module(name)))):
        raise ConfigError(unknown("--method", label, allowed, "label"))


def label_settings(suite: Suite, label: str) -> dict[str, Any]:
    """All settings of a label: the method's defaults, then the suite's for its module, then those of the variant.

    `label@25` is the method stopped at 25 per cent of its `steps`: a checkpoint along its training.
    """
    name, _, percent = label.partition("@")
    where = f"benchmark/suites/{suite.name}.yaml: settings"
    declared = source.settings(module(name))
    values = {key: setting.default for key, setting in declared.items()}
    bare = re.split("-", name)[0]
    for entry in dict.fromkeys((bare, name)):
        for key, value in strict.mapping(suite.settings.get(entry), f"{where}.{entry}").items():
            if key not in declared:
                raise ConfigError(unknown(f"{where}.{entry}", key, declared, "setting"))
            values[key] = strict.build(declared[key].kind, value, f"{where}.{entry}.{key}")
    if percent:
        values["steps"] = max(1, round(values["steps"] * int(percent) / 100))
    return values


def pool(suite: Suite, label: str) -> str | None:
    """The training images that a label needs: its setting `pool` if it has one, else its module's `POOL`."""
    kind = label_settings(suite, label).get("pool", source.literal(module(label), "POOL"))
    if kind not in (None, *POOLS):
        raise ConfigError(unknown(f"{label}: POOL, or the setting pool", kind, (None, *POOLS), "pool"))
    return kind


def per_concept(label: str) -> bool:
    """Whether a method makes one model per concept, as erasers do, or one in all, as `original` and controls do."""
    return source.literal(module(label), "PER_CONCEPT", True)


def _variants(suite: Suite, name: str) -> list[str]:
    return [label for label in suite.settings if label.startswith(f"{name}-")]


def _check_settings(suite: Suite, where: str) -> None:
    for label in suite.settings:
        name = module(label).removeprefix("methods/").removesuffix(".py")
        if name not in plugins.names("methods"):
            raise ConfigError(unknown(f"{where}: settings", label, plugins.names("methods")) + f"; {_VARIANTS}")
        if not re.fullmatch(r"[a-z0-9_]+(-[a-z0-9_-]+)?", label):
            raise ConfigError(f"{where}: settings: {label!r} cannot be the name of a variant: {_VARIANTS}")
    for label in labels(suite):
        label_settings(suite, label)


def choose(given: Any, allowed: Iterable[Any], where: str) -> tuple[Any, ...]:
    """The names that a list, one name or the word `all` selects; unknown ones and an empty selection are errors."""
    allowed = tuple(allowed)
    if given == "all":
        return allowed
    given = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    if not given or given == (None,):
        raise ConfigError(f"{where}: nothing is selected (allowed: all, {', '.join(map(str, allowed))})")
    for item in given:
        if item not in allowed or type(item) not in map(type, allowed):
            raise ConfigError(unknown(where, item, allowed))
    return tuple(dict.fromkeys(given))
