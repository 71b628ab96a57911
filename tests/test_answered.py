"""Prompt sets on which a model would have no number are refused when planning, and not after all images are drawn."""

import pytest
from conftest import SUITE, TASK
from somebody import somebody  # noqa: F401  (a fixture)

from benchmark.errors import ConfigError
from benchmark.plan import answered, causes, grid, prompt_rows
from benchmark.plan.config import load_set, load_suite
from benchmark.store.score_names import Names

ATTACK = '"""An attack."""\n\n\ndef search(model, original, prompts, settings): ...\n'
WORDS = "title: A\nversion: 1\nattack: words\nof: OF\nmetrics: {flat: spread}\n"
ASKING = "row: case}", "concept: what}\nscore_by: concept"


def on(small, erased, retained):
    """The task of the made-up repository, with models looked at on these sets."""
    small("attacks/words.py", ATTACK)
    sets = f"    erased_on: [{erased}]\n    retained_on: [{retained}]\n    templates:"
    small("benchmark/tasks/style.yaml", TASK.replace("    templates:", sets))
    small("benchmark/suites/test.yaml", SUITE)


def refused():
    with pytest.raises(ConfigError, match="^benchmark/tasks/style.yaml: worlds.testbed.") as caught:
        answered.check(grid.plan({"suite": "test"}, tolerant=True))
    return str(caught.value).partition("worlds.testbed.")[2]


def test_an_attack_shows_nothing_that_is_retained(somebody, small):  # noqa: F811
    somebody()
    small("benchmark/prompt_sets/words.yaml", WORDS.replace("OF", "style"))
    on(small, "style, words", "style, somebody")
    answered.check(grid.plan({"suite": "test"}, tolerant=True))
    on(small, "style", "style, words")
    assert refused().startswith("retained_on: prompt set words: of ink erased, all rows ask for it, and none for what")


def test_a_file_whose_rows_do_not_ask_for_what_is_erased(somebody, small):  # noqa: F811
    lines = [{"prompt": what, "seed": "", "what": what} for what in ("ink", "chalk") for _ in range(2)]
    somebody(lines, *ASKING)
    on(small, "style, somebody", "style")
    assert refused().startswith(
        "erased_on: prompt set somebody: no row asks for pixel_art, which is erased; such a set"
    )
    on(small, "style, somebody", "style, somebody")
    answered.check(grid.plan({"suite": "test"}, tolerant=True))


def test_an_attack_on_the_rows_of_a_file_has_names_that_scores_may_have(somebody, small):  # noqa: F811
    somebody([{"prompt": what, "seed": "", "what": what} for what in ("ink", "pixel_art") for _ in range(2)], *ASKING)
    small("benchmark/prompt_sets/words.yaml", WORDS.replace("OF", "somebody"))
    on(small, "style, words", "style")
    row = {"suite": "test", "experiment": "style", "task": "style", "variant": "solo", "checkpoint": "100"}
    row |= {"concept": "ink", "prompt_set": "words", "asked": "ink", "wording": "", "role": "erased"}
    Names(load_suite("test")).check(row)


def test_models_of_another_task_draw_as_many_images_of_what_they_have_lost(small):
    """Also where the task that the set is derived from erases nothing itself, and where only an attack looks at it."""
    small("attacks/words.py", ATTACK)
    small("benchmark/metrics/flat.py", '"""A metric."""\nOBSERVER = "spread"\n')
    small("benchmark/observers/spread.py", '"""An observer."""\n')
    small("benchmark/prompt_sets/words.yaml", WORDS.replace("OF", "style"))
    small("benchmark/suites/test.yaml", SUITE.replace("task: style\n", "task: second\n"))
    for sets in ("style", "words"):
        looked_at = f"    erased_on: [{sets}]\n    retained_on: [second]\n    templates:"
        small("benchmark/tasks/second.yaml", TASK.replace("    templates:", looked_at))
        prompt_set, suite = load_set(sets, "testbed"), load_suite("test")
        drawn = prompt_rows.of_model(prompt_rows.of(prompt_set, suite), prompt_set, suite, "ink")
        assert sum(row.images for row in drawn if row.concept == "ink") == suite.budgets.erased


def test_too_few_images_of_another_tasks_concepts_are_refused(small):
    small("benchmark/metrics/accuracy.py", '"""A metric."""\nOBSERVER = "classifier"\nLEAST = 5\n')
    concepts = TASK[TASK.index("      pixel_art") :]
    one = TASK.replace(concepts, "").replace("    templates:", "    retained_on: [other]\n    templates:")
    small("benchmark/tasks/style.yaml", one)
    small("benchmark/tasks/other.yaml", TASK.replace("ink: ink", "saw: saw").replace(concepts, ""))
    small("benchmark/suites/test.yaml", SUITE.replace("[ink, pixel_art]", "[ink]"))
    with pytest.raises(ConfigError, match="budgets.retained: 4 is too few: accuracy of prompt set other needs 5"):
        load_suite("test")


def test_a_seed_or_a_checkpoint_that_is_given_twice_is_one(small):
    small("benchmark/suites/test.yaml", SUITE.replace("[0, 1]", "[0, 1, 0]\n    checkpoints: [50, 50]"))
    asked = grid.plan({"suite": "test"}).experiments["style"]
    assert len(asked) == len(set(asked)) == 1 + 3 * 2 * 2 * 2


def test_what_is_wrong_with_any_plugin_is_said_when_planning(small, tmp_path):
    metric = (tmp_path / "benchmark/metrics/accuracy.py").read_text()
    small("benchmark/metrics/accuracy.py", metric.replace("def score", "def scroe"))
    plan = grid.plan({"suite": "test"}, tolerant=True)
    assert grid.faults(plan)[0].startswith("benchmark/metrics/accuracy.py: there is no function score(rows, seen, ")


def test_who_looks_at_a_set_as_one_of_what_was_erased_looks_again():
    """Then images that are as before are refused."""
    plan = grid.plan({"suite": "micro"})
    one, other = (causes.observation(plan.suite, plan.sets["style"], erased) for erased in (True, False))
    assert one != other and causes.jobs(plan)["observe", "style/style/esd/seed0/all"]() == one
    assert causes.jobs(plan)["observe", "style/original"]() == other
