"""The signs at variants' names: what is marked, what is not, and the notes that say why."""

import pandas as pd
import pytest
from synthetic import LEVELS, STYLES, plain, scores
from test_views import notes_of

from benchmark import view
from benchmark.plan.config import load_set, load_suite
from benchmark.plan.records import Variant
from benchmark.plan.versions import conditions

CONDITIONS = "conditions (base model, sampler, budgets, prompts, or settings)"


def test_numbers_that_are_not_what_the_suite_says_now_are_marked_and_shown(scored, world, small):
    suite = (world / "benchmark/suites/test.yaml").read_text()
    small("benchmark/suites/test.yaml", suite.replace("fast: {}", "fast: {lr: 2.0}"))
    view.main("test", scored, world, ["tables/style", "figures/tradeoff"])
    text = (world / "tables/style.md").read_text()
    assert "| fast† " in text and "| original (ORI) " in text and "| rival-l1* " in text
    assert f"†: was not measured as suite test says now. It differs in {CONDITIONS}: fast." in text
    assert "fast†" in (world / "tables/style.csv").read_text()
    assert r"fast$\dagger$" in (world / "tables/style.tex").read_text()
    assert "fast†" in (world / "figures/tradeoff.csv").read_text()


def test_what_differs_is_named_of_all_variants_or_some(scored, world, small):
    suite, task = ((world / f"benchmark/{name}.yaml").read_text() for name in ("suites/test", "tasks/style"))
    small("benchmark/suites/test.yaml", suite.replace("guidance: 5.0", "guidance: 3.0"))
    small("benchmark/tasks/style.yaml", task.replace("version: 3", "version: 4"))
    numbers = pd.read_csv(scored, dtype=str, keep_default_na=False)
    old = numbers.variant == "wreck"
    numbers.loc[old, "version"] = "3." + (numbers.version[old].str[2:].str.replace("^1", "0", regex=True))
    numbers.to_csv(scored, index=False)
    view.main("test", scored, world, ["tables/style", "tables/object"])
    text = (world / "tables/style.md").read_text()
    assert "| original (ORI)† " in text and "| rival-l1*† " in text
    assert "prompt set style (version 3, now 4): all of them; " in text
    assert "metric fid (version 0, now 1): wreck" in text
    assert f"{CONDITIONS}: all of them" in text
    assert "prompt set" not in (world / "tables/object.md").read_text().rpartition("†")[2]


@pytest.mark.parametrize(
    ("edit", "metrics"),
    [
        ({"network: resnet, blank: picture": "network: resnet, blank: a picture"}, ["accuracy"]),
        ({"threshold: 0.5": "threshold: 0.6"}, ["detected"]),
        ({"    concepts:": "    observers: {nudenet: {sizes: [64]}}\n    concepts:"}, ["detected"]),
        ({"chalk: chalk": "chalk: {phrase: chalk, attributes: [dusty]}"}, []),
    ],
)
def test_how_images_are_looked_at_is_part_of_a_version(world, small, edit, metrics):
    task = (world / "benchmark/tasks/style.yaml").read_text()
    task = task.replace(
        "{accuracy: classifier,", "{accuracy: classifier, detected: {observer: nudenet, threshold: 0.5},"
    )
    small("benchmark/tasks/style.yaml", task)
    before = scores("style", "style", LEVELS, ["ink"], plain(STYLES))
    for old, new in edit.items():
        assert old in task
        small("benchmark/tasks/style.yaml", task.replace(old, new))
    after = scores("style", "style", LEVELS, ["ink"], plain(STYLES))
    assert list(after.metric[before.version != after.version].unique()) == metrics


@pytest.mark.parametrize(("old", "new"), [("candidates: 8", "candidates: 9"), ("of: style", "of: object")])
def test_the_attack_of_a_prompt_set_is_part_of_a_version(world, small, old, new):
    small("attacks/words.py", '''"""An attack."""\nclass Settings:\n    candidates: int = 4\n''')
    entry = "title: A\nversion: 1\nattack: words\nof: style\nsettings: {candidates: 8}\nmetrics: {flat: spread}\n"
    small("benchmark/prompt_sets/attacked.yaml", entry)
    suite, fast = load_suite("test"), Variant("fast")

    def stated():
        attacked = load_set("attacked", "testbed")
        return conditions(suite, attacked, attacked.measures[0], fast)

    before = stated()
    small("benchmark/prompt_sets/attacked.yaml", entry.replace(old, new))
    assert stated() != before


def test_a_metric_that_a_prompt_set_no_longer_has_is_marked(scored, world, small):
    task = (world / "benchmark/tasks/style.yaml").read_text()
    small("benchmark/tasks/style.yaml", task.replace("kid: testbed, ", ""))
    why = "prompt set style (which no longer has the metric kid by testbed): all of them"
    assert any(why in note for note in notes_of(view.read(scored).query("experiment == 'style'")))


@pytest.mark.parametrize("version", ["3.1", "3", "", "3.1.000000.extra"])
def test_versions_of_another_format_are_marked_and_never_refused(scored, world, version):
    pd.read_csv(scored).assign(version=version).to_csv(scored, index=False)
    view.main("test", scored, world, ["tables/style", "figures/tradeoff"])
    text = (world / "tables/style.md").read_text()
    assert "| fast† " in text and ("conditions (not stated): all of them" in text) == (version.count(".") < 2)


def test_variants_of_elsewhere_and_methods_that_cannot_be_read_are_marked(scored, world, small):
    numbers = pd.read_csv(scored, dtype=str, keep_default_na=False)
    numbers.replace({"variant": {"rival-l2": "rival-of-mine"}}).to_csv(scored, index=False)
    small("methods/fast.py", "def erase(:\n")
    view.main("test", scored, world, ["tables/style"])
    text = (world / "tables/style.md").read_text()
    assert "| rival-of-mine*† " in text and "| fast† " in text and "| wreck " in text
    assert "settings): rival-of-mine" in text and "in settings that cannot be read (methods/fast.py: line 1: " in text


def test_a_variant_that_was_told_what_is_evaluated_is_marked(scored, world, small):
    suite = (world / "benchmark/suites/test.yaml").read_text()
    small("benchmark/suites/test.yaml", suite.replace("rival-l2: {loss: l2}", "rival-l2: {loss: l2, told: true}"))
    view.main("test", scored, world, ["tables/style", "figures/tradeoff"])
    text = (world / "tables/style.md").read_text()
    assert "| rival-l2*§† " in text and "| rival-l1* " in text, "its numbers are of one that was not told"
    note = "§: was told the evaluated concepts as concepts to keep; the others were not told them: rival-l2."
    assert note in text and r"rival-l2*\S{}" in (world / "tables/style.tex").read_text()
    assert "rival-l2*§" in (world / "figures/tradeoff.csv").read_text()


def test_an_image_is_compared_with_the_device_of_its_own_reference_image(scored, world):
    """Of one concept the original was drawn elsewhere: who is compared with that is marked, and not the original."""
    numbers = pd.read_csv(scored, dtype=str, keep_default_na=False).assign(device="cpu AVX512")
    numbers.loc[(numbers.variant == "original") & (numbers.asked == "ink"), "device"] = "NVIDIA H100"
    numbers.to_csv(scored, index=False)
    view.main("test", scored, world, ["tables/style"])
    text = (world / "tables/style.md").read_text()
    assert "| original (ORI) " in text and "| fast‡ " in text and "than their reference images" in text


def test_a_lost_original_and_a_lost_metric_are_said(scored, world):
    numbers = pd.read_csv(scored, dtype=str, keep_default_na=False)
    numbers[(numbers.variant != "original") & (numbers.metric != "fid")].to_csv(scored, index=False)
    view.main("test", scored, world, ["tables/style"])
    text = (world / "tables/style.md").read_text()
    assert "The scores have no number of the original model, of experiment style." in text
    assert "which prompt set style measures" in text and "fid" in text.rpartition("The scores have no")[2]


def test_numbers_of_several_kinds_of_device_are_marked(scored, world):
    numbers = pd.read_csv(scored, dtype=str, keep_default_na=False).assign(device="cpu AVX512")
    numbers.to_csv(scored, index=False)
    view.main("test", scored, world, ["tables/style"])
    assert "‡" not in (world / "tables/style.md").read_text()
    numbers.loc[numbers.variant.isin(["fast", "wreck"]), "device"] = "NVIDIA H100"
    numbers.loc[numbers.variant == "rival-l1", "device"] = ""
    numbers.to_csv(scored, index=False)
    view.main("test", scored, world, ["tables/style"])
    text = (world / "tables/style.md").read_text()
    assert "| fast‡ " in text and "| rival-l1*‡ " in text and "| rival-l2* " in text and "| original (ORI) " in text
    devices = "original, rival-l2 on cpu AVX512; wreck, fast on NVIDIA H100; rival-l1 on a device that is not stated"
    assert f"Devices: {devices}." in text
