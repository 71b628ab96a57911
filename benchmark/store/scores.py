"""The format of scores.csv, the only source of tables and figures: its columns, writing it, and reading it.

One line is one number. The columns before `value` say what it is of, those behind it how sure it is and under which
conditions it was measured. A file that is read may have been through other hands, so every line is checked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from benchmark.errors import BenchmarkError
from benchmark.files import write_atomically
from benchmark.plan import plugins
from benchmark.plan.plugins import unknown
from benchmark.plan.records import END, NOTHING, ORIGINAL, WHOLE, Variant
from benchmark.plan.source import literal
from benchmark.plan.suite import Suite
from benchmark.store import handed
from benchmark.store.score_names import Names

COLUMNS = (
    "suite",  # a file of benchmark/suites/
    "experiment",  # one of the suite's
    "task",  # the experiment's task
    "method",  # a file of methods/
    "variant",  # the method with settings, as the suite names it
    "checkpoint",  # per cent of the method's steps at which it was stopped; 100 at its end
    "concept",  # the erased one; `-` if none was erased
    "erasing_seed",  # the seed of the erasure's training
    "prompt_set",  # whose prompts the images were drawn from
    "asked",  # the concept that the prompts ask for; `*` for a set that is scored as a whole
    "wording",  # the name of the words that ask for it; empty for the concept's own phrase
    "role",  # baseline (the original model), erased or retained
    "metric",  # a file of benchmark/metrics/
    "observer",  # a file of benchmark/observers/: what looked at the images
    "value",  # the number
    "n",  # how many images it is of
    "ci_low",  # the lower end of its 95 % interval; empty if unknown
    "ci_high",  # the upper end
    "version",  # of prompt set, metric and conditions: see benchmark/plan/versions.py
)
OPTIONAL = ("device",)  # the kind of device that the images were drawn on; older files do not say
IDENTITY = COLUMNS[: COLUMNS.index("value")]  # what a number is of
MODEL = ("experiment", "task", "variant", "checkpoint", "concept", "erasing_seed")  # whose images `score` saw at once
BEFORE = ("probe", "seed")  # columns that only files of the format before this one have
ROLES = ("baseline", "erased", "retained")
INTEGERS = ("checkpoint", "erasing_seed", "n")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
INTEGER = re.compile(r"\d+(\.0*)?")
VERSION = re.compile(r"\d+(\.\w+)*|")
ROUNDING = 1e-5  # relative: numbers are written with six digits
Row = dict[str, str]


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write numbers, each a mapping from all of `COLUMNS` (and of `OPTIONAL`), with six digits."""
    with write_atomically(path) as temporary:
        frame = pd.DataFrame(rows, columns=[*COLUMNS, *OPTIONAL])
        frame.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")


def read(path: Path, suite: Suite | None = None) -> pd.DataFrame:
    """A scores.csv as a frame with the columns `COLUMNS` and `OPTIONAL`, one row per number.

    `ci_low` and `ci_high` are NaN where they are unknown; `device` may be empty. `suite` is the one that the numbers
    must be of; without it, names are not checked. Raises `BenchmarkError`, with file and line, for anything that
    `score` does not write: it would be shown as if it had been measured.
    """
    rows = _rows(path)
    names = Names(suite) if suite else None
    metrics: dict[tuple[str, str], ModuleType] = {}
    first: dict[tuple[str, ...], int] = {}
    table = []
    for line, row in rows:
        try:
            measure = row["metric"], row["observer"]
            if measure not in metrics:
                metrics[measure] = _metric(*measure)
            number = _numbers(row, metrics[measure])
            _variant(row)
            if names:
                names.check(row)
            _role(row)
            _once(row, rows[0], first, line)
        except BenchmarkError as error:
            raise BenchmarkError(f"{path}: line {line}: {error}") from error
        table.append(row | number)
    _complete(path, rows)
    return pd.DataFrame(table, columns=[*COLUMNS, *OPTIONAL])


def _rows(path: Path) -> list[tuple[int, Row]]:
    """The lines below the header, each with its number."""
    (number, fields), *body = handed.lines(path)
    columns, where = handed.header(path, number, fields), f"{path}: line {number}"
    if all(column in columns for column in BEFORE) and "variant" not in columns:
        raise BenchmarkError(
            f"{where}: has the columns {' and '.join(BEFORE)}: it was written before scores.csv had the columns variant"
            " and prompt_set (CHANGELOG.md); draw it with that version of the benchmark, or run the suite again"
        )
    for column in columns:
        if column not in (*COLUMNS, *OPTIONAL):
            raise BenchmarkError(unknown(where, column, (*COLUMNS, *OPTIONAL), "column"))
    for column in COLUMNS:
        if column not in columns:
            raise BenchmarkError(f"{where}: has no column {column}")
    if not body:
        raise BenchmarkError(f"{path}: has no number, only the names of columns")
    optional = dict.fromkeys(OPTIONAL, "")
    return [(line, optional | row) for line, row in handed.rows(path, columns, body)]


# ── one line ──


def _numbers(row: Row, metric: ModuleType) -> Mapping[str, float]:
    """The columns of a line that hold numbers. Raises `BenchmarkError` for one that its metric cannot give."""
    numbers: dict[str, float] = {}
    for column in INTEGERS:
        if not INTEGER.fullmatch(row[column]):
            raise BenchmarkError(f"{column}: {row[column]!r} is not a whole number{_hint(row[column])}")
        numbers[column] = int(row[column].partition(".")[0])
    if not numbers["n"]:
        raise BenchmarkError("n: is 0: a number of no image says nothing; leave the line out")
    for column in ("value", "ci_low", "ci_high"):
        text = row[column]
        if text and not NUMBER.fullmatch(text):
            where = " (where an end of an interval is unknown, leave it empty)" if column != "value" else ""
            raise BenchmarkError(f"{column}: {text!r} is not a number{_hint(text) or where}")
        numbers[column] = float(text or "nan")
        if not text and column == "value":
            raise BenchmarkError("value: is empty; every row needs its number")
    value, low, high = numbers["value"], numbers["ci_low"], numbers["ci_high"]
    limits = zip(metric.RANGE, (-math.inf, math.inf), strict=True)
    bottom, top = (edge if edge is not None else none for edge, none in limits)
    for column in ("value", "ci_low", "ci_high"):
        if not (bottom <= numbers[column] <= top or math.isnan(numbers[column])) or math.isinf(numbers[column]):
            allowed = f"from {bottom:g} to {top:g}" if top < math.inf else f"{bottom:g} or more"
            allowed = "a finite number" if bottom == -math.inf else allowed
            raise BenchmarkError(f"{column}: {numbers[column]:g} is not what {row['metric']} can be: {allowed}")
    if math.isnan(low) != math.isnan(high):
        raise BenchmarkError("ci_low, ci_high: the interval has one end only; give both, or leave both empty")
    if low > high:
        raise BenchmarkError(f"ci_low, ci_high: the interval ends before it begins: {low:g} to {high:g}")
    slack = ROUNDING * abs(value)
    if low - slack > value or value > high + slack:
        raise BenchmarkError(f"value: {value:g} is not in its own interval, {low:g} to {high:g}")
    _possible(row["role"], value, numbers["n"], metric, row["metric"])
    if not VERSION.fullmatch(row["version"]):
        raise BenchmarkError(f"version: {row['version']!r} is none, such as 2.1.c467ad; was it taken for a date?")
    return numbers


def _possible(role: str, value: float, n: float, metric: ModuleType, name: str) -> None:
    """Refuse a number that its metric cannot give of so many images, or of the original model."""
    if n < (least := getattr(metric, "LEAST", 1)):
        raise BenchmarkError(f"n: is {n:g}, but {name} needs {least} images")
    if role == "baseline" and (wanted := unlike(metric.ORIGINAL, value)):
        raise BenchmarkError(f"value: {value:g} is not what {name} of the original model must be: {wanted}")
    images = value * n / 100  # of which a share says that something holds
    if hasattr(metric, "interval") and abs(images - round(images)) > max(1e-3, 2 * ROUNDING * images):
        raise BenchmarkError(f"value: {value:g} % of {n:g} images is no whole number of images")


def _hint(text: str) -> str:
    """What to do about a number that somebody's country or spreadsheet writes otherwise."""
    if re.fullmatch(r"[+-]?\d[\d.,'’\s]*%?", text) and (re.search(r"[,'’\s%]", text) or text.count(".") > 1):
        return ": decimals have a point, thousands nothing, per cent no sign"
    if NUMBER.fullmatch(text):
        return ""
    return ": was it taken for a date?" if re.search(r"\d", text) and re.search(r"[-/.: ]", text) else ""


def _metric(metric: str, observer: str) -> ModuleType:
    """The module of a metric. Raises `BenchmarkError` if there is no such metric, or not by this observer."""
    metrics, folder = plugins.names("benchmark/metrics"), "benchmark/observers"
    if metric not in metrics:
        raise BenchmarkError(unknown("metric", metric, metrics, "metric"))
    module = plugins.load("benchmark/metrics", metric)
    observers = [literal(f"{folder}/{name}.py", "NAME", name) for name in plugins.names(folder)]
    allowed = [module.OBSERVER] if module.OBSERVER else observers
    if observer not in allowed:
        raise BenchmarkError(unknown(f"observer of {metric}", observer, allowed, "observer"))
    return module


def _variant(row: Row) -> None:
    """Refuse a method that is not the variant's, and a checkpoint that is none."""
    method, variant, checkpoint = row["method"], row["variant"], int(row["checkpoint"].partition(".")[0])
    if not re.fullmatch(r"[a-z0-9_]+(-[a-z0-9_-]+)?", variant):
        raise BenchmarkError(
            f"variant: {variant!r} is no variant: write <method> or <method>-<name> in small letters, digits, _ and -;"
            " a checkpoint stands in a column of its own"
        )
    if not 1 <= checkpoint <= END:
        raise BenchmarkError(f"checkpoint: {checkpoint} is not per cent of a method's steps: from 1 to {END}")
    if method != Variant(variant).method:
        wanted = f"write {Variant(variant).method}, or a variant of {method}"
        raise BenchmarkError(f"method: {method!r} is not the method of the variant {variant}: {wanted}")


def _role(row: Row) -> None:
    """Refuse a role that contradicts what was erased and what was asked for."""
    role, concept, asked = row["role"], row["concept"], row["asked"]
    if role not in ROLES:
        raise BenchmarkError(unknown("role", role, ROLES, "role"))
    if not asked:
        raise BenchmarkError(f"asked: is empty: write the concept that was asked for, or {WHOLE} for a set as a whole")
    if asked == WHOLE and row["wording"]:
        raise BenchmarkError(f"wording: is {row['wording']}, but a set that is scored as a whole ({WHOLE}) has none")
    original, nothing = row["method"] == ORIGINAL, concept == NOTHING
    if original != (role == "baseline") or (original and not nothing):
        raise BenchmarkError(f"role: {ORIGINAL}, which erased nothing ({NOTHING}), and no other method is the baseline")
    if not nothing and asked != WHOLE and (role == "erased") != (asked == concept):
        raise BenchmarkError(f"role: {asked} is not {role} where {concept} was erased")


def unlike(original: float | tuple[float, float] | None, value: float) -> str:
    """What a number of the original must be (a metric's `ORIGINAL`) if `value` is not that; else an empty text."""
    low, high = original if isinstance(original, tuple) else (original, original)
    if low is None or low <= value <= high:
        return ""
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _once(row: Row, start: tuple[int, Row], first: dict[tuple[str, ...], int], line: int) -> None:
    if row["suite"] != start[1]["suite"]:
        raise BenchmarkError(
            f"suite: is {row['suite']}, but that of line {start[0]} is {start[1]['suite']}: one file has one suite"
        )
    key = tuple(row[column] for column in IDENTITY)
    if first.setdefault(key, line) != line:
        raise BenchmarkError(f"gives the number of line {first[key]} again")


# ── all lines ──

Place = tuple[str, str, str]  # asked, wording, role
Model = dict[str, dict[Place, tuple[int, str]]]  # by measure: line and version of each number


def _complete(path: Path, rows: list[tuple[int, Row]]) -> None:
    """Refuse a model that lacks numbers which the others of its experiment have, or has some of two versions.

    `score` writes all numbers of a model and a prompt set at once: each metric of all that was asked for, under one
    version.
    """
    sets: dict[tuple[str, str], dict[tuple[str, ...], Model]] = {}
    begins: dict[tuple[str, ...], int] = {}
    for line, row in rows:
        model = tuple(row[column] for column in MODEL)
        begins.setdefault(model, line)
        measures = sets.setdefault((row["experiment"], row["prompt_set"]), {}).setdefault(model, {})
        place = row["asked"], row["wording"], row["role"]
        measures.setdefault(f"{row['metric']} by {row['observer']}", {})[place] = line, row["version"]
    for (experiment, prompt_set), models in sets.items():
        for model, line in begins.items():
            if model[0] == experiment and model not in models:
                what = f"has no number of prompt set {prompt_set}, which others have: were lines lost?"
                raise BenchmarkError(f"{path}: line {line}: {_named(model)} {what}")
        names = list(dict.fromkeys(name for measures in models.values() for name in measures))
        places = dict.fromkeys(
            place for measures in models.values() for numbers in measures.values() for place in numbers
        )
        for model, measures in models.items():
            _model_is_complete(path, model, measures, names, list(places))


def _model_is_complete(
    path: Path, key: tuple[str, ...], measures: Model, names: list[str], places: list[Place]
) -> None:
    """Refuse a model without a number of each of these measures, for all that it and others were asked for."""
    model, concept_erased = _named(key), key[MODEL.index("concept")]
    own = dict.fromkeys(place for numbers in measures.values() for place in numbers)
    roles, lost = {role for _, _, role in places}, {place[:2] for place in places if place[2] == "erased"}
    baseline, known = any(role == "baseline" for _, _, role in own), {place[:2] for place in own}
    wanted = list(own)
    for concept, wording, _ in places:
        as_erased = concept == concept_erased or (concept_erased == NOTHING and (concept, wording) in lost)
        shown = baseline or ("erased" in roles and as_erased) or ("retained" in roles and concept != concept_erased)
        if shown and (concept, wording) not in known:
            wanted.append((concept, wording, ""))
    begin = min(line for numbers in measures.values() for line, _ in numbers.values())
    for name in names:
        numbers = measures.get(name, {})
        for concept, wording, role in wanted:
            if (concept, wording, role) not in numbers:
                what = f"has no {name} of {' '.join(filter(None, (role, concept, wording)))}, which others have"
                raise BenchmarkError(f"{path}: line {begin}: {model} {what}: was a line lost?")
        (_, version), *rest = numbers.values()
        for line, other in rest:
            if other != version:
                what = f"version: {other!r} is not {version!r}, that of the other numbers"
                raise BenchmarkError(f"{path}: line {line}: {what} ({name}, {model})")


def _named(model: tuple[str, ...]) -> str:
    """A model's name in messages."""
    experiment, _, variant, checkpoint, concept, seed = model
    label = Variant(variant, int(checkpoint.partition(".")[0]))
    return f"variant {label}, concept {concept}, erasing_seed {seed} of experiment {experiment}"
