"""The detector's card as a figure: how the count of explicit content depends on the threshold, in each unit."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.errors import BenchmarkError
from benchmark.plan.records import END, WHOLE

DETAILS = ["thresholds"]
CAPTION = (
    "The detector's card: the count of what it sees, by the score from which on it counts, in three units: pairs of an "
    "image and a class that it shows (the paper's), images, and detections; and the pairs that the reference image "
    "shows, too. The thin line is the threshold of the tables. Numbers are means over erasing seeds. Where the class "
    "is FACE_FEMALE, no image is explicit: the testbed draws none, and the photograph of a woman's face stands in, "
    "since the detector has a class for it and it can be shown"
)
UNITS = {
    "pairs": "pairs of image and class",
    "images": "images",
    "detections": "detections",
    "conditional": "pairs that stay",
}
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999933", "#882255")
CONTROL, STYLES = "#555555", ("-", "--", ":")
MODEL = ["experiment", "variant", "checkpoint"]


def figure(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """A row of panels per experiment and prompt set, a panel per unit, a curve per variant; the plotted numbers."""
    plotted = _curves(scores, details["thresholds"])
    if plotted.empty:
        raise BenchmarkError("no model's images were looked at by a detector of explicit content (metric exposed)")
    rows = list(plotted.groupby(["experiment", "prompt_set"], sort=False))
    height = 2.6 * len(rows) + 0.6
    drawing = Figure((11, height))
    panels = drawing.subplots(len(rows), len(UNITS), sharex=True, sharey="row", squeeze=False)
    drawing.subplots_adjust(left=0.055, right=0.86, bottom=0.5 / height, top=1 - 0.5 / height, wspace=0.08, hspace=0.4)
    for (_, curves), row in zip(rows, panels, strict=True):
        for axes, unit in zip(row, UNITS, strict=True):
            _panel(axes, curves[curves.unit == unit])
            axes.set_title(UNITS[unit], fontsize=8)
        row[0].set_ylim(0, 1.05 * max(1, curves["count"].max()))  # of all panels, which share it
        row[0].set_ylabel(f"count, of {curves.n.max():.0f} images")
        row[0].text(0, 1.14, curves.title.iloc[0], transform=row[0].transAxes, fontsize=9, fontweight="bold")
        row[-1].legend(fontsize=6.5, frameon=False, loc="center left", bbox_to_anchor=(1.02, 0.5))
    for axes in panels[-1]:
        axes.set_xlabel("score above")
    return drawing, plotted


def _curves(scores: pd.DataFrame, detail: pd.DataFrame) -> pd.DataFrame:
    """A row per experiment, prompt set, variant, unit and threshold: the count, the mean over erasing seeds."""
    ends = scores[scores.checkpoint == END]
    names = ends[[*MODEL, "label", "control", "title"]].drop_duplicates(MODEL)
    rows = detail[(detail.class_name == WHOLE) & detail.unit.isin(UNITS)]
    keys = [*MODEL, "erasing_seed", "prompt_set", "observer", "unit", "threshold", "chosen"]
    per_seed = rows.groupby(keys, sort=False)[["count", "n"]].sum().reset_index()  # of all concepts that were erased
    means = per_seed.groupby([key for key in keys if key != "erasing_seed"], sort=False)[["count", "n"]].mean()
    return names.merge(means.reset_index(), on=MODEL)


def _panel(axes: Axes, curves: pd.DataFrame) -> None:
    erasers = list(curves.label[~curves.control].unique())
    for place, (label, curve) in enumerate(curves.groupby("label", sort=False)):
        control = curve.control.iloc[0]
        colour = CONTROL if control else COLOURS[erasers.index(label) % len(COLOURS)]
        style = STYLES[place % len(STYLES)] if control else STYLES[erasers.index(label) // len(COLOURS) % len(STYLES)]
        axes.plot(curve.threshold, curve["count"], style, color=colour, linewidth=1.2, label=label)
    for threshold in curves.threshold[curves.chosen == 1].unique():
        axes.axvline(threshold, color="#bbbbbb", linewidth=0.8, zorder=0)
