"""What is shown of a run of which a part failed: the rest, in a folder of its own, and what it lacks."""

import pytest
from conftest import METHOD, SUITE
from synthetic import evidence, prompts_of

from benchmark import partial
from benchmark.errors import BenchmarkError
from benchmark.plan import grid


@pytest.fixture
def some(world):
    """Evidence of a few models of the task style."""
    return [evidence(world, "style", *model) for model in (["original"], ["wreck"], ["fast", "ink"])]


def test_the_tables_of_the_rest_say_what_they_lack(some, tmp_path, capsys):
    out = tmp_path / "partial"
    (out / "tables").mkdir(parents=True)
    (out / "tables/object.md").write_text("of an earlier run")
    partial.main("test", prompts_of(tmp_path, "style"), some, ["slow of style", "all of object"], out)
    text = capsys.readouterr().out
    note = "Not complete. Missing, since a job failed: slow of style, all of object."
    assert note in (out / "tables/style.md").read_text() and note in text and "| fast" in text
    assert note in (out / "tables/style.tex").read_text()
    assert not (out / "tables/object.md").exists() and not (tmp_path / "scores.csv").exists()


def test_without_an_original_there_are_no_tables(some, tmp_path):
    with pytest.raises(BenchmarkError, match="original"):
        partial.main("test", prompts_of(tmp_path, "style"), some[1:], ["original of style"], tmp_path / "partial")


def looked_at(plan, *without):
    """What was looked at in a run: all but the images of shards in whose path one of these words stands."""
    return [(name, path) for name, path in plan.looked_at if not any(word in path for word in without)]


def test_a_variant_is_left_out_of_a_task_as_a_whole(small):
    plan = grid.plan({"suite": "test"})
    everything = looked_at(plan)
    assert grid.whole(plan, everything) == (everything, [])
    kept, lacking = grid.whole(plan, looked_at(plan, "style/solo/seed1/all"))
    assert ("style", "style/twin-a/seed1/all") in kept and not [path for _, path in kept if "solo" in path]
    assert lacking == ["solo of style"]


def test_variants_that_share_their_numbers_are_left_out_together(small):
    small("benchmark/suites/test.yaml", SUITE.replace("l2", "l1"))
    plan = grid.plan({"suite": "test"})
    kept, lacking = grid.whole(plan, looked_at(plan, "twin"))
    assert lacking == ["twin-a of style", "twin-b of style"] and kept


def test_without_its_original_all_of_a_task_is_left_out(small):
    plan = grid.plan({"suite": "test"})
    assert grid.whole(plan, looked_at(plan, "original")) == ([], ["all of style"])


def test_an_original_that_is_lacking_on_another_tasks_sets_is_not_lacking_here(small, tmp_path):
    task = (tmp_path / "benchmark/tasks/style.yaml").read_text()
    small("benchmark/tasks/third.yaml", task)
    small(
        "benchmark/tasks/second.yaml",
        task.replace("    templates:", "    retained_on: [second, third]\n    templates:"),
    )
    second = "  second: {task: second, methods: [original, solo], concepts: [ink], views: [tables/style]}\n"
    small("benchmark/suites/test.yaml", SUITE + second)
    plan = grid.plan({"suite": "test"})
    kept, lacking = grid.whole(plan, [place for place in plan.looked_at if place != ("second", "original")])
    assert lacking == ["all of second"] and {name for name, _ in kept} == {"style"}


def test_a_method_that_is_in_no_experiment_is_scored_where_it_was_named(small, some, tmp_path):
    small("methods/new.py", METHOD)
    suite = (tmp_path / "benchmark/suites/test.yaml").read_text()
    listed = suite.replace("    without: &rival [rival]\n", "    methods: [fast]\n").replace(
        "    without: *rival\n", ""
    )
    small("benchmark/suites/test.yaml", listed.replace("    task: object\n", "    task: object\n    methods: [fast]\n"))
    paths = [some[0], evidence(tmp_path, "style", "new", "ink")]
    out = tmp_path / "partial"
    partial.main("test", prompts_of(tmp_path, "style"), paths, ["fast of style"], out, methods=["new", "fast"])
    assert "| new" in (out / "tables/style.md").read_text()


def test_controls_alone_are_no_table(small):
    plan = grid.plan({"suite": "test"})
    assert grid.whole(plan, [("style", "original")])[0] == []
