"""The paper's tables and figures as files of a suite: what is there, what is empty and why, and what it takes."""

import re
import subprocess

import pytest
from conftest import ROOT
from test_workflow import snakemake

from benchmark.errors import BenchmarkError, ConfigError
from benchmark.plan import plugins
from benchmark.plan.config import load_suite
from benchmark.plan.source import literal
from benchmark.tools import places


def said(capsys, *arguments, **options):
    places.main(*arguments, **options)
    return capsys.readouterr().out


def test_every_place_that_a_view_takes_is_one_of_the_papers():
    taken = [place for view in places.views() if (place := literal(f"benchmark/{view}.py", "PAPER_PLACE", ""))]
    assert set(taken) <= set(places.PLACES) and {f"Table {number}" for number in (1, 2, 4, 5)} <= set(taken)


def test_the_tour_shows_every_view_that_has_a_place():
    """So a new view of the paper is not forgotten there."""
    suite = load_suite("tour")
    shown = {view for experiment in suite.experiments.values() for view in experiment.views}
    assert {view for view in places.views() if literal(f"benchmark/{view}.py", "PAPER_PLACE", "")} <= shown


def test_the_tour_has_the_settings_of_the_testbed():
    tour, testbed = load_suite("tour").settings, load_suite("testbed").settings
    assert tour == {name: testbed[name] for name in tour}


def test_places_stand_in_the_papers_order_with_what_they_take(capsys):
    lines = said(capsys, "tour").splitlines()
    listed = [match[0] for line in lines if (match := re.match(r"(Table|Figure) \d", line))]
    assert list(dict.fromkeys(listed)) == list(places.PLACES)
    assert lines[0] == f"suite tour: {load_suite('tour').title}"


def test_jobs_are_those_that_snakemake_plans(fake):
    """All places together; one table alone has fewer erasures."""
    suite = load_suite("tour")
    row = next(places.of_place(suite, "Table 4"))
    assert row.experiments == ("strategies",) and (row.erasures, row.seeds) == (6, 1)
    out = snakemake(fake, "--dry-run", suite="tour")
    counts = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", out, re.MULTILINE)}
    besides = sum(counts.get(rule, 0) for rule in ("all", "remember", "total"))
    whole = dict.fromkeys(suite.experiments)
    assert places.cost(suite, whole)[3] == sum(counts.values()) - besides


def test_images_are_counted_by_arithmetic():
    """Table 4 on the testbed: a model without the portrait draws it in five wordings, and nine other objects."""
    suite, erasures = load_suite("tour"), 6
    (row,) = places.of_place(suite, "Table 4")
    budgets = suite.budgets
    of_one = 5 * budgets.erased + 9 * budgets.retained
    assert row.images == (erasures + 2) * of_one + budgets.pool, "two controls; images that methods train on"


def test_an_empty_place_says_why_and_fails_only_if_it_was_asked_for(capsys, small, tmp_path):
    for name in ("style", "strategies"):
        small(f"benchmark/tables/{name}.py", f'PAPER_PLACE = "{"Table 1" if name == "style" else "Table 4"}"\n')
    lines = {line[:8].strip(): line for line in said(capsys, "test").splitlines()}
    assert lines["Table 1"].endswith("– empty: results/test/tables/style.md is not made yet")
    assert lines["Table 2"].endswith("– empty: no file of benchmark/tables or benchmark/figures takes it")
    assert lines["Table 4"].endswith("– empty: no experiment of suite test shows it")
    assert said(capsys, "test", ["table1"], experiments=True) == "style\n"
    for place, why in (("table2", "no file of"), ("Table 4", "no experiment of suite test shows it")):
        with pytest.raises(BenchmarkError, match=f"^Table .: empty: {why}"):
            places.main("test", [place])
    with pytest.raises(BenchmarkError, match="^Table 1: empty: results/test/tables/style.md is not made yet$"):
        places.main("test", ["table1"], made=True)
    small("results/test/partial/tables/style.md", "some of it")
    with pytest.raises(BenchmarkError, match="numbers are missing, since jobs failed; results/test/partial/tables/"):
        places.main("test", ["table1"], made=True)
    small("results/test/tables/style.md", "all of it")
    assert said(capsys, "test", ["table1"], made=True).splitlines()[3].endswith(" results/test/tables/style.md")
    assert plugins.ROOT == tmp_path


@pytest.mark.parametrize("given", [["table9"], ["table"], ["tables/style"], ["figure2"], ["table1", "x"]])
def test_places_that_the_paper_has_not(given):
    with pytest.raises(
        ConfigError, match=r"^places: (there is no table or figure .*|none is named) \(allowed: table1, "
    ):
        places.main("tour", given)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tour", "SUITE=quick"], "SUITE: chooses what is run, not `make tour`"),
        (["tour", "METHODS=esd"], "METHODS: narrows what is run, not `make tour`"),
        (["PLACES=table1"], "PLACES: chooses what `make tour` makes, not `make run`"),
        (["list", "PLACES=table1"], "PLACES: chooses what `make tour` makes, not `make list`"),
    ],
)
def test_make_refuses_what_it_would_ignore(arguments, message):
    done = subprocess.run(["make", "--dry-run", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode and message in done.stderr


def test_make_tour_runs_what_the_places_show():
    command = ["make", "--dry-run", "tour", "PLACES=table4 figure6"]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "--place 'table4 figure6' --experiments" in out and "--config suite=tour experiments=$feeding" in out
    whole = subprocess.run(["make", "--dry-run", "tour"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "--config suite=tour ;" in " ".join(whole.split())
