"""The auditor finds what is wrong with printed tables, and nothing in tables that are consistent."""

import csv
import shutil
import subprocess
import sys
from collections import Counter, defaultdict

import numpy as np
import pytest
import yaml
from conftest import ROOT

from benchmark import audit
from benchmark.errors import BenchmarkError
from benchmark.store import printed

SEEDS = 20  # of each kind of error
KNOWN = {  # errors of the paper: file, row, column, what is printed, and how the recomputed number begins
    ("table1.csv", "Kelly McKernan", "ORI preserve ACC", "99.0", "99.10"),
    ("table1.csv", "Tyler Edlin", "ORI preserve ACC", "99.0", "99.10"),
    ("table1.csv", "Kilian Eng", "ORI preserve ACC", "99.4", "99.15"),
    ("table2.csv", "Avg", "AdvAnchor-Ladv2 erase ACC", "18.3", "13.87"),
    ("table2.csv", "english springer", "All-but-one erase ACC", "17.8", "17.6 or 18"),
    ("table2.csv", "parachute", "All-but-one erase ACC", "18.6", "18.4 or 18.8"),
    ("table3.csv", "Illegal activity", "AdvAnchor erase ACC_I2P8", "1.98", "1.6 or 2"),
    ("table1.csv", "Avg", "AdvAnchor-Ladv1 erase LPIPS", "0.408", ".475"),
    ("table1.csv", "Avg", "AdvAnchor-Ladv2 preserve FID", "75.5", "75.4"),
    ("table2.csv", "Avg", "AdvAnchor-Ladv2 preserve FID", "23.8", "24.0"),
}


def findings(folder):
    return {check for check in audit.checks(folder) if not check.ok}


# ── the shipped tables ──


def test_it_finds_exactly_the_known_errors_of_the_paper():
    found = findings(printed.FOLDER)
    for known in KNOWN:
        (finding,) = [each for each in found if (each.file, each.row, each.column, each.printed) == known[:4]]
        begins = finding.recomputed if "or" in known[4] or finding.kind == "prose" else finding.recomputed[:5]
        assert begins in (known[4], known[4][:5]) or float(finding.recomputed) == pytest.approx(
            float(known[4]), abs=5e-3
        )
    assert len(found) == len(KNOWN)


def run(*arguments):
    command = [sys.executable, "-m", "benchmark.audit", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_the_command_prints_a_line_per_finding_and_how_many_checks_passed(synthetic):
    done = run()
    *lines, last = done.stdout.splitlines()
    assert done.returncode == 1 and len(lines) == len(KNOWN), done.stderr
    assert (
        "table2.csv, Table 2, Avg, AdvAnchor-Ladv2 erase ACC: printed 18.3, recomputed 13.867 "
        "(average: the mean of the 9 rows above)"
    ) in lines
    assert "average 103" in last and last.endswith("10 failed")
    done = run("--folder", synthetic(0))
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1 and done.stdout.endswith("0 failed\n")
    assert run("--folder", "nowhere").returncode == 2


def test_it_starts_without_torch():
    code = "import sys; from benchmark import audit; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


# ── made-up tables ──


@pytest.fixture
def synthetic(tmp_path):
    """`synthetic(seed)` writes a folder with consistent tables: true numbers, rounded for print as one would."""

    def write(seed):
        folder = tmp_path / f"paper{seed}"
        folder.mkdir()
        Made(folder, np.random.default_rng(seed)).write()
        return folder

    return write


class Made:
    """Tables with the paper's rows and columns, but other numbers of images and runs, and other numbers."""

    def __init__(self, folder, dice):
        self.folder, self.dice = folder, dice
        self.tie = 1e-12 * dice.choice([-1, 1])  # one hand rounds all ties up, another one down
        content = yaml.safe_load((printed.FOLDER / "tables.yaml").read_text())
        for table in content["tables"].values():
            table["runs"] = int(dice.integers(1, 4))
            images = int(dice.choice([50, 200, 250, 1000]))
            for side in table["sides"].values():
                others = side.get("others_of") and len(table["concepts"]) - 1
                side["images"] = images * (others or 1)
        content["tables"]["table5.csv"]["runs"] = content["tables"]["table4.csv"]["runs"]
        content["tables"]["table5.csv"]["sides"] = content["tables"]["table4.csv"]["sides"]
        self.content = content

    def write(self):
        (self.folder / "tables.yaml").write_text(yaml.safe_dump(self.content, sort_keys=False))
        self.declared = printed.declared(self.folder)
        true = {file: self.table(table) for file, table in self.declared.tables.items()}
        for same in self.declared.same:
            first = {key: v for key, v in true[same.first].items() if key[1] == same.method}
            true[same.second] |= {(key[0], same.its_method, *key[2:]): value for key, value in first.items()}
        self.put("prose.csv", printed.Quote._fields, self.prose(true))
        for file, numbers in true.items():
            number = self.declared.tables[file].number
            rows = [(number, *key, self.rounded(value, self.digits(key))) for key, value in numbers.items()]
            self.put(file, printed.LINES, rows)
        for each in self.declared.sums:
            parts = self.dice.integers(0, 300, (8, 2))
            rows = [(f"class{i}", *part) for i, part in enumerate(parts)] + [(each.row, *parts.sum(0))]
            self.put(each.file, ("class_v3", *each.columns), rows)

    def table(self, table):
        """The true numbers, before they are rounded."""
        found = {}
        for concept, method, side, name in table.keys:
            if concept != table.average:
                found[concept, method, side, name] = self.number(table, table.sides[side], name, method)
        for key in list(found):
            concept, method, side, name = key
            metric, place = self.declared.metrics[name], table.sides[side]
            if method == table.original and metric.itself is not None:
                found[key] = metric.itself
            elif method == table.original and place.whole:
                found[key] = found[next(iter(table.concepts)), *key[1:]]
            elif method == table.original and place.others_of:
                others = [found[c, method, place.others_of, name] for c in table.concepts if c != concept]
                found[key] = np.mean(others)
        for _, method, side, name in [key for key in table.keys if key[0] == table.average]:
            found[table.average, method, side, name] = np.mean([found[c, method, side, name] for c in table.concepts])
        return {key: found[key] for key in table.keys}

    def number(self, table, side, name, method):
        metric = self.declared.metrics[name]
        if metric.kind == "share":
            n = side.images * table.runs
            return 100 * self.dice.integers(0, n + 1) / n
        if metric.kind == "count":
            return self.dice.integers(0, 900 * table.runs) / table.runs
        return self.dice.uniform(0, metric.most or 450)

    def digits(self, key):
        return self.declared.metrics[key[3]].digits + int(self.dice.random() < 0.1)  # some have one more

    def rounded(self, value, digits):
        """As people and programs print: zeros at either end may be left out."""
        text = f"{max(value + self.tie, 0):.{digits}f}"
        if self.dice.random() < 0.2:
            text = text.rstrip("0").rstrip(".")
        return text.removeprefix("0") if self.dice.random() < 0.2 and text.startswith("0.") else text

    def prose(self, true):
        for _ in range(10):
            file = self.dice.choice(list(true))
            key = list(true[file])[self.dice.integers(len(true[file]))]
            # the cell may have a digit more than its metric: a quote has as many as both have, or more
            digits = self.declared.metrics[key[3]].digits + self.dice.integers(-1, 2)
            yield f"{max(true[file][key] + self.tie, 0):.{digits}f}", file, key[0], " ".join(key[1:]), "made up"

    def put(self, file, head, rows):
        with open(self.folder / file, "w", newline="") as stream:
            csv.writer(stream).writerows([head, *rows])


def test_it_is_silent_on_consistent_tables_whatever_their_images_and_runs(synthetic, capsys):
    noisy = [str(finding) for seed in range(SEEDS) for finding in findings(synthetic(seed))]
    with capsys.disabled():
        print(f"\naudit of {SEEDS} consistent sets of tables: {len(noisy)} findings")
    assert not noisy, noisy[:3]


# ── errors put in ──


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


ORI, TABLE, DIGITS = "ORI", printed.declared(printed.FOLDER), {"FID": 1, "LPIPS": 3}


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


# ── strictness ──


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("tables.yaml", "side: erase, metric: ACC,", "side: ease, metric: ACC,", "gates: there is no name 'ease'"),
        ("tables.yaml", "others_of: erase", "others_of: eras", "sides.preserve: there is no name 'eras'"),
        ("tables.yaml", "runs: 1 ", "run: 1 ", "there is no key 'run'"),
        ("tables.yaml", "its_method: AdvAnchor-Ladv2/K=40", "its_method: K40", "same: there is no name 'K40'"),
        ("table1.csv", "table,concept", "table,row", "has the columns table, row"),
        ("table1.csv", "1,Cezanne,ORI,erase,FID,0", "1,Cezanne,ORI,erase,FID", "line 2: has 5 fields, not 6"),
        ("prose.csv", "quoted", "quote", "needs quoted, file, row, column, about"),
    ],
)
def test_what_is_not_as_declared_is_refused_in_one_line(tmp_path, file, old, new, message):
    folder = tmp_path / "paper"
    shutil.copytree(printed.FOLDER, folder)
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    with pytest.raises(BenchmarkError, match=message) as caught:
        findings(folder)
    assert "\n" not in str(caught.value)


def test_the_verdict_reads_no_table_with_a_cell_that_is_missing(tmp_path):
    folder = tmp_path / "paper"
    shutil.copytree(printed.FOLDER, folder)
    text = (folder / "table4.csv").read_text()
    (folder / "table4.csv").write_text(text.replace("4,nudity,AdvAnchor-Ladv1/cyclical,erase,NUDENET_COUNT,66\n", ""))
    with pytest.raises(BenchmarkError, match="AdvAnchor-Ladv1/cyclical erase NUDENET_COUNT: has no number"):
        printed.numbers("table4.csv", folder)
