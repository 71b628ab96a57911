"""How much a view needs: with less, its place stays empty and says why, and is an error only if it is asked for."""

import pytest
from conftest import message
from test_workflow import snakemake

from benchmark import view
from benchmark.errors import BenchmarkError
from benchmark.plan import causes, grid, least
from benchmark.tools import places

TABLE = '"""A table."""\nCAPTION = "Styles"\nLEAST = {}\n\n\ndef table(scores): ...\n'


@pytest.mark.parametrize(
    ("needs", "why"),
    [
        ({"models": 6, "seeds": 2, "images": 8}, ""),
        ({"models": 7}, "needs 7 models, and has 6"),
        ({"seeds": 3, "images": 9}, "needs 3 seeds, and has 2; 9 images, and has 8"),
    ],
)
def test_a_plan_leaves_out_what_has_too_little(small, needs, why):
    """Three variants erase two concepts with two seeds; an erased concept has eight images."""
    small("benchmark/tables/style.py", TABLE.format(needs))
    plan = grid.plan({"suite": "test"})
    assert plan.views == (() if why else ("tables/style",))
    assert plan.empty == ({"tables/style": why} if why else {})
    assert ("view", "tables/style") in causes.jobs(plan), "whoever asks for it by name gets an answer from its job"


def test_a_run_of_controls_alone_leaves_nothing_out(small):
    small("benchmark/tables/style.py", TABLE.format({"models": 7}))
    assert grid.plan({"suite": "test", "methods": ["original"]}).views == ("tables/style",)


def test_what_a_view_needs_is_said_in_words(small):
    small("benchmark/tables/style.py", TABLE.format({"models": 3}))
    assert least.said("tables/style") == "3 models, 1 seed, 1 image"


@pytest.mark.parametrize(("given", "said"), [(3, "LEAST: 3 says not of what"), ({"model": 3}, "did you mean models?")])
def test_what_is_no_need_is_refused_when_planning(small, given, said):
    small("benchmark/tables/style.py", TABLE.format(given))
    assert said in message({"suite": "test"})


def test_a_view_that_is_asked_for_by_name_fails_and_says_what_it_lacks(scored, world):
    file = world / "benchmark/tables/style.py"
    file.write_text(file.read_text().replace("CAPTION =", 'LEAST = {"models": 99}\nCAPTION =', 1))
    least.source._literal.cache_clear()
    least.source._tree.cache_clear()
    with pytest.raises(BenchmarkError, match="has too little for tables/style, which needs 99 models, and has"):
        view.main("test", scored, world, ["tables/style"])
    assert not (world / "tables/style.md").exists()


def test_in_a_workflow_the_place_stays_empty_and_says_why(fake):
    out = snakemake(fake, "--dry-run", suite="tour", experiments="inner_steps", methods="advanchor-l1-k5")
    assert "left out: tables/inner_steps needs 2 models, and has 1" in out and "rule table:" not in out


def test_a_place_is_an_error_only_if_it_is_asked_for(small, monkeypatch, capsys):
    small("benchmark/tables/style.py", TABLE.format({"models": 7}).replace("LEAST", 'PAPER_PLACE = "Table 1"\nLEAST'))
    monkeypatch.setattr(places, "jobs", lambda *_: {})
    places.main("test")
    assert "– empty: needs 7 models, and has 6" in capsys.readouterr().out
    with pytest.raises(BenchmarkError, match="Table 1: empty: needs 7 models, and has 6"):
        places.main("test", ["table1"])


def test_an_empty_view_that_is_asked_for_by_name_has_a_job_that_says_why(fake):
    """With the details that it would show: its job, not Snakemake, says what is lacking."""
    few = {"experiments": "anchors_style", "methods": "abconcept-closest"}
    out = snakemake(fake, "results/tour/figures/anchor_distance.svg", "--dry-run", suite="tour", **few)
    assert "left out: figures/anchor_distance needs 3 models, and has 1" in out and "rule figure:" in out


@pytest.mark.parametrize(
    ("given", "needs", "why"),
    [
        (["solo"], {"variants": 2}, "needs 2 variants, and has 1"),
        (["solo", "twin-a"], {"variants": 2}, ""),
    ],
)
def test_one_method_alone_leaves_out_what_compares_variants(small, given, needs, why):
    small("benchmark/tables/style.py", TABLE.format(needs))
    assert grid.plan({"suite": "test", "methods": given}).empty == ({"tables/style": why} if why else {})


def test_a_method_of_ones_own_alone_in_the_testbed_leaves_out_what_it_cannot_fill():
    empty = grid.plan({"suite": "testbed", "methods": "esd", "experiments": "style"}).empty
    assert set(empty) == {"tables/paired"}
