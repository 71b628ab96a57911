"""Do the numbers that the paper prints agree with each other? `python -m benchmark.audit`

Nothing is measured here: printed numbers are compared with other printed numbers, and with what they can be. A printed
number stands for all numbers that are rounded to it, and a share of n images for the multiples of 1/n among these. A
check fails if none of the numbers that a cell can stand for fits. So rounding alone never makes a finding.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import NamedTuple

from benchmark.running import cli
from benchmark.store import printed
from benchmark.store.printed import Declared, Key, Metric, Side, Table

EPSILON = 1e-9  # more than floating point loses, less than anybody prints
KINDS = ("cells", "range", "average", "leave-one-out", "original", "grain", "same", "sum", "prose")


class Check(NamedTuple):
    """One check. `ok` says whether the cell passed it; the other fields are what a finding prints."""

    kind: str
    file: str
    table: str
    row: str
    column: str
    printed: str
    recomputed: str
    why: str
    ok: bool

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.file, self.table, self.row, self.column) if part)
        return f"{place}: printed {self.printed}, recomputed {self.recomputed} ({self.kind}: {self.why})"


def main(folder: Path = printed.FOLDER) -> None:
    """Check the printed tables of a folder. Prints a line per finding, then how many checks passed, by kind.

    Args:
        folder: It has tables.yaml, the tables that this names, and prose.csv.
    """
    done = list(checks(folder))
    findings = [check for check in done if not check.ok]
    for finding in findings:
        print(finding)
    passed = Counter(check.kind for check in done if check.ok)
    counts = ", ".join(f"{kind} {passed[kind]}" for kind in KINDS if passed[kind])
    print(f"{passed.total()} checks passed ({counts}), {len(findings)} failed")
    sys.exit(min(len(findings), 1))


def checks(folder: Path) -> Iterator[Check]:
    """All checks of a folder, table by table. Raises `ConfigError` for a file that is missing or not of its form."""
    declared = printed.declared(folder)
    tables = {file: _Cells(folder, file, declared) for file in declared.tables}
    for cells in tables.values():
        yield from cells.checks()
    yield from _same(declared, tables)
    yield from _sums(folder, declared)
    yield from _prose(folder, declared)


class _Cells:
    """The cells of one table, and the checks within it."""

    def __init__(self, folder: Path, file: str, declared: Declared) -> None:
        self.file, self.table, self.metrics = file, declared.tables[file], declared.metrics
        self.lines = printed.lines(folder, file)
        self.all: dict[Key, list[str]] = {}  # what stands in the cell, once or more often
        for line in self.lines:
            self.all.setdefault(line.key, []).append(line.value)
        self.texts = {key: texts[0] for key, texts in self.all.items()}
        self.values = {key: float(text) for key, text in self.texts.items() if printed.NUMBER.fullmatch(text)}

    def checks(self) -> Iterator[Check]:
        yield from self._cells()
        for key in self.table.keys:
            if key in self.values:
                yield from self._range(key)
                yield from self._grain(key)
                yield from self._average(key)
                yield from self._others(key)
                yield from self._original(key)

    def check(self, kind: str, key: Key, recomputed: str, why: str, ok: bool) -> Check:
        return Check(kind, self.file, self.table.title, *_place(key), self.texts.get(key, "–"), recomputed, why, ok)

    def _cells(self) -> Iterator[Check]:
        """Every cell once, with a number in it, and no others."""
        keys = dict.fromkeys(self.table.keys)
        for key in keys:
            texts = self.all.get(key, [])
            why = {0: "the cell is missing", 1: "this is no number"}.get(len(texts), "the cell is double")
            ok = len(texts) == 1 and key in self.values
            yield self.check("cells", key, "–", why, ok)._replace(printed=" and ".join(texts) or "nothing")
        for line in self.lines:
            if line.key not in keys:
                yield self.check("cells", line.key, "–", "the table has no such cell", False)
            elif line.table != str(self.table.number):
                yield self.check("cells", line.key, "–", f"the line says Table {line.table}", False)

    def _range(self, key: Key) -> Iterator[Check]:
        metric = self.metrics[key[3]]
        most = math.inf if metric.most is None else metric.most
        ok = metric.least <= self.values[key] <= most
        yield self.check("range", key, "–", f"it can be from {metric.least:g} to {most:g}", ok)

    def _grain(self, key: Key) -> Iterator[Check]:
        """A share of n images is a multiple of 1/n. Averages are checked as averages; fine grain fits every number."""
        grain = self._grain_of(key)
        if key[0] == self.table.average or not grain or grain <= self._unit(key) + EPSILON:
            return
        value = self.values[key]
        below, above = math.floor(value / grain + EPSILON) * grain, math.ceil(value / grain - EPSILON) * grain
        side = self.table.sides[key[2]]
        things = "a count" if self.metrics[key[3]].kind == "count" else f"{side.images} images"
        why = f"{things} and {self.table.runs} run{'s'[: self.table.runs > 1]} give multiples of {grain:.4g}"
        yield self.check("grain", key, f"{below:.4g} or {above:.4g}", why, self._multiples(key) is not None)

    def _average(self, key: Key) -> Iterator[Check]:
        """The row of means is the mean of the printed rows."""
        if key[0] != self.table.average:
            return
        rows = [(concept, *key[1:]) for concept in self.table.concepts]
        if all(row in self.values for row in rows):
            yield self._mean("average", key, rows, f"the mean of the {len(rows)} rows above")

    def _others(self, key: Key) -> Iterator[Check]:
        """Nothing was erased from the original: what it retains is the mean of what the other rows print."""
        source = self.table.sides[key[2]].others_of
        if not source or key[1] != self.table.original or self.metrics[key[3]].kind != "share":
            return
        rows = [(concept, key[1], source, key[3]) for concept in self.table.concepts if concept != key[0]]
        if all(row in self.values for row in rows):
            whose = "all rows" if key[0] == self.table.average else "the other rows"
            yield self._mean("leave-one-out", key, rows, f"the mean of {whose} in the column {source} {key[3]}")

    def _original(self, key: Key) -> Iterator[Check]:
        """The original equals itself; on a set that is the same for all rows it has the same number in all rows."""
        if key[1] != self.table.original:
            return
        itself = self.metrics[key[3]].itself
        if itself is not None:
            why = "the original compared with itself"
            yield self.check("original", key, f"{itself:g}", why, abs(self.values[key] - itself) < EPSILON)
        elif self.table.sides[key[2]].whole:
            rows = [(row, *key[1:]) for row in self.table.rows]
            each = Counter(self.texts[row] for row in rows if row in self.values)
            most = each.most_common(1)[0][0]
            ok = _agree(self.texts[key], most, self.digits(key), self._digits_of(most, key[3]))
            yield self.check("original", key, most, "the same images in all rows", ok)

    def _mean(self, kind: str, key: Key, rows: Sequence[Key], why: str) -> Check:
        """Whether a cell can be the mean of others."""
        spans, half = [self._span(row) for row in rows], self._unit(key) / 2 + EPSILON
        low, high = (sum(ends) / len(rows) for ends in zip(*spans, strict=True))
        mean = sum(self.values[row] for row in rows) / len(rows)
        ok = low - half <= self.values[key] <= high + half
        return self.check(kind, key, f"{mean:.{self.digits(key) + 2}f}", why, ok)

    def _span(self, key: Key) -> tuple[float, float]:
        """From where to where the number lies that was rounded to what is printed."""
        half, value = self._unit(key) / 2, self.values[key]
        return self._multiples(key) or (value - half, value + half)

    def _multiples(self, key: Key) -> tuple[float, float] | None:
        """The first and the last multiple of the grain that are rounded to what is printed; None if none is."""
        grain, half, value = self._grain_of(key), self._unit(key) / 2 + EPSILON, self.values[key]
        if not grain:
            return None
        first, last = math.ceil((value - half) / grain), math.floor((value + half) / grain)
        return (first * grain, last * grain) if first <= last else None

    def _grain_of(self, key: Key) -> float:
        """Between a number and the next that it can be: a share or a count moves by one image or thing in one run."""
        return _grain(self.metrics[key[3]], self.table.sides[key[2]], self.table)

    def _unit(self, key: Key) -> float:
        return 10.0 ** -self.digits(key)

    def digits(self, key: Key) -> int:
        return self._digits_of(self.texts[key], key[3])

    def _digits_of(self, text: str, metric: str) -> int:
        return max(_digits(text), self.metrics[metric].digits)


def _grain(metric: Metric, side: Side, table: Table) -> float:
    return {"share": 100 / (side.images * table.runs), "count": 1 / table.runs, "distance": 0.0}[metric.kind]


def _place(key: Key) -> tuple[str, str]:
    """The row and the column of a cell, as findings and prose.csv name them."""
    return key[0], " ".join(key[1:])


def _digits(text: str) -> int:
    return len(text.partition(".")[2])


def _same(declared: Declared, tables: dict[str, _Cells]) -> Iterator[Check]:
    """A model that stands in two tables has the same numbers in both."""
    for pair in declared.same:
        first, second = tables[pair.first], tables[pair.second]
        for key in second.table.keys:
            other = (key[0], pair.method, *key[2:])
            if key[1] == pair.its_method and key in second.values and other in first.values:
                why = f"{first.table.title} prints this model, too, as {pair.method}"
                ok = _agree(first.texts[other], second.texts[key], first.digits(other), second.digits(key))
                yield second.check("same", key, first.texts[other], why, ok)


def _sums(folder: Path, declared: Declared) -> Iterator[Check]:
    """A row of sums is the sum of the other rows."""
    for each in declared.sums:
        texts = printed.texts(folder, each.file)
        for column in each.columns:
            parts = {row: text for (row, name), text in texts.items() if name == column and row not in each.without}
            total = parts.pop(each.row, "nothing")
            numbers = all(printed.NUMBER.fullmatch(text) for text in (total, *parts.values()))
            wanted = sum(map(Decimal, parts.values())) if numbers else "nothing, since there is a cell without a number"
            ok = numbers and Decimal(total) == wanted
            yield Check("sum", each.file, "", each.row, column, total, str(wanted), "the sum of the other rows", ok)


def _prose(folder: Path, declared: Declared) -> Iterator[Check]:
    """What the text quotes is what the cell has, at as many digits as both have."""
    for quote in printed.quotes(folder):
        table = declared.tables.get(quote.file)
        cell = printed.texts(folder, quote.file).get((quote.row, quote.column), "nothing")
        ok = all(printed.NUMBER.fullmatch(text) for text in (quote.quoted, cell))
        if ok:
            metric = declared.metrics.get(quote.column.split()[-1]) if table else None
            of_cell = max(metric.digits if metric else 0, _digits(cell))
            ok = _agree(quote.quoted, cell, _digits(quote.quoted), of_cell)
        title, why = table.title if table else "", f"the text quotes this cell ({quote.about})"
        yield Check("prose", quote.file, title, quote.row, quote.column, quote.quoted, cell, why, ok)


def _agree(one: str, other: str, *digits: int) -> bool:
    """Whether texts with so many digits each can be one number, rounded. A tie may be rounded up or down."""
    common = Decimal(1).scaleb(-min(digits))
    ways = (ROUND_HALF_UP, ROUND_HALF_DOWN)
    first, second = ({Decimal(text).quantize(common, way) for way in ways} for text in (one, other))
    return bool(first & second)


if __name__ == "__main__":
    cli.run(main)
