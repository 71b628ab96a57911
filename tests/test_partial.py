"""What is shown of a run of which a part failed: the rest, in a folder of its own, and what it lacks."""

import pytest
from conftest import SUITE
from test_score import some, world  # noqa: F401

from benchmark import grid, partial
from benchmark.errors import BenchmarkError


def test_the_tables_of_the_rest_say_what_they_lack(some, tmp_path, capsys):  # noqa: F811
    out = tmp_path / "partial"
    (out / "tables").mkdir(parents=True)
    (out / "tables/object.md").write_text("of an earlier run")
    partial.main("test", some, ["slow of style", "all of object"], out)
    said = capsys.readouterr().out
    note = "Not complete. Asked for, but left out since a job failed: slow of style, all of object."
    assert note in (out / "tables/style.md").read_text() and note in said and "| fast" in said
    assert note in (out / "tables/style.tex").read_text()
    assert not (out / "tables/object.md").exists() and not (tmp_path / "scores.csv").exists()


def test_without_an_original_there_are_no_tables(some, tmp_path):  # noqa: F811
    with pytest.raises(BenchmarkError, match="original"):
        partial.main("test", some[1:], ["original of style"], tmp_path / "partial")


def test_a_method_is_left_out_of_a_task_as_a_whole(small):
    plan = grid.plan({"suite": "test"})
    everything = list(plan.parts)
    assert grid.whole(plan, everything) == (everything, [])
    kept, lacking = grid.whole(plan, [path for path in everything if path != "style/solo/seed1/all"])
    assert not [path for path in kept if "solo" in path] and "style/twin-a/seed1/all" in kept
    assert lacking == ["solo of style"]


def test_labels_that_share_their_numbers_are_left_out_together(small):
    small("benchmark/suites/test.yaml", SUITE.replace("l2", "l1"))
    plan = grid.plan({"suite": "test"})
    kept, lacking = grid.whole(plan, [path for path in plan.parts if "twin" not in path])
    assert lacking == ["twin-a of style", "twin-b of style"] and kept


def test_without_its_original_all_of_a_task_is_left_out(small):
    plan = grid.plan({"suite": "test"})
    kept, lacking = grid.whole(plan, [path for path in plan.parts if "original" not in path])
    assert (kept, lacking) == ([], ["all of style"])


def test_controls_alone_are_no_table(small):
    plan = grid.plan({"suite": "test"})
    assert grid.whole(plan, ["style/original/seed0/all"])[0] == []
