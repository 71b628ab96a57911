"""Figure 8 of the paper: how many images show each class of explicit content, and what is retained."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.errors import BenchmarkError
from benchmark.plan.records import END, WHOLE

PAPER_PLACE = "Figure 8"
DETAILS = ["thresholds"]
CAPTION = (
    "Explicit content that is left after erasing. Left: in how many images the detector sees each class, of all images "
    "whose prompts ask for the erased concept; dots are erasing seeds, lines are 95 % intervals of the images. Right: "
    "what is retained, as FID, accuracy and LPIPS of everything else. Where the class is FACE_FEMALE, no image is "
    "explicit: the testbed draws none, and the photograph of a woman's face stands in, since the detector has a class "
    "for it and it can be shown"
)
RETAINED = {"fid": "FID", "accuracy": "ACC, %", "lpips": "LPIPS"}  # the paper's triple, by metric
ARROWS = {"up": "higher is better", "down": "lower is better"}
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999933", "#882255")
CONTROLS = ("#555555", "#bbbbbb")
MODEL = ["experiment", "variant", "checkpoint"]


def figure(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """A row of panels per experiment; the plotted numbers: counts of classes, then what is retained."""
    shown, retained = _classes(scores, details["thresholds"]), _retained(scores)
    if shown.empty:
        raise BenchmarkError("no model's images were looked at by a detector of explicit content (metric exposed)")
    experiments = list(shown.groupby("experiment", sort=False))
    height = 2.9 * len(experiments) + 0.5
    drawing = Figure((11, height))
    below = {"bottom": 0.9 / height, "top": 1 - 0.35 / height, "hspace": 0.6}
    names = 0.0045 * max(map(len, shown.label))  # of the width: the variants' names stand once, between the two grids
    left = drawing.add_gridspec(len(experiments), 1, left=0.06, right=0.5, **below)
    right = drawing.add_gridspec(len(experiments), len(RETAINED), left=0.53 + names, right=0.98, wspace=0.12, **below)
    for place, (name, bars) in enumerate(experiments):
        row = [
            drawing.add_subplot(left[place, 0]),
            *(drawing.add_subplot(right[place, i]) for i in range(len(RETAINED))),
        ]
        labels = list(bars.label.unique())
        colours = _colours(bars)
        _counts(row[0], bars, labels, colours)
        of_experiment = retained[retained.experiment == name]
        for axes, metric in zip(row[1:], RETAINED, strict=True):
            _triple(axes, of_experiment[of_experiment.metric == metric], labels, colours, RETAINED[metric])
            axes.tick_params(labelleft=axes is row[1])
    return drawing, pd.concat([shown.assign(by_seed=_text(shown)), retained], ignore_index=True)


def _classes(scores: pd.DataFrame, detail: pd.DataFrame) -> pd.DataFrame:
    """A row per experiment, variant and class: the number of images that show it, the mean over erasing seeds.

    Of the first prompt set that has such counts: others may hold a part of its rows.
    """
    ends = scores[scores.checkpoint == END]
    names = ends[[*MODEL, "label", "control", "title"]].drop_duplicates(MODEL)
    rows = detail[(detail.unit == "pairs") & (detail.chosen == 1) & (detail.class_name != WHOLE)]
    first = rows.groupby("experiment")[["prompt_set", "observer"]].transform("first")
    rows = rows[(rows.prompt_set == first.prompt_set) & (rows.observer == first.observer)]
    numbers = ["count", "n", "ci_low", "ci_high"]
    keys = [*MODEL, "erasing_seed", "prompt_set", "observer", "class_name", "threshold"]
    per_seed = rows.groupby(keys, sort=False)[numbers].sum().reset_index()  # of all concepts that were erased
    means = per_seed.groupby([key for key in keys if key != "erasing_seed"], sort=False)
    shown = (
        means[numbers]
        .mean()
        .assign(
            by_seed=means[["erasing_seed", "count"]].apply(
                lambda each: dict(zip(each["erasing_seed"], each["count"], strict=True))
            )
        )
    )
    return names.merge(shown.reset_index(), on=MODEL)


def _retained(scores: pd.DataFrame) -> pd.DataFrame:
    """The means of the retained triple: of the first prompt set that has it, each metric by its first observer."""
    rows = scores[(scores.role == "retained") & (scores.concept == WHOLE) & (scores.asked == WHOLE)]
    rows = rows[rows.metric.isin(RETAINED) & (rows.checkpoint == END)]
    first = rows.groupby(["experiment", "metric"])[["prompt_set", "observer"]].transform("first")
    rows = rows[(rows.prompt_set == first.prompt_set) & (rows.observer == first.observer)]
    columns = [
        "title",
        "label",
        "control",
        "prompt_set",
        "observer",
        "metric",
        "direction",
        "value",
        "ci_low",
        "ci_high",
    ]
    return rows[[*MODEL, *columns, "n"]]


def _text(shown: pd.DataFrame) -> list[str]:
    return ["; ".join(f"{seed}: {count:g}" for seed, count in each.items()) for each in shown.by_seed]


def _colours(bars: pd.DataFrame) -> dict[str, str]:
    """The colour of each variant: controls are grey."""
    colours = {}
    for control, palette in ((False, COLOURS), (True, CONTROLS)):
        labels = bars.label[bars.control == control].unique()
        colours |= {label: palette[place % len(palette)] for place, label in enumerate(labels)}
    return colours


def _counts(axes: Axes, bars: pd.DataFrame, labels: list[str], colours: Mapping[str, str]) -> None:
    """Bars in groups, a group for each class."""
    classes = list(bars.class_name.unique())
    width = 0.84 / len(labels)
    for place, label in enumerate(labels):
        of_label = bars[bars.label == label].set_index("class_name").reindex(classes)
        x = np.arange(len(classes)) + (place - (len(labels) - 1) / 2) * width
        axes.bar(x, of_label["count"], width * 0.92, color=colours[label], label=label)
        axes.vlines(x, of_label.ci_low, of_label.ci_high, colors="#333333", linewidth=0.7)
        for at, seeds in zip(x, of_label.by_seed, strict=True):
            if isinstance(seeds, dict) and len(seeds) > 1:
                axes.plot([at] * len(seeds), list(seeds.values()), ".", color="black", markersize=3)
    axes.set_xticks(range(len(classes)), [name.removesuffix("_EXPOSED").replace("_", "\n").lower() for name in classes])
    axes.set_title(bars.title.iloc[0])
    axes.set_ylabel(f"images (of {bars.n.max():.0f}) with score > {bars.threshold.iloc[0]:g}")
    axes.set_ylim(bottom=0)
    columns = min(len(labels), 5)
    axes.legend(ncols=columns, fontsize=6.5, frameon=False, loc="upper left", bbox_to_anchor=(0, -0.16))


def _triple(axes: Axes, rows: pd.DataFrame, labels: list[str], colours: Mapping[str, str], name: str) -> None:
    """A point per variant with its interval."""
    axes.set_title(f"retained {name}", fontsize=8)
    if rows.empty:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color="#888888")
        axes.set_axis_off()
        return
    rows = rows.set_index("label").reindex(labels)
    places = np.arange(len(labels))[::-1]
    axes.hlines(places, rows.ci_low, rows.ci_high, colors="#888888", linewidth=0.9)
    axes.scatter(rows.value, places, c=[colours[label] for label in labels], s=16, zorder=3)
    axes.set_yticks(places, labels, fontsize=6)
    axes.set_xlabel(ARROWS[rows.direction.dropna().iloc[0]], fontsize=7)
