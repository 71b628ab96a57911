"""The anchor study: what is asked for, what a method is given, and what of it is measured and drawn."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from test_methods import load as load_model

from benchmark import embed
from benchmark.details import distances, embeddings, settings
from benchmark.errors import BenchmarkError, ConfigError
from benchmark.figures import _anchors
from benchmark.metrics import fid
from benchmark.plan import anchors, causes, grid, plugins, prompt_rows, variants
from benchmark.plan.config import load_set, load_suite, load_task
from benchmark.plan.records import Erasure, Request, Target, Variant
from benchmark.store.look import Look
from testbed.dataset import corpus

STUDIES = ("anchors_style", "anchors_object")
WORLDS = ("testbed", "paper")


def both(test):
    return pytest.mark.parametrize("world", WORLDS)(pytest.mark.parametrize("name", STUDIES)(test))


# ── what is asked for ──


@both
def test_a_study_erases_concepts_of_another_task_which_stays_as_it_is(name, world):
    study = load_task(name, world)
    other = load_task(name.removeprefix("anchors_"), world)
    assert {c.name for c in study.concepts} <= {c.name for c in other.concepts} and len(study.concepts) >= 3
    assert [replace(c, anchors={}) for c in study.concepts] == [other.concept(c.name) for c in study.concepts]
    assert (study.templates, study.others) == (other.templates, other.others)
    assert study.erased_on == (other.name,) and set(study.retained_on) == {"style", "object"}
    assert other.sets == (other.name,), "Tables 1 and 2 look at no more than before"
    if world == "paper":
        assert len(study.concepts) == 9


@both
def test_no_anchor_is_evaluated_and_each_concept_has_one_of_each_kind(name, world):
    study = load_task(name, world)
    evaluated = {c.phrase.lower(): c.name for other in ("style", "object") for c in load_task(other, world).concepts}
    kinds = set(_anchors.KINDS) - ({"imitated"} if world == "testbed" else set())
    for concept in study.concepts:
        assert set(concept.anchors) == kinds, concept.name
        assert len(set(concept.anchors.values())) == len(kinds), concept.name
        for text in concept.anchors.values():
            assert text.lower() not in evaluated
            assert concept.phrase.lower() not in text.lower(), f"{text!r} asks for {concept.name} itself"


@both
def test_the_suites_have_every_kind_of_anchor_in_every_sentence(name, world):
    suite = load_suite(world)
    chosen = [variants.settings(suite, Variant(v)) for v in suite.experiments[name].variants]
    asked = {(s["named_anchor"], s["sentence"]) for s in chosen if s.get("named_anchor")}
    kinds = set(load_task(name, world).concepts[0].anchors) - {"descriptive"}
    assert asked == {(kind, sentence) for kind in kinds for sentence in _anchors.SENTENCES} | {("descriptive", "word")}
    usual = variants.settings(suite, Variant("abconcept"))
    for given in chosen:
        if given.get("named_anchor"):  # Eq. 1 of AdvAnchor: AbConcept as run, without its term of preservation
            own = {"named_anchor", "sentence", "preserve"}
            assert given["preserve"] == 0 and {k: v for k, v in given.items() if k not in own} == {
                k: v for k, v in usual.items() if k not in own
            }
    assert suite.experiments[name].seeds == (0, 1, 2)


def test_the_testbed_knows_every_word():
    words = {word for text in corpus() for word in text.split()}
    for study in (load_task(name, "testbed") for name in STUDIES):
        texts = [text for c in study.concepts for text in c.anchors.values()]
        texts += [sentence.format(c="") for sentence in study.sentences.values()]
        assert not {word for text in texts for word in text.split()} - words


@pytest.mark.parametrize("name", STUDIES)
def test_no_text_of_the_paper_is_too_long_for_clip(name):
    """Its tokenizer is not here: no word of these has more than two tokens on average, and it reads 77."""
    study = load_task(name, "paper")
    for concept in study.concepts:
        for kind, anchor in {"": concept.phrase, **concept.anchors}.items():
            sentences = study.sentences.values() if kind != "descriptive" else ["{c}"]
            for text in (sentence.format(c=anchor) for sentence in sentences):
                assert len(re.findall(r"\w+|[^\w\s]", text)) < 77 / 2 + 1, text


def test_a_concept_and_its_anchors_are_drawn_from_the_same_noise():
    suite = load_suite("testbed")
    rows = prompt_rows.of(load_set("anchors_style", "testbed"), suite)
    seeds = {}
    for row in rows:
        seeds.setdefault((row.concept, row.wording), []).append(row.noise_seed)
    for (concept, _), of_row in seeds.items():
        assert of_row == seeds[concept, ""] and len(of_row) * suite.budgets.images_per_seed == suite.budgets.anchors
    evaluated = {row.noise_seed for row in prompt_rows.of(load_set("style", "testbed"), suite) if row.concept == "ink"}
    assert set(seeds["ink", "closest"]) <= evaluated
    assert len({row.row for row in rows}) == len(rows)
    assert {row.text for row in rows if row.wording == "least" and row.concept == "ink"} == {"low poly"}


def test_only_the_original_draws_anchors():
    plan = grid.plan({"suite": "testbed", "experiments": list(STUDIES)})
    assert {path for name, path in plan.looked_at if name in STUDIES} == {"original"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("of: style", "of: styles", "worlds.testbed.of: there is no .*'styles'; did you mean style"),
        ("ink: {closest", "inc: {closest", "worlds.testbed.anchors: there is no .*'inc'; did you mean ink"),
        ("{closest: woodcut, parent: picture, least: low poly, d", "{d", "concept ink.* there is no anchor 'closest'"),
        ("short: a {c} picture\n", "short: a picture\n", r"sentences: short needs \{c\} where the concept stands"),
        ("short: a {c} picture\n", "brief: a {c} picture\n", "no sentence 'short'"),
        (
            "metrics: {fid: testbed}",
            "metrics: {fid: testbed}\n    templates: {target: x, blank: y}",
            "no key 'templates'",
        ),
        ("metrics: {fid: testbed}", "metrics: {fid: testbed}\n    classifier: {of: style}", "that of style looks at"),
    ],
)
def test_what_is_wrong_with_a_study_is_told_in_a_line(copied, old, new, message):
    with pytest.raises(ConfigError, match=message) as caught:
        copied("benchmark/tasks/anchors_style.yaml", old, new)
        grid.plan({"suite": "testbed", "experiments": ["anchors_style"]})
    assert "\n" not in str(caught.value)


def test_a_suite_says_how_many_images_of_anchors_are_compared(copied):
    with pytest.raises(ConfigError, match="budgets.anchors is missing: how many images of each concept and anchor"):
        copied("benchmark/suites/testbed.yaml", ", anchors: 100", "")
        load_suite("testbed")


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """`copied(file, old, new)` edits a file in a copy of what planning reads."""
    import shutil

    from conftest import ROOT, forget

    for folder in ("benchmark", "methods", "classifiers"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "paper"))
    monkeypatch.setattr(plugins, "ROOT", tmp_path)

    def edit(file, old, new):
        path = tmp_path / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))
        forget(code=False)

    yield edit
    forget()


def test_variants_with_anchors_run_only_where_there_are_anchors():
    suite = load_suite("testbed")
    for key, experiment in suite.experiments.items():
        named = [v for v in experiment.variants if variants.settings(suite, Variant(v)).get("named_anchor")]
        assert bool(named) == (key in STUDIES)


# ── what a method is given ──


def request(variant, task="anchors_style", concept="ink"):
    return causes.request(load_suite("testbed"), load_task(task, "testbed"), Variant(variant), (concept,))


def test_a_method_is_given_the_sentence_and_the_anchor_that_its_settings_name():
    given = request("abconcept-closest-short")
    assert given.templates.target == "a {c} picture" and given.templates.blank == "picture"
    assert dict(given.concept.anchors) == {"closest": "woodcut"}
    with pytest.raises(BenchmarkError, match="^the method is given no anchor 'least': .* must stand as a text in the"):
        given.concept.anchors["least"]
    assert request("abconcept", "style").templates.target == load_task("style", "testbed").templates.target
    with pytest.raises(ConfigError, match="settings: sentence: task style: there is no sentence 'word'"):
        request("abconcept-closest", "style")
    asked = anchors.prompts(load_task("anchors_style", "testbed"), load_task("anchors_style", "testbed").concept("ink"),
                            {"named_anchor": "least", "sentence": "short"})  # fmt: skip
    assert asked == {"phrase": "a ink picture", "anchors.least": "a low poly picture"}


def losses(given, model, **changes):
    plugin, suite = plugins.load("methods", "abconcept"), load_suite("testbed")
    values = variants.settings(suite, Variant("abconcept-closest")) | {"steps": 2, "batch": 2} | changes
    logged = []
    model.log = lambda **row: logged.append(row["loss"])
    list(plugin.erase(model, given, plugin.Settings(**values)))
    return logged


def test_the_anchor_stands_in_the_concepts_place():
    """In favour of itself a concept has nothing to learn; with another anchor, it is Eq. 1 that is minimised."""
    given = request("abconcept-closest-short")
    itself = Request((Target("ink", "ink", (), {"closest": "ink"}),), {}, given.templates)
    assert losses(itself, load_model(), sentence="short") == [0, 0]
    model = load_model()
    first = losses(given, model, sentence="short")[0]
    fresh = load_model()
    from benchmark.model.alignment import NoisedImages

    x, t, _ = NoisedImages(fresh, 2)(0)
    with torch.no_grad():
        own, anchor = fresh.predict(x, t, fresh.encode("a ink picture", "a woodcut picture"))
    assert first == pytest.approx(float((own - anchor).square().mean()), rel=1e-4)


def test_an_anchor_that_there_is_not_is_named():
    with pytest.raises(BenchmarkError, match="named_anchor: concept ink of this task has no anchor 'closest'"):
        losses(Request((Target("ink", "ink"),), {}, request("abconcept-closest").templates), load_model())


# ── what is measured ──


def a_look(features, name="anchors_style"):
    """The original's images of ink and of three of its anchors, with these features: four of each."""
    kinds = ("", "closest", "parent", "least")
    rows = pd.DataFrame(
        [
            {"row": f"ink.{kind}-{seed}", "index": 0, "noise_seed": seed, "text": kind or "ink", "asked": "ink",
             "wording": kind, "unit": i, "testbed_features": "hash"}
            for kind in kinds
            for i, seed in enumerate((5, 9, 12, 40))
        ]
    )  # fmt: skip
    places = {("ink", kind, "baseline"): np.arange(4) + 4 * i for i, kind in enumerate(kinds)}
    lines = (np.arange(16), np.arange(16))
    erasure = Erasure(name, Variant("original"), "-", 0)
    read = (lambda observer: features,) * 2
    return Look(erasure, load_set(name, "testbed"), rows, rows, places, {}, lines, read)


def test_the_distance_of_a_concept_and_its_anchor_is_fid():
    features = np.random.default_rng(0).normal(size=(16, 5)) + np.repeat([0, 1, 2, 4], 4)[:, None]
    found = pd.DataFrame(distances.detail([a_look(features)]))
    assert list(found) == list(distances.COLUMNS) and list(found.anchor) == ["closest", "parent", "least"]
    for row, i in zip(found.itertuples(), (1, 2, 3), strict=True):
        units = pd.DataFrame({"unit": range(4)})
        want = fid.score(units, features[:4], features[4 * i : 4 * i + 4], None)
        assert (row.distance, row.distance_low, row.distance_high) == pytest.approx(want[:1] + want[2:])
    assert found.distance.is_monotonic_increasing and set(found.images) == {4}


def test_images_from_other_noise_are_not_compared():
    look = a_look(np.zeros((16, 5)))
    look.rows.loc[4, "noise_seed"] = 6
    with pytest.raises(BenchmarkError, match="ink and closest have not the same noise"):
        list(distances.detail([look]))


def test_settings_are_written_once_for_each_variant():
    look = replace(a_look(np.zeros((16, 5))), settings={"named_anchor": "closest", "preserve": 0.0})
    rows = list(settings.detail([look, look]))
    assert [(row["setting"], row["value"]) for row in rows] == [("named_anchor", "closest"), ("preserve", "0.0")]
    assert list(rows[0]) == list(settings.COLUMNS)


def test_embeddings_of_the_testbed_put_objects_apart_from_styles(tmp_path, monkeypatch):
    from benchmark.store.weights import Base

    monkeypatch.setattr(embed.weights, "base", lambda suite: Base(suite.base, None, {}))
    embed.main("quick", tmp_path / "embeddings.csv")
    pairs = pd.read_csv(tmp_path / "embeddings.csv")
    texts = {c.phrase for task in ("style", "object") for c in load_task(task, "testbed").concepts}
    assert set(pairs.text) == set(pairs.other) == texts and len(pairs) == len(texts) ** 2
    square = pairs.pivot(index="text", columns="other", values="distance")
    assert (np.diag(square) == 0).all() and np.allclose(square, square.T) and (square >= 0).all().all()
    near, far = square.loc["church", "dog"], square.loc["church", "neon"]
    assert near < far

    rows = pd.DataFrame({"asked": ["church", "dog"], "text": ["church", "dog"], "wording": ["", ""]})
    look = replace(a_look(np.zeros((16, 5))), rows=rows, prompt_set=load_set("object", "testbed"))
    found = pd.DataFrame(embeddings.detail([look], pairs)).set_index(["concept", "other"])
    assert found.distance["church", "dog"] == near and found.distance["dog", "dog"] == 0
    with pytest.raises(BenchmarkError, match="no distance of 'church' and 'dog': run `embed` again"):
        list(embeddings.detail([look], pairs[pairs.other != "dog"]))
