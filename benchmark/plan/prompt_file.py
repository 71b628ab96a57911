"""Prompts from somebody's CSV: columns as the set's entry names them, then its defaults, then a number and a seed."""

from __future__ import annotations

import csv
import hashlib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from benchmark.errors import ConfigError
from benchmark.plan import plugins, prompt_place
from benchmark.plan.looking import METRICS
from benchmark.plan.prompt_place import Files
from benchmark.plan.records import NOTHING, WHOLE, Prompt, PromptSet, Source
from benchmark.plan.source import literal

LARGEST = 2**63 - 1  # a noise seed
Cells = tuple[str, dict[str, str]]  # a line of a file: its place, for messages, and the mapped columns, by field


def read(prompt_set: PromptSet, files: Files) -> tuple[Prompt, ...]:
    """All rows of the file of a set, in the file's order.

    Raises `ConfigError` for a file that is not the one that is meant, and for a row that is none.
    """
    where = prompt_place.where(prompt_set, files)
    needed = {"concept": "the set is scored by concept"} if prompt_set.score_by == "concept" else {}
    for measure in prompt_set.measures:
        if key := literal(f"{METRICS}/{measure.metric}.py", "NEEDS"):
            needed[key] = f"metric {measure.metric} needs it"
    rows: dict[str, Prompt] = {}
    for number, (place, cells) in enumerate(_lines(prompt_set, files)):
        row = _prompt(prompt_set.name, prompt_set.source, str(number), cells, place)
        if row.row in rows:
            raise ConfigError(f"{place}: row {row.row!r} is there twice; leave columns.row out, and rows are numbered")
        for key, why in needed.items():
            if not getattr(row, key):
                raise ConfigError(f"{place}: has no {key}, and {why}")
        rows[row.row] = row
    if not rows:
        raise ConfigError(f"{where}: has no row")
    _check_counts(prompt_set, rows.values(), where)
    return tuple(rows.values())


def choose(prompt_set: PromptSet, rows: Iterable[Prompt], files: Files) -> tuple[Prompt, ...]:
    """Those of the rows of another set that the file of a set lists by name; a name may be listed several times."""
    there, listed = {row.row: row for row in rows}, dict[str, None]()
    for place, cells in _lines(prompt_set, files):
        name = cells["row"].strip()
        if name not in there:
            raise ConfigError(f"{place}: prompt set {prompt_set.source.of} has no row {name!r}")
        listed[name] = None
    where = prompt_place.where(prompt_set, files)
    if not listed:
        raise ConfigError(f"{where}: has no row")
    chosen = tuple(row for name, row in there.items() if name in listed)
    _check_counts(prompt_set, chosen, where)
    return chosen


def _lines(prompt_set: PromptSet, files: Files) -> list[Cells]:
    """The lines of the file of a set. Raises `ConfigError` for a file that is not the one that is meant, or is cut."""
    prompt_place.check(prompt_set, files)
    source, where = prompt_set.source, prompt_place.where(prompt_set, files)
    expected = source.file.expected.get("rows") if source.kind == "file" else None
    lines: list[tuple[int, list[str]]] = []
    try:
        with prompt_place.path(prompt_set, files).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            names = next(reader, [])
            lines += ((reader.line_num, line) for line in reader if line)
    except (UnicodeDecodeError, csv.Error) as error:
        counts = f", after {len(lines)} rows of {expected}: it is cut" if expected and len(lines) < expected else ""
        raise ConfigError(f"{where}: cannot be read as CSV in UTF-8: {error}{counts}") from error
    if expected and len(lines) != expected:  # before any row is looked at: the last one may be cut, too
        raise _unexpected(prompt_set, where, "rows", len(lines))
    places = {field: _place(column, names, f"{where}: columns.{field}") for field, column in source.columns.items()}
    return [(f"{where}: line {number}", _cells(places, line, f"{where}: line {number}")) for number, line in lines]


def _place(column: Any, names: Sequence[str], where: str) -> int:
    """Where a column stands in a line; of several that are named, the first that is there."""
    choices = column if isinstance(column, tuple) else (column,)
    for choice in choices:
        if isinstance(choice, int) and choice <= len(names):
            return choice - 1
        if choice in names:
            return list(names).index(choice)
    if len(choices) == 1 and isinstance(choices[0], str):
        raise ConfigError(plugins.unknown(where, choices[0], names, "column"))
    there = f"(there are {len(names)}: {', '.join(names)})"
    raise ConfigError(f"{where}: there is no column {' or '.join(map(repr, choices))} {there}")


def _cells(places: Mapping[str, int], line: Sequence[str], where: str) -> dict[str, str]:
    if any(place >= len(line) for place in places.values()):
        raise ConfigError(f"{where}: has fewer fields than the file has columns")
    return {field: line[place] for field, place in places.items()}


# ── what is expected of the rows ──


_COUNTED: dict[str, Callable[[Sequence[Prompt]], int]] = {
    "rows": len,
    "distinct": lambda rows: len({row.text for row in rows}),
    "empty": lambda rows: sum(not row.text for row in rows),
    "smallest_seed": lambda rows: min(row.noise_seed for row in rows),
    "largest_seed": lambda rows: max(row.noise_seed for row in rows),
    "classes": lambda rows: len({row.class_name for row in rows}),
}
_SAID = {
    "rows": "{} rows",
    "distinct": "{} different texts",
    "empty": "{} rows without text",
    "smallest_seed": "{} as its smallest seed",
    "largest_seed": "{} as its largest seed",
    "classes": "{} classes",
}


def _check_counts(prompt_set: PromptSet, rows: Iterable[Prompt], where: str) -> None:
    """Refuse a file whose rows are not as many as its entry expects: it is cut, altered, or read by a wrong column."""
    rows = list(rows)
    for count in _SAID:
        if count in prompt_set.source.file.expected:
            there = _COUNTED[count](rows)
            if there != prompt_set.source.file.expected[count]:
                raise _unexpected(prompt_set, where, count, there)


def _unexpected(prompt_set: PromptSet, where: str, count: str, there: int) -> ConfigError:
    file = prompt_set.source.file
    wanted = file.expected[count]
    why = "it is cut" if count == "rows" and there < wanted else "it is another file, or is read by a wrong column"
    origin = f"; what is meant is {file.origin}" if file.origin else ""
    return ConfigError(f"{where}: has {_SAID[count].format(there)}, and {wanted} expected: {why}{origin}")


# ── one row ──


def _prompt(name: str, source: Source, number: str, cells: Mapping[str, str], where: str) -> Prompt:
    """One row of a file: from its columns, then from the defaults; its own number, and a seed of its own."""
    values = {key: str(value) for key, value in source.defaults.items()} | {
        k: v if k == "text" else v.strip() for k, v in cells.items() if v.strip() or k == "text"
    }
    row = values.get("row", number)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{,199}", row):
        why = "it becomes the name of a file: letters, digits, ., _ and -"
        raise ConfigError(f"{where}: row {row!r}: {why}; leave columns.row out, and rows are numbered")
    if (concept := values.get("concept", "")) in (NOTHING, WHOLE):
        meaning = "no concept" if concept == NOTHING else "all of them"
        raise ConfigError(f"{where}: concept {concept!r}: means {meaning} in scores.csv; give it another name")
    draw = int.from_bytes(hashlib.sha256(f"set/{name}/{row}".encode()).digest()[:8], "big") % LARGEST
    guidance = _number(values["guidance"], f"{where}: guidance") if "guidance" in values else None
    return Prompt(
        row,
        values["text"],
        _whole(values.get("noise_seed", str(draw)), 0, f"{where}: noise_seed"),
        _whole(values.get("images", "1"), 1, f"{where}: images"),
        concept,
        values.get("wording", ""),
        values.get("class_name", ""),
        guidance,
    )


def _whole(text: str, least: int, where: str) -> int:
    """A whole number, which spreadsheets may have written as 12.0."""
    match = re.fullmatch(r"\s*(\d+)(\.0*)?\s*", text)
    if not match or not least <= int(match[1]) <= LARGEST:
        raise ConfigError(f"{where}: {text!r} is not a whole number from {least} to {LARGEST}")
    return int(match[1])


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise ConfigError(f"{where}: {text!r} is not a number from 0 on")
    return value
