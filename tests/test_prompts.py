"""Which prompts are asked, with which noise: rows that tasks derive from their concepts, and rows on disk."""

import re
from dataclasses import replace

import pytest
import yaml
from conftest import ROOT, SUITE, TASK, sealed

from benchmark import prompts
from benchmark.errors import BenchmarkError, ConfigError
from benchmark.plan import grid, prompt_place, prompt_rows
from benchmark.plan.config import load_set, load_suite, load_task
from benchmark.plan.prompt_rows import of_model, seeds
from benchmark.plan.ranges import SEEDS
from benchmark.plan.records import Prompt

REAL_SUITES = ["micro", "quick", "testbed", "paper"]


def rows(name="style"):
    """The rows of a set of the made-up repository."""
    plan = grid.plan({"suite": "test"})
    return prompt_rows.of(plan.sets[name], plan.suite)


def of(concept, name="style"):
    plan = grid.plan({"suite": "test"})
    return of_model(rows(name), plan.sets[name], plan.suite, concept)


# ── seeds ──


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


# ── rows that are derived from concepts ──


@pytest.mark.parametrize("name", REAL_SUITES)
def test_rows_are_unique_and_can_name_files(name):
    plan = grid.plan({"suite": name})
    for prompt_set in plan.sets.values():
        if prompt_place.absent(prompt_set, plan.suite.world, {}):
            continue  # its file is nobody's to ship; tests/test_paper_sets.py has one
        named = [row.row for row in prompt_rows.of(prompt_set, plan.suite)]
        assert named and len(set(named)) == len(named)
        assert all(re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)?-[0-9]+", row) for row in named)


@pytest.mark.parametrize("name", REAL_SUITES)
def test_every_image_has_its_reference_image_among_those_of_original(name):
    plan = grid.plan({"suite": name})
    for task in plan.tasks.values():
        if task.name not in plan.sets or plan.sets[task.name].source.kind != "evaluation":
            continue  # no model draws of its concepts, or as many of each anchor
        references = prompt_rows.of(plan.sets[task.name], plan.suite)
        for concept in plan.suite.erased(task.name):
            asked = of_model(references, plan.sets[task.name], plan.suite, concept)
            assert set(asked) <= set(references)
            budgets = plan.suite.budgets
            for other in task.concepts:
                for wording in other.phrases:
                    images = sum(row.images for row in asked if (row.concept, row.wording) == (other.name, wording))
                    kept = budgets.retained if task.name in task.retained_on else 0
                    assert images == (budgets.erased if other.name == concept else kept)


def test_original_draws_the_larger_budget_only_of_what_is_erased(small):
    drawn = [(row.concept, row.images) for row in rows()]
    assert drawn == [("ink", 2)] * 4 + [("pixel_art", 2)] * 4 + [("chalk", 2)] * 2
    assert of("-") == rows(), "and so does a control"


def test_a_row_says_what_it_asks_for(small):
    first, last = rows()[0], rows()[-1]
    assert first == Prompt("ink-496", "ink", 496, 2, "ink", "", "ink")
    assert (last.text, last.concept, last.class_name, last.guidance) == ("chalk", "chalk", "chalks", None)


def test_each_wording_of_a_concept_has_images_and_noise_of_its_own(small):
    small("benchmark/tasks/style.yaml", TASK.replace("ink: ink", "ink: {phrase: ink, wordings: {pen: pen lines}}"))
    asked = of("ink")
    assert [(row.concept, row.wording, row.text) for row in asked[:8]] == [("ink", "", "ink")] * 4 + [
        ("ink", "pen", "pen lines")
    ] * 4
    assert asked[4].row.startswith("ink.pen-")
    assert not {row.noise_seed for row in asked[:4]} & {row.noise_seed for row in asked[4:8]}
    assert {row.concept for row in asked[8:]} == {"pixel_art", "chalk"}
    fewer = of("pixel_art")
    assert [row.wording for row in fewer if row.concept == "ink"] == ["", "", "pen", "pen"]


def test_the_portrait_is_asked_for_by_all_its_wordings_and_erased_without_the_unseen():
    words = yaml.safe_load((ROOT / "testbed/vocabulary.yaml").read_text())["portrait"]
    portrait = load_task("portrait", "testbed").concept("portrait")
    assert list(portrait.phrases.values()) == words["erase"] + words["unseen"]
    assert [portrait.phrase, *portrait.attributes] == words["erase"]


def test_classifiers_learn_from_each_class_by_its_text(small):
    classifier = load_set("style", "testbed").classifier
    assert classifier.classes == ("blank", "ink", "pixel_art", "chalks")
    learnt = rows("style_training")
    assert [(row.class_name, row.text) for row in learnt[::5]] == [
        ("blank", "picture"),
        ("ink", "ink"),
        ("pixel_art", "pixel art"),
        ("chalks", "chalk"),
    ]
    assert len(learnt) == 4 * 5 and all(row.images == 1 and not row.concept for row in learnt)


def test_pools_show_the_concepts_that_are_erased_or_none(small, tmp_path):
    pool = rows("style_pool_concept_all")
    assert [(row.concept, row.text) for row in pool[::6]] == [("ink", "ink"), ("pixel_art", "pixel art")]
    assert len(pool) == 2 * 6 and all(row.images == 1 for row in pool)
    method = (tmp_path / "methods/solo.py").read_text()
    small("methods/solo.py", method.replace('POOL = "concept"', 'POOL = "anchor"'))
    pool = rows("style_pool_anchor")
    assert {(row.concept, row.text) for row in pool} == {("", "picture")} and len(pool) == 6


def test_uses_of_one_concept_share_no_noise(small):
    uses = [{row.noise_seed for row in rows(name)} for name in ("style", "style_training", "style_pool_concept_all")]
    assert sum(map(len, uses)) == len(set().union(*uses)) > 3


def test_a_larger_budget_begins_with_the_rows_of_a_smaller_one(small):
    before = of("ink")
    small("benchmark/suites/test.yaml", SUITE.replace("erased: 8, retained: 4", "erased: 12, retained: 6"))
    more = of("ink")
    assert set(before) < set(more) and [row for row in more if row in before] == list(before)


# ── rows on disk ──

STRANGE = (
    Prompt("0", "", 0),
    Prompt("a", ' "quoted", and\nof two lines ', 2**63 - 1, 3, "ink", "pen", "chalks", 7.5),
    Prompt("b", "été ½ 絵", 2**32 + 1, 1, guidance=0.1),
    Prompt("c", "été ½ 絵", 5, 1, guidance=0.0),
)


def test_rows_are_read_back_as_they_were_written(tmp_path):
    prompt_rows.write(tmp_path / "rows.csv", STRANGE)
    assert prompt_rows.read(tmp_path / "rows.csv") == STRANGE
    first = (tmp_path / "rows.csv").read_bytes().splitlines()[0]
    assert first == b"row,text,noise_seed,images,concept,wording,class_name,guidance"


@pytest.mark.parametrize(
    "text", ["row,text\n0,ink\n", "row,text,noise_seed\n0,ink,x\n", "row,words,noise_seed\n0,a,1\n"]
)
def test_what_is_no_list_of_prompts_is_refused(tmp_path, text):
    sealed(tmp_path / "rows.csv", text)
    with pytest.raises(BenchmarkError, match="rows.csv: this is not a list of prompts: "):
        prompt_rows.read(tmp_path / "rows.csv")
    with pytest.raises(BenchmarkError, match="nowhere.csv: cannot be read: No such file"):
        prompt_rows.read(tmp_path / "nowhere.csv")


def test_the_command_writes_what_the_plan_has(small, tmp_path, capsys):
    out = tmp_path / "out"
    prompts.main("test", out / "style.csv", set="style")
    assert prompt_rows.read(out / "style.csv") == rows()
    assert capsys.readouterr().out == f"{out}/style.csv: 10 rows, 20 images\n"
    prompts.main("test", out / "style_training.csv", task="style", kind="training")
    assert prompt_rows.read(out / "style_training.csv") == rows("style_training")
    kind = {"task": "style", "kind": "pool_concept", "concepts": ["ink", "pixel_art"]}
    prompts.main("test", out / "style_pool_concept_all.csv", **kind)
    assert prompt_rows.read(out / "style_pool_concept_all.csv") == rows("style_pool_concept_all")


@pytest.mark.parametrize("given", [{}, {"task": "style"}, {"task": "style", "kind": "pool"}])
def test_the_command_says_what_it_must_be_told(small, tmp_path, given):
    with pytest.raises(BenchmarkError, match="^--set is needed, or --task with --kind training, pool_concept or pool_"):
        prompts.main("test", tmp_path / "out.csv", **given)


def test_a_concept_that_the_task_lacks_has_no_pool(small, tmp_path):
    with pytest.raises(
        ConfigError, match=r"task style: there is no concept 'paint' \(allowed: ink, pixel_art, chalk\)"
    ):
        prompts.main("test", tmp_path / "out.csv", task="style", kind="pool_concept", concepts=["paint"])


def test_budgets_count_images_not_rows(small):
    suite = load_suite("test")
    one = replace(suite, budgets=replace(suite.budgets, images_per_seed=1))
    prompt_set = load_set("style", "testbed")
    drawn = [sum(row.images for row in prompt_rows.of(prompt_set, each)) for each in (suite, one)]
    assert drawn == [20, 20] and len(prompt_rows.of(prompt_set, one)) == 20


def test_a_task_whose_classifier_comes_trained_has_no_training_images(tmp_path):
    with pytest.raises(ConfigError, match="^task object: no classifier of it is trained"):
        prompts.main("micro", tmp_path / "object_training.csv", task="object", kind="training")
    assert not list(tmp_path.iterdir()), "an empty set of images would look like one that is drawn"
