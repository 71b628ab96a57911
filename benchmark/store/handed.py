"""Reading a CSV file that may have been through a spreadsheet or an editor, with the line of each row for messages.

What such programs add without changing a value is fine: a byte order mark, quotes, other ends of lines, blanks around
values, empty lines and empty columns.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from benchmark.errors import BenchmarkError

SEPARATORS = {";": ";", "\t": "tabs", "|": "|"}  # which are not commas, with their names in messages


def lines(path: Path) -> list[tuple[int, list[str]]]:
    """The lines of the file that are not empty: the number of each, and its fields without the blanks around them.

    Raises `BenchmarkError` if the file cannot be read, is not UTF-8, is not CSV, or has no line.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BenchmarkError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BenchmarkError(f"{path}: is not text in UTF-8: save it as CSV in UTF-8") from error
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        numbered = [(reader.line_num, [field.strip() for field in fields]) for fields in reader]
    except csv.Error as error:
        raise BenchmarkError(f"{path}: line {reader.line_num}: cannot be read as CSV: {error}") from error
    numbered = [(number, fields) for number, fields in numbered if any(fields)]
    if not numbered:
        raise BenchmarkError(f"{path}: is empty")
    return numbered


def header(path: Path, number: int, fields: list[str]) -> list[str]:
    """The names of the columns, without the empty ones that spreadsheets append.

    Raises `BenchmarkError` if something else than commas separates them, or if a name stands there twice.
    """
    while fields and not fields[-1]:
        fields = fields[:-1]
    for sign, name in SEPARATORS.items():
        if any(sign in field for field in fields):
            raise BenchmarkError(f"{path}: line {number} is separated by {name} — save it with commas")
    for column in fields:
        if fields.count(column) > 1:
            raise BenchmarkError(f"{path}: line {number}: has the column {column} twice")
    return fields


def rows(path: Path, columns: Sequence[str], body: list[tuple[int, list[str]]]) -> list[tuple[int, dict[str, str]]]:
    """The lines below the header, each as a mapping from column to text, with its number.

    Raises `BenchmarkError` for a line that has fewer fields than there are columns, or more that are not empty.
    """
    numbered = []
    for number, fields in body:
        if len(fields) < len(columns) or any(fields[len(columns) :]):
            what = "was it cut off" if len(fields) < len(columns) else "has a number a comma in it"
            raise BenchmarkError(f"{path}: line {number}: has {len(fields)} fields of {len(columns)} columns: {what}?")
        numbered.append((number, dict(zip(columns, fields[: len(columns)], strict=True))))
    return numbered
