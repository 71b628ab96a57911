"""Prompts from somebody's CSV: columns as the set's entry names them, then its defaults, then a number and a seed."""

from __future__ import annotations

import csv
import hashlib
import math
import os
import re
from typing import Any

from benchmark.errors import ConfigError
from benchmark.files import sha256
from benchmark.plan import plugins
from benchmark.plan.looking import METRICS
from benchmark.plan.records import Prompt, PromptSet, Source
from benchmark.plan.source import literal

LARGEST = 2**63 - 1  # a noise seed


def read(prompt_set: PromptSet) -> tuple[Prompt, ...]:
    """All rows of the file of a set, in the file's order.

    Raises `ConfigError` for a file that is not the one that is meant, and for a row that is none.
    """
    source = prompt_set.source
    path = plugins.ROOT / os.path.expanduser(source.path)
    where = f"benchmark/prompt_sets/{prompt_set.name}.yaml: file {source.path}"
    if not path.is_file():
        raise ConfigError(f"{where}: is not there")
    if (digest := sha256(path)) != source.sha256:
        raise ConfigError(f"{where}: is another file than the one that is meant: its SHA-256 is {digest}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            names = reader.fieldnames or ()
            lines = [(reader.line_num, line) for line in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{where}: cannot be read as CSV in UTF-8: {error}") from error
    for field, column in source.columns.items():
        if column not in names:
            raise ConfigError(plugins.unknown(f"{where}: columns.{field}", column, names, "column"))
    needed = {"concept": "the set is scored by concept"} if prompt_set.score_by == "concept" else {}
    for measure in prompt_set.measures:
        if key := literal(f"{METRICS}/{measure.metric}.py", "NEEDS"):
            needed[key] = f"metric {measure.metric} needs it"
    rows: dict[str, Prompt] = {}
    for number, (line, values) in enumerate(lines):
        place = f"{where}: line {line}"
        row = _prompt(prompt_set.name, source, str(number), values, place)
        if row.row in rows:
            raise ConfigError(f"{place}: row {row.row!r} is there twice; leave columns.row out, and rows are numbered")
        for key, why in needed.items():
            if not getattr(row, key):
                raise ConfigError(f"{place}: has no {key}, and {why}")
        rows[row.row] = row
    if not rows:
        raise ConfigError(f"{where}: has no row")
    return tuple(rows.values())


def _prompt(name: str, source: Source, number: str, line: dict[str, Any], where: str) -> Prompt:
    """One row of a file: from its columns, then from the defaults; its own number, and a seed of its own."""
    cells = {field: line[column] for field, column in source.columns.items()}
    if None in cells.values():
        raise ConfigError(f"{where}: has fewer fields than the file has columns")
    values = {key: str(value) for key, value in source.defaults.items()} | {
        k: v if k == "text" else v.strip() for k, v in cells.items() if v.strip() or k == "text"
    }
    row = values.get("row", number)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{,199}", row):
        why = "it becomes the name of a file: letters, digits, ., _ and -"
        raise ConfigError(f"{where}: row {row!r}: {why}; leave columns.row out, and rows are numbered")
    draw = int.from_bytes(hashlib.sha256(f"set/{name}/{row}".encode()).digest()[:8], "big") % LARGEST
    guidance = _number(values["guidance"], f"{where}: guidance") if "guidance" in values else None
    return Prompt(
        row,
        values["text"],
        _whole(values.get("noise_seed", str(draw)), 0, f"{where}: noise_seed"),
        _whole(values.get("images", "1"), 1, f"{where}: images"),
        values.get("concept", ""),
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
