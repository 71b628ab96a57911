"""ImageNet's names, and what stands in for the paper's prompt sets on the testbed."""

import csv
import io
import sys

import pytest
from paper_sets import place  # noqa: F401  (a fixture)

from benchmark import prompts
from benchmark.errors import BenchmarkError
from benchmark.plan import answered, causes, grid, plugins, prompt_rows
from benchmark.plan.config import load_set, load_suite
from classifiers import resnet50


@pytest.fixture(scope="module")
def names():
    made = plugins.load("benchmark/prompt_sets", "imagenet_names").make()
    return list(csv.DictReader(io.StringIO(made.decode())))


def test_imagenets_names_are_as_many_as_in_the_papers_file(names):
    """The counts of ESD's file: 1,860 rows, 1000 classes, 508 with one name, at most 10, 19 texts of two classes."""
    assert len(names) == 1860
    classes = [row["class_index"] for row in names]
    counts = [classes.count(str(index)) for index in range(1000)]
    assert min(counts) == 1 and max(counts) == 10 and counts.count(1) == 508
    by_text = {}
    for row in names:
        by_text.setdefault(row["text"].lower(), set()).add(row["class_index"])
    assert sum(len(each) > 1 for each in by_text.values()) == 19 and len(by_text) == 1841
    assert len({row["text"] for row in names}) == 1842, "two of them differ in a capital, which CLIP does not read"


def test_imagenets_classes_are_those_of_the_classifier(names):
    assert all(resnet50.CLASSES[int(row["class_index"])] == row["class_name"] for row in names)
    assert len(set(resnet50.CLASSES)) == 1000


def test_imagenet_is_made_when_it_is_needed_and_its_seeds_are_said_to_be_derived(place, capsys):  # noqa: F811
    prompts.main("paper", place / "out.csv", set="imagenet")
    said = capsys.readouterr().out
    assert "data/imagenet.csv: made by benchmark/prompt_sets/imagenet_names.py\n" in said
    assert said.endswith("18 with the text of an earlier row, 1860 with a seed that is derived from their names\n")
    made = prompt_rows.read(place / "out.csv")
    assert (made[0].row, made[0].text, made[0].class_name) == ("0", "image of tench", "tench")
    assert made[-1].row == "1859" and len({row.noise_seed for row in made}) == 1860
    assert not (place / "data/imagenet.sha256").exists(), "its entry has the hash"


def test_imagenet_without_its_package_is_one_line(place, monkeypatch):  # noqa: F811
    monkeypatch.setattr(sys.modules["benchmark.prompt_sets.imagenet_names"], "find_spec", lambda name: None)
    with pytest.raises(BenchmarkError) as caught:
        prompts.main("paper", place / "out.csv", set="imagenet")
    assert str(caught.value).endswith("the package timm, which has the names of ImageNet's classes, is not installed")
    assert "\n" not in str(caught.value)


# ── what stands in for them on the testbed ──


def test_on_the_testbed_the_portrait_and_the_objects_stand_in(place):  # noqa: F811
    suite = load_suite("quick")
    portrait = prompt_rows.of(load_set("i2p", "testbed"), suite)
    assert {row.concept for row in portrait} == {"portrait"} and len({row.text for row in portrait}) == 5
    assert len(portrait) == 5 * suite.budgets.erased, "a task looks at it for what was erased"
    objects = prompt_rows.of(load_set("imagenet", "testbed"), suite)
    assert len({row.concept for row in objects}) == 9 and len(objects) == 9 * suite.budgets.retained
    assert set(objects) <= set(prompt_rows.of(load_set("object", "testbed"), suite)), "texts, noise and names are those"
    for name, of in (("i2p", portrait), ("imagenet", objects)):
        assert prompt_rows.of_model(of, load_set(name, "testbed"), suite, "chalk") == of, "all models draw all rows"
    assert [load_set(name, "testbed").score_by for name in ("i2p", "imagenet")] == ["set", "set"]
    plan = grid.plan({"suite": "quick"})
    answered.check(plan)
    assert ("prompts", "i2p") in causes.jobs(plan) and causes.jobs(plan)["prompts", "i2p"]()["rows"]
