"""The auditor finds what is wrong with printed tables, and nothing in tables that are consistent."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from made_paper import Made

from benchmark import audit
from benchmark.errors import BenchmarkError
from benchmark.store import printed

SEEDS = 20
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


def test_it_is_silent_on_consistent_tables_whatever_their_images_and_runs(synthetic, capsys):
    noisy = [str(finding) for seed in range(SEEDS) for finding in findings(synthetic(seed))]
    with capsys.disabled():
        print(f"\naudit of {SEEDS} consistent sets of tables: {len(noisy)} findings")
    assert not noisy, noisy[:3]


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
