"""The numbers that the paper prints, and what they are: the folder `benchmark/paper`, or another one like it.

A folder has `tables.yaml`, the files of tables that it names, `columns.csv` (which variant is which method of a table)
and `prose.csv` (what the text quotes of the tables). All are read strictly: what is not exactly as declared is an error
of one line. Only the numbers themselves may be wrong: finding these is the auditor's work.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from benchmark.errors import ConfigError
from benchmark.plan import strict
from benchmark.plan.plugins import unknown

FOLDER = Path(__file__).parent.parent / "paper"
LINES = ("table", "concept", "method", "split", "metric", "value")  # the columns of a table's file
FORMS = ("", "text", "code", "other")
Key = tuple[str, str, str, str]  # of a cell: row, method, side and metric
NUMBER = re.compile(r"\d+(\.\d+)?|\.\d+")


@dataclass(frozen=True)
class Band:
    """How far a measured number may be from the printed one: by so many points, or by a share of the printed one."""

    points: float = 0.0
    relative: float = 0.0

    def of(self, printed: float) -> float:
        return self.points + self.relative * printed


@dataclass(frozen=True)
class Metric:
    """One of the paper's metrics. `kind`: a share of images in per cent, a count of things in them, or a distance."""

    metric: str  # the file of benchmark/metrics/ that computes it
    kind: Literal["share", "count", "distance"]
    digits: int  # behind the point; where fewer are printed, they are zeros
    band: Band
    least: float = 0.0  # what it can be
    most: float | None = None
    itself: float | None = None  # what it is for the original, if the original is compared with itself
    of_n: bool = False  # whether it changes with the number of images, by as great a share at most


@dataclass(frozen=True)
class Side:
    """The numbers about what is erased, or about what is retained."""

    set: str  # the prompt set
    images: int  # behind a number of one concept and one run
    metrics: tuple[str, ...]
    whole: bool = False  # the set is the same whatever was erased, and scored as a whole
    others_of: str = ""  # a number is the mean over the table's other concepts, of which this side tells each


@dataclass(frozen=True)
class Gate:
    """How far the original's numbers may be from the printed ones: of each concept, and of their mean."""

    side: str
    metric: str
    each: float
    mean: float


@dataclass(frozen=True)
class Table:
    """A table of the paper: what its rows, columns and numbers are."""

    number: int
    task: str
    runs: int  # behind a number
    original: str  # the method that is the original model
    methods: tuple[str, ...]
    concepts: Mapping[str, str]  # the task's concept, by the row's name
    sides: Mapping[str, Side]
    gates: tuple[Gate, ...]
    average: str = ""  # the name of the row of means, if there is one
    elsewhere: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # printed of the original elsewhere

    @property
    def title(self) -> str:
        return f"Table {self.number}"

    @property
    def rows(self) -> list[str]:
        return [*self.concepts, *([self.average] if self.average else [])]

    @property
    def keys(self) -> list[Key]:
        """Those of all cells, in order."""
        sides = [(name, metric) for name, side in self.sides.items() for metric in side.metrics]
        return [(each, m, *side) for each in self.rows for m in self.methods for side in sides]


@dataclass(frozen=True)
class Same:
    """A model whose numbers stand in two tables: as `method` of the first, and as `its_method` of the second."""

    first: str
    method: str
    second: str
    its_method: str


@dataclass(frozen=True)
class Sum:
    """A row of a file that is the sum of the file's other rows, in these columns."""

    file: str
    row: str
    columns: tuple[str, ...]
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Declared:
    """The content of `tables.yaml`."""

    metrics: Mapping[str, Metric]
    tables: Mapping[str, Table]
    n_within: float
    same: tuple[Same, ...] = ()
    sums: tuple[Sum, ...] = ()


class Line(NamedTuple):
    """One line of a table's file. `value` is as it stands there, and need not be a number."""

    table: str
    concept: str
    method: str
    split: str
    metric: str
    value: str

    @property
    def key(self) -> Key:
        return self[1:5]


class Column(NamedTuple):
    """Which method of a table a variant is: as the text says, as the code runs, or neither; empty: no matter."""

    file: str
    variant: str
    method: str
    form: str


class Quote(NamedTuple):
    """A number that the text quotes, and the cell that it quotes. `column` of a table is `method side metric`."""

    quoted: str
    file: str
    row: str
    column: str
    about: str


@cache
def declared(folder: Path = FOLDER) -> Declared:
    """What the numbers of a folder are. Raises `ConfigError` if a name in it is none that it declares."""
    where = f"{folder.name}/tables.yaml"
    tables = strict.build(Declared, strict.read(folder / "tables.yaml", where), where)
    for file, table in tables.tables.items():
        at = f"{where}: tables.{file}"
        for name, side in table.sides.items():
            for metric in side.metrics:
                _known(f"{at}.sides.{name}", metric, tables.metrics)
            if side.others_of:
                _known(f"{at}.sides.{name}", side.others_of, table.sides)
        for gate in table.gates:
            _known(f"{at}.gates", gate.side, table.sides)
            _known(f"{at}.gates", gate.metric, table.sides[gate.side].metrics)
    for pair in tables.same:
        for file, method in ((pair.first, pair.method), (pair.second, pair.its_method)):
            _known(f"{where}: same", file, tables.tables)
            _known(f"{where}: same", method, tables.tables[file].methods)
    return tables


def lines(folder: Path, file: str) -> list[Line]:
    """The lines of a table's file, as they are."""
    return [Line(*row) for row in _rows(folder, file, LINES)]


def quotes(folder: Path) -> list[Quote]:
    """What the text quotes."""
    return [Quote(*row) for row in _rows(folder, "prose.csv", Quote._fields)]


def columns(folder: Path = FOLDER) -> list[Column]:
    """Which variant is which method of which table."""
    tables, found = declared(folder).tables, [Column(*row) for row in _rows(folder, "columns.csv", Column._fields)]
    for column in found:
        where = f"{folder.name}/columns.csv: {column.variant}"
        _known(where, column.file, tables)
        _known(where, column.method, (*tables[column.file].methods, tables[column.file].original))
        _known(where, column.form, FORMS)
    return found


@cache
def numbers(file: str, folder: Path = FOLDER) -> dict[Key, float]:
    """The numbers of a table by row, method, side and metric, with what is printed of the original elsewhere.

    Raises `ConfigError` for a cell that is missing, double or no number.
    """
    table, found = declared(folder).tables[file], lines(folder, file)
    for key in table.keys:
        texts = [line.value for line in found if line.key == key]
        if len(texts) != 1 or not NUMBER.fullmatch(texts[0]):
            said = ", ".join(map(repr, texts)) or "no number"
            raise ConfigError(f"{folder.name}/{file}: {' '.join(key)}: has {said}; it needs one number")
    elsewhere = {
        (row, table.original, side, metric): value
        for side, values in table.elsewhere.items()
        for metric, value in values.items()
        for row in table.rows
    }
    return elsewhere | {line.key: float(line.value) for line in found}


def texts(folder: Path, file: str) -> dict[tuple[str, str], str]:
    """Any file of the folder: what stands in each cell, by row (its first column) and column.

    Of a table's file it is the printed numbers; a column is then `method side metric`.
    """
    if file in declared(folder).tables:
        return {(line.concept, f"{line.method} {line.split} {line.metric}"): line.value for line in lines(folder, file)}
    head, *rows = _read(folder, file)
    return {(row[0], name): text for row in rows for name, text in zip(head[1:], row[1:], strict=True)}


def _rows(folder: Path, file: str, head: tuple[str, ...]) -> list[list[str]]:
    first, *rest = _read(folder, file)
    if tuple(first) != tuple(head):
        raise ConfigError(f"{folder.name}/{file}: has the columns {', '.join(first)}; it needs {', '.join(head)}")
    return rest


def _read(folder: Path, file: str) -> list[list[str]]:
    try:
        with open(folder / file, encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{folder / file}: cannot be read: {error}") from error
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise ConfigError(f"{folder.name}/{file}: line {number}: has {len(row)} fields, not {len(rows[0])}")
    if not rows:
        raise ConfigError(f"{folder.name}/{file}: is empty")
    return rows


def _known(where: str, name: str, allowed: object) -> None:
    if name not in allowed:
        raise ConfigError(unknown(where, name, allowed))
