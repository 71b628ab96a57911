"""What a suite's file says wrongly: one line names the key and the value, and what is allowed or how to write it."""

import re

import pytest
import yaml
from conftest import METHOD, ROOT, SUITE, TASK, message

from benchmark.errors import ConfigError
from benchmark.plan import grid, strict, variants
from benchmark.plan.config import load_suite
from benchmark.plan.records import Variant

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
    ("shard: all", "shard: x", "shard: there is no value 'x' (allowed: all, one)"),
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
    ("  style:", "  all:", "experiments: 'all' is not a name: small letters, digits and _ only, and not the word all"),
    ("  style:", "  my/style:", "experiments: 'my/style' is not a name: small letters, digits and _ only, and not the"),
    ("title:", "titel:", "there is no key 'titel'; did you mean title?"),
    ("{erased", "[erased", "line "),
    ("steps: 10", "steps: 1000", "sampler.steps: 1000 is not between 1 and 999"),
    ("steps: 10", "steps: 20000", "sampler.steps: 20000 is not between 1 and 999"),
    ("batch: 16", "batch: 0", "sampler.batch: 0 is not above 0"),
    ("batch: 16", "batch: -8", "sampler.batch: -8 is not above 0"),
    ("threads: 1", "threads: 0", "sampler.threads: 0 is not above 0"),
    ("train: 5", "train: 0", "budgets.train: 0 is not above 0"),
    ("train: 5", "train: 1", "budgets.train: 1 is too few: the classifier of style needs 2 images of each class"),
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
    name = given.partition(":")[0]
    value = variants.settings(load_suite("test"), Variant("solo"))[name]
    assert value == yaml.safe_load(given)[name] and grid.plan({"suite": "test"})


def test_a_metric_says_how_many_images_it_needs(small):
    """One image has no spread: FID and KID would fail when all is drawn."""
    one = SUITE.replace("retained: 4, images_per_seed: 2", "retained: 1, images_per_seed: 1")
    small("benchmark/suites/test.yaml", one)
    assert grid.plan({"suite": "test"})
    for name in ("fid", "kid"):
        small(f"benchmark/metrics/{name}.py", (ROOT / f"benchmark/metrics/{name}.py").read_text())
    for name in ("fid", "kid"):
        measured = TASK.replace("accuracy: classifier", f"accuracy: classifier, {name}: classifier")
        small("benchmark/tasks/style.yaml", measured)
        expected = f"budgets.retained: 1 is too few: {name} of prompt set style needs 2 images"
        assert message({"suite": "test"}) == f"benchmark/suites/test.yaml: {expected}"
    alone = TASK[: TASK.index("      pixel_art")].replace("accuracy: classifier", "fid: classifier")
    small("benchmark/tasks/style.yaml", alone)
    small("benchmark/suites/test.yaml", one.replace("[ink, pixel_art]", "[ink]"))
    assert grid.plan({"suite": "test"}), "nothing is retained where there is one concept"
    small("benchmark/suites/test.yaml", one.replace("[ink, pixel_art]", "[ink]").replace("erased: 8", "erased: 1"))
    assert "budgets.erased: 1 is too few: fid of prompt set style needs 2" in message({"suite": "test"})


def test_a_classifier_that_comes_trained_needs_no_images(small):
    small("benchmark/tasks/style.yaml", TASK.replace("{network: resnet, blank: picture}", "{network: resnet}"))
    small("benchmark/suites/test.yaml", SUITE.replace("train: 5", "train: 1"))
    assert "style_training" not in grid.plan({"suite": "test"}).sets


@pytest.mark.parametrize("name", ["twin-B", "twin-v1.5", "twin-", "twin b", "twin@50", "twin-ü", "Twin-b", "-b"])
def test_the_rule_for_names_of_variants_is_said_where_one_is_refused(small, name):
    small("benchmark/suites/test.yaml", SUITE.replace("  twin-b:", f"  '{name}':"))
    said = message({"suite": "test"})
    assert said.startswith("benchmark/suites/test.yaml: settings: ") and repr(name) in said
    assert said.endswith(" a variant is named <method>-<variant>, in small letters, digits, _ and -")


def test_the_hint_for_a_number_is_read_back_as_that_number():
    for number in (1e-5, 3e-4, 2.5e-7, 1e22, 12.0):
        text = f"{number:e}".replace(".000000", "")
        with pytest.raises(ConfigError) as caught:
            strict.build(float, text, "x")
        assert yaml.safe_load(str(caught.value).rpartition(" ")[2]) == number
