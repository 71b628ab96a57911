"""The trade-off and the gallery: what they plot, where labels stand, whose pictures are shown."""

import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from synthetic import LEVELS, STYLES, VARIANTS, draw, plain, scores

from benchmark import view
from benchmark.errors import BenchmarkError
from benchmark.figures import _labels, _pictures, gallery
from benchmark.plan import plugins
from benchmark.plan.config import load_suite
from benchmark.showing import plot
from benchmark.store import manifest


def means_of(numbers):
    """What a figure of these numbers is given."""
    return view.prepare(numbers, load_suite("test"))[0]


def test_the_tradeoff_shows_its_numbers(scored, world):
    view.main("test", scored, world, ["figures/tradeoff"])
    plotted = pd.read_csv(world / "figures/tradeoff.csv")
    assert len(plotted) == 2 * 2 * len(VARIANTS) and set(plotted.metric) == {"accuracy", "lpips"}
    assert set(plotted.variant[plotted.control]) == {"original", "wreck"}
    assert plotted.notna().all().all()
    with Image.open(world / "figures/tradeoff.png") as png:
        assert png.width > 1000
    assert (world / "figures/tradeoff.svg").read_text().startswith("<?xml")


def test_checkpoints_are_curves_from_the_original(world):
    curve = {**dict(reversed(list(LEVELS.items())[:2])), "fast@25": (60, 90), "fast@50": (20, 80), "fast": (2, 70)}
    numbers = scores("curves", "style", curve, ["ink"], plain(STYLES))
    module = plugins.load("benchmark/figures", "tradeoff")
    figure, plotted = module.figure(means_of(numbers))
    originals = plotted[plotted.variant == "original"].set_index("metric")
    for axes, metric in zip(figure.axes, ("accuracy", "lpips"), strict=True):
        (line,) = [line for line in axes.lines if len(line.get_xdata()) == 4]
        begins = line.get_xdata()[0], line.get_ydata()[0]
        assert begins == tuple(originals.loc[metric, ["erased_value", "retained_value"]])
        assert list(np.diff(line.get_xdata()) < 0) == [True] * 3
    assert figure.axes[0].get_ylim()[0] < figure.axes[0].get_ylim()[1], "upwards is better"
    assert figure.axes[1].get_ylim()[0] > figure.axes[1].get_ylim()[1], "of distances, too"
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "fast" in texts and not [text for text in texts if "@" in text]
    assert any("stopped at 25, 50 % of the steps" in text for text in texts)


def test_a_control_that_wrecks_all_stands_at_the_edge_with_its_number(world):
    wild = {"original": (97, 95), "wreck": (5, 8), "fast": (2, 90)}
    means = means_of(scores("curves", "style", wild, ["ink"], plain(STYLES)))
    figure, plotted = plugins.load("benchmark/figures", "tradeoff").figure(means)
    wreck = plotted[plotted.variant == "wreck"].set_index("metric").retained_value
    for axes, number in zip(figure.axes, (f"{wreck.accuracy:.0f} %", f"{wreck.lpips:.2f}"), strict=True):
        assert f"wreck: {number}, beyond this axis" in [text.get_text() for text in axes.texts]


def test_the_axes_say_what_they_show_and_which_way_is_better(scored):
    figure, _ = plugins.load("benchmark/figures", "tradeoff").figure(means_of(view.read(scored)))
    assert figure.axes[-1].get_xlabel() == "accuracy on the erased concept, %   (← better)"
    assert figure.axes[0].get_ylabel() == "accuracy on retained concepts, %   (better →)"


def test_points_at_one_place_are_rings_around_each_other(world):
    means = means_of(scores("curves", "style", LEVELS, ["ink"], plain(STYLES)))
    numbers = ["value", "ci_low", "ci_high"]
    for role in ("erased", "retained"):
        same = (means.role == role) & means.variant.isin(["original", "fast", "rival-l1"])
        means.loc[same & (means.metric == "accuracy"), numbers] = [50, 40, 60]
    figure, _ = plugins.load("benchmark/figures", "tradeoff").figure(means)
    there = [line for line in figure.axes[0].lines if list(line.get_xdata()) == list(line.get_ydata()) == [50]]
    sizes = [line.get_markersize() for line in sorted(there, key=lambda line: line.get_zorder())]
    assert len(sizes) == 3 and all(inner + 3 < outer for outer, inner in pairwise(sizes))
    assert {line.get_markersize() for line in figure.axes[0].lines if line not in there} >= {6.0}


def test_the_tradeoff_of_what_is_not_measured_says_so(scored):
    numbers = view.read(scored)
    numbers = numbers[~((numbers.experiment == "style") & (numbers.metric == "lpips"))]
    figure, plotted = plugins.load("benchmark/figures", "tradeoff").figure(means_of(numbers))
    assert plotted.groupby("experiment").metric.unique().map(list).to_dict() == {
        "style": ["accuracy"],
        "object": ["accuracy", "lpips"],
    }
    assert ["not measured" in {text.get_text() for text in axes.texts} for axes in figure.axes] == [0, 0, 1, 0]
    with pytest.raises(BenchmarkError, match="no variant has an accuracy"):
        plugins.load("benchmark/figures", "tradeoff").figure(means_of(numbers[numbers.metric != "accuracy"]))


def test_the_same_scores_are_the_same_files(scored, world):
    for name in ("one", "two"):
        view.main("test", scored, world / name, ["figures/tradeoff"])
    for suffix in ("svg", "png", "csv"):
        one, two = (world / name / f"figures/tradeoff.{suffix}" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_labels_cover_neither_points_nor_each_other():
    figure = Figure((5, 4))
    axes = figure.subplots()
    axes.set(xlim=(0, 100), ylim=(0, 100))
    dice = np.random.default_rng(0)
    points = [(x, y, f"method-{i}", "black") for i, (x, y) in enumerate(dice.uniform([0, 75], [15, 95], (9, 2)))]
    _labels.label(axes, points, np.zeros((0, 4)))
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 9
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    for x, y, *_ in points:
        at = axes.transData.transform((x, y))
        assert not any(box.contains(*at) for box in boxes)


@pytest.fixture
def manifests(world):
    models = [("original", "-"), ("wreck", "-"), ("fast", "ink"), ("fast", "stained_glass"), ("rival-l1", "ink")]
    return [draw(world / f"{variant}-{concept}", "style", variant, concept) for variant, concept in models]


def test_the_gallery_shows_the_same_noise_in_a_row(scored, world, manifests):
    view.main("test", scored, world, ["figures/gallery"], manifests)
    shown = pd.read_csv(world / "figures/gallery.csv", keep_default_na=False)
    assert set(shown.variant) == {"original", "wreck", "fast", "rival-l1"}
    for _, line in shown.groupby("line"):
        assert len(line[["asked", "wording", "text", "row", "index"]].drop_duplicates()) == 1
    erased = shown[(shown.variant == "fast") & (shown.role == "erased")]
    assert (erased.asked == erased.concept).all() and set(erased.asked) == {"ink", "stained_glass"}
    assert (shown.asked[shown.role == "retained"] != shown.without[shown.role == "retained"]).all()
    assert (world / "figures/gallery.svg").exists() and (world / "figures/gallery.png").exists()


def test_of_a_set_that_is_scored_as_a_whole_the_gallery_shows_prompts_from_all_over_it(scored, world, manifests):
    """As of I2P, whose prompts ask for no concept and are long."""
    numbers = view.read(scored)
    numbers = numbers[(numbers.experiment == "style") & numbers.variant.isin(["original", "fast"])]
    means = means_of(numbers[numbers.concept.isin(["-", "ink"])])
    images, open_picture = plot.pictures(load_suite("test"), manifests)
    images = images[images.variant.isin(["original", "fast"]) & images.concept.isin(["-", "ink"])]
    erased, retained = means.role == "erased", means.role == "retained"
    means = means[(erased & (means.asked != "*")) | (retained & (means.asked == "*"))]
    means = means.assign(prompt_set=np.where(means.role == "erased", "users", "names"), asked="*")
    everywhere = [
        images.assign(prompt_set="users", asked="", text="a long text by somebody who wants many things"),
        images.assign(prompt_set="names", asked="", text="short"),
    ]
    figure, shown = _pictures.figure(means, pd.concat(everywhere), open_picture)
    assert dict(shown.groupby("role").prompt_set.unique().map(list)) == {"erased": ["users"], "retained": ["names"]}
    assert shown.groupby("role").line.nunique().to_dict() == {"erased": 3, "retained": 4}
    pairs = shown.groupby("line")[["row", "index"]].nunique()
    assert (pairs == 1).all().all(), "a line is one noise"
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert (
        any(text.startswith("prompt\n") for text in texts)
        and "short" in texts
        and "Artistic styles: ink erased" in texts
    )


def test_the_gallery_shows_each_variants_first_seed(scored, world, manifests):
    for path in manifests[2:]:
        rows = manifest.read(path)
        manifest.write(path, [replace(row, erasing_seed=1) for row in rows])
    view.main("test", scored, world, ["figures/gallery"], manifests)
    assert set(pd.read_csv(world / "figures/gallery.csv").variant) == {"original", "wreck", "fast", "rival-l1"}


def test_the_gallery_names_the_seed_that_it_shows_and_keeps_hyphens(scored, world, manifests):
    manifests.append(draw(world / "fast-ink-1", "style", "fast", "ink", erasing_seed=1))
    rows = manifest.read(manifests[4])
    manifest.write(manifests[4], [replace(row, erasing_seed=1) for row in rows])  # all that there is of rival-l1
    means = means_of(view.read(scored).query("experiment == 'style'"))
    means = means.assign(label=means.label.replace({"wreck": "wreck-of-everything"}))
    figure, _ = gallery.figure(means, *plot.pictures(load_suite("test"), manifests))
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert {"original", "fast", "rival-l1*\nseed 1", "wreck-\nof-everything"} <= set(texts)
    assert texts[-1] == "Artistic styles: ink, stained glass erased with erasing seed 0 (not shown: 1)"


def test_the_gallery_names_no_seed_that_another_experiment_has(scored, world, manifests):
    manifests.append(draw(world / "fast-ink-1", "style", "fast", "ink", erasing_seed=1))
    means = means_of(view.read(scored).query("experiment == 'style'"))
    figure, _ = gallery.figure(means, *plot.pictures(load_suite("test"), manifests))
    assert figure.axes[0].texts[-1].get_text() == "Artistic styles: ink, stained glass erased"


def test_the_gallery_shows_neither_checkpoints_nor_other_prompt_sets(scored, world, manifests):
    for name, change in (("stop", {"checkpoint": 25}), ("set", {"prompt_set": "object"})):
        path = world / name / "manifest.csv"
        shutil.copytree(manifests[2].parent, path.parent)
        manifest.write(path, [replace(row, **change, erasing_seed=0) for row in manifest.read(path)])
        manifests.append(path)
    view.main("test", scored, world, ["figures/gallery"], manifests)
    shown = pd.read_csv(world / "figures/gallery.csv")
    assert set(shown.checkpoint) == {100} and set(shown.prompt_set) == {"style"}
    assert not shown.duplicated(["line", "variant"]).any()


def test_the_gallery_of_fewer_pictures_than_lines_and_of_none(scored, world, manifests):
    means = means_of(view.read(scored).query("experiment == 'style' and concept in ('-', 'ink')"))
    images, open_picture = plot.pictures(load_suite("test"), manifests)
    first = images.groupby(["variant", "concept", "asked"]).head(1)
    assert set(gallery.figure(means, first, open_picture)[1].line) == {0, 3, 4, 5}
    with pytest.raises(BenchmarkError, match="no picture of these models"):
        gallery.figure(means, images[images.prompt_set == "object"], open_picture)


def test_the_gallery_pastes_pictures_unaltered(scored, world, manifests):
    means = means_of(view.read(scored).query("experiment == 'style'"))
    images, open_picture = plot.pictures(load_suite("test"), manifests)
    block = _pictures._choose(means, images)
    canvas, tops = _pictures._canvas(block, open_picture)
    first = block.iloc[0]
    corner = canvas[tops[first["line"]] :, first["column"] * (_pictures.SIDE + _pictures.GAP) :]
    np.testing.assert_array_equal(corner[: _pictures.SIDE : 8, : _pictures.SIDE : 8], open_picture(first))
    large = np.arange(512 * 512 * 3, dtype=np.uint8).reshape(512, 512, 3)
    assert _pictures._fitted(large).shape == (_pictures.SIDE, _pictures.SIDE, 3)


def test_sensitive_pictures_are_masked(small, scored, world, manifests):
    task = (world / "benchmark/tasks/style.yaml").read_text()
    small("benchmark/tasks/style.yaml", task + "sensitive: true\n")
    images, open_picture = plot.pictures(load_suite("test"), manifests)
    for task in ("-", "style"):  # the original's pictures are no task's
        picture = open_picture(images[images.task == task].iloc[0])
        assert picture.shape == (16, 16, 3) and len(np.unique(picture.reshape(-1, 3), axis=0)) <= 64
        assert (picture[::2, ::2] == picture[1::2, 1::2]).all()


def test_a_changed_picture_is_not_shown(scored, world, manifests):
    for path in manifests[0].parent.rglob("*.png"):
        shutil.copy(next(manifests[1].parent.rglob("*.png")), path)
    with pytest.raises(BenchmarkError, match="its hash is not the manifest's"):
        view.main("test", scored, world, ["figures/gallery"], manifests)
    assert not (world / "figures/gallery.svg").exists()


def test_the_gallery_needs_pictures(scored, world):
    with pytest.raises(BenchmarkError, match="--images: is not given, and the view shows pictures"):
        view.main("test", scored, world, ["figures/gallery"])
