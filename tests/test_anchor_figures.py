"""The figures of the anchor study and the heat map, on made-up numbers: what they plot, and whether it can be read."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from scipy.stats import spearmanr

from benchmark.errors import BenchmarkError
from benchmark.figures import _anchors, anchor_context, anchor_distance, anchor_tradeoff, hurts
from benchmark.plan import variants
from benchmark.plan.config import load_suite, load_task
from benchmark.plan.records import Variant
from benchmark.showing.plot import STYLE
from benchmark.store.frames import MEANS

UNLIKE = {"closest": 40, "parent": 110, "least": 190, "descriptive": 90}  # FID of concept and anchor
SHARED = {"word": 1, "short": 0.7, "long": 0.4}
DIRECTIONS = {"fid": "down", "accuracy": "up", "lpips": "down"}
STUDIES = ("anchors_style", "anchors_object")


def row(task, variant, control, **more):
    shared = {"experiment": task.name, "task": task.name, "title": task.title, "method": variant.partition("-")[0]}
    shared |= {"variant": variant, "checkpoint": 100, "label": variant, "control": control, "asked": "*"}
    return shared | {"wording": "", "text": "Avg", "n": 128, "seeds": 3, "by_seed": {}} | more


def retained(metric, harm):
    return {"fid": 150 * harm, "accuracy": 100 - 30 * harm, "lpips": 0.3 * harm}[metric]


@pytest.fixture(scope="module")
def made_up():
    """Scores and details of both studies of the testbed: the less alike an anchor, the more harm."""
    suite, dice, scores, far, given = load_suite("testbed"), np.random.default_rng(0), [], [], []
    for name in STUDIES:
        task, own = load_task(name, "testbed"), {}
        for concept in task.concepts:
            for anchor, text in concept.anchors.items():
                own[concept.name, anchor] = distance = UNLIKE[anchor] * dice.uniform(0.7, 1.3)
                far.append({
                    "suite": "testbed", "experiment": name, "task": name, "concept": concept.name, "anchor": anchor,
                    "text": concept.phrase, "anchor_text": text, "observer": "testbed", "distance": distance,
                    "distance_low": distance - 5, "distance_high": distance + 5, "images": 100,
                })  # fmt: skip
        for variant in suite.experiments[name].variants:
            settings, control = variants.settings(suite, Variant(variant)), variant in ("original", "scramble")
            given += [
                {"suite": "testbed", "experiment": name, "task": name, "method": "", "variant": variant,
                 "checkpoint": 100, "setting": setting, "value": str(value)}
                for setting, value in settings.items()
            ]  # fmt: skip
            left = {"original": 99, "scramble": 10}.get(variant, dice.uniform(0, 40))
            for prompt_set in task.retained_on:
                for metric, direction in DIRECTIONS.items():
                    values = []
                    for concept in task.concepts:
                        harm = {"original": 0, "scramble": 3}.get(variant)
                        if harm is None:
                            harm = own[concept.name, settings["named_anchor"]] / 200 * SHARED[settings["sentence"]]
                        by_seed = {seed: retained(metric, harm * dice.uniform(0.95, 1.05)) for seed in range(3)}
                        values.append(np.mean(list(by_seed.values())))
                        shown = {"prompt_set": prompt_set, "role": "retained", "metric": metric, "direction": direction}
                        shown |= {"observer": "classifier" if metric == "accuracy" else "testbed", "value": values[-1]}
                        shown |= {"ci_low": values[-1] * 0.95, "ci_high": values[-1] * 1.05}
                        more = {"concept": concept.name, "phrase": concept.phrase, "by_seed": by_seed}
                        scores.append(row(task, variant, control, **shown, **more))
                    mean = np.mean(values)
                    whole = {"concept": "*", "phrase": "Avg", "value": mean, "ci_low": mean - 1, "ci_high": mean + 1}
                    scores.append(row(task, variant, control, **shown | whole))
            lost = {"prompt_set": task.erased_on[0], "role": "erased", "metric": "accuracy", "observer": "classifier"}
            lost |= {"concept": "*", "phrase": "Avg", "direction": "down", "value": left}
            scores.append(row(task, variant, control, **lost, ci_low=left - 5, ci_high=left + 5))
    return pd.DataFrame(scores)[list(MEANS)], {"distances": pd.DataFrame(far), "settings": pd.DataFrame(given)}


def drawn(module, *given):
    """The figure, laid out as it is saved, and what it shows."""
    with rc_context(STYLE):
        figure, plotted = module.figure(*given)
        figure.draw_without_rendering()
    return figure, plotted


def check_texts(figure):
    """No text covers another, and none lies outside the page's width."""
    texts = [text for axes in figure.axes for text in (*axes.texts, axes.title, axes.xaxis.label, axes.yaxis.label)]
    for axes in figure.axes:
        for axis, (low, high) in ((axes.xaxis, sorted(axes.get_xlim())), (axes.yaxis, sorted(axes.get_ylim()))):
            texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    texts += [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [(text, text.get_window_extent(renderer)) for text in texts if text.get_text() and text.get_visible()]
    boxes = [(text, box) for text, box in boxes if figure.bbox.overlaps(box)]
    for (one, a), (other, b) in combinations(boxes, 2):
        assert not (a.shrunk(0.9, 0.9)).overlaps(b.shrunk(0.9, 0.9)), f"{one.get_text()!r} covers {other.get_text()!r}"
    assert figure.get_figwidth() <= 7.5


@pytest.mark.parametrize("module", [anchor_distance, anchor_context, anchor_tradeoff])
def test_every_panel_can_be_read(made_up, module):
    figure, plotted = drawn(module, *made_up)
    check_texts(figure)
    assert len(plotted) and plotted.value.notna().all()
    kept = plotted[plotted.role == "retained"] if "role" in plotted else plotted
    sets = kept[["experiment", "prompt_set"]].drop_duplicates()
    assert len(sets) == 4, "what is retained of styles and of objects, after styles and after objects were erased"
    assert len(figure.axes) == 4 * (4 if module is anchor_context else 3)
    assert module.PAPER_PLACE in ("Figure 3", "Figure 4", "Figure 5")


def test_figure_3_prints_rho_and_has_each_seed(made_up):
    figure, plotted = drawn(anchor_distance, *made_up)
    assert set(plotted.anchor) == {"closest", "parent", "least"} and set(plotted.variant) == {
        "abconcept-closest", "abconcept-parent", "abconcept-least",
    }  # fmt: skip
    for _, panel in plotted.groupby(["experiment", "prompt_set", "metric"]):
        assert len(panel) == 9 and set(panel.rho_n) == {9}
        assert panel.rho.iloc[0] == pytest.approx(spearmanr(panel.distance, panel.value).statistic)
        assert panel.rho_low.iloc[0] <= panel.rho.iloc[0] <= panel.rho_high.iloc[0]
        assert (panel.rho.iloc[0] < 0) == (panel.metric.iloc[0] == "accuracy")
    assert (plotted.seed_values.str.split().map(len) == 3).all()
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    first = plotted.iloc[0]
    wanted = f"ρ = {first.rho:.2f} [{first.rho_low:.2f}, {first.rho_high:.2f}], n = 9".replace("-", "−")
    assert wanted in texts


def test_figure_3_of_two_concepts_has_no_interval(made_up):
    scores, details = made_up
    scores = scores[scores.concept.isin(["*", "ink", "chalk"]) & (scores.experiment == "anchors_style")]
    figure, plotted = drawn(anchor_distance, scores, details)
    assert plotted.rho_low.isna().all() and plotted.rho.notna().all()
    assert any("no interval" in text.get_text() for axes in figure.axes for text in axes.texts)


def test_figure_4_has_three_sentences_of_each_kind(made_up):
    _, plotted = drawn(anchor_context, *made_up)
    assert "descriptive" not in set(plotted.anchor), "it stands in no sentence"
    assert (plotted.groupby(["experiment", "prompt_set", "role", "metric", "anchor"]).sentence.nunique() == 3).all()
    assert set(plotted[plotted.role == "erased"].metric) == {"accuracy"}


def test_figure_5_has_all_anchors_and_the_original(made_up):
    figure, plotted = drawn(anchor_tradeoff, *made_up)
    said = [
        [text.get_text() for text in axes.texts if "original model: 99 across" in text.get_text()]
        for axes in figure.axes
    ]
    assert all(len(lines) == 1 for lines in said), "each panel says where the original lies"
    panel = plotted[(plotted.experiment == "anchors_style") & (plotted.prompt_set == "style")]
    assert set(panel.variant) == {"original"} | {
        f"abconcept-{kind}{sentence}" for kind in ("closest", "parent", "least") for sentence in ("", "-short", "-long")
    } | {"abconcept-descriptive"}  # fmt: skip
    assert (panel[panel.variant == "original"].erased_value == 99).all()


@pytest.mark.parametrize("module", [anchor_distance, anchor_context, anchor_tradeoff])
def test_without_anchors_the_place_says_so(made_up, module):
    scores, details = made_up
    settings = details["settings"]
    figure, plotted = drawn(module, scores, details | {"settings": settings[settings.setting != "named_anchor"]})
    assert plotted.empty and figure.texts[0].get_text().startswith("Nothing to show: no anchor ")


def test_a_kind_of_anchor_without_a_look_is_named(made_up):
    scores, details = made_up
    settings = details["settings"].assign(value=details["settings"].value.replace("least", "worst"))
    with pytest.raises(BenchmarkError, match="worst is no kind of anchor that this figure knows"):
        _anchors.study(scores, details | {"settings": settings})


def test_two_variants_of_one_anchor_and_sentence_are_named(made_up):
    scores, details = made_up
    one = "abconcept-closest"
    more = scores[scores.variant == one].assign(variant="abconcept-closest-slow")
    given = details["settings"]
    settings = pd.concat([given, given[given.variant == one].assign(variant="abconcept-closest-slow")])
    said = "anchors_style: abconcept-closest, abconcept-closest-slow have the anchor closest in the sentence word"
    with pytest.raises(BenchmarkError, match=said):
        anchor_context.figure(pd.concat([scores, more]), details | {"settings": settings})


# ── who hurts whom ──

STYLES = {c.name: c.phrase for c in load_task("style", "testbed").concepts}


def cells(variants=("original", "one", "two", "three", "four")):
    """Accuracy of every concept after every erasure: neighbours in the order of the names are hurt most."""
    task, names, rows = load_task("style", "testbed"), list(STYLES), []
    for variant in variants:
        for i, concept in enumerate(names):
            for j, asked in enumerate(names):
                value = 98 if variant == "original" else 5 if i == j else 98 - 40 / abs(i - j)
                rows.append(
                    row(task, variant, variant == "original", concept=concept, phrase=STYLES[concept], asked=asked,
                        text=STYLES[asked], prompt_set="style", role="erased" if i == j else "retained",
                        metric="accuracy", observer="classifier", direction="up", value=value, ci_low=value,
                        ci_high=value)
                )  # fmt: skip
    pairs = [(a, b, abs(i - j) / 10) for i, a in enumerate(names) for j, b in enumerate(names)]
    near = pd.DataFrame(pairs, columns=["concept", "other", "distance"]).sample(frac=1, random_state=0)
    return pd.DataFrame(rows)[list(MEANS)], {"embeddings": near.assign(experiment="style")}


def test_the_heat_map_has_a_cell_for_each_pair_in_the_order_of_their_embeddings():
    scores, details = cells()
    figure, plotted = drawn(hurts, scores, details)
    check_texts(figure)
    assert len(plotted) == 4 * 9 * 9 and "original" not in set(plotted.variant)
    assert list(hurts.order(details["embeddings"])) in (list(STYLES), list(STYLES)[::-1])
    own = plotted[plotted.variant == "one"].set_index(["concept", "asked"])
    assert own.lost["ink", "pixel_art"] == 40 and own.lost["ink", "blueprint"] == 20 and own.lost["ink", "ink"] == 93
    assert own.distance["ink", "blueprint"] == pytest.approx(0.2)
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == 4 and np.allclose(np.diag(panels[0].images[0].get_array()), 93)


@pytest.mark.parametrize("count", [1, 2, 8])
def test_the_heat_map_of_few_and_of_many_variants_can_be_read(count):
    scores, details = cells(("original", *(f"variant-{i}" for i in range(count))))
    figure, _ = drawn(hurts, scores, details)
    check_texts(figure)


def test_each_experiment_has_a_block_of_its_own_with_its_own_names_and_title():
    scores, details = cells()
    other = scores.assign(experiment="more", title="More styles")
    distances = details["embeddings"]
    figure, _ = drawn(
        hurts,
        pd.concat([scores, other]),
        {"embeddings": pd.concat([distances, distances.assign(experiment="more")])},
    )
    check_texts(figure)
    panels = [axes for axes in figure.axes if axes.images]
    named = [bool(axes.get_xticklabels()) and axes.get_xticklabels()[0].get_text() != "" for axes in panels]
    assert len(panels) == 8 and named[:4] == named[4:], "the last row of each block names what was asked for"
    assert {"More styles", scores.title.iloc[0]} <= {text.get_text() for text in figure.texts}


def test_a_heat_map_needs_the_original_and_the_distances():
    scores, details = cells()
    figure, plotted = drawn(hurts, scores[scores.variant != "original"], details)
    assert plotted.empty and "beside that of original" in figure.texts[0].get_text()
    lacking = details["embeddings"][details["embeddings"].other != "ink"]
    with pytest.raises(BenchmarkError, match="details/embeddings.csv has no distance of .* and ink"):
        hurts.figure(scores, {"embeddings": lacking})
