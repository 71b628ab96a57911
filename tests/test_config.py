"""Bad input: one line that says where, what and what is allowed."""

import re
import subprocess
import sys
from dataclasses import fields

import pytest
import yaml
from conftest import METHOD, ROOT, SUITE, TASK
from snakemake.cli import parse_config
from snakemake.utils import validate

from benchmark import grid, strict
from benchmark.errors import ConfigError
from benchmark.selection import choose_numbers

CONFIG = [
    ({"suite": "tset"}, "config: suite: there is no name 'tset'; did you mean test? (allowed: test)"),
    ({"suit": "test"}, "config: there is no key 'suit'; did you mean suite? (allowed: suite, experiments, "),
    ({}, "config: the key suite is missing"),
    ({"suite": 3}, "config: suite: 3 is not text"),
    (
        {"suite": "test", "methods": "soli"},
        "config: methods: there is no name 'soli'; did you mean solo? (allowed: original, ",
    ),
    ({"suite": "test", "methods": ["twin-c"]}, "config: methods: there is no name 'twin-c'; did you mean twin"),
    ({"suite": "test", "methods": "solo, twin-c"}, "config: methods: there is no name 'twin-c'"),
    ({"suite": "test", "methods": [["solo"]]}, "config: methods: there is no name ['solo']"),
    ({"suite": "test", "methods": ["all", "solo"]}, "config: methods: there is no name 'all'"),
    ({"suite": "test", "methods": " , "}, "config: methods: nothing is selected (allowed: all, original, "),
    ({"suite": "test", "methods": []}, "config: methods: nothing is selected (allowed: all, original, "),
    ({"suite": "test", "methods": None}, "config: methods: nothing is selected"),
    ({"suite": "test", "concepts": ["chalk"]}, "config: concepts: there is no name 'chalk' (allowed: ink, pixel_art)"),
    *(
        ({"suite": "test", "seeds": given}, f"config: seeds: {item!r} is not a whole number from 0 on; write one, or ")
        for given, item in (
            (True, True),
            (1.0, 1.0),
            (-1, -1),
            ("-1", "-1"),
            (["0", "x"], "x"),
            ("0-1", "0-1"),
            ([None], None),
            ("1e0", "1e0"),
            ([[0]], [0]),
            ("all 0", "all"),
            ({}, {}),
            ("0.0", "0.0"),
            ("½", "½"),
        )
    ),  # fmt: skip
    ({"suite": "test", "seeds": []}, "config: seeds: nothing is selected (allowed: all, 0, 1)"),
    ({"suite": "test", "seeds": ["7"]}, "config: seeds: there is no name 7 (allowed: 0, 1)"),
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
    ("    concepts:", "    methods: [solo]\n    concepts:", "experiments.style.without: goes with `methods: all`"),
    ("without: [twin]", "without: [twni]", "experiments.style.without: there is no name 'twni'; did you mean twin?"),
    ("title:", "titel:", "there is no key 'titel'; did you mean title?"),
    ("{erased", "[erased", "line "),
    ("steps: 10", "steps: 1000", "sampler.steps: 1000 is not between 1 and 999"),
    ("steps: 10", "steps: 20000", "sampler.steps: 20000 is not between 1 and 999"),
    ("batch: 16", "batch: 0", "sampler.batch: 0 is not above 0"),
    ("batch: 16", "batch: -8", "sampler.batch: -8 is not above 0"),
    ("threads: 1", "threads: 0", "sampler.threads: 0 is not above 0"),
    ("train: 5", "train: 0", "budgets.train: 0 is not above 0"),
    ("train: 5", "train: 1", "budgets.train: 1 is too few: the judge of task style needs 2 images of each class"),
    ("train: 5", "train: 50001", "budgets.train: 50001 seeds are needed for it, and there are 50000"),
    ("pool: 6", "pool: 60000", "budgets.pool: 60000 seeds are needed for it, and there are 50000"),
    (
        "erased: 8, retained: 4",
        "erased: 5000, retained: 4",
        "budgets.erased: 2500 seeds are needed for it, and there are 2498",
    ),
    ("lr: 3.0e-4", "lr: 0.0", "settings.solo.lr: 0.0 is not above 0"),
    ("lr: 3.0e-4", "lr: -1.0e-4", "settings.solo.lr: -0.0001 is not above 0"),
    ("lr: 3.0e-4", "steps: 0", "settings.solo.steps: 0 is not at least 1"),
    ("lr: 3.0e-4", "steps: -5", "settings.solo.steps: -5 is not at least 1"),
]

# Values of settings by their names, whatever method has them: what its file declares, what a suite says, the message.
SETTINGS = [
    ("batch: int = 1", "batch: 0", "settings.solo.batch: 0 is not at least 1"),
    ("batch: int = 1", "batch: -1", "settings.solo.batch: -1 is not at least 1"),
    ("inner_steps: int = 30", "inner_steps: 0", "settings.solo.inner_steps: 0 is not at least 1"),
    ("denoise_steps: int = 50", "denoise_steps: 0", "settings.solo.denoise_steps: 0 is not between 1 and 999"),
    ("denoise_steps: int = 50", "denoise_steps: 1000", "settings.solo.denoise_steps: 1000 is not between 1 and 999"),
    ("outer_steps: int = 5", "outer_steps: 0", "settings.solo.outer_steps: 0 is not at least 1"),
    ("n_images: int = 5", "n_images: -3", "settings.solo.n_images: -3 is not at least 1"),
    ("batch_size: int = 5", "batch_size: 0", "settings.solo.batch_size: 0 is not at least 1"),
    ("lora_rank: int = 4", "lora_rank: 0", "settings.solo.lora_rank: 0 is not at least 1"),
    ("warmup_steps: int = 0", "warmup_steps: -1", "settings.solo.warmup_steps: -1 is not at least 0"),
    ("delta_lr: float = 1e-4", "delta_lr: 0", "settings.solo.delta_lr: 0.0 is not above 0"),
    ("clip: float | None = None", "clip: 0.0", "settings.solo.clip: 0.0 is not above 0"),
    ("ema: float = 0.9", "ema: 1.5", "settings.solo.ema: 1.5 is not between 0 and 1"),
    ("quantile: float = 0.0", "quantile: -0.1", "settings.solo.quantile: -0.1 is not between 0 and 1"),
    ("weight_decay: float = 0.0", "weight_decay: -1.0", "settings.solo.weight_decay: -1.0 is not at least 0"),
    ('target: str = ""', "target: painting", "settings.solo.target needs {c} where the concept stands"),
    ('target: str = ""', "target: '{c} {x}'", "settings.solo.target: '{c} {x}' has {x}, and only {c}"),
    ('perturbed: str = ""', "perturbed: '{c!r}'", "settings.solo.perturbed needs {c} where the concept stands"),
    ('blank: str = ""', "blank: 'a {c}'", "settings.solo.blank: 'a {c}' has {c}, and it takes no concept"),
]
ALLOWED = [
    ("batch: int = 1", "batch: 1"),
    ("steps_a: int = 1", "steps_a: 1500"),
    ("denoise_steps: int = 50", "denoise_steps: 999"),
    ("warmup_steps: int = 0", "warmup_steps: 0"),
    ("attributes: int = 0", "attributes: 0"),
    ("layer: int = 3", "layer: -1"),
    ("seed: int = 42", "seed: 0"),
    ("clip: float | None = 1.0", "clip: null"),
    ("eta: float = 1.0", "eta: -1.0"),
    ("guidance: float = 3.0", "guidance: 0.0"),
    ('target: str = ""', "target: ''"),
    ('target: str = ""', "target: 'the {c} and {c}'"),
    ('pattern: str = ""', "pattern: 'attn{2}'"),
    ('blank: str = ""', "blank: painting"),
]

TASKS = [
    (
        "judge, blank",
        "jugde, blank",
        "judge.classifier: there is no name 'jugde'; did you mean judge? (allowed: judge)",
    ),
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
        "    metrics",
        "    detector: {classes: [], sizes: [320]}\n    metrics",
        "detector: classes and sizes must not be",
    ),
    (
        "    metrics",
        "    detector: {classes: [A], sizes: [0]}\n    metrics",
        "detector.sizes: [0] are pixels, at least 1",
    ),
    (
        "    metrics",
        "    detector: {classes: [A], threshold: 1.5}\n    metrics",
        "threshold: 1.5 is not between 0 and 1",
    ),
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


@pytest.mark.parametrize(("field", "given", "expected"), SETTINGS)
def test_a_settings_value_that_its_name_does_not_allow(small, field, given, expected):
    small("methods/solo.py", METHOD.replace("clip: bool = False", field))
    small("benchmark/suites/test.yaml", SUITE.replace("lr: 3.0e-4", given))
    assert message({"suite": "test"}).startswith(f"benchmark/suites/test.yaml: {expected}")


@pytest.mark.parametrize(("field", "given"), ALLOWED)
def test_a_settings_value_that_its_name_allows(small, field, given):
    small("methods/solo.py", METHOD.replace("clip: bool = False", field))
    small("benchmark/suites/test.yaml", SUITE.replace("lr: 3.0e-4", given))
    assert grid.plan({"suite": "test"}).aliases["solo"] == "solo"


def test_a_metric_says_how_many_images_it_needs(small):
    """One image has no spread: FID and KID would fail when all is drawn."""
    one = SUITE.replace("retained: 4, images_per_seed: 2", "retained: 1, images_per_seed: 1")
    small("benchmark/suites/test.yaml", one)
    assert grid.plan({"suite": "test"})
    for name in ("fid", "kid"):
        small(f"benchmark/metrics/{name}.py", (ROOT / f"benchmark/metrics/{name}.py").read_text())
    for name in ("fid", "kid"):
        small("benchmark/tasks/style.yaml", TASK.replace("[accuracy]", f"[accuracy, {name}_classifier]"))
        expected = f"budgets.retained: 1 is too few: {name}_classifier of task style needs 2 images"
        assert message({"suite": "test"}) == f"benchmark/suites/test.yaml: {expected}"
    alone = TASK[: TASK.index("      pixel_art")].replace("[accuracy]", "[accuracy, fid_classifier]")
    small("benchmark/tasks/style.yaml", alone)
    small("benchmark/suites/test.yaml", one.replace("[ink, pixel_art]", "[ink]"))
    assert grid.plan({"suite": "test"}), "nothing is retained where there is one concept"
    small("benchmark/suites/test.yaml", one.replace("[ink, pixel_art]", "[ink]").replace("erased: 8", "erased: 1"))
    assert "budgets.erased: 1 is too few: fid_classifier" in message({"suite": "test"})


def test_a_judge_that_comes_trained_needs_no_images(small):
    small("benchmark/tasks/style.yaml", TASK.replace("{classifier: judge, blank: picture}", "{classifier: judge}"))
    small("benchmark/suites/test.yaml", SUITE.replace("train: 5", "train: 1"))
    assert grid.plan({"suite": "test"})


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
    ["suite=quik", "methods=esdd", "methods=[]", "concepts=[unicorn]", "seeds=[x]", "suites=quick"],
)
def test_snakemake_prints_one_line_and_fails(override):
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1", "--config", override]
    end = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    lines = [line for line in end.stderr.splitlines() if not line.startswith("Config file")]
    assert end.returncode != 0 and len(lines) == 1
    assert lines[0].startswith("error: config: ") and "allowed: " in lines[0]


@pytest.mark.parametrize(
    "override",
    [
        "seeds=[0, 1]", "seeds=0,1", "seeds=0 1", "seeds=[0 1]", "seeds=all", "seeds=[all]", "seeds=['0', 1]",
        "seeds=[1,0,1]",
    ],
)  # fmt: skip
def test_seeds_are_whole_numbers_however_they_come(override):
    """Snakemake reads `0` as a number, and what is in a list as text."""
    (given,) = parse_config([override]).values()
    expected = (1, 0) if override == "seeds=[1,0,1]" else (0, 1)
    assert choose_numbers(given, (0, 1), "seeds") == expected
    validate({"suite": "quick", "seeds": given}, ROOT / "workflow/schemas/config.schema.yaml")
    assert choose_numbers(parse_config(["seeds=1"])["seeds"], (0, 1), "seeds") == (1,)


@pytest.mark.parametrize("given", ["solo, twin-a", "solo twin-a", ["solo", "twin-a"], ["solo twin-a"], "solo,twin-a,"])
def test_lists_of_names_may_have_commas_or_blanks(small, given):
    labels = grid.plan({"suite": "test", "methods": given}).aliases
    assert list(labels) == ["original", "twin-a", "solo"]


def test_the_schema_describes_every_key():
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    assert list(schema["properties"]) == [field.name for field in fields(grid._Config)]
    assert schema["additionalProperties"] is False
    assert all(entry["description"] for entry in schema["properties"].values())
    assert set(yaml.safe_load((ROOT / "config.yaml").read_text())) == set(schema["properties"])
