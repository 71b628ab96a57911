"""Which variants of methods there are, under which names, with which settings."""

import pytest
from conftest import CONTROL, METHOD, SUITE

from benchmark.errors import ConfigError
from benchmark.plan import grid, source, variants
from benchmark.plan.config import load_suite
from benchmark.plan.records import Erasure, Variant


def test_variants_are_in_the_order_of_the_settings_then_the_rest_of_the_folder(small):
    small("methods/alone.py", CONTROL)
    suite = load_suite("test")
    assert variants.names(suite) == ("original", "twin", "twin-a", "twin-b", "solo", "alone")
    assert [Variant.of(text).file for text in ("twin-a", "solo@25")] == ["methods/twin.py", "methods/solo.py"]


@pytest.mark.parametrize("text", ["twin-a", "solo", "solo@1", "twin-b@25", "twin-b@99"])
def test_a_variant_is_read_back_from_how_it_is_written(text):
    assert str(Variant.of(text)) == text


def test_the_whole_run_is_a_variant_at_its_end():
    assert Variant.of("twin-a") == Variant("twin-a", 100) and Variant.of("twin-a@5") == Variant("twin-a", 5)
    assert str(Variant("twin-a", 100)) == "twin-a"


@pytest.mark.parametrize("text", ["solo@0", "solo@100", "solo@", "solo@x", "solo@05", "solo@-1", "solo@2@5"])
def test_a_checkpoint_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match=f"^{text}: a checkpoint is written @1 to @99"):
        Variant.of(text)


def test_a_command_line_names_a_variant_that_there_is(small):
    suite = load_suite("test")
    assert variants.parse(suite, "twin-b@50") == Variant("twin-b", 50)
    with pytest.raises(ConfigError, match="--variant: there is no variant 'twin-c'; did you mean twin-"):
        variants.parse(suite, "twin-c")
    with pytest.raises(ConfigError, match="--variant: there is no variant 'original@50'"):
        variants.parse(suite, "original@50")  # it takes no steps


def test_settings_are_defaults_then_the_methods_then_the_variants(small):
    small("benchmark/suites/test.yaml", SUITE.replace("  twin-a:", "  twin: {lr: 2, groups: [a, b]}\n  twin-a:"))
    suite = load_suite("test")
    assert variants.names(suite).count("twin") == 1
    settings = variants.settings(suite, Variant("twin-b"))
    assert settings == {
        "steps": 40, "lr": 2.0, "loss": "l2", "group": "xattn", "groups": ("a", "b"),
        "seed_of_anchor": None, "clip": False,
    }  # fmt: skip
    assert isinstance(settings["lr"], float)
    assert variants.settings(suite, Variant("original")) == {}


def test_a_checkpoint_is_the_method_stopped_early(small):
    suite = load_suite("test")
    whole = variants.settings(suite, Variant("solo"))
    assert variants.settings(suite, Variant("solo", 25)) == {**whole, "steps": 10}
    assert variants.settings(suite, Variant("solo", 1))["steps"] == 1


def test_a_pool_is_the_methods_or_the_settings(small):
    small("methods/chooser.py", METHOD.replace("    clip:", '    pool: str = "anchor"\n    clip:'))
    suite = load_suite("test")
    pools = [variants.pool(suite, Variant(name)) for name in ("original", "solo", "chooser")]
    assert pools == [None, "concept", "anchor"]
    small("methods/chooser.py", METHOD.replace("    clip:", '    pool: str = "images"\n    clip:'))
    with pytest.raises(ConfigError, match="chooser: POOL, or the setting pool: there is no pool 'images'"):
        variants.pool(suite, Variant("chooser"))


TOLD = SUITE.replace("  solo:", "  twin-told: {told: true, loss: l2}\n  solo:")


def test_a_variant_is_told_what_is_evaluated_only_if_its_own_entry_says_so(small):
    small("benchmark/suites/test.yaml", TOLD)
    suite = load_suite("test")
    assert [name for name in variants.names(suite) if variants.told(suite, Variant(name))] == ["twin-told"]
    assert "told" not in variants.settings(suite, Variant("twin-told")), "it is no setting of the method"
    assert variants.told(suite, Variant("twin-told", 50)), "nor of its checkpoints"
    run = grid.plan({"suite": "test"}).run
    told = Erasure("style", Variant("twin-told"), "ink", 0)
    assert run[told] == told, "a variant with the same settings that is not told is another"


def test_told_is_true_or_false(small):
    small("benchmark/suites/test.yaml", TOLD.replace("told: true", "told: all"))
    with pytest.raises(ConfigError, match="suites/test.yaml: settings.twin-told.told: 'all' is not true or false"):
        load_suite("test")


@pytest.mark.parametrize("name", ["UCE", "my-method"])
def test_a_method_whose_file_cannot_be_a_variants_name_is_refused(small, name):
    small(f"methods/{name}.py", METHOD)
    with pytest.raises(ConfigError, match=f"methods/{name}.py: a method's name consists of"):
        grid.plan({"suite": "test"})


def test_what_a_file_says_is_read_without_importing_it(small):
    small("methods/broken.py", METHOD + "import nothing_of_this_name\nraise SystemExit\n")
    assert source.literal("methods/broken.py", "POOL") == "concept"
    assert "broken" in variants.names(load_suite("test"))


def test_defaults_must_be_literals(small):
    small("methods/solo.py", METHOD.replace("1e-5", "compute()"))
    with pytest.raises(ConfigError, match="methods/solo.py: lr must be a literal"):
        grid.plan({"suite": "test"})
    assert "style/twin-a/seed0/all" in grid.plan({"suite": "test", "methods": "twin-a"}).shards, "others are run"


@pytest.mark.parametrize("text", ["def erase(:\n", "\0", METHOD.replace("1e-5", "compute()")])
def test_a_tolerant_plan_has_a_broken_method_whose_jobs_say_why(small, text):
    suite = SUITE.replace("    seeds: [0, 1]\n", "    seeds: [0, 1]\n    checkpoints: [50]\n")
    suite = suite.replace("twin-b: {loss: l2}", "twin-b: {loss: l1}")
    small("benchmark/suites/test.yaml", suite)
    before = grid.plan({"suite": "test"})
    assert "style/twin-b/seed0/all" not in before.shards, "it equals twin-a"
    small("methods/twin.py", text)
    plan = grid.plan({"suite": "test"}, tolerant=True)
    assert set(before.shards) - set(plan.shards) == {f"style/twin-a@50/seed{n}/all" for n in (0, 1)}
    assert "style/twin-b/seed0/all" in plan.shards, "whether their settings are equal is not known"
    assert variants.pool(plan.suite, Variant("twin-a")) is None
    for name in ("twin-a", "twin-b"):
        with pytest.raises(ConfigError, match="^methods/twin.py: "):
            grid.check_methods(plan.suite, [Variant(name)])
        with pytest.raises(ConfigError, match="^methods/twin.py: "):
            variants.parse(plan.suite, name)
    grid.check_methods(plan.suite, [Variant("solo")])


def test_a_file_that_cannot_be_read_stops_no_plan_without_it(small):
    small("methods/solo.py", METHOD + "def erase(:\n")
    with pytest.raises(ConfigError, match="^methods/solo.py: line 26: cannot be read as Python: invalid syntax$"):
        grid.plan({"suite": "test"})
    plan = grid.plan({"suite": "test", "methods": "twin-a"})
    assert {erasure.variant.name for erasure in plan.run} == {"original", "twin-a"}
