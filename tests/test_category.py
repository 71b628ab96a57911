"""The task `category` (Table 3): what its classifier learns from, what models draw, and how the table looks."""

from collections import Counter
from dataclasses import replace

import pandas as pd
import pytest
from conftest import TASK, message
from real_suites import details, whole

from benchmark.plan import causes, grid, plugins, prompt_rows
from benchmark.plan.config import load_set, load_suite
from benchmark.plan.prompt_set import training_set
from benchmark.plan.records import NOTHING, WHOLE
from benchmark.tables import _heads
from benchmark.view import prepare


@pytest.fixture(scope="module")
def paper():
    return grid.plan({"suite": "paper", "experiments": ["category"]})


def test_on_the_paper_the_classifier_learns_from_14000_images(paper):
    """1,000 of each of seven categories, 7,000 of what is safe: also where ImageNet's names are not there yet."""
    training = paper.sets["category_training"]
    assert prompt_rows.count_images(training, paper.suite, NOTHING, None) == 14_000
    classes = paper.sets["category"].classifier.classes
    assert len(classes) == 8 and classes[-2:] == ("sexual", "safe")
    assert training.source.of == "imagenet"


def test_a_model_draws_the_category_that_it_lost_and_what_is_retained(paper):
    """250 images of the category, and 1,860 of ImageNet's names: no images of the other categories."""
    drawn = {
        name: prompt_rows.count_images(
            paper.sets[name], paper.suite, "hate", prompt_rows.known(paper.sets[name], paper.suite)
        )
        for name in ("category", "imagenet")
    }
    assert drawn == {"category": 250, "imagenet": 1860}


def test_the_gate_expects_the_papers_numbers(paper):
    gate = paper.suite.gate["category"]
    assert gate.held_out == 90 and round(sum(gate.expected.values()) / 6, 1) == 91.7


def test_on_the_testbed_what_is_safe_is_drawn_from_the_objects_in_turn():
    suite = load_suite("testbed")
    task = grid.load_task("category", "testbed")
    rows = prompt_rows.of(training_set(task), suite)
    counts = Counter(row.class_name for row in rows)
    assert counts.pop("safe") == 7 * suite.budgets.train and set(counts.values()) == {suite.budgets.train}
    texts = Counter(row.text for row in rows if row.class_name == "safe")
    assert len(texts) == 9 and max(texts.values()) - min(texts.values()) <= 1
    assert len({row.row for row in rows}) == len(rows) and min(row.noise_seed for row in rows) >= 100_000


def test_another_budget_writes_the_training_rows_again(paper):
    training, fewer = paper.sets["category_training"], replace(paper.suite.budgets, train=900)
    keys = [
        causes.prompts(suite, training, lambda: None, {})
        for suite in (paper.suite, replace(paper.suite, budgets=fewer))
    ]
    assert keys[0]["learns"] != keys[1]["learns"] and keys[0]["source"] == keys[1]["source"]


TRAINED = TASK.replace("resnet, blank: picture", "resnet, classes: {fog: fog, safe: {set: mine}}")
MINE = "title: Mine\nversion: 1\nof: style\nconcepts: [ink]\nmetrics: {accuracy: classifier}\nclassifier: {of: style}\n"
WRONG = [
    ("fog: fog", "ink: fog", "concepts: two classes are called 'ink': the classifier could not tell them apart"),
    ("fog: fog", "fog: ink", "concepts.ink.phrase: 'ink' is the text of classifier.classes.fog, too"),
    ("fog: fog", "Fog: fog", "classifier.classes.Fog: 'Fog' becomes a file's name: small letters, digits and _ only"),
    ("{set: mine}", "{set: mine, times: 0}", "classifier.classes.safe.times: 0 is not a whole number from 1 on"),
    ("{set: mine}", "{set: mime}", "classifier.classes.safe.set: there is no name 'mime'; did you mean mine?"),
    ("{set: mine}", "{}", "classifier.classes.safe: the key set is missing"),
]


@pytest.mark.parametrize(("old", "new", "expected"), WRONG)
def test_classes_that_are_no_concepts(small, old, new, expected):
    small("benchmark/prompt_sets/mine.yaml", MINE)
    assert old in TRAINED
    small("benchmark/tasks/style.yaml", TRAINED.replace(old, new, 1))
    assert expected in message({"suite": "test"})


def test_classes_that_are_no_concepts_stand_behind_the_concepts(small):
    small("benchmark/prompt_sets/mine.yaml", MINE)
    small("benchmark/tasks/style.yaml", TRAINED)
    classifier = load_set("style", "testbed").classifier
    assert classifier.classes[-2:] == ("fog", "safe") and classifier.texts[-2] == "fog"


# ── the table ──


def test_table_3_has_a_row_per_variant_and_a_column_per_category():
    scores, module = whole("testbed", experiments=["category"], seeds=[0]), plugins.load("benchmark/tables", "category")
    means, _ = prepare(scores, load_suite("testbed"))
    empty = {"heads": details(module, scores)["heads"].iloc[:0]}
    shown = dict(module.blocks(means, empty))
    erased = shown["Erase: ACC ↓ (images of the erased category)"]
    assert list(erased) == ["fruit", "flower", "clothing", "weather", "bird", "insect", "Avg"]
    assert erased.index[0] == "original (ORI)" and "–" not in erased.to_numpy()
    triple = [heading for heading in shown if heading.startswith("Preserve: ")]
    assert [heading.split()[1] for heading in triple] == ["FID", "ACC", "LPIPS"]
    assert all("prompt set imagenet" in heading for heading in triple)


def test_beside_an_acc_stand_the_least_and_the_most_of_the_heads():
    scores, module = whole("testbed", experiments=["category"], seeds=[0]), plugins.load("benchmark/tables", "category")
    means, _ = prepare(scores, load_suite("testbed"))
    ones = details(module, scores)["heads"].drop_duplicates()
    heads = pd.concat([ones.assign(head=i, value=50.0 + i) for i in range(3)])
    own = next(block for heading, block in module.blocks(means, {"heads": heads}) if "imagenet" not in heading)
    assert set(own["Erase ACC by head"]) == {"50.0–52.0"} and "Preserve ACC by head" not in own
    table = module.table(means, {"heads": heads})
    shown = table[(table.metric == "accuracy") & (table.prompt_set == "category")]
    assert (shown.heads_low == 50).all() and (shown.heads_high == 52).all()
    assert table[table.metric != "accuracy"].heads_low.isna().all()


def test_a_head_is_averaged_over_wordings_and_then_over_concepts_as_the_acc_is():
    """Of b, in two wordings, all are right, of c none: their ACC is 50, and not 67."""
    same = {"experiment": "e", "prompt_set": "s", "variant": "v", "checkpoint": 100, "role": "retained", "concept": "a"}
    asked = [("b", "one", 100.0), ("b", "two", 100.0), ("c", "", 0.0)]
    heads = pd.DataFrame([same | {"asked": a, "wording": w, "head": 0, "value": v} for a, w, v in asked])
    shown = [("b", "one"), ("b", "two"), ("c", ""), (WHOLE, "")]
    rest = {"metric": "accuracy", "control": False, "value": 50.0}
    scores = pd.DataFrame([same | rest | {"asked": a, "wording": w} for a, w in shown])
    found = _heads.beside(scores, {"heads": heads})
    assert found.heads_low.dropna().tolist() == [50] == found.heads_high.dropna().tolist()
