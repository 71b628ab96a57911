"""Prompt sets: those that tasks derive from their concepts, and those of files of `benchmark/prompt_sets/`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

from benchmark.errors import ConfigError
from benchmark.plan import looking, plugins, strict
from benchmark.plan.looking import DeclaredClassifier, Looking
from benchmark.plan.plugins import unknown
from benchmark.plan.records import Classifier, PromptSet, Source, Task
from benchmark.plan.selection import choose
from benchmark.plan.source import literal
from benchmark.plan.task import load_task, own_set

COLUMNS = ("row", "text", "noise_seed", "images", "concept", "wording", "class_name", "guidance")
DEFAULTS = ("images", "guidance", "class_name")  # what a file may say once for all of its rows


@dataclass(frozen=True, kw_only=True)
class _FileSet(Looking):
    """A file of `benchmark/prompt_sets/` about a CSV file.

    `file` is relative to the repository or has a ~, `sha256` is its hash. `columns` maps fields of a prompt to the
    file's columns; `text` is needed, a row without `row` gets its number, one without `noise_seed` a seed that follows
    from the set's name and the row.
    """

    title: str
    version: int
    file: str
    sha256: str
    columns: Mapping[str, str]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    score_by: Literal["concept", "set"] = "set"
    sensitive: bool = False


@dataclass(frozen=True, kw_only=True)
class _AttackedSet(Looking):
    """A file of `benchmark/prompt_sets/` about an attack: a file of `attacks/` that rewrites the texts of the set `of`.

    Every erased model is attacked on the rows that ask for what it has lost.
    """

    title: str
    version: int
    attack: str
    of: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@cache
def load_set(name: str, world: str) -> PromptSet:
    """The prompt set of a name: a task's own, or a file's. Raises `ConfigError` for what is not as declared."""
    tasks, files = plugins.names("benchmark/tasks", ".yaml"), plugins.names("benchmark/prompt_sets", ".yaml")
    if name not in (*tasks, *files):
        raise ConfigError(unknown("prompt set", name, (*tasks, *files), "set"))
    if name not in files:
        return own_set(load_task(name, world))
    where = f"benchmark/prompt_sets/{name}.yaml"
    if name in tasks or not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", name):
        why = "a task has this name" if name in tasks else "a set's name consists of small letters, digits and _"
        raise ConfigError(f"{where}: {why}")
    raw = strict.mapping(strict.read(plugins.ROOT / where, where), where)
    return _attacked(name, raw, world, where) if "attack" in raw else _file(name, raw, world, where)


def _file(name: str, declared: Mapping[str, Any], world: str, where: str) -> PromptSet:
    raw: _FileSet = strict.build(_FileSet, declared, where)
    source = Source("file", path=raw.file, sha256=_hash(raw.sha256, where), columns=raw.columns, defaults=raw.defaults)
    choose(list(raw.columns), COLUMNS, f"{where}: columns")
    needed = ["text", "concept"] if raw.score_by == "concept" else ["text"]
    for key in needed:
        if key not in raw.columns:
            raise ConfigError(f"{where}: columns.{key} is missing: which column of {raw.file} has it?")
    for key in choose(list(raw.defaults), DEFAULTS, f"{where}: defaults") if raw.defaults else ():
        if key in raw.columns:
            raise ConfigError(f"{where}: defaults.{key}: the column {raw.columns[key]} says it")
    chosen = looking.measures(raw, where)
    for measure in chosen:
        key = literal(f"{looking.METRICS}/{measure.metric}.py", "NEEDS")
        if key and key not in (*raw.columns, *raw.defaults):
            raise ConfigError(f"{where}: metrics.{measure.metric}: needs columns.{key}, and it is missing")
    return PromptSet(
        name, source, raw.title, raw.version, raw.score_by, _classifier(name, raw.classifier, world, where),
        looking.observers(raw, chosen, where), chosen, raw.sensitive,
    )  # fmt: skip


def _attacked(name: str, declared: Mapping[str, Any], world: str, where: str) -> PromptSet:
    raw: _AttackedSet = strict.build(_AttackedSet, declared, where)
    choose(raw.attack, plugins.names("attacks"), f"{where}: attack")
    of = load_set(raw.of, world)
    if of.score_by != "concept" or of.source.kind == "attack":
        raise ConfigError(f"{where}: of: the rows of {raw.of} ask for no concepts, or are those of an attack")
    if raw.classifier is not None:
        raise ConfigError(f"{where}: classifier: that of {raw.of} looks at these images, too; leave it out")
    settings = looking.settings(f"attacks/{raw.attack}.py", raw.settings, f"{where}: settings")
    chosen = looking.measures(replace(raw, classifier=of.classifier), where)
    return PromptSet(
        name, Source("attack", of.source.task, attack=raw.attack, of=raw.of, settings=settings), raw.title, raw.version,
        "concept", of.classifier, looking.observers(raw, chosen, where), chosen, of.sensitive,
    )  # fmt: skip


def _classifier(name: str, declared: DeclaredClassifier | None, world: str, where: str) -> Classifier | None:
    """The classifier of a set that is a file: one as it comes, or that of another set."""
    if declared is None:
        return None
    if declared.blank is not None:
        raise ConfigError(
            f"{where}: classifier.blank: only a task's classifier is trained; `of: <task>` takes that one"
        )
    if (declared.network is None) == (declared.of is None):
        raise ConfigError(f"{where}: classifier: needs `network`, a file of classifiers/, or `of`, a task that has one")
    if declared.of is not None:
        choose(declared.of, plugins.names("benchmark/tasks", ".yaml"), f"{where}: classifier.of")
        return load_set(declared.of, world).classifier
    choose(declared.network, plugins.names("classifiers"), f"{where}: classifier.network")
    return Classifier(name, declared.network)


def training_set(task: Task) -> PromptSet:
    """The images from which a task's classifier learns."""
    return PromptSet(f"{task.name}_training", Source("training", task.name))


def pool_set(task: Task, kind: str, shard: str, concepts: tuple[str, ...]) -> PromptSet:
    """Images of the original model that methods train on: of concepts, or of none if `kind` is `anchor`."""
    if kind == "anchor":
        return PromptSet(f"{task.name}_pool_anchor", Source("pool_anchor", task.name))
    return PromptSet(f"{task.name}_pool_concept_{shard}", Source("pool_concept", task.name, concepts))


def _hash(text: str, where: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise ConfigError(f"{where}: sha256: {text!r} is no SHA-256: 64 digits 0-9 and a-f, as `sha256sum` prints them")
    return text
