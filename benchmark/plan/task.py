"""Tasks, as the files of `benchmark/tasks/` declare them, and the prompt set that each derives from its concepts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from benchmark.errors import ConfigError
from benchmark.plan import looking, plugins, ranges, strict, texts
from benchmark.plan.looking import DeclaredClassifier, Looking
from benchmark.plan.plugins import unknown
from benchmark.plan.records import Classifier, Concept, PromptSet, Source, Task, Templates, TextsOf
from benchmark.plan.selection import NAMED, choose, is_name


@dataclass(frozen=True)
class _Concept:
    """Something to erase, as a task's file declares it."""

    phrase: str  # the text that prompts use
    class_name: str | None = None  # the classifier's class for it; without it, its name
    attributes: tuple[str, ...] = ()  # phrases that also describe it, for methods that lead away from them, too
    anchors: Mapping[str, str] = field(default_factory=dict)  # prompts that a method may put in its place, by name
    wordings: Mapping[str, str] = field(default_factory=dict)  # other phrases that ask for it, each evaluated, by name


@dataclass(frozen=True, kw_only=True)
class _World(Looking):
    """A task in one world."""

    templates: Templates
    concepts: Mapping[str, str | _Concept]  # by name: the phrase alone, or a mapping
    others: Mapping[str, str] = field(default_factory=dict)  # what a method may be told to keep: phrases by name
    erased_on: tuple[str, ...] | None = None  # prompt sets that show the erased concept; without it, the task's own
    retained_on: tuple[str, ...] | None = None  # prompt sets that show what is retained; without it, the task's own
    sensitive: bool | None = None  # whether its images are masked in this world; without it, as the task says


@dataclass(frozen=True, kw_only=True)
class _Study(Looking):
    """A task in one world that erases concepts of another task, in favour of several anchors each.

    `metrics` are of the set that has the task's name: concepts and anchors, which the original model alone draws.
    """

    of: str  # the other task: its templates, others and concepts, as far as these have anchors here
    anchors: Mapping[str, Mapping[str, str]]  # of each concept: prompts that a method may put in its place, by name
    sentences: Mapping[str, str]  # prompts with {c}, by name: a variant puts a concept and its anchor in one of them
    erased_on: tuple[str, ...] | None = None  # prompt sets that show the erased concept; without it, the other task's
    retained_on: tuple[str, ...] | None = None  # prompt sets that show what is retained; without it, the other task's


@dataclass(frozen=True)
class _Task:
    """A file of `benchmark/tasks/`: what is erased, and how the images are looked at."""

    title: str
    version: int  # a higher one marks all older numbers of the task
    worlds: Mapping[str, _World | _Study]
    sensitive: bool = False  # whether its images are masked where they are shown


@cache
def load_task(name: str, world: str) -> Task:
    """Read `benchmark/tasks/<name>.yaml` as it is in one world. Raises `ConfigError` for anything not as declared.

    A concept is a line `name: phrase`, or a mapping of the keys of `records.Concept`. Models are looked at on the set
    that has the task's name, derived from its concepts, unless `erased_on` or `retained_on` name others: sets of
    other tasks, or files of `benchmark/prompt_sets/`. A task with `of` has its concepts from another task.
    """
    raw, part, where = _read(name, world)
    if isinstance(part, _Study):
        return _study(name, raw, part, world, where)
    concepts = tuple(_concept(key, item, f"{where}.concepts.{key}") for key, item in part.concepts.items())
    if not concepts:
        raise ConfigError(f"{where}.concepts: there is none")
    ranges.template(part.templates.target, f"{where}.templates: target")
    ranges.no_braces(part.templates.blank, f"{where}.templates: blank")
    task = Task(
        name, raw.title, raw.version, world, part.templates, concepts,
        _sets(part.erased_on, (name,), f"{where}.erased_on"), _sets(part.retained_on, (name,), f"{where}.retained_on"),
        part.others, _sensitive(raw, part),
    )  # fmt: skip
    texts.check_phrases(task, own_set(task).classifier, where)
    texts.check_others(task, concepts, where)
    return task


def _study(name: str, raw: _Task, part: _Study, world: str, where: str) -> Task:
    """A task with `of`: the other task, with the concepts that have anchors here."""
    tasks = plugins.names("benchmark/tasks", ".yaml")
    other = load_task(choose([part.of], [task for task in tasks if task != name], f"{where}.of")[0], world)
    if not part.anchors:
        raise ConfigError(f"{where}.anchors: there is none")
    choose(list(part.anchors), [concept.name for concept in other.concepts], f"{where}.anchors")
    for key in (key for named in part.anchors.values() for key in named):
        _check_name(key, f"{where}.anchors")
    for key, sentence in part.sentences.items():
        ranges.template(sentence, f"{where}.sentences: {key}")
    return replace(
        other, name=name, title=raw.title, version=raw.version, sensitive=raw.sensitive or other.sensitive,
        concepts=tuple(replace(c, anchors=part.anchors[c.name]) for c in other.concepts if c.name in part.anchors),
        erased_on=_sets(part.erased_on, other.erased_on, f"{where}.erased_on"),
        retained_on=_sets(part.retained_on, other.retained_on, f"{where}.retained_on"),
        anchors_on=(name,), sentences=part.sentences,
    )  # fmt: skip


def own_set(task: Task) -> PromptSet:
    """The prompt set that has the task's name: every concept by its phrase and by its other wordings, or its anchors.

    A classifier with `blank` or `classes` is trained here: on images of these, and of every concept.
    """
    raw, part, where = _read(task.name, task.world)
    kind, classifier = "anchors" if isinstance(part, _Study) else "evaluation", None
    if kind == "anchors" and part.classifier is not None:
        raise ConfigError(f"{where}.classifier: that of {part.of} looks at its images; leave it out")
    if part.classifier is not None:
        if part.classifier.network is None or part.classifier.of is not None:
            raise ConfigError(f"{where}.classifier: the key network is missing: a file of classifiers/")
        choose(part.classifier.network, plugins.names("classifiers"), f"{where}.classifier.network")
        classifier = Classifier(task.name, part.classifier.network)
        if part.classifier.blank is not None or part.classifier.classes:
            classifier = _trained(task, part.classifier, where)
    chosen = looking.measures(part, where)
    return PromptSet(
        task.name, Source(kind, task.name), raw.title, raw.version, "concept", classifier,
        looking.observers(part, chosen, where), chosen, _sensitive(raw, part),
    )  # fmt: skip


def _sensitive(raw: _Task, part: _World | _Study) -> bool:
    return raw.sensitive if isinstance(part, _Study) or part.sensitive is None else part.sensitive


def _trained(task: Task, declared: DeclaredClassifier, where: str) -> Classifier:
    """A classifier that is trained here: `blank`, every concept, and classes that are no concepts, in this order."""
    blank = {} if declared.blank is None else {"blank": declared.blank}
    classes = (*blank, *(concept.class_name for concept in task.concepts), *declared.classes)
    drawn = (*blank.values(), *(concept.phrase for concept in task.concepts), *declared.classes.values())
    for name in classes:
        if classes.count(name) > 1:
            why = "the classifier could not tell them apart; give one another class_name"
            raise ConfigError(f"{where}.concepts: two classes are called {name!r}: {why}")
    if len({given.set for given in drawn if isinstance(given, TextsOf)}) > 1:
        raise ConfigError(f"{where}.classifier.classes: their texts are those of one prompt set at most")
    for name, given in declared.classes.items():
        at = f"{where}.classifier.classes.{name}"
        _check_name(name, at)
        if isinstance(given, TextsOf):
            choose(given.set, plugins.names("benchmark/prompt_sets", ".yaml"), f"{at}.set")
            if given.times < 1:
                raise ConfigError(f"{at}.times: {given.times} is not a whole number from 1 on")
    return Classifier(task.name, declared.network, classes, drawn)


@cache
def _read(name: str, world: str) -> tuple[_Task, _World | _Study, str]:
    """A task's file, its part on one world, and where that stands, for messages."""
    if name not in plugins.names("benchmark/tasks", ".yaml"):
        raise ConfigError(unknown("benchmark/tasks", name, plugins.names("benchmark/tasks", ".yaml"), "task"))
    where = f"benchmark/tasks/{name}.yaml"
    if not is_name(name):
        raise ConfigError(f"{where}: a task's name consists of {NAMED}")
    raw: _Task = strict.build(_Task, strict.read(plugins.ROOT / where, where), where)
    if world not in raw.worlds:
        raise ConfigError(unknown(f"{where}: worlds", world, raw.worlds))
    return raw, raw.worlds[world], f"{where}: worlds.{world}"


def _sets(declared: tuple[str, ...] | None, without: tuple[str, ...], where: str) -> tuple[str, ...]:
    if declared is None:
        return without
    known = [*plugins.names("benchmark/tasks", ".yaml"), *plugins.names("benchmark/prompt_sets", ".yaml")]
    return choose(declared, known, where)


def _concept(name: str, declared: str | _Concept, where: str) -> Concept:
    item = _Concept(declared) if isinstance(declared, str) else declared
    for place, key in ((where, name), *((f"{where}.wordings", key) for key in item.wordings)):
        _check_name(key, place)
    return Concept(name, item.phrase, item.class_name or name, item.attributes, item.anchors, item.wordings)


def _check_name(name: str, where: str) -> None:
    if not is_name(name):
        raise ConfigError(f"{where}: {name!r} becomes a file's name: {NAMED}")
