"""The format of scores.csv: its columns, and reading one that may have gone through other hands."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from benchmark import eyes, plugins
from benchmark.config import NOTHING, ORIGINAL, Suite, load_task, module
from benchmark.errors import BenchmarkError, ConfigError
from benchmark.plugins import unknown
from benchmark.records import asked_for
from benchmark.source import literal

COLUMNS = (
    "suite", "experiment", "task", "method", "concept", "seed", "metric", "probe", "role",
    "value", "n", "ci_low", "ci_high", "version",
)  # fmt: skip
OPTIONAL = ("device",)  # on what kind of device the images were drawn; files of before do not say
IDENTITY = COLUMNS[:9]  # what a number is of
CELL = ("experiment", "task", "method", "concept", "seed")  # of what `score` computes all numbers at once
ROLES = ("baseline", "erased", "retained")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
WHOLE = re.compile(r"\d+(\.0*)?")
VERSION = re.compile(r"\d+(\.\w+)*|")
LABEL = re.compile(r"[a-z0-9_]+(-[a-z0-9_-]+)?(@[1-9]\d?)?")
SEPARATORS = {";": ";", "\t": "tabs", "|": "|"}
ROUNDING = 1e-5  # relative: numbers are written with six digits
Row = dict[str, str]


def read(path: Path, suite: Suite | None = None) -> pd.DataFrame:
    """A scores.csv, one row per number; `ci_low` and `ci_high` are NaN where they are unknown, `device` may be empty.

    Raises `BenchmarkError`, with file and line, for anything that `score` does not write: it would be shown as if it
    had been measured. `suite` is whose numbers they must be; without one, names are not checked. What a spreadsheet
    adds without changing a number is fine: a byte order mark, quotes, other ends of lines, empty lines and columns.
    """
    rows = _rows(path)
    names = _Names(suite) if suite else None
    metrics: dict[str, tuple[float | None, float | None]] = {}
    first: dict[tuple[str, ...], int] = {}
    table = []
    for line, row in rows:
        try:
            if row["metric"] not in metrics:
                metrics[row["metric"]] = _range(row["metric"])
            if names:
                names.check(row)
            number = _numbers(row, metrics[row["metric"]])
            _role(row)
            _once(row, rows[0], first, line)
        except BenchmarkError as error:
            raise BenchmarkError(f"{path}: line {line}: {error}") from error
        table.append(row | number)
    _whole(path, rows)
    return pd.DataFrame(table, columns=[*COLUMNS, *OPTIONAL])


# ── the text ──


def _rows(path: Path) -> list[tuple[int, Row]]:
    """The lines below the header, each with its number; texts without the blanks around them."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BenchmarkError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BenchmarkError(f"{path}: is not text in UTF-8: save it as CSV in UTF-8") from error
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        lines = [(reader.line_num, [field.strip() for field in fields]) for fields in reader]
    except csv.Error as error:
        raise BenchmarkError(f"{path}: line {reader.line_num}: cannot be read as CSV: {error}") from error
    lines = [(number, fields) for number, fields in lines if any(fields)]
    if not lines:
        raise BenchmarkError(f"{path}: is empty")
    (number, header), *rest = lines
    columns = _header(f"{path}: line {number}", header)
    if not rest:
        raise BenchmarkError(f"{path}: has no number, only the names of columns")
    rows = []
    for number, fields in rest:
        if len(fields) < len(columns) or any(fields[len(columns) :]):
            what = "was it cut off" if len(fields) < len(columns) else "has a number a comma in it"
            raise BenchmarkError(f"{path}: line {number}: has {len(fields)} fields of {len(columns)} columns: {what}?")
        rows.append((number, dict.fromkeys(OPTIONAL, "") | dict(zip(columns, fields, strict=False))))
    return rows


def _header(where: str, header: list[str]) -> list[str]:
    """The names of the columns, without the empty ones that spreadsheets append."""
    while header and not header[-1]:
        header = header[:-1]
    for sign, name in SEPARATORS.items():
        if any(sign in field for field in header):
            raise BenchmarkError(f"{where} is separated by {name} — save it with commas")
    for column in header:
        if column not in (*COLUMNS, *OPTIONAL):
            raise BenchmarkError(unknown(where, column, (*COLUMNS, *OPTIONAL), "column"))
        if header.count(column) > 1:
            raise BenchmarkError(f"{where}: has the column {column} twice")
    for column in COLUMNS:
        if column not in header:
            raise BenchmarkError(f"{where}: has no column {column}")
    return header


# ── one number ──


def _numbers(row: Row, limits: tuple[float | None, float | None]) -> Mapping[str, float]:
    """What is a number in a row, and right as one."""
    found: dict[str, float] = {}
    for column in ("seed", "n"):
        if not WHOLE.fullmatch(row[column]):
            raise BenchmarkError(f"{column}: {row[column]!r} is not a whole number{_hint(row[column])}")
        found[column] = int(row[column].partition(".")[0])
    if not found["n"]:
        raise BenchmarkError("n: 0 images are no number")
    for column in ("value", "ci_low", "ci_high"):
        text = row[column]
        if text and not NUMBER.fullmatch(text):
            where = " (where an end of an interval is unknown, leave it empty)" if column != "value" else ""
            raise BenchmarkError(f"{column}: {text!r} is not a number{_hint(text) or where}")
        found[column] = float(text or "nan")
        if not text and column == "value":
            raise BenchmarkError("value: is empty; every row needs its number")
    value, low, high = found["value"], found["ci_low"], found["ci_high"]
    bottom, top = (edge if edge is not None else sign * math.inf for edge, sign in zip(limits, (-1, 1), strict=True))
    for column in ("value", "ci_low", "ci_high"):
        if not (bottom <= found[column] <= top or math.isnan(found[column])) or math.isinf(found[column]):
            allowed = f"from {bottom:g} to {top:g}" if top < math.inf else f"{bottom:g} or more"
            allowed = "a finite number" if bottom == -math.inf else allowed
            raise BenchmarkError(f"{column}: {found[column]:g} is not what {row['metric']} can be: {allowed}")
    if math.isnan(low) != math.isnan(high):
        raise BenchmarkError("ci_low, ci_high: the interval has one end only; give both, or leave both empty")
    if low > high:
        raise BenchmarkError(f"ci_low, ci_high: the interval ends before it begins: {low:g} to {high:g}")
    slack = ROUNDING * abs(value)
    if low - slack > value or value > high + slack:
        raise BenchmarkError(f"value: {value:g} is not in its own interval, {low:g} to {high:g}")
    if not VERSION.fullmatch(row["version"]):
        raise BenchmarkError(f"version: {row['version']!r} is none, such as 2.1.c467ad; was it taken for a date?")
    return found


def _hint(text: str) -> str:
    """What to do about a number that somebody's country or spreadsheet writes otherwise."""
    if re.fullmatch(r"[+-]?\d[\d.,'’\s]*%?", text) and (re.search(r"[,'’\s%]", text) or text.count(".") > 1):
        return ": decimals have a point, thousands nothing, per cent no sign"
    return ": was it taken for a date?" if re.search(r"\d", text) and re.search(r"[-/.: ]", text) else ""


def _range(metric: str) -> tuple[float | None, float | None]:
    """Between what the numbers of a metric lie. Raises `ConfigError` if there is no such metric or network."""
    name, eye = eyes.metric(metric, "metric")
    folder = "benchmark/observers"
    networks = [literal(f"{folder}/{file}.py", "NAME") for file in plugins.names(folder)]
    if eye not in networks:
        kind = f"{name}_" if name != metric else ""
        raise ConfigError(unknown("metric", metric, [f"{kind}{network}" for network in networks], "metric"))
    return plugins.load("benchmark/metrics", name).RANGE


def _role(row: Row) -> None:
    if row["role"] not in ROLES:
        raise BenchmarkError(unknown("role", row["role"], ROLES, "role"))
    original, nothing = row["method"] == ORIGINAL, row["concept"] == NOTHING
    if original != (row["role"] == "baseline") or (original and not nothing):
        raise BenchmarkError(f"role: {ORIGINAL}, which erased nothing ({NOTHING}), and no other method is the baseline")
    if not nothing and (row["role"] == "erased") != (asked_for(row["probe"]) == row["concept"]):
        raise BenchmarkError(f"role: {row['probe']} is not {row['role']} where {row['concept']} was erased")


def _once(row: Row, start: tuple[int, Row], first: dict[tuple[str, ...], int], line: int) -> None:
    if row["suite"] != start[1]["suite"]:
        raise BenchmarkError(
            f"suite: is {row['suite']}, but that of line {start[0]} is {start[1]['suite']}: one file has one suite"
        )
    key = tuple(row[column] for column in IDENTITY)
    if first.setdefault(key, line) != line:
        raise BenchmarkError(f"gives the number of line {first[key]} again")


# ── the names of a suite ──


class _Names:
    """Whether a suite knows the names of a row; each combination is looked up once."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.seen: set[tuple[str, ...]] = set()

    def check(self, row: Row) -> None:
        key = tuple(row[name] for name in ("suite", "experiment", "task", "method", "concept", "probe"))
        if key in self.seen:
            return
        _, experiment, task, method, concept, probe = key
        if row["suite"] != self.suite.name:
            raise BenchmarkError(f"suite: has numbers of suite {row['suite']}, not of {self.suite.name}")
        _known("experiment", experiment, self.suite.experiments)
        if task != self.suite.experiments[experiment].task:
            raise BenchmarkError(unknown(f"experiment {experiment}", task, [self.suite.experiments[experiment].task]))
        _method(self.suite, method)
        concepts = {c.name: c for c in load_task(task, self.suite.world).concepts}
        if concept != NOTHING:
            _known("concept", concept, concepts, f"task {task}: ")
        _known("probe", probe, [probe for c in concepts.values() for probe in c.probes], f"task {task}: ")
        self.seen.add(key)


def _known(what: str, name: str, allowed: Iterable[str], where: str = "") -> None:
    if name not in allowed:
        raise BenchmarkError(unknown(f"{where}{what}", name, allowed, what))


def _method(suite: Suite, label: str) -> None:
    """A variant may be another suite's or of before: views mark its numbers. A method without a file is a slip."""
    if not LABEL.fullmatch(label):
        raise BenchmarkError(f"method: {label!r} is no label: <method>, <method>-<variant>, or one of them @<per cent>")
    if not (plugins.ROOT / module(label)).exists():
        known = dict.fromkeys((*plugins.names("methods"), *suite.settings))
        raise BenchmarkError(f"{unknown('method', label, known, 'method')}; add {module(label)} or leave its rows out")


# ── all of them ──


def _whole(path: Path, rows: list[tuple[int, Row]]) -> None:
    """Refuse a cell that lacks what other cells of its experiment have, or whose numbers are of different versions.

    `score` writes all numbers of a cell at once: each metric for each probe, under one version a metric.
    """
    cells: dict[tuple[str, ...], dict[str, dict[tuple[str, str], tuple[int, str]]]] = {}
    for line, row in rows:
        metrics = cells.setdefault(tuple(row[name] for name in CELL), {})
        metrics.setdefault(row["metric"], {})[row["probe"], row["role"]] = line, row["version"]
    for experiment in dict.fromkeys(cell[0] for cell in cells):
        mine = {cell: metrics for cell, metrics in cells.items() if cell[0] == experiment}
        names = dict.fromkeys(name for metrics in mine.values() for name in metrics)
        probes = dict.fromkeys(probe for metrics in mine.values() for keys in metrics.values() for probe, _ in keys)
        for (_, _, method, concept, seed), metrics in mine.items():
            where = f"method {method}, concept {concept}, seed {seed} of experiment {experiment}"
            roles = dict.fromkeys(key for keys in metrics.values() for key in keys)
            wanted = [*roles, *((probe, "") for probe in probes if probe not in {probe for probe, _ in roles})]
            line, _ = next(iter(next(iter(metrics.values())).values()))
            for name in names:
                found = metrics.get(name, {})
                for probe, role in wanted:
                    if (probe, role) not in found:
                        what = f"has no {name} of {f'{role} ' if role else ''}{probe}, which others have"
                        raise BenchmarkError(f"{path}: line {line}: {where} {what}: was a line lost?")
                (_, version), *others = found.values()
                for at, other in others:
                    if other != version:
                        what = f"version: {other!r} is not {version!r}, that of the other numbers"
                        raise BenchmarkError(f"{path}: line {at}: {what} ({name}, {where})")
