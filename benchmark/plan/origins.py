"""Where the rows of prompt sets come from, as frozen records. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Column = str | int  # of a CSV file: its name, or its place, counted from 1


@dataclass(frozen=True)
class HubFile:
    """A file of a data set on the Hub, at a commit."""

    dataset: str
    revision: str
    file: str


@dataclass(frozen=True)
class File:
    """A CSV file with rows of a prompt set, or with the names of rows of another set.

    `path` is its place unless config.yaml names another, and `sha256` the hash of its bytes: if that is empty, the
    first read records it. `expected` are counts that its rows must have, by the names of `prompt_file.COUNTS`. `origin`
    says to people where the file comes from. A file that is not there is made by `made_by`, a file of
    `benchmark/prompt_sets/`, or fetched from `hub`.
    """

    path: str
    sha256: str = ""
    expected: Mapping[str, int] = field(default_factory=dict)
    origin: str = ""
    hub: HubFile | None = None
    made_by: str = ""


@dataclass(frozen=True)
class Source:
    """Where the rows of a prompt set come from: concepts of a task, a CSV file, another set, or an attack on its rows.

    `kind` is `evaluation`, `training` (of the task's classifier), `pool_concept` or `pool_anchor` (of methods),
    `anchors` (concepts, and what methods put in their place), `file`, `part` or `attack`. The first five derive rows
    from the concepts of `task` (of a pool: from `concepts` alone). Of a `file`, `columns` fill the fields of `Prompt`,
    and `defaults` those that it lacks. A `part` has rows of the set `of`: those that ask for `concepts` of its task, or
    those whose names are in a file. An `attack`, a file of `attacks/` with its `settings`, searches other texts for the
    rows of the set `of`, for every model others; the original model draws these rows as they are.
    """

    kind: Literal["evaluation", "training", "pool_concept", "pool_anchor", "anchors", "file", "part", "attack"]
    task: str = ""
    concepts: tuple[str, ...] = ()
    file: File | None = None
    columns: Mapping[str, Column | tuple[Column, ...]] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    attack: str = ""
    of: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
