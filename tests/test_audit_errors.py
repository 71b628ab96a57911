"""Errors that are put into the printed tables: the auditor finds those that rounding cannot hide. Rates are printed."""

import csv
import shutil
from collections import Counter, defaultdict

import numpy as np
import pytest

from benchmark import audit
from benchmark.store import printed

SEEDS = 20  # of each kind of error


def findings(folder):
    return {check for check in audit.checks(folder) if not check.ok}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the shipped folder; `put` writes a file of it anew."""
    folder = tmp_path_factory.mktemp("copy") / "paper"
    shutil.copytree(printed.FOLDER, folder)
    return folder


class Lines:
    """A table's file, to be changed."""

    def __init__(self, folder, file):
        self.path = folder / file
        self.head, *self.rows = list(csv.reader(self.path.read_text().splitlines()))

    def keys(self, wanted):
        return [i for i, row in enumerate(self.rows) if wanted(*row[1:5])]

    def save(self):
        self.path.write_text("".join(f"{','.join(row)}\n" for row in [self.head, *self.rows]))


def shifted(text, step, digits):
    """A printed number, so many of its last units higher."""
    digits = max(digits, len(text.partition(".")[2]))
    return f"{float(text) + step * 10**-digits:.{digits}f}"


ORI, DIGITS = "ORI", {"FID": 1, "LPIPS": 3}  # of FID and LPIPS, digits behind the point


def digits(metric):
    return DIGITS.get(metric, 1)


def unit(row):
    return 10 ** -max(digits(row[4]), len(row[5].partition(".")[2]))


def average(lines, dice):
    """An average, three of its last units off: more than its own rounding and those of its rows can hide."""
    i = dice.choice(lines.keys(lambda c, m, s, n: c == "Avg"))
    step = int(dice.integers(3, 30)) * (1 if float(lines.rows[i][5]) * 10 ** digits(lines.rows[i][4]) < 30 else -1)
    lines.rows[i][5] = shifted(lines.rows[i][5], step, digits(lines.rows[i][4]))


def row_of_average(lines, dice):
    """A row, so far off that the average of nine moves by three of its last units."""
    i = dice.choice(lines.keys(lambda c, m, s, n: c != "Avg" and m != ORI and n == "FID"))
    lines.rows[i][5] = shifted(lines.rows[i][5], 27 * int(dice.integers(1, 30)), 1)


def leave_one_out(lines, dice):
    i = dice.choice(lines.keys(lambda c, m, s, n: c != "Avg" and m == ORI and s == "preserve" and n == "ACC"))
    lines.rows[i][5] = shifted(lines.rows[i][5], -int(dice.integers(5, 90)), 1)


def grain(lines, dice):
    """A share that 250 images cannot give."""
    i = dice.choice(lines.keys(lambda c, m, s, n: c != "Avg" and s == "erase" and n.startswith("ACC")))
    lines.rows[i][5] = f"{0.4 * dice.integers(0, 249) + dice.choice([0.1, 0.2, 0.3]):.1f}"


def original(lines, dice):
    i = dice.choice(lines.keys(lambda c, m, s, n: m == ORI and n in DIGITS))
    lines.rows[i][5] = shifted(lines.rows[i][5], int(dice.integers(1, 9)), digits(lines.rows[i][4]))


def same(lines, dice):
    i = dice.choice(lines.keys(lambda c, m, s, n: m.endswith("K=40")))
    lines.rows[i][5] = shifted(lines.rows[i][5], int(dice.integers(1, 9)), digits(lines.rows[i][4]))


def third(lines, dice):
    """A mean count that three runs cannot give."""
    i = dice.choice(lines.keys(lambda c, m, s, n: n == "NUDENET_COUNT"))
    lines.rows[i][5] = f"{dice.integers(50, 300)}.{dice.choice([1, 2, 4, 5, 6, 8, 9])}"


def missing(lines, dice):
    del lines.rows[dice.integers(len(lines.rows))]


def double(lines, dice):
    lines.rows.insert(dice.integers(len(lines.rows)), list(lines.rows[dice.integers(len(lines.rows))]))


def no_number(lines, dice):
    lines.rows[dice.integers(len(lines.rows))][5] = dice.choice(["", "-", "nan", "12,3".replace(",", ";"), "-4.0"])


def unknown(lines, dice):
    lines.rows[dice.integers(len(lines.rows))][dice.choice([1, 2, 3, 4])] += "x"


def other_table(lines, dice):
    lines.rows[dice.integers(len(lines.rows))][0] = "9"


def out_of_range(lines, dice):
    i = dice.choice(lines.keys(lambda c, m, s, n: n != "FID" and n != "NUDENET_COUNT"))
    lines.rows[i][5] = "100.4" if "ACC" in lines.rows[i][4] else "1.2"


def quoted(lines, dice):
    """A quoted number, one unit of its last digit off (one that has more digits than its cell: ten units)."""
    i = dice.integers(len(lines.rows))
    step = 10 if lines.rows[i][0] == "4.22" else 1
    lines.rows[i][0] = shifted(lines.rows[i][0], step * int(dice.integers(2, 9)), 0)


def total(lines, dice):
    i, column = dice.integers(9), dice.choice([2, 3])
    lines.rows[i][column] = str(int(lines.rows[i][column]) + int(dice.integers(1, 9)))


T123, T12 = ["table1.csv", "table2.csv", "table3.csv"], ["table1.csv", "table2.csv"]
ERRORS = {
    average: T123, row_of_average: T123, leave_one_out: T12, grain: T123, original: T123, same: ["table5.csv"],
    third: ["table4.csv", "table5.csv"], missing: T123, double: T123, no_number: T123, unknown: T123,
    other_table: T123, out_of_range: T123, quoted: ["prose.csv"], total: ["nudenet_ori_counts.csv"],
}  # fmt: skip


@pytest.fixture(scope="module")
def before(copy):
    return findings(copy)


def finds(copy, before, file, error, dice):
    """Whether a new finding appears after an error is put in."""
    lines = Lines(copy, file)
    text = lines.path.read_text()
    try:
        error(lines, dice)
        lines.save()
        return bool(findings(copy) - before)
    finally:
        lines.path.write_text(text)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_it_finds_every_error_that_rounding_cannot_hide(copy, before, error, capsys):
    found = []
    for seed in range(SEEDS):
        dice = np.random.default_rng([seed, *map(ord, error.__name__)])
        found.append(finds(copy, before, dice.choice(ERRORS[error]), error, dice))
    with capsys.disabled():
        print(f"\naudit, {error.__name__.replace('_', ' ')}: {sum(found)} of {SEEDS} errors found", end="")
    assert all(found)


def test_of_single_wrong_digits_it_finds_those_that_must_show_and_its_rate_is_printed(copy, before, capsys):
    """A digit of a cell is replaced by another one: the most common error of whoever copies a table.

    What must show: a change of an erased share by no multiple of .4 (at least 7 of 9 wrong tenths), and a change of a
    row or an average that is more than roundings can hide.
    """
    rates, must = defaultdict(Counter), Counter()
    for seed in range(150):
        dice = np.random.default_rng([seed, 1])
        file, seen = str(dice.choice(T123)), {}

        def digit(lines, dice, seen=seen):
            i = dice.integers(len(lines.rows))
            text = lines.rows[i][5]
            place = dice.choice([j for j, letter in enumerate(text) if letter.isdigit()])
            wrong = dice.choice([d for d in "0123456789" if d != text[place]])
            lines.rows[i][5] = text[:place] + wrong + text[place + 1 :]
            seen.update(row=list(lines.rows[i]), was=text)

        hit = finds(copy, before, file, digit, dice)
        _, concept, method, side, metric, text = seen["row"]
        change, last = abs(float(text) - float(seen["was"])), unit(seen["row"])
        kind = "average" if concept == "Avg" else "original" if method == ORI else f"{side} {metric}"
        rates[kind][hit] += 1
        rows = 1 if concept == "Avg" else 9 if file in T12 else 6
        of_250 = side == "erase" and "ACC" in metric and concept != "Avg"
        tenths = round(change / 0.1)
        if change / rows > 2.5 * max(last, 10 ** -digits(metric)) or (of_250 and last > 0.05 and tenths % 4):
            must[hit] += 1
    with capsys.disabled():
        print()
        for kind, hits in sorted(rates.items()):
            print(f"audit, one wrong digit, {kind}: {hits[True]} of {hits.total()} found")
        print(f"audit, one wrong digit that must show: {must[True]} of {must.total()} found")
    assert must[True] > 60 and not must[False]
