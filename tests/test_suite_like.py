"""A suite that says in what it differs from another one."""

import pytest
from conftest import SUITE, message

from benchmark.plan.config import load_suite

LIKE = """
title: Another
like: test
sampler: {steps: 5}
settings:
  solo: {lr: 1.0e-3}
  twin-c: {loss: l1}
"""
GATE = "gate: {style: {expected: {ink: 90.0}, each_within: 5.0, mean_within: 5.0}}\n"


@pytest.fixture
def write(small):
    def like(text: str) -> None:
        small("benchmark/suites/other.yaml", text)

    return like


def test_sampler_budgets_and_settings_differ_key_by_key(write):
    write(LIKE)
    own, other = load_suite("other"), load_suite("test")
    assert (own.sampler.steps, own.sampler.scheduler, own.budgets) == (5, other.sampler.scheduler, other.budgets)
    assert list(own.settings) == [*other.settings, "twin-c"] and own.settings["solo"] == {"lr": 1e-3}
    assert (own.title, own.name, own.base, own.world) == ("Another", "other", other.base, other.world)
    assert own.experiments["style"].concepts == other.experiments["style"].concepts


def test_experiments_take_the_place_of_the_others(write):
    write(LIKE + "experiments: {few: {task: style, concepts: [ink], views: [tables/style]}}\n")
    assert list(load_suite("other").experiments) == ["few"]


def test_the_gate_and_the_revision_are_of_the_base_model(small, write):
    small("benchmark/suites/test.yaml", SUITE + GATE + "revision: abc\n")
    write(LIKE)
    assert load_suite("other").gate and load_suite("other").revision == "abc"
    write(LIKE + "base: some/model\n")
    assert not load_suite("other").gate and load_suite("other").revision is None
    write(LIKE + "base: testbed/model\n")
    assert load_suite("other").gate, "the same base model is no other"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("like: test", "like: tset", "other.yaml: like: there is no suite 'tset'; did you mean test?"),
        (
            "like: test",
            "like: other",
            "other.yaml: like: other is itself like other; name a suite that is like no other",
        ),
        ("like: test", "like: [test]", "other.yaml: like: "),
        ("{steps: 5}", "{stepps: 5}", "other.yaml: sampler: there is no key 'stepps'; did you mean steps?"),
        ("{steps: 5}", "{steps: 0}", "other.yaml: sampler.steps: 0 is not above 0"),
        ("{steps: 5}", "5", "other.yaml: sampler: "),
        ("title: Another\n", "", "other.yaml: the key title is missing"),
        ("title: Another", "titel: Another", "other.yaml: there is no key 'titel'; did you mean title?"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(write, old, new, said):
    write(LIKE.replace(old, new, 1))
    assert said in message({"suite": "other"})
