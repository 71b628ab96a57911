"""Prompt sets: those that tasks derive from their concepts, and those of files of `benchmark/prompt_sets/`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from benchmark.errors import ConfigError
from benchmark.plan import looking, plugins, strict
from benchmark.plan.looking import DeclaredClassifier
from benchmark.plan.origins import File, Source
from benchmark.plan.plugins import unknown
from benchmark.plan.prompt_entry import AttackedSet, FileSet, PartSet, SetOfWorlds
from benchmark.plan.records import Classifier, PromptSet, Task, TextsOf
from benchmark.plan.selection import ALL, NAMED, choose
from benchmark.plan.source import literal
from benchmark.plan.task import load_task, own_set

FOLDER = "benchmark/prompt_sets"
COLUMNS = ("row", "text", "noise_seed", "images", "concept", "wording", "class_name", "guidance")
DEFAULTS = ("images", "guidance", "class_name")  # what a file may say once for all of its rows
COUNTS = ("rows", "distinct", "empty", "smallest_seed", "largest_seed", "classes")  # what may be expected of rows


@cache
def load_set(name: str, world: str) -> PromptSet:
    """The prompt set of a name: a task's own, or a file's. Raises `ConfigError` for what is not as declared."""
    tasks, files = plugins.names("benchmark/tasks", ".yaml"), plugins.names(FOLDER, ".yaml")
    if name not in (*tasks, *files):
        raise ConfigError(unknown("prompt set", name, (*tasks, *files), "set"))
    if name not in files:
        return own_set(load_task(name, world))
    where = f"{FOLDER}/{name}.yaml"
    if name in tasks or name == ALL or not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", name):
        why = "a task has this name" if name in tasks else f"a set's name consists of {NAMED}"
        raise ConfigError(f"{where}: {why}")
    raw = strict.mapping(strict.read(plugins.ROOT / where, where), where)
    if "worlds" in raw:
        common = strict.build(SetOfWorlds, raw, where)
        if world not in common.worlds:
            raise ConfigError(unknown(f"{where}: worlds", world, common.worlds))
        raw = {key: value for key, value in raw.items() if key != "worlds"} | common.worlds[world]
        where = f"{where}: worlds.{world}"
    return (_attacked if "attack" in raw else _part if "of" in raw else _file)(name, raw, world, where)


def _file(name: str, declared: Mapping[str, Any], world: str, where: str) -> PromptSet:
    raw: FileSet = strict.build(FileSet, declared, where)
    columns = _columns(raw.columns, where)
    source = Source("file", file=_given(raw, where), columns=columns, defaults=raw.defaults)
    choose(list(columns), COLUMNS, strict.at(where, "columns"))
    needed = ["text", "concept"] if raw.score_by == "concept" else ["text"]
    for key in needed:
        if key not in columns:
            raise ConfigError(f"{strict.at(where, 'columns')}.{key} is missing: which column of {raw.file} has it?")
    defaults = strict.at(where, "defaults")
    for key in choose(list(raw.defaults), DEFAULTS, defaults) if raw.defaults else ():
        if key in columns:
            raise ConfigError(f"{defaults}.{key}: the column {columns[key]} says it")
    return _looked_at(name, raw, source, (*columns, *raw.defaults), world, where)


def _part(name: str, declared: Mapping[str, Any], world: str, where: str) -> PromptSet:
    """Rows of a task, or of a set that is a file: of some concepts, or those that a file lists."""
    raw: PartSet = strict.build(PartSet, declared, where)
    if raw.of == name:
        raise ConfigError(f"{strict.at(where, 'of')}: a set cannot be a part of itself")
    of, key = load_set(raw.of, world), strict.at(where, "of")
    if of.source.kind not in ("evaluation", "file"):
        raise ConfigError(f"{key}: {raw.of} is neither a task nor a set that is a file")
    if raw.concepts and not of.source.task:
        raise ConfigError(f"{strict.at(where, 'concepts')}: {raw.of} is no task; list the rows in a `file` instead")
    if of.source.task:
        known = [concept.name for concept in load_task(of.source.task, world).concepts]
        choose(raw.concepts or known, known, strict.at(where, "concepts"))
    columns = _columns(raw.columns, where)
    if (raw.file is None) != (not columns) or columns.keys() - {"row"}:
        why = "goes with `file`, and says which column of it has the names of rows: {row: …}, and nothing else"
        raise ConfigError(f"{strict.at(where, 'columns')}: {why}")
    if of.score_by == "set" and raw.score_by == "concept":
        raise ConfigError(f"{strict.at(where, 'score_by')}: the rows of {raw.of} ask for no concepts")
    source = Source(
        "part", of.source.task, raw.concepts, _given(raw, where) if raw.file else None, columns, of=raw.of
    )  # fmt: skip
    there = (*COLUMNS,) if of.source.task else (*of.source.columns, *of.source.defaults)
    return _looked_at(name, raw, source, there, world, where)


def _looked_at(
    name: str, raw: FileSet | PartSet, source: Source, there: Iterable[str], world: str, where: str
) -> PromptSet:
    """The set of a source whose rows have the fields `there`."""
    chosen = looking.measures(raw, where)
    for measure in chosen:
        key = literal(f"{looking.METRICS}/{measure.metric}.py", "NEEDS")
        if key and key not in there:
            at = strict.at(where, "metrics")
            raise ConfigError(f"{at}.{measure.metric}: needs columns.{key}, and it is missing")
    return PromptSet(
        name, source, raw.title, raw.version, raw.score_by, _classifier(name, raw.classifier, world, where),
        looking.observers(raw, chosen, where), chosen, raw.sensitive,
    )  # fmt: skip


def _given(raw: FileSet | PartSet, where: str) -> File:
    """The file of a set, as its entry describes it."""
    if raw.expected:
        choose(list(raw.expected), COUNTS, strict.at(where, "expected"))
    if raw.made_by is not None:
        choose(raw.made_by, plugins.names(FOLDER), strict.at(where, "made_by"))
    if raw.made_by and raw.hub:
        raise ConfigError(
            f"{strict.at(where, 'made_by')}: the file is either made or fetched; leave out one of the two"
        )
    return File(
        raw.file, _hash(raw.sha256, where), raw.expected, raw.origin, raw.hub, raw.made_by or ""
    )  # fmt: skip


def _columns(declared: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The columns of a file that fill each field: a name, a place counted from 1, or a list of these to choose from."""
    columns = {key: tuple(value) if isinstance(value, list) else value for key, value in declared.items()}
    for key, value in columns.items():
        for column in value if isinstance(value, tuple) else (value,):
            if type(column) not in (str, int) or column in ("", 0) or type(column) is int and column < 0:
                meant = "a column is its name, or its place as a whole number from 1 on, or a list of these"
                raise ConfigError(f"{strict.at(where, 'columns')}.{key}: {column!r}: {meant}")
        if value == ():
            raise ConfigError(f"{strict.at(where, 'columns')}.{key}: the list is empty; name at least one column")
    return columns


def _attacked(name: str, declared: Mapping[str, Any], world: str, where: str) -> PromptSet:
    raw: AttackedSet = strict.build(AttackedSet, declared, where)
    choose(raw.attack, plugins.names("attacks"), strict.at(where, "attack"))
    of = load_set(raw.of, world)
    if of.score_by != "concept" or of.source.kind == "attack":
        raise ConfigError(
            f"{strict.at(where, 'of')}: the rows of {raw.of} ask for no concepts, or are those of an attack"
        )
    if raw.classifier is not None:
        raise ConfigError(
            f"{strict.at(where, 'classifier')}: that of {raw.of} looks at these images, too; leave it out"
        )
    settings = looking.settings(f"attacks/{raw.attack}.py", raw.settings, strict.at(where, "settings"))
    chosen = looking.measures(replace(raw, classifier=of.classifier), where)
    return PromptSet(
        name, Source("attack", of.source.task, attack=raw.attack, of=raw.of, settings=settings), raw.title, raw.version,
        "concept", of.classifier, looking.observers(raw, chosen, where), chosen, of.sensitive or raw.sensitive,
    )  # fmt: skip


def _classifier(name: str, declared: DeclaredClassifier | None, world: str, where: str) -> Classifier | None:
    """The classifier of a set that is no task's: one as it comes, or that of a task."""
    if declared is None:
        return None
    at = strict.at(where, "classifier")
    if declared.blank is not None:
        raise ConfigError(f"{at}.blank: only a task's classifier is trained; `of: <task>` takes that one")
    if (declared.network is None) == (declared.of is None):
        raise ConfigError(f"{at}: needs `network`, a file of classifiers/, or `of`, a task that has one")
    if declared.of is not None:
        choose(declared.of, plugins.names("benchmark/tasks", ".yaml"), f"{at}.of")
        return load_set(declared.of, world).classifier
    choose(declared.network, plugins.names("classifiers"), f"{at}.network")
    return Classifier(name, declared.network)


def training_set(task: Task) -> PromptSet:
    """The images from which a task's classifier learns; their texts may be those of another set."""
    classifier = load_set(task.name, task.world).classifier
    sets = [given.set for given in (classifier and classifier.texts) or () if isinstance(given, TextsOf)]
    return PromptSet(f"{task.name}_training", Source("training", task.name, of="".join(sets[:1])))


def pool_set(task: Task, kind: str, shard: str, concepts: tuple[str, ...]) -> PromptSet:
    """Images of the original model that methods train on: of concepts, or of none if `kind` is `anchor`."""
    if kind == "anchor":
        return PromptSet(f"{task.name}_pool_anchor", Source("pool_anchor", task.name))
    return PromptSet(f"{task.name}_pool_concept_{shard}", Source("pool_concept", task.name, concepts))


def _hash(text: str | None, where: str) -> str:
    if text is not None and not re.fullmatch(r"[0-9a-f]{64}", text):
        meant = "is no SHA-256: 64 digits 0-9 and a-f, as `sha256sum` prints them"
        raise ConfigError(f"{strict.at(where, 'sha256')}: {text!r} {meant}")
    return text or ""
