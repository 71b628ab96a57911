"""From scores to tables and figures: means and their intervals, layout, and what a view refuses to show."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from synthetic import METHODS, OBJECTS, STYLES, draw, furnish, scores

from benchmark import compare, manifest, plugins, view
from benchmark.errors import BenchmarkError
from benchmark.figures import _labels, gallery
from benchmark.metrics import accuracy, fid, lpips
from benchmark.summary import MEAN
from benchmark.tables import _paper, portrait

LEVELS = dict(zip(METHODS, [(97, 95), (5, 8), (2, 70), (10, 85), (0, 90)], strict=True))
MODULES = {"accuracy": accuracy, "fid_testbed": fid, "lpips_testbed": lpips}


@pytest.fixture
def world(small, tmp_path):
    furnish(small, tmp_path)
    return tmp_path


@pytest.fixture
def scored(world):
    """A scores.csv of both experiments."""
    style = scores("style", "style", LEVELS, ["ink", "stained_glass"], list(STYLES))
    things = scores("object", "object", LEVELS, ["fish"], list(OBJECTS), seeds=(0, 1, 2))
    pd.concat([style, things]).to_csv(world / "scores.csv", index=False)
    return world / "scores.csv"


# ── tables ──


def test_a_table_is_csv_markdown_and_latex(scored, world):
    view.main("test", scored, world, ["tables/style"])
    table = pd.read_csv(world / "tables/style.csv")
    assert set(table.metric) == {"accuracy", "degenerate", "fid_testbed", "kid_testbed", "lpips_testbed"}
    assert {"ci_low", "ci_high", "n"} <= set(table) and set(table.concept) == {"ink", "stained_glass", MEAN}
    text = (world / "tables/style.md").read_text()
    for said in ("Erase FID ↑", "Erase ACC ↓", "Preserve ACC ↑", "Preserve LPIPS ↓", "| stained glass |", "| Avg "):
        assert said in text
    assert "Suite test" in text and "8 of each erased" not in text and "32 of each erased concept" in text
    assert "rival-l1*: a reconstruction." in text
    assert "Flat pictures (Artistic styles): wreck 12.5 % of erased ones" in text or "wreck 12.5 % of retained" in text
    latex = (world / "tables/style.tex").read_text()
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 3
    assert r"$\uparrow$" in latex and "95 \\%" in latex and not re.search(r"(?<!\\)[%_]", latex.partition("\n")[2])


def test_columns_of_markdown_are_aligned(scored, world):
    view.main("test", scored, world, ["tables/style"])
    for block in re.findall(r"(?:^\|.*\n)+", (world / "tables/style.md").read_text(), re.MULTILINE):
        lines = block.splitlines()
        assert len({len(line) for line in lines}) == 1 and len({line.count("|") for line in lines}) == 1


def test_methods_are_columns_in_the_order_of_the_suite_and_cells_are_triples(scored):
    frame = view.complete(view.read(scored).query("experiment == 'style'"), "testbed")
    (_, means), (erase, triples), (preserve, _) = _paper.blocks(frame)
    assert list(triples.columns) == ["original (ORI)", "wreck", "fast", "rival-l1*", "rival-l2*"]
    assert list(means.index) == list(triples.columns)
    assert list(triples.index) == ["ink", "stained glass", "Avg"]
    assert re.fullmatch(r"0/\d+\.\d/0", triples.loc["ink", "original (ORI)"])
    assert re.fullmatch(r"\d+\.\d/\d+(\.\d)?/\.\d{3}", triples.loc["ink", "fast"])
    assert erase.startswith("Erase: FID ↑ / ACC ↓ / LPIPS ↑")
    assert preserve.startswith("Preserve: FID ↓ / ACC ↑ / LPIPS ↓")


def test_what_each_seed_left_stands_below(scored, world):
    found = view.read(scored).query("experiment == 'object'").sample(frac=1, random_state=0)
    frame = view.complete(found[~((found.method == "rival-l1") & (found.seed == 1))], "testbed")
    *_, (heading, seeds) = _paper.blocks(frame)
    assert heading == "Erase: ACC ↓, seed by seed of the erasing (0, 1, 2)"
    assert set(seeds.columns) == {"fast", "rival-l1*", "rival-l2*"}, "controls are not repeated"
    mine = frame[(frame.method == "fast") & (frame.role == "erased") & (frame.metric == "accuracy")]
    mine = mine[(mine.concept == "fish") & (mine.probe == MEAN)].iloc[0]
    assert list(mine.by_seed) == [0, 1, 2] and np.mean(list(mine.by_seed.values())) == pytest.approx(mine.value)
    assert seeds.loc["fish", "fast"] == "/".join(_paper.number(value, 0) for value in mine.by_seed.values())
    assert seeds.loc["fish", "rival-l1*"].split("/")[1] == "–", "a seed that is not there"


def test_numbers_are_printed_as_the_paper_prints_them():
    printed = [_paper.number(*pair) for pair in [(282.14, 1), (0, 1), (0.02, 1), (0.4016, 3), (1.25, 3), (np.nan, 1)]]
    assert printed == ["282.1", "0", "0", ".402", "1.250", "–"]
    assert [_paper.number(*pair) for pair in [(0.4, 0), (0.9996, 3), (100, 1)]] == ["0", "1.000", "100.0"]
    assert _paper.interval(np.nan, 3, 1) == ""


def test_controls_bracket_every_preserve_metric(scored):
    table = _paper.table(view.complete(view.read(scored), "testbed"))
    kept = table[(table.role == "retained") & (table.concept == MEAN)]
    for (_, metric), numbers in kept.groupby(["experiment", "metric"]):
        value = numbers.set_index("method").value * np.where(numbers.direction.iloc[0] == "up", -1, 1)
        assert value["original"] == value.min(), metric
        assert value["wreck"] == value.max(), metric


def test_the_portraits_table_has_a_row_per_wording(small, world):
    task = (world / "benchmark/tasks/style.yaml").read_text()
    small("benchmark/tasks/style.yaml", task.replace("ink: ink", "ink: {phrase: ink, wordings: {pen: pen lines}}"))
    found = scores("style", "style", LEVELS, ["ink"], [*STYLES, "ink.pen"]).query("metric == 'accuracy'")
    found.loc[found.probe.eq("ink.pen") & found.role.eq("retained"), "role"] = "erased"
    found = found.drop_duplicates(["method", "probe", "role"]).assign(metric="detected_nudenet")
    found.loc[found.probe.eq("ink.pen"), "value"] = 17
    frame = view.complete(found, "testbed")
    assert set(portrait.table(frame).probe) == {*STYLES, "ink.pen", MEAN}
    (_, means), (_, wordings) = portrait.blocks(frame)
    assert "Erase detected ↓" in means and "Preserve detected ↓" in means
    assert list(wordings.index) == ["ink", "pen lines", "Avg"] and set(wordings.loc["pen lines"]) == {"17.0"}
    assert list(wordings.columns)[:2] == ["original (ORI)", "wreck"]


def test_a_table_without_blocks_is_printed_as_it_is(scored, world, monkeypatch):
    from benchmark.tables import style

    monkeypatch.delattr(style, "blocks")
    view.main("test", scored, world, ["tables/style"])
    assert "| experiment |" in (world / "tables/style.md").read_text()


def test_unfinished_tables_say_so(scored, world):
    found = pd.read_csv(scored)
    gone = (found.method == "fast") & (found.concept == "ink") & (found.probe == "neon")
    found[~gone].to_csv(scored, index=False)
    view.main("test", scored, world, ["tables/style"])
    lines = (world / "tables/style.md").read_text().splitlines()
    assert next(line for line in lines if line.startswith("| fast")).count("–") == 3


def test_two_runs_are_compared_number_by_number(scored, world, capsys):
    theirs = pd.read_csv(scored)
    chosen = (theirs.method == "fast") & (theirs.metric == "accuracy") & (theirs.role == "erased")
    theirs.loc[chosen, ["value", "ci_low", "ci_high"]] += 50
    unknown = (theirs.method == "wreck") & (theirs.role == "erased")
    theirs.loc[unknown, ["ci_low", "ci_high"]] = np.nan
    theirs.loc[theirs.method == "rival-l1", "n"] += 1
    theirs = theirs[theirs.method != "rival-l2"]
    theirs.to_csv(world / "theirs.csv", index=False)
    compare.main(scored, world / "theirs.csv")
    said = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in said.splitlines() if line.startswith("| ")][2:]
    assert [row[0].partition(",")[0] for row in rows] == ["original", "wreck", "wreck", "fast", "fast"]
    assert ["fast, erased", "50", "0", "0", "0", "0", f"{chosen.sum()} of {5 * chosen.sum()}"] in rows
    assert ["wreck, erased", "0", "0", "0", "0", "0", "0 of 0"] in rows, "intervals that are unknown do not agree"
    common = theirs[theirs.method != "rival-l1"]
    assert f"{len(common)} numbers in common, {len(common) - chosen.sum() - unknown.sum()} of them equal" in said
    assert "only in mine (or of other counts or versions): of rival-l1, rival-l2." in said
    assert "only in theirs (or of other counts or versions): of rival-l1." in said
    with pytest.raises(BenchmarkError, match="no number in common"):
        compare.report(view.read(scored), view.read(scored).assign(suite="other"))


# ── figures ──


def test_the_tradeoff_shows_its_numbers(scored, world):
    view.main("test", scored, world, ["figures/tradeoff"])
    plotted = pd.read_csv(world / "figures/tradeoff.csv")
    assert len(plotted) == 2 * 2 * len(METHODS) and set(plotted.kept) == {"accuracy", "lpips"}
    assert set(plotted.method[plotted.control]) == {"original", "wreck"}
    assert plotted.notna().all().all()
    with Image.open(world / "figures/tradeoff.png") as png:
        assert png.width > 1000
    assert (world / "figures/tradeoff.svg").read_text().startswith("<?xml")


def test_checkpoints_are_curves_from_the_original(world):
    curve = {**dict(list(LEVELS.items())[:2]), "fast@25": (60, 90), "fast@50": (20, 80), "fast": (2, 70)}
    found = scores("curves", "style", curve, ["ink"], list(STYLES))
    module = plugins.load("benchmark/figures", "tradeoff")
    figure, plotted = module.figure(view.complete(found, "testbed"))
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 4]
    assert len(lines) == 1
    original = plotted[plotted.method == "original"].iloc[0]
    assert figure.axes[0].get_ylim()[0] < figure.axes[0].get_ylim()[1], "upwards is better"
    assert figure.axes[1].get_ylim()[0] > figure.axes[1].get_ylim()[1], "of distances, too"
    assert (lines[0].get_xdata()[0], lines[0].get_ydata()[0]) == (original.erased_value, original.retained_value)
    assert list(np.diff(lines[0].get_xdata()) < 0) == [True] * 3
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "fast" in texts and not [text for text in texts if "@" in text]
    assert any("stopped at 25, 50 % of the steps" in text for text in texts)


def test_a_control_that_wrecks_all_stands_at_the_edge_with_its_number(world):
    wild = {"original": (97, 95), "wreck": (5, 8), "fast": (2, 90)}
    found = view.complete(scores("curves", "style", wild, ["ink"], list(STYLES)), "testbed")
    figure, plotted = plugins.load("benchmark/figures", "tradeoff").figure(found)
    wreck = plotted[plotted.method == "wreck"].set_index("kept").retained_value
    for axes, number in zip(figure.axes, (f"{wreck.accuracy:.0f} %", f"{wreck.lpips:.2f}"), strict=True):
        assert f"wreck: {number}, beyond this axis" in [text.get_text() for text in axes.texts]


def test_the_tradeoff_of_what_is_not_measured_says_so(scored):
    found = view.read(scored)
    found = found[~((found.experiment == "style") & (found.metric == "lpips_testbed"))]
    figure, plotted = plugins.load("benchmark/figures", "tradeoff").figure(view.complete(found, "testbed"))
    assert plotted.groupby("experiment").kept.unique().map(list).to_dict() == {
        "style": ["accuracy"],
        "object": ["accuracy", "lpips"],
    }
    assert ["not measured" in {text.get_text() for text in axes.texts} for axes in figure.axes] == [0, 0, 1, 0]
    with pytest.raises(BenchmarkError, match="no method has an accuracy"):
        found = found[found.metric != "accuracy"]
        plugins.load("benchmark/figures", "tradeoff").figure(view.complete(found, "testbed"))


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
    cells = [("original", "-"), ("wreck", "-"), ("fast", "ink"), ("fast", "stained_glass"), ("rival-l1", "ink")]
    return [draw(world / f"{method}-{erased}", "style", method, erased) for method, erased in cells]


def test_the_gallery_shows_the_same_noise_in_a_row(scored, world, manifests):
    view.main("test", scored, world, ["figures/gallery"], manifests)
    shown = pd.read_csv(world / "figures/gallery.csv")
    assert set(shown.method) == {"original", "wreck", "fast", "rival-l1"}
    for _, row in shown.groupby("row"):
        assert len(row[["probe", "prompt", "seed", "index"]].drop_duplicates()) == 1
    erased = shown[(shown.method == "fast") & (shown.kind == "erased")]
    assert (erased.probe == erased.erased).all() and set(erased.probe) == {"ink", "stained_glass"}
    assert (shown.probe[shown.kind == "kept"] != shown.without[shown.kind == "kept"]).all()
    assert (world / "figures/gallery.svg").exists() and (world / "figures/gallery.png").exists()


def test_the_gallery_shows_each_methods_first_seed(scored, world, manifests):
    for path in manifests[2:]:
        rows = manifest.read(path)
        manifest.write(path, [replace(row, tuning_seed=1) for row in rows])
    view.main("test", scored, world, ["figures/gallery"], manifests)
    assert set(pd.read_csv(world / "figures/gallery.csv").method) == {"original", "wreck", "fast", "rival-l1"}


def test_the_gallery_pastes_pictures_unaltered(scored, world, manifests):
    found = view.complete(view.read(scored).query("experiment == 'style'"), "testbed")
    images, open_picture = view.pictures(view.config.load_suite("test"), manifests)
    block = gallery._choose(found, images)
    canvas, tops = gallery._canvas(block, open_picture)
    first = block.iloc[0]
    corner = canvas[tops[first["row"]] :, first["column"] * (gallery.CELL + gallery.GAP) :]
    np.testing.assert_array_equal(corner[: gallery.CELL : 8, : gallery.CELL : 8], open_picture(first))
    large = np.arange(512 * 512 * 3, dtype=np.uint8).reshape(512, 512, 3)
    assert gallery._fitted(large).shape == (gallery.CELL, gallery.CELL, 3)


def test_sensitive_pictures_are_masked(small, scored, world, manifests):
    task = (world / "benchmark/tasks/style.yaml").read_text()
    small("benchmark/tasks/style.yaml", task + "sensitive: true\n")
    images, open_picture = view.pictures(view.config.load_suite("test"), manifests)
    picture = open_picture(images.iloc[0])
    assert picture.shape == (16, 16, 3) and len(np.unique(picture.reshape(-1, 3), axis=0)) <= 64
    assert (picture[::2, ::2] == picture[1::2, 1::2]).all()


def test_a_changed_picture_is_not_shown(scored, world, manifests):
    for path in manifests[0].parent.rglob("*.png"):
        shutil.copy(next(manifests[1].parent.rglob("*.png")), path)
    with pytest.raises(BenchmarkError, match="its hash is not the manifest's"):
        view.main("test", scored, world, ["figures/gallery"], manifests)
    assert not (world / "figures/gallery.svg").exists()


def test_the_gallery_needs_pictures(scored, world):
    with pytest.raises(BenchmarkError, match="needs --images"):
        view.main("test", scored, world, ["figures/gallery"])


# ── what a view refuses ──


def test_a_view_without_numbers_is_left_out_where_that_is_allowed(scored, world, capsys):
    found = pd.read_csv(scored, dtype=str, keep_default_na=False)
    found[found.experiment == "object"].to_csv(scored, index=False)
    (world / "tables").mkdir()
    (world / "tables/style.md").write_text("of other scores")
    view.main("test", scored, world, ["tables/style", "tables/object"], if_any=True)
    assert "has no number for tables/style, which shows style: left out" in capsys.readouterr().out
    assert {path.stem for path in (world / "tables").iterdir()} == {"object"}
    view.main("test", scored, world / "nothing"), "a suite whose figures all show pictures that are not here"
    assert not (world / "nothing").exists()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda s: s.drop(columns="role"), "has no column role"),
        (lambda s: s.assign(value=""), "line 2 lacks a number"),
        (lambda s: pd.concat([s, s.iloc[[4]]]), "line .* gives a number again"),
        (lambda s: s.assign(suite="quick"), "has numbers of suite quick, not of test"),
        (lambda s: s.replace("stained_glass", "marble"), "have a concept marble that task style does not have"),
        (lambda s: s[s.experiment == "object"], "has no number for tables/style, which shows style"),
        (lambda s: s.assign(experiment="styl"), "there is no experiment 'styl'; did you mean style"),
        (lambda s: s.replace("accuracy", "acuracy"), "there is no metric 'acuracy'; did you mean accuracy"),
    ],
)
def test_scores_that_are_not_whole(scored, world, spoil, said):
    spoil(pd.read_csv(scored)).to_csv(scored, index=False)
    with pytest.raises(BenchmarkError, match=said):
        view.main("test", scored, world, ["tables/style"])
    assert not (world / "tables/style.md").exists()


def test_views_that_do_not_exist(scored, world):
    with pytest.raises(BenchmarkError, match="did you mean style"):
        view.main("test", scored, world, ["tables/styles"])
    with pytest.raises(BenchmarkError, match="neither tables/<name> nor figures/<name>"):
        view.main("test", scored, world, ["style"])
    with pytest.raises(BenchmarkError, match="cannot be read"):
        view.main("test", world / "none.csv", world, ["tables/style"])


def test_the_original_alone_has_all_views(world):
    """It is run first, and its numbers are looked at before any GPU is spent on erasing."""
    alone = scores("style", "style", {"original": (97, 95)}, [], list(STYLES))
    alone.to_csv(world / "scores.csv", index=False)
    view.main("test", world / "scores.csv", world, ["tables/style"])
    means = pd.read_csv(world / "tables/style.csv").query("metric == 'accuracy' and concept != '*'")
    assert set(means.concept[means.role == "erased"]) == set(STYLES)
    view.main("test", world / "scores.csv", world, ["figures/tradeoff"])
