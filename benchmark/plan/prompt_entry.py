"""What a file of `benchmark/prompt_sets/` may say: the records that it is read into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from benchmark.plan.looking import Looking
from benchmark.plan.origins import Column, HubFile
from benchmark.plan.strict import Form

Columns = Annotated[Any, Form(Column | tuple[Column, ...])]


@dataclass(frozen=True, kw_only=True)
class _Entry(Looking):
    """What every prompt set has."""

    title: str  # the set's name in tables
    version: int  # a higher one marks all older numbers of the set
    sensitive: bool = False  # whether its images are masked where they are shown


@dataclass(frozen=True, kw_only=True)
class _WithFile(_Entry):
    """A set that reads a CSV file, and how that file is known."""

    sha256: str | None = None  # the hash of the file; without it, the first read records it
    expected: Mapping[str, int] = field(default_factory=dict)  # what is counted in its rows: another file is refused
    origin: str = ""  # where people get the file: messages say so
    hub: HubFile | None = None  # where it is fetched from if it is not there
    made_by: str | None = None  # a file of benchmark/prompt_sets/ that makes it if it is not there


@dataclass(frozen=True, kw_only=True)
class FileSet(_WithFile):
    """A set that is a CSV file.

    `file` is relative to the repository or has a ~. `columns` maps fields of a prompt to the file's columns, each by
    its name or its place, counted from 1, or to a list of these, of which the first that is there is taken. `text` is
    needed; a row without `row` gets its number, one without `noise_seed` a seed that follows from the set's name and
    the row.
    """

    file: str
    columns: Mapping[str, Columns]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    score_by: Literal["concept", "set"] = "set"


@dataclass(frozen=True, kw_only=True)
class PartSet(_WithFile):
    """A set of some rows of the set `of`: those that ask for `concepts`, or those that `file` lists by `columns.row`.

    `of` is a task, or a set that is a file.
    """

    of: str
    concepts: tuple[str, ...] = ()  # of the task; without it, all
    file: str | None = None
    columns: Mapping[str, Columns] = field(default_factory=dict)
    score_by: Literal["concept", "set"] = "set"


@dataclass(frozen=True, kw_only=True)
class AttackedSet(_Entry):
    """A set in which an attack, a file of `attacks/`, rewrites the texts of the set `of`.

    Every erased model is attacked on the rows that ask for what it has lost.
    """

    attack: str
    of: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SetOfWorlds:
    """A set that is another in each world: keys that stand beside `worlds` are those of all of them."""

    worlds: Mapping[str, Mapping[str, Any]]
    title: str | None = None
    version: int | None = None
    sensitive: bool | None = None
