"""The gate: an original model or a classifier that is not as expected stops a run before any erased model draws."""

import json
import re

import pytest
from conftest import sealed
from scoring import world  # noqa: F401  (a fixture)

from benchmark import gate, prompts
from benchmark.errors import BenchmarkError, ConfigError
from benchmark.plan.config import load_suite
from benchmark.plan.records import ORIGINAL

GATE = """gate:
  style:
    expected: {ink: 95.0, stained_glass: 90.0}
    each_within: 10.0
    mean_within: 8.0
"""


@pytest.fixture
def check(small, world, tmp_path):
    """`check(gate, right)` runs the gate on an original of whose images of ink a share is classified as `ink`."""

    def run(text=GATE, right=1.0, card=None):
        path = tmp_path / "benchmark/suites/test.yaml"
        small("benchmark/suites/test.yaml", path.read_text().split("gate:")[0] + text)
        prompts.main("test", tmp_path / "prompts/style.csv", set="style")

        def mistake(rows):
            ink = rows.index[rows.asked == "ink"]
            wrong = ink[int(right * len(ink)) :]
            return rows.assign(classifier_label=rows.class_name.where(~rows.index.isin(wrong), "blank"))

        cards = []
        if card:
            cards = [tmp_path / "classifiers/style/card.json"]
            cards[0].parent.mkdir(parents=True)
            sealed(cards[0], json.dumps(card))
        seen = [world("style", ORIGINAL, change=mistake)]
        gate.main("test", [tmp_path / "prompts/style.csv"], seen, tmp_path / "gate.json", cards)
        return json.loads((tmp_path / "gate.json").read_text())

    return run


def test_it_opens_for_an_original_as_expected_and_says_what_was_measured(check, capsys):
    report = check()
    assert [each["passed"] for each in report["checks"]] == [True, True, True]
    said = capsys.readouterr().out
    assert "ok     style: accuracy of the original on ink is 100.0, expected 85.0 to 105.0" in said
    assert "ok     style: mean accuracy of the original over 2 concepts is 100.0, expected 84.5 to 100.5" in said


def test_it_stops_at_one_cell_with_what_to_look_at(check, tmp_path, capsys):
    said = "the gate of suite test is closed, 1 of 3 checks failed: style: accuracy of the original on ink is 75.0,"
    with pytest.raises(BenchmarkError, match=said) as error:
        check(right=0.75)
    assert "style-style-original---0/evidence.csv" in str(error.value) and "ungated" in str(error.value)
    assert "FAILED style: accuracy of the original on ink is 75.0" in capsys.readouterr().out
    assert not (tmp_path / "gate.json").exists()


def test_it_stops_at_a_mean_whose_cells_are_all_near_enough(check):
    wide = GATE.replace("each_within: 10.0", "each_within: 40.0")
    with pytest.raises(BenchmarkError, match="mean accuracy of the original over 2 concepts is 81.2, expected 84.5 to"):
        check(wide, right=0.625)


@pytest.mark.parametrize(("accuracy", "opens"), [(0.93, True), (0.89, False)])
def test_a_classifier_that_is_wrong_too_often_stops_it(check, accuracy, opens):
    text = GATE.replace("mean_within: 8.0", "mean_within: 8.0\n    held_out: 90.0")
    if opens:
        assert len(check(text, card={"accuracy": accuracy})["checks"]) == 4
        return
    with pytest.raises(BenchmarkError, match="accuracy of the classifier on held-out images, in per cent, is 89.0"):
        check(text, card={"accuracy": accuracy})


def test_a_reason_opens_it(check):
    report = check(GATE + "ungated: our own classifier\n", right=0.5)
    assert report["ungated"] == "our own classifier" and not all(each["passed"] for each in report["checks"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  style:", "  styles:", "test.yaml: gate: there is no name 'styles'; did you mean style?"),
        ("{ink: 95.0,", "{inc: 95.0,", "test.yaml: gate.style.expected: there is no concept 'inc'; did you mean ink?"),
        ("each_within: 10.0", "each_within: -1.0", "gate.style.each_within: -1.0 is not a number from 0 on"),
        ("expected: {ink: 95.0, stained_glass: 90.0}", "expected: {}", "gate.style.expected: nothing is expected"),
        ("mean_within: 8.0", "mean_within: 8.0\n    metric: fit", "no metric of this set 'fit'; did you mean fid?"),
    ],
)
def test_a_gate_that_cannot_be_checked_is_refused_when_planning(small, world, tmp_path, old, new, said):
    path = tmp_path / "benchmark/suites/test.yaml"
    small("benchmark/suites/test.yaml", path.read_text() + GATE.replace(old, new))
    with pytest.raises(ConfigError, match=re.escape(said)):
        load_suite("test")


def test_a_classifier_that_comes_trained_was_held_out_nothing(small, world, tmp_path):
    suite, task = (tmp_path / f"benchmark/{name}.yaml" for name in ("suites/test", "tasks/style"))
    small("benchmark/tasks/style.yaml", re.sub(r"classifier: .*", "classifier: {network: resnet}", task.read_text()))
    small("benchmark/suites/test.yaml", suite.read_text() + GATE + "    held_out: 90.0\n")
    with pytest.raises(ConfigError, match="gate.style.held_out: the classifier of style comes trained"):
        load_suite("test")
