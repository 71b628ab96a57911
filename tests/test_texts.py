"""No text is cut by the text encoder, and no two things that are told apart are asked for with one input."""

import json
from dataclasses import replace

import pytest
from conftest import ROOT, TASK
from transformers import CLIPTokenizer

from benchmark import base
from benchmark.errors import BenchmarkError, ConfigError
from benchmark.model import trial
from benchmark.plan import config, texts, variants
from benchmark.plan.config import load_set, load_suite, load_task
from benchmark.plan.records import Classifier, Concept, Templates, Variant

LONG = "a " * 29 + "fish"  # 30 tokens, which the start and the end make 32: the length of the testbed's encoder


@pytest.fixture(scope="module")
def tokenizer():
    return CLIPTokenizer.from_pretrained(ROOT / "testbed/model/tokenizer")


def style(*concepts: Concept, **changes):
    return replace(load_task("style", "testbed"), concepts=concepts, others={}, **changes)


def read(tokenizer, task, settings=None, classifier=None) -> int:
    return texts.check(texts.of(task, classifier, settings or {}), tokenizer)


@pytest.mark.parametrize("suite", ["micro", "quick", "testbed"])
def test_the_suites_of_the_testbed_have_no_text_that_is_cut_or_equal(tokenizer, suite):
    loaded = load_suite(suite)
    settings = {name: variants.settings(loaded, Variant(name)) for name in variants.names(loaded)}
    for task in {experiment.task for experiment in loaded.experiments.values()}:
        classifier = load_set(task, "testbed").classifier
        assert read(tokenizer, load_task(task, "testbed"), settings, classifier) > 15
    assert texts.check(config.all_texts(loaded), tokenizer) > 15


@pytest.mark.parametrize(
    ("concept", "named"),
    [
        (Concept("fish", f"a {LONG}", "fish"), "task style: concept fish: phrase: 'a a .* has 33 tokens"),
        (Concept("fish", LONG, "fish"), "concept fish: templates.target with phrase: '.* picture' has 33 tokens"),
        (Concept("fish", "fish", "fish", wordings={"long": f"a {LONG}"}), "concept fish: wordings.long: .* 33 tokens"),
        (Concept("fish", "fish", "fish", anchors={"far": f"a {LONG}"}), "concept fish: anchors.far: .* 33 tokens"),
        (Concept("fish", "fish", "fish", ("thin", f"a {LONG}")), r"concept fish: attributes\[1\]: .* 33 tokens"),
        (Concept("fish", "fish", "fish", (LONG,)), r"templates.target with attributes\[0\]: .* 33 tokens"),
    ],
)
def test_a_text_that_is_cut_is_named_with_its_task_and_concept(tokenizer, concept, named):
    with pytest.raises(BenchmarkError, match=named):
        read(tokenizer, style(concept))


def test_a_text_that_just_fits_is_read(tokenizer):
    task = style(Concept("fish", LONG, "fish"), templates=Templates("{c}", "picture"))
    assert read(tokenizer, task) == 3, "the concept-free text, the phrase, and the template with it"


def test_templates_the_classifiers_blank_and_others_are_read_too(tokenizer):
    fish = Concept("fish", "fish", "fish")
    with pytest.raises(BenchmarkError, match="task style: templates.blank: .* 33 tokens"):
        read(tokenizer, style(fish, templates=Templates("{c}", f"a {LONG}")))
    classifier = Classifier("style", "network", ("blank", "fish"), (f"a {LONG}", "fish"))
    with pytest.raises(BenchmarkError, match="task style: classifier.blank: .* 33 tokens"):
        read(tokenizer, style(fish), classifier=classifier)
    with pytest.raises(BenchmarkError, match="task style: others.far: .* 33 tokens"):
        read(tokenizer, replace(style(fish), others={"far": f"a {LONG}"}))
    with pytest.raises(BenchmarkError, match="concept fish: mine's setting target with phrase: .* 33 tokens"):
        read(tokenizer, style(fish), {"mine": {"steps": 3, "target": "a " * 30 + "{c}"}})
    with pytest.raises(BenchmarkError, match="concept fish: mine's setting pair with phrase: .* 33 tokens"):
        read(tokenizer, style(fish), {"mine": {"pair": ("{c}", "a " * 30 + "{c}")}})
    with pytest.raises(BenchmarkError, match="task style: mine's setting blank: .* 33 tokens"):
        read(tokenizer, style(fish), {"mine": {"blank": f"a {LONG}"}})


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        ("pixel art", "Pixel Art", "concept b: phrase: 'Pixel Art' is the same input .* as 'pixel art'"),
        ("pixel art", "pixel  art ", "is the same input"),
        ("gas pump", "gas\npump", "is the same input"),
        ("fish", "\u0046ISH", "is the same input"),
        ("fish", "picture ", r"'picture ' is the same input .* as 'picture' \(task style: templates.blank\)"),
        ("fish", " ", r"' ' is the same input .* as '' \(the empty prompt\)"),
    ],
)
def test_two_texts_that_become_one_input_are_refused(tokenizer, first, second, named):
    task = style(Concept("a", first, "a"), Concept("b", second, "b"))
    with pytest.raises(BenchmarkError, match=named):
        read(tokenizer, task)


def test_an_attribute_or_a_wording_that_becomes_another_concepts_input_is_refused(tokenizer):
    for more in ({"attributes": ("FISH",)}, {"wordings": {"x": "Fish"}}):
        with pytest.raises(BenchmarkError, match="'(FISH|Fish)' is the same input to the text encoder as 'fish'"):
            read(tokenizer, style(Concept("fish", "fish", "fish"), Concept("dog", "dog", "dog", **more)))


def test_what_a_method_may_be_told_to_keep_must_not_become_an_evaluated_concepts_input(tokenizer):
    with pytest.raises(BenchmarkError, match="'fish' is the same input to the text encoder as 'FISH' .*others.x"):
        read(tokenizer, replace(style(Concept("fish", "fish", "fish")), others={"x": "FISH"}))


def test_texts_that_are_longer_than_the_encoder_reads_are_counted(tokenizer):
    """Those of somebody's prompt set are drawn as they are."""
    assert texts.cut(["fish", LONG, f"a {LONG}", "", "word " * 200], tokenizer) == 2


def test_a_text_that_the_tokenizer_does_not_understand_is_named(tokenizer):
    with pytest.raises(BenchmarkError, match=r"'ink <\|endoftext\|>' becomes the token <\|endoftext\|> in part"):
        read(tokenizer, style(Concept("ink", "ink <|endoftext|>", "ink")))


def test_no_model_is_recorded_or_drawn_with_such_a_text(tmp_path, monkeypatch):
    suite = replace(load_suite("micro"), base=str(ROOT / "testbed/model"))
    base.record(suite, tmp_path / "base.json")
    found = base.Base(**json.loads((tmp_path / "base.json").read_text()))
    task = style(Concept("fish", f"a {LONG}", "fish"))
    monkeypatch.setattr(config, "load_task", lambda *_: task)  # as if it had been edited since
    for act in (
        lambda: base.record(suite, tmp_path / "new/base.json"),
        lambda: trial.once(found, suite, tmp_path),
    ):
        with pytest.raises(BenchmarkError, match="has 33 tokens with its start and end, but the text encoder reads 32"):
            act()
    assert not (tmp_path / "new/base.json").exists()


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (
            "pixel_art: pixel art",
            "pixel_art: ink",
            "concepts.pixel_art.phrase: 'ink' is the text of concepts.ink.phrase",
        ),
        (
            "pixel_art: pixel art",
            "pixel_art: ' ink '",
            "concepts.pixel_art.phrase: ' ink ' is the text of concepts.ink",
        ),
        ("pixel_art: pixel art", "pixel_art: picture", "'picture' is the text of classifier.blank, too"),
        ("pixel_art: pixel art", "pixel_art: ''", "'' is the text of the empty prompt, too"),
        (
            "ink: ink",
            "ink: {phrase: ink, wordings: {pen: pixel art}}",
            "'pixel art' is the text of concepts.ink.wordings",
        ),
        (
            "pixel_art: pixel art",
            "pixel_art: ink picture",
            "templates.target with 'ink' is the text of concepts.pixel_art",
        ),
        ("ink: ink", "ink: {phrase: ink, wordings: {pen: ink}}", "concepts.ink.wordings.pen: 'ink' is the text of"),
    ],
)
def test_two_concepts_with_one_text_are_known_when_planning(small, old, new, named):
    small("benchmark/tasks/style.yaml", TASK.replace(old, new))
    with pytest.raises(ConfigError, match=named):
        load_task("style", "testbed")


def test_an_attribute_may_be_a_wording_or_another_concepts_attribute(small):
    """Evaluation asks for none of them; a portrait's attributes are some of its wordings."""
    ink = "ink: {phrase: ink, attributes: [pen, dusty], wordings: {pen: pen}}"
    small("benchmark/tasks/style.yaml", TASK.replace("ink: ink", ink))
    assert load_task("style", "testbed").concepts[0].attributes == ("pen", "dusty")
