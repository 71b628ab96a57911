"""Erasing against retaining: one point per variant, between the two controls.

What is retained is measured twice: a model may draw other concepts that the classifier still recognises, and yet draw
them differently from before. Variants that were also drawn at checkpoints of their training are curves, which begin at
the original model.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmark.errors import BenchmarkError
from benchmark.figures._labels import label
from benchmark.plan.records import END, ORIGINAL, WHOLE

CAPTION = (
    "Erasing against retaining. Horizontal: the classifier's accuracy on images of the erased concept; lower is "
    "better. Vertical: what the model retains of all other concepts, as the classifier's accuracy on them and as the "
    "perceptual distance (LPIPS) of their images from the original model's. Thin lines are 95 % intervals; a ring "
    "around a point is another variant at the same place"
)
ERASED = "accuracy"
RETAINED = {  # by metric
    "accuracy": "accuracy on retained concepts, %",
    "lpips": "LPIPS of retained concepts",
}
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito: apart for all eyes
MARKERS = "osD^v"
CONTROL = "#444444"
SIZE, RING = 6.0, 4.0  # points: of a marker, and by how much one must be larger to be seen around another


def figure(scores: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """A column of panels per experiment, a row per measure of what is retained; the plotted numbers beside it."""
    plotted = _points(scores)
    if plotted.empty:
        raise BenchmarkError("no variant has an accuracy on what is erased and a number for what is retained")
    experiments, metrics = list(plotted.groupby("experiment", sort=False)), list(plotted.metric.unique())
    styles = _styles(plotted)
    width, height = 3.9 * len(experiments) + 0.7, 2.9 * len(metrics) + 0.9
    drawing = Figure((width, height))
    panels = drawing.subplots(len(metrics), len(experiments), sharex=True, sharey="row", squeeze=False)
    drawing.subplots_adjust(
        left=0.62 / width, right=1 - 0.08 / width, bottom=0.5 / height, top=1 - 0.5 / height, wspace=0.14, hspace=0.1
    )
    for row, metric in zip(panels, metrics, strict=True):
        row[0].set(ylim=_limits(plotted[plotted.metric == metric]), ylabel=f"{RETAINED[metric]}   (better →)")
        for axes, (_, points) in zip(row, experiments, strict=True):
            _panel(axes, points[points.metric == metric], styles)
    for top, bottom, (_, points) in zip(panels[0], panels[-1], experiments, strict=True):
        top.set_title(points.title.iloc[0], pad=16)
        top.text(0, 1.025, _subtitle(points), transform=top.transAxes, color="#666666", fontsize=7.5)
        bottom.set_xlabel("accuracy on the erased concept, %   (← better)")
    return drawing, plotted


def _points(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per experiment, variant and metric: accuracy on what is erased, what is retained, with intervals.

    Of the task's own prompt set, each metric by its first observer.
    """
    rows = scores[(scores.asked == WHOLE) & (scores.prompt_set == scores.task)]
    rows = rows[rows.observer == rows.groupby(["experiment", "metric"]).observer.transform("first")]
    erased = rows[rows.concept != WHOLE].groupby("experiment").phrase.unique().map(", ".join).rename("erased")
    keys = ["experiment", "title", "method", "variant", "checkpoint", "label", "control"]
    numbers = ["value", "ci_low", "ci_high"]
    means = rows[rows.concept == WHOLE]
    lost = means[(means.metric == ERASED) & (means.role == "erased")].set_index(keys)[numbers].add_prefix("erased_")
    stays = means[(means.role == "retained") & means.metric.isin(RETAINED)]
    stays = stays.iloc[np.argsort(stays.metric.map(list(RETAINED).index), kind="stable")]  # variants stay in order
    stays = stays.set_index([*keys, "metric", "observer", "direction"])[numbers].add_prefix("retained_").reset_index()
    points = stays.merge(lost.reset_index(), on=keys).merge(erased.reset_index(), on="experiment")
    return points.dropna(subset=["erased_value", "retained_value"])


def _styles(points: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Colour and marker of each variant, at its end and at its checkpoints."""
    looks = [(colour, marker) for marker in MARKERS for colour in COLOURS]
    return {name: looks[i % len(looks)] for i, name in enumerate(points.variant[~points.control].unique())}


def _limits(points: pd.DataFrame) -> tuple[float, float]:
    """What is retained, from what erasers retain to everything: a control that wrecks the model may lie far from it.

    The first number is the axis' lower end, which is the larger one if smaller is better.
    """
    worst = points[~points.control]
    if points.direction.iloc[0] == "down":
        end = np.nanmax([worst.retained_ci_high.max(), worst.retained_value.max(), 0.1])
        return 1.04 * end, -0.04 * end
    low = np.nanmin([worst.retained_ci_low.min(), points.retained_value.max() - 10])
    low = 5 * np.floor(low / 5) if low > 25 else 0
    return low - 0.04 * (100 - low), 100 + 0.04 * (100 - low)


def _panel(axes: Axes, points: pd.DataFrame, styles: dict[str, tuple[str, str]]) -> None:
    axes.set_xlim(-4, 104)
    axes.set_xticks(range(0, 101, 25))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.grid(color="#eeeeee", linewidth=0.6)
    axes.set_axisbelow(True)
    if points.empty:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color="#888888")
        return

    crowd = []  # what labels should not cover
    for name, (colour, marker) in styles.items():
        way = points[points.variant == name].sort_values("checkpoint", kind="stable")
        if len(way) > 1:
            line = pd.concat([points[points.variant == ORIGINAL], way])  # where every training begins
            axes.plot(line.erased_value, line.retained_value, color=colour, linewidth=1, alpha=0.8, zorder=2)
            crowd += _dots(line.erased_value, line.retained_value)
            axes.plot(way.erased_value[:-1], way.retained_value[:-1], marker, color=colour, markersize=2.5, zorder=3)
        _intervals(axes, way[way.checkpoint == END], colour)

    ends = points[points.checkpoint == END]
    low, high = axes.get_ylim()
    beyond = (ends.retained_value - low) * (high - low) < 0
    number = "{:.0f} %" if high > low else "{:.2f}"
    ends = ends.assign(beyond=beyond, y=ends.retained_value.where(~beyond, low + 0.03 * (high - low)))
    numbered = ends.label + ends.retained_value.map(f": {number}, beyond this axis".format)
    ends["text"] = ends.label.where(~beyond, numbered)
    for end, size in zip(ends.itertuples(), _sizes(axes, ends.erased_value, ends.y), strict=True):
        colour, marker = (CONTROL, "v" if end.beyond else "o") if end.control else styles[end.variant]
        fill = {"markerfacecolor": "white", "markeredgewidth": 1.1} if end.control else {"markeredgecolor": "white"}
        axes.plot(end.erased_value, end.y, marker, color=colour, markersize=size, zorder=5 - size / 100,
                  **{"markeredgewidth": 0.6} | fill)  # fmt: skip
    _intervals(axes, ends[ends.control & ~beyond], CONTROL)
    colours = [CONTROL if end.control else styles[end.variant][0] for end in ends.itertuples()]
    x, y, seen = ends.erased_value, ends.y, ends[~beyond]
    crowd += [
        *zip(seen.erased_ci_low, seen.y, seen.erased_ci_high, seen.y, strict=True),
        *zip(seen.erased_value, seen.retained_ci_low, seen.erased_value, seen.retained_ci_high, strict=True),
    ]
    label(axes, list(zip(x, y, ends.text, colours, strict=True)), np.nan_to_num(crowd))


def _sizes(axes: Axes, xs: pd.Series, ys: pd.Series) -> list[float]:
    """The size of each marker: of those that would hide each other, each is a ring around the later ones."""
    places = axes.transData.transform(np.column_stack([xs, ys])) * 72 / axes.figure.dpi
    near = np.hypot(*np.moveaxis(places[:, None] - places, 2, 0)) < SIZE / 2
    return [SIZE + RING * near[i, i + 1 :].sum() for i in range(len(places))]


def _subtitle(points: pd.DataFrame) -> str:
    concepts = points.erased.iloc[0].split(", ")
    what = f"erased: {concepts[0]}" if len(concepts) == 1 else f"mean over {len(concepts)} erased concepts"
    checkpoints = sorted(set(points.checkpoint) - {END})
    stops = ", ".join(map(str, checkpoints))
    return f"{what}; small dots: stopped at {stops} % of the steps" if checkpoints else what


def _dots(xs: pd.Series, ys: pd.Series) -> list[tuple[float, float, float, float]]:
    """A line as many short segments along the axes, of no length."""
    steps = np.linspace(0, len(xs) - 1, 20 * len(xs))
    x, y = (np.interp(steps, np.arange(len(xs)), values) for values in (xs, ys))
    return list(zip(x, y, x, y, strict=True))


def _intervals(axes: Axes, points: pd.DataFrame, colour: str) -> None:
    style = {"colors": colour, "linewidth": 0.9, "alpha": 0.45, "zorder": 2}
    axes.hlines(points.retained_value, points.erased_ci_low, points.erased_ci_high, **style)
    axes.vlines(points.erased_value, points.retained_ci_low, points.retained_ci_high, **style)
