"""What a task's file says wrongly: one line names the key and the value, and what is allowed."""

import pytest
from conftest import ROOT, SUITE, TASK, message

from benchmark.plan import grid
from benchmark.plan.config import load_set, load_task

TASKS = [
    ("resnet,", "resent,", "classifier.network: there is no name 'resent'; did you mean resnet? (allowed: resnet)"),
    ("network: resnet, ", "", "classifier: the key network is missing"),
    ("    classifier: {network: resnet, blank: picture}\n", "", "metrics.accuracy: needs a classifier, and the key "),
    ("{c} picture", "picture", "templates: target needs {c}"),
    ("{c} picture", "{c} {x}", "templates: target: '{c} {x}' has {x}, and only {c}, where the concept stands, may"),
    ("{c} picture", "{c} {", "templates: target: '{c} {' has {, and only {c}"),
    ("{c} picture", "{c} }", "templates: target: '{c} }' has }, and only {c}"),
    ("{c} picture", "{c} {}", "templates: target: '{c} {}' has {}, and only {c}"),
    ("{c} picture", "{c} {0}", "templates: target: '{c} {0}' has {0}, and only {c}"),
    ("{c} picture", "{c} {c!r}", "templates: target: '{c} {c!r}' has {c!r}, and only {c}"),
    ("{c} picture", "{c:>20} {c}", "templates: target: '{c:>20} {c}' has {c:>20}, and only {c}"),
    ("{c} picture", "{c.name} {c}", "templates: target: '{c.name} {c}' has {c.name}, and only {c}"),
    ("{c} picture", "{{c}}", "templates: target: '{{c}}' has {}, and only {c}"),
    ("blank: picture}\n", "blank: 'a {c}'}\n", "templates: blank: 'a {c}' has {c}, and it takes no concept"),
    ("blank: picture}\n", "blank: 'a {x}'}\n", "templates: blank: 'a {x}' has {x}, and it takes no concept"),
    (
        "pixel_art:",
        "Pixel Art:",
        "concepts.Pixel Art: 'Pixel Art' becomes a file's name: small letters, digits and _ only, and not the word all",
    ),
    ("ink: ink", "ink: 3", "concepts.ink: 3 is not a mapping"),
    (": classifier}", ": clasifier}", "metrics.accuracy: there is no observer 'clasifier'; did you mean classifier?"),
    ("{accuracy:", "{acuracy:", "metrics: there is no name 'acuracy'; did you mean accuracy? (allowed: accuracy)"),
    ("accuracy: classifier", "", "metrics: there is none"),
    ("{accuracy: classifier}", "[accuracy]", "metrics: ['accuracy'] is not a mapping"),
    (
        "accuracy: classifier",
        "accuracy: [classifier, classifier]",
        "metrics.accuracy: reads the observer classifier twi",
    ),
    ("accuracy: classifier", "accuracy: {observer: classifier, at: 1}", "metrics.accuracy: there is no setting 'at'"),
    ("accuracy: classifier", "accuracy: {at: 1}", "metrics.accuracy: there is no observer None (allowed: classifier)"),
    ("ink: ink", "blank: ink", "concepts: two classes are called 'blank': the classifier could not tell them apart"),
    ("class_name: chalks", "class_name: ink", "concepts: two classes are called 'ink': the classifier could not tell"),
    (
        "    concepts:",
        "    others: {x: ink}\n    concepts:",
        "others.x: 'ink' is asked of ink: a method must not be told",
    ),
    (
        "    concepts:",
        "    erased_on: [stile]\n    concepts:",
        "erased_on: there is no name 'stile'; did you mean style?",
    ),
    ("    concepts:", "    retained_on: []\n    concepts:", "retained_on: nothing is selected (allowed: all, style)"),
    ("version: 1", "version: one", "version: 'one' is text, not a number"),
    ("  testbed:", "  paper:", "worlds: there is no name 'testbed' (allowed: paper)"),
]


@pytest.mark.parametrize(("old", "new", "expected"), TASKS)
def test_task(small, old, new, expected):
    assert old in TASK
    small("benchmark/tasks/style.yaml", TASK.replace(old, new, 1))
    found = message({"suite": "test"})
    assert expected in found and found.startswith("benchmark/tasks/style.yaml: ")


DETECTED = TASK.replace("accuracy: classifier", "detected: {observer: nudenet}")
DETECTORS = [  # settings of a metric and of an observer, whose real files are read
    (
        "{observer: nudenet}",
        "{observer: nudenet, classes: []}",
        "metrics.detected.classes: the list is empty; name at ",
    ),
    (
        "{observer: nudenet}",
        "{observer: nudenet, classes: [A]}",
        "metrics.detected.classes[0]: there is no value 'A' (al",
    ),
    ("{observer: nudenet}", "{observer: nudenet, threshold: 1.5}", "detected.threshold: 1.5 is not between 0 and 1"),
    (
        "{observer: nudenet}",
        "{observer: nudenet, treshold: 1}",
        "there is no setting 'treshold'; did you mean threshold?",
    ),
    (
        "    metrics",
        "    observers: {nudenet: {sizes: [0]}}\n    metrics",
        "observers.nudenet.sizes: 0 is not at least 1",
    ),
    ("    metrics", "    observers: {nudenet: {sizes: 320}}\n    metrics", "nudenet.sizes: 320 is not a list"),
    (
        "    metrics",
        "    observers: {nudenet: {size: 1}}\n    metrics",
        "there is no setting 'size'; did you mean sizes?",
    ),
    (
        "    metrics",
        "    observers: {classifier: {}}\n    metrics",
        "observers: there is no name 'classifier' (allowed: nu",
    ),
]


@pytest.fixture
def detecting(small):
    for file in ("metrics/detected.py", "metrics/_exposed.py", "observers/nudenet.py"):
        small(f"benchmark/{file}", (ROOT / "benchmark" / file).read_text())
    return small


@pytest.mark.parametrize(("old", "new", "expected"), DETECTORS)
def test_settings_of_metrics_and_observers(detecting, old, new, expected):
    assert old in DETECTED
    detecting("benchmark/tasks/style.yaml", DETECTED.replace(old, new, 1))
    found = message({"suite": "test"})
    assert expected in found and found.startswith("benchmark/tasks/style.yaml: worlds.testbed")


def test_settings_that_are_not_given_are_the_files_own(detecting):
    given = DETECTED.replace("{observer: nudenet}", "{observer: nudenet, threshold: 0.54}")
    detecting("benchmark/tasks/style.yaml", given)
    asked = load_set("style", "testbed")
    (measure,) = asked.measures
    assert measure.settings["threshold"] == 0.54 and len(measure.settings["classes"]) == 8
    assert asked.observers == {"nudenet": {"sizes": ()}}


def test_one_metric_may_read_two_observers(small):
    small("benchmark/metrics/lpips.py", '"""A metric."""\nOBSERVER = None\n')
    small("benchmark/observers/other.py", '"""An observer."""\n')
    small("benchmark/tasks/style.yaml", TASK.replace("accuracy: classifier", "lpips: [classifier, other]"))
    asked = load_set("style", "testbed")
    assert [measure.name for measure in asked.measures] == ["lpips by classifier", "lpips by other"]
    assert list(asked.observers) == ["classifier", "other"]


# ── what a method may be told to keep ──


def test_others_are_concepts_of_which_none_is_evaluated(small):
    small(
        "benchmark/tasks/style.yaml", TASK.replace("    concepts:", "    others: {neon: neon, fog: fog}\n    concepts:")
    )
    assert load_task("style", "testbed").others == {"neon": "neon", "fog": "fog"}


@pytest.mark.parametrize("text", ["pixel art", "pen lines", " pixel  art "])
def test_others_that_are_evaluated_are_refused_by_their_texts(small, text):
    """Also those that a wording asks for, and those that a tokenizer reads as the same."""
    task = TASK.replace("ink: ink", "ink: {phrase: ink, wordings: {pen: pen lines}}")
    small("benchmark/tasks/style.yaml", task.replace("    concepts:", f"    others: {{x: '{text}'}}\n    concepts:"))
    assert "others.x: " in (said := message({"suite": "test"})) and said.endswith("told what it is evaluated on")


def test_others_that_another_tasks_set_evaluates_are_refused(small):
    small("benchmark/tasks/second.yaml", TASK.replace("ink: ink", "fog: fog"))
    told = TASK.replace("    templates:", "    others: {fog: fog}\n    templates:")
    small("benchmark/tasks/style.yaml", told)
    assert grid.plan({"suite": "test"})
    small("benchmark/tasks/style.yaml", told.replace("    others:", "    retained_on: [style, second]\n    others:"))
    expected = "worlds.testbed.others.fog: 'fog' is asked of fog: a method must not be told what it is evaluated on"
    assert message({"suite": "test"}) == f"benchmark/tasks/style.yaml: {expected}"


@pytest.mark.parametrize("name", ["style", "object", "portrait"])
@pytest.mark.parametrize("world", ["testbed", "paper"])
def test_what_shipped_tasks_tell_is_shown_by_none_of_their_sets(name, world):
    if world == "paper" and name == "portrait":
        return
    task = load_task(name, world)
    evaluated = {phrase for concept in task.concepts for phrase in concept.phrases.values()}
    assert task.others and not {concept.name for concept in task.concepts} & set(task.others)
    assert not evaluated & set(task.others.values())


# ── the sets on which models are looked at ──


def test_a_task_looks_at_its_own_set_unless_it_names_others(small):
    assert load_task("style", "testbed").sets == ("style",)
    small("benchmark/tasks/second.yaml", TASK)
    named = "    erased_on: [style]\n    retained_on: [second, style]\n    templates:"
    small("benchmark/tasks/style.yaml", TASK.replace("    templates:", named))
    task = load_task("style", "testbed")
    assert (task.erased_on, task.retained_on) == (("style",), ("second", "style"))
    assert task.sets == ("style", "second")
    assert set(grid.plan({"suite": "test"}).sets) >= {"style", "second", "style_training", "second_training"}


@pytest.mark.parametrize("name", ["my-style", "Style", "style.2", "all"])
def test_a_task_whose_name_no_path_could_be_read_by_is_refused(small, name):
    small(f"benchmark/tasks/{name}.yaml", TASK)
    small("benchmark/suites/test.yaml", SUITE.replace("task: style", f"task: {name}"))
    said = message({"suite": "test"})
    consists = "a task's name consists of small letters, digits and _ only, and not the word all"
    assert said == f"benchmark/tasks/{name}.yaml: {consists}"
