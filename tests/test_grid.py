"""Which cells exist, under which labels, with which settings and prompts."""

import subprocess
import sys

import pytest
import yaml
from conftest import CONTROL, METHOD, ROOT, SUITE, TASK

from benchmark import grid
from benchmark.errors import ConfigError
from benchmark.prompts import SEEDS, seeds
from benchmark.records import Cell

REAL_SUITES = ["micro", "quick", "testbed", "paper"]


def test_planning_loads_nothing_heavy():
    heavy = "torch pandas numpy diffusers transformers matplotlib tqdm"
    code = f"import sys; from benchmark import grid; sys.exit(' '.join(set('{heavy}'.split()) & set(sys.modules)) or 0)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


# ── labels and settings ──


def test_labels_are_in_the_order_of_the_settings_then_the_rest_of_the_folder(small):
    small("methods/alone.py", CONTROL)
    suite = grid.load_suite("test")
    assert grid.labels(suite) == ("original", "twin", "twin-a", "twin-b", "solo", "alone")
    assert [grid.module(label) for label in ("twin-a", "solo@25")] == ["methods/twin.py", "methods/solo.py"]


def test_settings_are_defaults_then_the_modules_then_the_variants(small):
    small("benchmark/suites/test.yaml", SUITE.replace("  twin-a:", "  twin: {lr: 2, groups: [a, b]}\n  twin-a:"))
    suite = grid.load_suite("test")
    assert grid.labels(suite).count("twin") == 1
    settings = grid.label_settings(suite, "twin-b")
    assert settings == {
        "steps": 40, "lr": 2.0, "loss": "l2", "group": "xattn", "groups": ("a", "b"),
        "seed_of_anchor": None, "clip": False,
    }  # fmt: skip
    assert isinstance(settings["lr"], float)
    assert grid.label_settings(suite, "original") == {}


def test_a_checkpoint_is_the_method_stopped_early(small):
    suite = grid.load_suite("test")
    assert grid.label_settings(suite, "solo@25") == {**grid.label_settings(suite, "solo"), "steps": 10}
    assert grid.label_settings(suite, "solo@1")["steps"] == 1


def test_a_pool_is_the_modules_or_the_settings(small):
    small("methods/chooser.py", METHOD.replace("    clip:", '    pool: str = "anchor"\n    clip:'))
    suite = grid.load_suite("test")
    assert [grid.pool(suite, label) for label in ("original", "solo", "chooser")] == [None, "concept", "anchor"]
    small("methods/chooser.py", METHOD.replace("    clip:", '    pool: str = "images"\n    clip:'))
    with pytest.raises(ConfigError, match="chooser: POOL, or the setting pool: there is no pool 'images'"):
        grid.pool(suite, "chooser")


@pytest.mark.parametrize("name", ["UCE", "my-method"])
def test_a_method_whose_file_cannot_be_a_label_is_refused(small, name):
    small(f"methods/{name}.py", METHOD)
    with pytest.raises(ConfigError, match=f"methods/{name}.py: a method's name consists of"):
        grid.plan({"suite": "test"})


def test_what_a_file_says_is_read_without_importing_it(small):
    small("methods/broken.py", METHOD + "import nothing_of_this_name\nraise SystemExit\n")
    assert grid.literal("methods/broken.py", "POOL") == "concept"
    assert "broken" in grid.labels(grid.load_suite("test"))


def test_defaults_must_be_literals(small):
    small("methods/solo.py", METHOD.replace("1e-5", "compute()"))
    with pytest.raises(ConfigError, match="methods/solo.py: lr must be a literal"):
        grid.plan({"suite": "test"})
    assert "style/twin-a/seed0/all" in grid.plan({"suite": "test", "methods": "twin-a"}).parts, "others are run"


@pytest.mark.parametrize("text", ["def erase(:\n", "\0", METHOD.replace("1e-5", "compute()")])
def test_a_tolerant_plan_has_a_broken_method_whose_jobs_say_why(small, text):
    suite = SUITE.replace("    seeds: [0, 1]\n", "    seeds: [0, 1]\n    checkpoints: [50]\n")
    small("benchmark/suites/test.yaml", suite)
    before = grid.plan({"suite": "test"})
    small("methods/twin.py", text)
    plan = grid.plan({"suite": "test"}, tolerant=True)
    assert set(before.parts) - set(plan.parts) == {f"style/twin-{x}@50/seed{n}/all" for x in "ab" for n in (0, 1)}
    assert plan.aliases["twin-b"] == "twin-b", "whether their settings are equal is not known"
    assert grid.pool(plan.suite, "twin-a") is None
    for label in ("twin-a", "twin-b"):
        with pytest.raises(ConfigError, match="^methods/twin.py: "):
            grid.check_label(plan.suite, label)
    grid.check_label(plan.suite, "solo")


def test_a_file_that_cannot_be_read_stops_no_plan_without_it(small):
    small("methods/solo.py", METHOD + "def erase(:\n")
    with pytest.raises(ConfigError, match="^methods/solo.py: line 26: cannot be read as Python: invalid syntax$"):
        grid.plan({"suite": "test"})
    assert list(grid.plan({"suite": "test", "methods": "twin-a"}).aliases) == ["original", "twin-a"]


# ── prompts and seeds ──


def test_seeds_differ_are_stable_and_extend_each_other():
    for use, (first, span) in SEEDS.items():
        long = seeds(use, "testbed", "ink", 500)
        assert len(set(long)) == 500 and first <= min(long) and max(long) < first + span
        assert seeds(use, "testbed", "ink", 40) == long[:40]
    assert seeds("evaluation", "testbed", "ink", 3) != seeds("evaluation", "testbed", "chalk", 3)
    assert seeds("evaluation", "testbed", "ink", 3) == (496, 1309, 2055), "images of earlier runs would be lost"


def test_uses_never_share_a_seed():
    ranges = [set(range(first, first + span)) for first, span in SEEDS.values()]
    assert sum(map(len, ranges)) == len(set().union(*ranges))


def test_more_seeds_than_the_range_holds_are_refused():
    with pytest.raises(ConfigError, match="2499 seeds for ink are too many: 2498"):
        seeds("evaluation", "testbed", "ink", 2499)


@pytest.mark.parametrize("name", REAL_SUITES)
def test_every_image_has_its_partner_among_those_of_original(name):
    plan = grid.plan({"suite": name})
    for task in plan.tasks.values():
        partners = grid.prompts(task, plan.suite, None)
        for concept in plan.suite.erased(task.name):
            rows = grid.prompts(task, plan.suite, concept)
            assert set(rows) <= set(partners) and len(set(rows)) == len(rows)
            drawn = {c.name: sum(row.images for row in rows if row.probe == c.name) for c in task.concepts}
            budgets = plan.suite.budgets
            assert drawn == {c.name: budgets.erased if c.name == concept else budgets.retained for c in task.concepts}


def test_original_draws_the_larger_budget_only_of_what_is_erased(small):
    suite, task = grid.load_suite("test"), grid.load_task("style", "testbed")
    drawn = [(row.probe, row.images) for row in grid.prompts(task, suite, None)]
    assert drawn == [("ink", 2)] * 4 + [("pixel_art", 2)] * 4 + [("chalk", 2)] * 2


def test_each_wording_of_a_concept_is_a_probe_with_images_and_noise_of_its_own(small):
    small("benchmark/tasks/style.yaml", TASK.replace("ink: ink", "ink: {phrase: ink, wordings: {pen: pen lines}}"))
    rows = grid.prompts(grid.load_task("style", "testbed"), grid.load_suite("test"), "ink")
    assert [(row.probe, row.text) for row in rows[:8]] == [("ink", "ink")] * 4 + [("ink.pen", "pen lines")] * 4
    assert not {row.seed for row in rows[:4]} & {row.seed for row in rows[4:8]}
    assert {row.probe for row in rows[8:]} == {"pixel_art", "chalk"}


def test_the_portrait_is_asked_for_by_all_its_wordings_and_erased_without_the_unseen():
    words = yaml.safe_load((ROOT / "testbed/vocabulary.yaml").read_text())["portrait"]
    portrait = grid.load_task("portrait", "testbed").concept("portrait")
    assert list(portrait.probes.values()) == words["erase"] + words["unseen"]
    assert [portrait.phrase, *portrait.attributes] == words["erase"]


def test_judges_and_pools_have_their_own_prompts(small):
    suite, task = grid.load_suite("test"), grid.load_task("style", "testbed")
    assert task.judge.classes == ("blank", "ink", "pixel_art", "chalks")
    rows = grid.train_prompts(task.judge, suite)
    assert [(row.probe, row.text) for row in rows[::5]] == list(zip(task.judge.classes, task.judge.train, strict=True))
    assert len(rows) == 20 and all(row.images == 1 for row in rows)
    rows = grid.pool_prompts(task, suite, "concept", ("pixel_art",))
    assert {(row.probe, row.text) for row in rows} == {("pixel_art", "pixel art")} and len(rows) == 6
    assert {(row.probe, row.text) for row in grid.pool_prompts(task, suite, "anchor", ())} == {("blank", "picture")}


# ── cells and parts ──


def test_cells_of_erasers_and_of_controls(small):
    plan = grid.plan({"suite": "test"})
    assert plan.cells[0] == Cell("style", "original", "-", 0)
    assert len(plan.cells) == 1 + 3 * 2 * 2
    assert set(plan.parts) == {"style/original/seed0/all"} | {
        f"style/{label}/seed{seed}/all" for label in ("twin-a", "twin-b", "solo") for seed in (0, 1)
    }
    assert plan.parts["style/solo/seed1/all"].concepts == ("ink", "pixel_art")
    assert plan.views == ("tables/style",)


def test_parts_of_one_concept(small):
    small("benchmark/suites/test.yaml", SUITE.replace("part: all", "part: one"))
    plan = grid.plan({"suite": "test"})
    assert plan.parts["style/solo/seed1/ink"].concepts == ("ink",)
    assert [part for part in plan.parts if "original" in part] == ["style/original/seed0/all"]


def test_labels_with_equal_settings_are_one_cell(small):
    small("benchmark/suites/test.yaml", SUITE.replace("twin-b: {loss: l2}", "twin-b: {steps: 40}"))
    plan = grid.plan({"suite": "test"})
    assert plan.aliases == {"original": "original", "twin-a": "twin-a", "twin-b": "twin-a", "solo": "solo"}
    assert not any(cell.method == "twin-b" for cell in plan.cells)
    assert any(cell.method == "twin-b" for cell in plan.experiments["style"])


def test_equal_settings_of_two_methods_are_two_cells(small):
    small("benchmark/suites/test.yaml", SUITE.replace("solo: {lr: 3.0e-4}", "solo: {}"))
    plan = grid.plan({"suite": "test"})
    assert plan.aliases["solo"] == "solo"


def test_checkpoints_are_rows_of_methods_that_take_steps(small):
    what = "task: style, methods: [original, solo], concepts: [ink], checkpoints: [25, 50], views: [figures/curve]"
    small("benchmark/suites/test.yaml", f"{SUITE}  curve: {{{what}}}\n")
    plan = grid.plan({"suite": "test"})
    methods = [cell.method for cell in plan.experiments["curve"]]
    assert methods == ["original", "solo@25", "solo@50", "solo"]
    assert len(plan.cells) == 13 + 2, "the whole runs are cells of both experiments"
    assert "style/solo@25/seed0/all" in plan.parts


def test_config_narrows_and_keeps_original(small):
    plan = grid.plan({"suite": "test", "methods": "solo", "concepts": ["pixel_art"], "seeds": 1})
    assert plan.cells == (Cell("style", "original", "-", 0), Cell("style", "solo", "pixel_art", 1))


def test_experiments_that_have_nothing_of_the_selection_are_left_out():
    plan = grid.plan({"suite": "quick", "concepts": ["church"]})
    assert list(plan.experiments) == ["object"] and "tables/style" not in plan.views


def methods(plan, experiment="style"):
    return list(dict.fromkeys(cell.method for cell in plan.experiments[experiment]))


LISTED = SUITE.replace("    without: [twin]\n", "    methods: [original, solo, twin-a]\n")
SEVERAL = LISTED + "  all: {task: style, concepts: [ink], without: [twin], views: [tables/style]}\n"


def test_a_variant_is_one_more_and_takes_its_methods_place_nowhere(small):
    small("methods/uce.py", METHOD)
    assert methods(grid.plan({"suite": "test"})) == ["original", "twin-a", "twin-b", "solo", "uce"]
    variant = SUITE.replace("  solo:", "  uce-l10: {lr: 2.0}\n  solo:")
    small("benchmark/suites/test.yaml", variant)
    assert methods(grid.plan({"suite": "test"})) == ["original", "twin-a", "twin-b", "uce", "uce-l10", "solo"]
    assert methods(grid.plan({"suite": "test", "methods": "uce"})) == ["original", "uce"]
    small("benchmark/suites/test.yaml", variant.replace("    without: [twin]", "    methods: [uce, uce-l10]"))
    assert methods(grid.plan({"suite": "test"})) == ["original", "uce", "uce-l10"]
    small("benchmark/suites/test.yaml", variant.replace("  uce-l10:", "  uce: {steps: 2}\n  uce-l10:"))
    assert "uce" in methods(grid.plan({"suite": "test"}))


def test_a_new_method_that_is_named_runs_in_every_experiment(small):
    """Not only in what happens to say `all`, as the suite testbed does for its variants."""
    small("methods/uce.py", METHOD)
    small("benchmark/suites/test.yaml", SEVERAL)
    plan = grid.plan({"suite": "test", "methods": "uce"})
    assert methods(plan) == methods(plan, "all") == ["original", "uce"]
    plan = grid.plan({"suite": "test", "methods": ["uce", "twin-a"]})
    assert methods(plan) == ["original", "twin-a", "uce"], "beside those that are listed"
    plan = grid.plan({"suite": "test"})
    assert methods(plan) == ["original", "solo", "twin-a"] and "uce" in methods(plan, "all")
    small("benchmark/suites/test.yaml", SEVERAL.replace("  solo:", "  uce-l10: {lr: 2.0}\n  solo:"))
    assert methods(grid.plan({"suite": "test", "methods": "uce-l10"})) == ["original", "uce-l10"]
    small("benchmark/suites/test.yaml", LISTED)
    assert methods(grid.plan({"suite": "test", "methods": "uce"})) == ["original", "uce"]


def test_what_the_suite_places_stays_in_its_place(small):
    small("benchmark/suites/test.yaml", SEVERAL)
    assert list(grid.plan({"suite": "test", "methods": "twin-b"}).experiments) == ["all"], "a variant of what is listed"
    assert methods(grid.plan({"suite": "test", "methods": "twin-b", "experiments": "style"})) == ["original", "twin-b"]
    assert list(grid.plan({"suite": "test", "methods": "twin"}).experiments) == ["style", "all"], "no experiment has it"


def test_the_variants_of_the_testbed_have_an_experiment_of_their_own():
    plan = grid.plan({"suite": "testbed", "methods": "esd-u"})
    assert list(plan.experiments) == ["variants"]
    before = grid.plan({"suite": "testbed"})
    assert methods(before, "variants")[:4] == ["original", "scramble", "sdd-adversarial", "allbutone-q9"]
    assert not {"sdd", "esd", "advanchor"} & set(methods(before, "variants"))


def test_a_new_file_is_a_new_row_and_a_listed_suite_does_not_run_it(small):
    small("methods/nothing.py", CONTROL)
    assert Cell("style", "nothing", "-", 0) in grid.plan({"suite": "test"}).cells
    small("benchmark/suites/test.yaml", LISTED)
    assert {cell.method for cell in grid.plan({"suite": "test"}).cells} == {"original", "solo", "twin-a"}


def test_quick_has_two_controls_and_the_six_columns():
    labels = tuple(grid.plan({"suite": "quick"}).aliases)
    assert labels == ("original", "scramble", "sdd", "allbutone", "esd", "abconcept", "advanchor-l1", "advanchor-l2")


def test_the_paper_is_the_papers_size():
    plan = grid.plan({"suite": "paper"})
    task = plan.tasks["style"]
    assert sum(row.images for row in grid.prompts(task, plan.suite, "picasso")) == 2250
    assert sum(cell.task == "style" and cell.method == "esd" for cell in plan.cells) == 9 * 3
