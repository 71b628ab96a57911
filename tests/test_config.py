"""Bad input: one line that says where, what and what is allowed."""

import re
import subprocess
import sys
from dataclasses import fields

import pytest
import yaml
from conftest import ROOT, SUITE, TASK

from benchmark import grid, strict
from benchmark.errors import ConfigError

CONFIG = [
    ({"suite": "tset"}, "config: suite: there is no name 'tset'; did you mean test? (allowed: test)"),
    ({"suit": "test"}, "config: there is no key 'suit'; did you mean suite? (allowed: suite, experiments, "),
    ({}, "config: the key suite is missing"),
    ({"suite": 3}, "config: suite: 3 is not text"),
    (
        {"suite": "test", "methods": "soli"},
        "config: methods: there is no name 'soli'; did you mean solo? (allowed: original, ",
    ),
    ({"suite": "test", "methods": ["twin"]}, "config: methods: there is no name 'twin'"),
    ({"suite": "test", "methods": []}, "config: methods: nothing is selected (allowed: all, original, "),
    ({"suite": "test", "methods": None}, "config: methods: nothing is selected"),
    ({"suite": "test", "concepts": ["chalk"]}, "config: concepts: there is no name 'chalk' (allowed: ink, pixel_art)"),
    ({"suite": "test", "seeds": ["0"]}, "config: seeds: there is no name '0' (allowed: 0, 1)"),
    ({"suite": "test", "seeds": True}, "config: seeds: there is no name True (allowed: 0, 1)"),
    ({"suite": "test", "seeds": 7}, "config: seeds: there is no name 7 (allowed: 0, 1)"),
    ({"suite": "test", "experiments": "object"}, "config: experiments: there is no name 'object' (allowed: style)"),
]

SUITES = [
    ("steps: 10", "steps: ten", "sampler.steps: 'ten' is text, not a number"),
    ("steps: 10", "steps: '10'", "sampler.steps: '10' is text, not a number; write 10"),
    ("steps: 10", "steps: 10.5", "sampler.steps: 10.5 is not a whole number"),
    ("steps: 10", "steps: 0", "sampler.steps: 0 is not above 0"),
    ("ddim", "ddmi", "sampler.scheduler: there is no value 'ddmi'; did you mean ddim? (allowed: lms, ddim, dpm)"),
    ("guidance: 5.0", "guidance: .nan", "sampler.guidance: nan is not a finite number"),
    ("retained: 4", "retained: 10", "budgets.retained: 10 is more than erased, 8"),
    ("retained: 4", "retained: 3", "budgets.retained: 3 is not a multiple of images_per_seed"),
    (", train: 5", "", "budgets: the key train is missing"),
    ("part: all", "part: x", "part: there is no value 'x' (allowed: all, one)"),
    ("lr: 3.0e-4", "lr: 3e-4", "settings.solo.lr: '3e-4' is text, not a number; write 0.0003"),
    ("lr: 3.0e-4", "lr: 1e-5", "settings.solo.lr: '1e-5' is text, not a number; write 1.0e-05"),
    ("lr: 3.0e-4", "rl: 1", "settings.solo: there is no setting 'rl'; did you mean lr? (allowed: steps, lr, loss, "),
    ("lr: 3.0e-4", "clip: 1", "settings.solo.clip: 1 is not true or false"),
    ("loss: l2", "loss: l3", "settings.twin-b.loss: there is no value 'l3'"),
    ("  solo:", "  sole:", "settings: there is no name 'sole'; did you mean solo? (allowed: original, solo, twin)"),
    ("  solo:", "  twin-b:", "key 'twin-b' is given twice"),
    ("task: style", "task: stile", "there is no task 'stile'; did you mean style? (allowed: style)"),
    (
        "[ink, pixel_art]",
        "[ink, pixelart]",
        "experiments.style.concepts: there is no name 'pixelart'; did you mean pixel_art?",
    ),
    (
        "tables/style",
        "tables/styles",
        "experiments.style.views: there is no name 'tables/styles'; did you mean tables/style?",
    ),
    ("lr: 3.0e-4", "group: atn", "settings.solo.group: there is no value 'atn'; did you mean attn? (allowed: xattn, "),
    ("[0, 1]", "[]", "experiments.style.seeds: [] is not a list of whole numbers from 0 on"),
    ("[0, 1]", "[-1]", "experiments.style.seeds: [-1] is not a list of whole numbers from 0 on"),
    (
        "world: testbed",
        "world: tested",
        "world: there is no value 'tested'; did you mean testbed? (allowed: paper, testbed)",
    ),
    ("title:", "titel:", "there is no key 'titel'; did you mean title?"),
    ("{erased", "[erased", "line "),
]

TASKS = [
    (
        "judge, blank",
        "jugde, blank",
        "judge.classifier: there is no name 'jugde'; did you mean judge? (allowed: judge)",
    ),
    ("{c} picture", "picture", "templates: target needs {c}"),
    ("pixel_art:", "Pixel Art:", "concepts.Pixel Art: 'Pixel Art' becomes a folder's name"),
    ("ink: ink", "ink: 3", "concepts.ink: 3 is not a mapping"),
    ("[accuracy]", "[acuracy]", "metrics: there is no metric 'acuracy'; did you mean accuracy? (allowed: accuracy)"),
    ("[accuracy]", "[]", "concepts and metrics must not be empty"),
    ("version: 1", "version: one", "version: 'one' is text, not a number"),
    ("  testbed:", "  paper:", "worlds: there is no name 'testbed' (allowed: paper)"),
]


def message(config):
    with pytest.raises(ConfigError) as caught:
        grid.plan(config)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("config", "expected"), CONFIG)
def test_config(small, config, expected):
    assert message(config).startswith(expected)


@pytest.mark.parametrize(("old", "new", "expected"), SUITES)
def test_suite(small, old, new, expected):
    assert old in SUITE
    small("benchmark/suites/test.yaml", SUITE.replace(old, new, 1))
    found = message({"suite": "test"})
    assert expected in found and re.match(r"benchmark/(suites/test.yaml: |tasks: )", found)


@pytest.mark.parametrize(("old", "new", "expected"), TASKS)
def test_task(small, old, new, expected):
    assert old in TASK
    small("benchmark/tasks/style.yaml", TASK.replace(old, new, 1))
    found = message({"suite": "test"})
    assert expected in found and found.startswith("benchmark/tasks/style.yaml: ")


@pytest.mark.parametrize("label", ["twin-B", "twin-v1.5", "twin-", "twin b", "twin@50", "twin-ü", "Twin-b", "-b"])
def test_the_rule_for_names_of_variants_is_said_where_one_is_refused(small, label):
    small("benchmark/suites/test.yaml", SUITE.replace("  twin-b:", f"  '{label}':"))
    said = message({"suite": "test"})
    assert said.startswith("benchmark/suites/test.yaml: settings: ") and repr(label) in said
    assert said.endswith(" a variant is named <method>-<variant>, in small letters, digits, _ and -")


@pytest.mark.parametrize("name", ["my-style", "Style", "style.2"])
def test_a_task_whose_name_no_path_could_be_read_by_is_refused(small, name):
    small(f"benchmark/tasks/{name}.yaml", TASK)
    small("benchmark/suites/test.yaml", SUITE.replace("task: style", f"task: {name}"))
    said = message({"suite": "test"})
    assert said == f"benchmark/tasks/{name}.yaml: a task's name consists of small letters, digits and _"


def test_the_hint_for_a_number_is_read_back_as_that_number():
    for number in (1e-5, 3e-4, 2.5e-7, 1e22, 12.0):
        text = f"{number:e}".replace(".000000", "")
        with pytest.raises(ConfigError) as caught:
            strict.build(float, text, "x")
        assert yaml.safe_load(str(caught.value).rpartition(" ")[2]) == number


@pytest.mark.parametrize(
    "override",
    ["suite=quik", "methods=esdd", "methods=[]", "concepts=[unicorn]", "seeds=['0']", "suites=quick"],
)
def test_snakemake_prints_one_line_and_fails(override):
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1", "--config", override]
    end = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    lines = [line for line in end.stderr.splitlines() if not line.startswith("Config file")]
    assert end.returncode != 0 and len(lines) == 1
    assert lines[0].startswith("error: config: ") and "allowed: " in lines[0]


def test_the_schema_describes_every_key():
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    assert list(schema["properties"]) == [field.name for field in fields(grid._Config)]
    assert schema["additionalProperties"] is False
    assert all(entry["description"] for entry in schema["properties"].values())
    assert set(yaml.safe_load((ROOT / "config.yaml").read_text())) == set(schema["properties"])
