"""Which variants there are, with which settings, and what a run consists of: erasures, shards, what is run for what."""

import subprocess
import sys

import pytest
from conftest import CONTROL, METHOD, ROOT, SUITE

from benchmark.errors import ConfigError
from benchmark.plan import grid, prompt_rows, variants
from benchmark.plan.records import Erasure, Variant


def test_planning_loads_nothing_heavy():
    heavy = "torch pandas numpy diffusers transformers matplotlib tqdm"
    code = "import sys; from benchmark.plan import causes, grid; causes.jobs(grid.plan({'suite': 'testbed'}))"
    code += f"; sys.exit(' '.join(set('{heavy}'.split()) & set(sys.modules)) or 0)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


# ── erasures and shards ──


def names(plan, experiment="style"):
    """The variants of an experiment, in order."""
    return list(dict.fromkeys(str(erasure.variant) for erasure in plan.experiments[experiment]))


def all_run(plan):
    return set(plan.run.values())


def test_erasures_of_erasers_and_of_controls(small):
    plan = grid.plan({"suite": "test"})
    assert plan.experiments["style"][0] == Erasure("style", Variant("original"), "-", 0)
    assert len(plan.experiments["style"]) == len(plan.run) == len(all_run(plan)) == 1 + 3 * 2 * 2
    assert set(plan.shards) == {"original"} | {
        f"style/{name}/seed{seed}/all" for name in ("twin-a", "twin-b", "solo") for seed in (0, 1)
    }
    assert plan.shards["style/solo/seed1/all"].concepts == ("ink", "pixel_art")
    assert plan.views == ("tables/style",)


def test_shards_of_one_concept(small):
    small("benchmark/suites/test.yaml", SUITE.replace("shard: all", "shard: one"))
    plan = grid.plan({"suite": "test"})
    assert plan.shards["style/solo/seed1/ink"].concepts == ("ink",)
    assert len(plan.shards) == 1 + 3 * 2 * 2 and plan.shards["original"] == grid.BASE


def test_variants_with_equal_settings_are_run_once_and_shown_under_each_name(small):
    small("benchmark/suites/test.yaml", SUITE.replace("twin-b: {loss: l2}", "twin-b: {steps: 40}"))
    plan = grid.plan({"suite": "test"})
    a, b = (Erasure("style", Variant(name), "ink", 1) for name in ("twin-a", "twin-b"))
    assert plan.run[b] == plan.run[a] == a and b in plan.experiments["style"]
    assert not any("twin-b" in path for path in plan.shards)
    assert len(all_run(plan)) == 1 + 2 * 2 * 2


def test_a_checkpoint_that_equals_another_variant_is_run_once(small):
    suite = SUITE.replace("twin-b: {loss: l2}", "twin-b: {steps: 20}").replace("seeds: [0, 1]", "checkpoints: [50]")
    small("benchmark/suites/test.yaml", suite)
    plan = grid.plan({"suite": "test", "methods": ["twin-a", "twin-b"]})
    half, short = (Erasure("style", Variant.of(text), "ink", 0) for text in ("twin-a@50", "twin-b"))
    assert plan.run[half] == plan.run[short] == half


def test_equal_settings_of_two_methods_are_two_erasures(small):
    small("benchmark/suites/test.yaml", SUITE.replace("solo: {lr: 3.0e-4}", "solo: {}"))
    plan = grid.plan({"suite": "test"})
    solo = Erasure("style", Variant("solo"), "ink", 0)
    assert variants.settings(plan.suite, Variant("solo")) == variants.settings(plan.suite, Variant("twin-a"))
    assert plan.run[solo] == solo


def test_a_method_that_no_seed_changes_is_run_once_and_shown_under_every_seed(small):
    small("methods/solo.py", METHOD.replace('POOL = "concept"', "POOL = None\nSEEDED = False"))
    plan = grid.plan({"suite": "test"})
    first, second = (Erasure("style", Variant("solo"), "ink", seed) for seed in (0, 1))
    assert {first, second} <= set(plan.experiments["style"])
    assert plan.run[first] == plan.run[second] == first
    assert [path for path in plan.shards if "solo" in path] == ["style/solo/seed0/all"]
    narrowed = grid.plan({"suite": "test", "seeds": 1})
    assert narrowed.run[second] == first, "seed 0 stands for all, whichever are asked for"


TWO_TASKS = SUITE + "  second: {task: second, methods: [original, solo], concepts: [ink], views: [tables/style]}\n"


def second(small, task, suite=TWO_TASKS):
    """The made-up repository with a task and an experiment more."""
    small("benchmark/tasks/second.yaml", task)
    small("benchmark/suites/test.yaml", suite)
    return grid.plan({"suite": "test"})


def test_the_original_is_one_shard_which_tasks_share(small, tmp_path):
    plan = second(small, (tmp_path / "benchmark/tasks/style.yaml").read_text())
    runs = {plan.run[Erasure(task, Variant("original"), "-", 0)] for task in ("style", "second")}
    assert runs == {Erasure("-", Variant("original"), "-", 0)}
    assert [path for path in plan.shards if path.startswith("original")] == ["original"]
    assert [name for name, path in plan.looked_at if path == "original"] == ["style", "second"]


def test_originals_of_a_set_that_two_tasks_look_at_are_drawn_once(small, tmp_path):
    task = (tmp_path / "benchmark/tasks/style.yaml").read_text()
    plan = second(small, task.replace("    templates:", "    retained_on: [second, style]\n    templates:"))
    assert plan.tasks["second"].sets == ("second", "style")
    assert plan.looked_at.count(("style", "original")) == 1
    assert ("style", "second/solo/seed0/all") in plan.looked_at
    assert set(plan.sets) >= {"style", "second", "style_training", "second_training"}
    assert len(plan.looked_at) == len(set(plan.looked_at))


def test_a_pool_shows_all_concepts_of_the_shards_that_train_on_it(small):
    """Two variants, or two seeds, of one shard's name train on the same images."""
    plan = grid.plan({"suite": "test"})
    pools = {grid.pool_of(plan, plan.shards[path]).name for path in plan.shards if path != "original"}
    assert pools == {"style_pool_concept_all"}
    assert plan.sets["style_pool_concept_all"].source.concepts == ("ink", "pixel_art")
    small("benchmark/suites/test.yaml", SUITE.replace("shard: all", "shard: one"))
    plan = grid.plan({"suite": "test"})
    pool = grid.pool_of(plan, plan.shards["style/solo/seed1/ink"])
    assert pool.name == "style_pool_concept_ink" and pool.source.concepts == ("ink",)
    assert grid.pool_of(plan, plan.shards["style/solo/seed1/ink"]) == grid.pool_of(
        plan, plan.shards["style/twin-a/seed0/ink"]
    )


def test_two_sets_of_one_name_are_refused(small, tmp_path):
    task = (tmp_path / "benchmark/tasks/style.yaml").read_text()
    small("benchmark/tasks/style_training.yaml", task)
    small("benchmark/suites/test.yaml", TWO_TASKS.replace("task: second", "task: style_training"))
    with pytest.raises(ConfigError, match="^prompt set style_training: another set of this run has the name; rename"):
        grid.plan({"suite": "test"})


def test_checkpoints_are_variants_of_methods_that_take_steps(small):
    what = "task: style, methods: [original, solo], concepts: [ink], checkpoints: [25, 50], views: [figures/curve]"
    small("benchmark/suites/test.yaml", f"{SUITE}  curve: {{{what}}}\n")
    plan = grid.plan({"suite": "test"})
    assert names(plan, "curve") == ["original", "solo@25", "solo@50", "solo"]
    assert len(all_run(plan)) == 13 + 2, "the whole runs are erasures of both experiments"
    assert "style/solo@25/seed0/all" in plan.shards


def test_config_narrows_and_keeps_original(small):
    plan = grid.plan({"suite": "test", "methods": "solo", "concepts": ["pixel_art"], "seeds": 1})
    asked = (Erasure("style", Variant("original"), "-", 0), Erasure("style", Variant("solo"), "pixel_art", 1))
    assert plan.experiments["style"] == asked


def test_experiments_that_have_nothing_of_the_selection_are_left_out():
    plan = grid.plan({"suite": "quick", "concepts": ["church"]})
    assert list(plan.experiments) == ["object"] and "tables/style" not in plan.views


LISTED = SUITE.replace("    without: [twin]\n", "    methods: [original, solo, twin-a]\n")
SEVERAL = LISTED + "  every: {task: style, concepts: [ink], without: [twin], views: [tables/style]}\n"


def test_a_variant_is_one_more_and_takes_its_methods_place_nowhere(small):
    small("methods/uce.py", METHOD)
    assert names(grid.plan({"suite": "test"})) == ["original", "twin-a", "twin-b", "solo", "uce"]
    variant = SUITE.replace("  solo:", "  uce-l10: {lr: 2.0}\n  solo:")
    small("benchmark/suites/test.yaml", variant)
    assert names(grid.plan({"suite": "test"})) == ["original", "twin-a", "twin-b", "uce", "uce-l10", "solo"]
    assert names(grid.plan({"suite": "test", "methods": "uce"})) == ["original", "uce"]
    small("benchmark/suites/test.yaml", variant.replace("    without: [twin]", "    methods: [uce, uce-l10]"))
    assert names(grid.plan({"suite": "test"})) == ["original", "uce", "uce-l10"]
    small("benchmark/suites/test.yaml", variant.replace("  uce-l10:", "  uce: {steps: 2}\n  uce-l10:"))
    assert "uce" in names(grid.plan({"suite": "test"}))


def test_a_new_method_that_is_named_runs_in_every_experiment(small):
    """Not only in what happens to say `all`, as the suite testbed does for its variants."""
    small("methods/uce.py", METHOD)
    small("benchmark/suites/test.yaml", SEVERAL)
    plan = grid.plan({"suite": "test", "methods": "uce"})
    assert names(plan) == names(plan, "every") == ["original", "uce"]
    plan = grid.plan({"suite": "test", "methods": ["uce", "twin-a"]})
    assert names(plan) == ["original", "twin-a", "uce"], "beside those that are listed"
    plan = grid.plan({"suite": "test"})
    assert names(plan) == ["original", "solo", "twin-a"] and "uce" in names(plan, "every")
    small("benchmark/suites/test.yaml", SEVERAL.replace("  solo:", "  uce-l10: {lr: 2.0}\n  solo:"))
    assert names(grid.plan({"suite": "test", "methods": "uce-l10"})) == ["original", "uce-l10"]
    small("benchmark/suites/test.yaml", LISTED)
    assert names(grid.plan({"suite": "test", "methods": "uce"})) == ["original", "uce"]


def test_what_the_suite_places_stays_in_its_place(small):
    small("benchmark/suites/test.yaml", SEVERAL)
    assert list(grid.plan({"suite": "test", "methods": "twin-b"}).experiments) == ["every"], (
        "a variant of what is listed"
    )
    assert names(grid.plan({"suite": "test", "methods": "twin-b", "experiments": "style"})) == ["original", "twin-b"]
    assert list(grid.plan({"suite": "test", "methods": "twin"}).experiments) == ["style", "every"], (
        "no experiment has it"
    )


def test_the_variants_of_the_testbed_have_an_experiment_of_their_own():
    plan = grid.plan({"suite": "testbed", "methods": "esd-u"})
    assert list(plan.experiments) == ["variants"]
    before = grid.plan({"suite": "testbed"})
    assert names(before, "variants")[:4] == ["original", "scramble", "sdd-adversarial", "allbutone-q9"]
    assert not {"sdd", "esd", "advanchor"} & set(names(before, "variants"))


def test_a_new_file_is_a_new_row_and_a_listed_suite_does_not_run_it(small):
    small("methods/nothing.py", CONTROL)
    assert Erasure("style", Variant("nothing"), "-", 0) in grid.plan({"suite": "test"}).experiments["style"]
    small("benchmark/suites/test.yaml", LISTED)
    assert names(grid.plan({"suite": "test"})) == ["original", "solo", "twin-a"]


def test_quick_has_two_controls_and_the_six_columns():
    columns = ["original", "scramble", "sdd", "allbutone", "esd", "abconcept", "advanchor-l1", "advanchor-l2"]
    plan = grid.plan({"suite": "quick"})
    assert names(plan) == names(plan, "object") == columns


def test_the_paper_is_the_papers_size():
    plan = grid.plan({"suite": "paper"})
    rows = prompt_rows.of(plan.sets["style"], plan.suite)
    drawn = prompt_rows.of_model(rows, plan.sets["style"], plan.suite, "picasso")
    assert sum(row.images for row in drawn) == 2250
    assert sum(run.task == "style" and run.variant == Variant("esd") for run in all_run(plan)) == 9 * 3
