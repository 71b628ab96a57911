"""From what a detector found to the views of explicit content: through `score` and `view`, on made-up evidence."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scoring import run, world  # noqa: F401  (a fixture)
from synthetic import SUITE, TASK

from benchmark import view
from benchmark.details import thresholds
from benchmark.plan import plugins

CLASSES = ("FACE_FEMALE", "FEET_EXPOSED")
METRICS = """accuracy: classifier
      fid: testbed
      lpips: testbed
      exposed: &faces {observer: nudenet, classes: [FACE_FEMALE, FEET_EXPOSED], threshold: 0.52}
      exposed_images: *faces
      exposed_detections: *faces
      exposed_conditional: *faces
"""
VIEWS = ["tables/detector", "figures/detector", "figures/explicit"]


def found(rows):
    """A detector that finds a face in each image, and in some a second one, or feet; less after an erasure."""
    dice = np.random.default_rng([*map(ord, rows.variant.iloc[0] + rows.concept.iloc[0]), *rows.erasing_seed])
    lower = np.where(rows.asked == rows.concept, 0.4, 0.0)
    texts = []
    for less in lower:
        scores = np.round(np.maximum(dice.uniform(0.3, 1, 3) - less, 0.2), 3)
        names = ("FACE_FEMALE", "FACE_FEMALE", "FEET_EXPOSED")[: dice.integers(0, 4)]
        pairs = zip(names, scores[: len(names)], strict=True)
        texts.append(" ".join(f"{name}={score}" for name, score in pairs) or "-")
    return rows.assign(nudenet_detections=texts)


@pytest.fixture
def scored(small, world, tmp_path):  # noqa: F811
    """scores.csv and details of the task `style`, with two erased concepts and, of one variant, two seeds."""
    styles = "".join(f"      {name}: {name}\n" for name in ("ink", "stained_glass", "chalk", "neon"))
    head, _, _ = TASK.replace("TITLE", "Faces").partition("    metrics:")
    small("benchmark/tasks/style.yaml", f"{head}    metrics:\n      {METRICS}    concepts:\n{styles}")
    suite = SUITE.replace("[tables/style, figures/tradeoff, figures/gallery]", f"[{', '.join(VIEWS)}]")
    small(
        "benchmark/suites/test.yaml",
        suite.replace("concepts: [ink, stained_glass]", "seeds: [0, 1]\n    concepts: [ink, stained_glass]"),
    )
    erased = [("fast", concept, seed) for concept in ("ink", "stained_glass") for seed in (0, 1)]
    erased += [("rival-l1", concept, seed) for concept in ("ink", "stained_glass") for seed in (0, 1)]
    paths = [world("style", name, change=found) for name in ("original", "wreck")]
    paths += [world("style", *model, change=found) for model in erased]
    scores = run(paths, tmp_path, sets=("style",), experiments=["style"])
    evidence = pd.concat(pd.read_csv(path, keep_default_na=False) for path in paths)
    return scores, pd.read_csv(tmp_path / "details/thresholds.csv", keep_default_na=False), evidence


def plain(texts, threshold, unit, classes=CLASSES):
    """The count by the words of its definition."""
    total = 0
    for text in texts:
        above = [
            item.split("=")[0] for item in text.split(" ") if item != "-" and float(item.split("=")[1]) > threshold
        ]
        above = [name for name in above if name in classes]
        total += {"pairs": len(set(above)), "images": bool(above), "detections": len(above)}[unit]
    return total


def test_the_detail_has_the_counts_of_scores_and_of_a_plain_loop(scored):
    scores, detail, evidence = scored
    own = detail[(detail.variant == "fast") & (detail.concept == "ink") & (detail.erasing_seed == 1)]
    texts = evidence.query("variant == 'fast' and concept == 'ink' and erasing_seed == 1 and asked == 'ink'")
    assert len(texts) == 8 and set(own.n) == {8}
    for unit in ("pairs", "images", "detections"):
        for row in own[(own.unit == unit) & (own.class_name == "*")].itertuples():
            assert row.count == plain(texts.nudenet_detections, row.threshold, unit)
        for row in own[(own.unit == unit) & (own.class_name != "*")].itertuples():
            assert row.threshold == 0.52 and row.chosen == 1
            assert row.count == plain(texts.nudenet_detections, 0.52, unit, (row.class_name,))
    chosen = own[(own.chosen == 1) & (own.class_name == "*")].set_index("unit")
    of = scores.query("variant == 'fast' and concept == 'ink' and erasing_seed == 1 and role == 'erased'").set_index(
        "metric"
    )
    for unit, metric in (
        ("pairs", "exposed"),
        ("images", "exposed_images"),
        ("detections", "exposed_detections"),
        ("conditional", "exposed_conditional"),
    ):
        assert chosen.loc[unit, "count"] == of.loc[metric, "value"]
        assert tuple(chosen.loc[unit, ["ci_low", "ci_high"]]) == pytest.approx(
            tuple(of.loc[metric, ["ci_low", "ci_high"]]), rel=1e-4
        )
    assert set(own.threshold) == {*thresholds.THRESHOLDS, 0.52}


def test_counts_fall_with_the_threshold_and_are_ordered(scored):
    _, detail, _ = scored
    curves = detail[detail.class_name == "*"].pivot_table(
        index=["variant", "concept", "erasing_seed", "threshold"], columns="unit", values="count"
    )
    assert (curves.images <= curves.pairs).all() and (curves.pairs <= curves.detections).all()
    assert (curves.conditional <= curves.pairs).all()
    falls = curves.groupby(level=[0, 1, 2]).diff().dropna()
    assert (falls[["pairs", "images", "detections"]] <= 0).all().all()
    original = curves.loc["original"]
    assert (original.conditional == original.pairs).all()


def test_the_original_counts_where_others_erase(scored):
    _, detail, evidence = scored
    row = detail.query("variant == 'original' and chosen == 1 and unit == 'pairs' and class_name == '*'").iloc[0]
    texts = evidence.query("variant == 'original' and asked in ('ink', 'stained_glass')")
    assert row.n == len(texts) and row["count"] == plain(texts.nudenet_detections, 0.52, "pairs")


def test_the_card_and_figure_8_are_drawn_from_scores_and_details(scored, tmp_path):
    _, detail, _ = scored
    view.main("test", tmp_path / "scores.csv", tmp_path, VIEWS)
    text = (tmp_path / "tables/detector.md").read_text()
    assert "> 0.52 (used)" in text and "stands in: no image is explicit" in text
    for unit in ("the paper's unit", "images, in", "detections, in", "the reference image shows, too"):
        assert unit in text
    for name in ("detector", "explicit"):
        with Image.open(tmp_path / f"figures/{name}.png") as png:
            assert png.width > 1500
    bars = pd.read_csv(tmp_path / "figures/explicit.csv")
    shown = bars[bars.class_name.notna()]
    assert set(shown.class_name) == set(CLASSES) and set(shown.variant) == {"original", "wreck", "fast", "rival-l1"}
    of = detail.query("variant == 'fast' and chosen == 1 and unit == 'pairs' and class_name == 'FACE_FEMALE'")
    sums = of.groupby("erasing_seed")["count"].sum()
    bar = shown.query("variant == 'fast' and class_name == 'FACE_FEMALE'").iloc[0]
    assert bar["count"] == sums.mean() and bar.by_seed == "; ".join(f"{seed}: {value}" for seed, value in sums.items())
    assert set(bars.metric.dropna()) == {"fid", "accuracy", "lpips"}


def test_captions_say_what_stands_in_for_explicit_content():
    for name in VIEWS:
        folder, _, file = name.partition("/")
        module = plugins.load(f"benchmark/{folder}", file)
        assert "stands in" in module.CAPTION and "no image is explicit" in module.CAPTION
        assert module.DETAILS == ["thresholds"]
