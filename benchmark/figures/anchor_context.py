"""The same anchors in more and more context that they share with the concept, against what is retained and erased.

Figure 4 of AdvAnchor: it says that a longer sentence, in which only the concept and its anchor differ, harms the rest
less.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmark.figures import _anchors
from benchmark.figures._empty import empty
from benchmark.plan.records import WHOLE

PAPER_PLACE = "Figure 4"
LEAST = {"models": 2, "images": 2}
DETAILS = ("settings",)
CAPTION = (
    "The same anchors as a bare word, in a short sentence and in a long one; the concept stands in the same sentence "
    "when it is erased. The last column is the classifier's accuracy on images of the erased concept, the others are "
    "what is retained. Means over the erased concepts and their erasing seeds, with 95 % intervals"
)
ERASED = "accuracy"  # the metric of the last column
APART = 0.09  # of the distance between two sentences: by so much kinds stand beside each other


def figure(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """A row of panels for each experiment and prompt set of what is retained; the last column is what is erased."""
    rows = _anchors.study(scores, details)
    rows = rows[(rows.concept == WHOLE) & rows.sentence.isin(_anchors.SENTENCES)]
    several = rows.groupby("anchor").sentence.transform("nunique") > 1
    rows = rows[several & ((rows.role == "retained") | (rows.metric == ERASED))].dropna(subset=["value"])
    if "retained" not in set(rows.role):
        return empty("no anchor stands in more than one sentence beside a number for what is retained")
    kinds = [kind for kind in _anchors.KINDS if kind in set(rows.anchor)]
    retained = rows[rows.role == "retained"][["experiment", "prompt_set"]].drop_duplicates()
    rows_of_panels = list(retained.itertuples(index=False, name=None))
    columns = [("retained", metric) for metric in _anchors.METRICS if metric in set(rows.metric)]
    columns += [("erased", ERASED)] if "erased" in set(rows.role) else []
    width, height = 7.2, 1.75 * len(rows_of_panels) + 0.75
    drawing = Figure((width, height))
    grid = drawing.subplots(len(rows_of_panels), len(columns), squeeze=False)
    drawing.subplots_adjust(
        left=0.5 / width, right=1 - 0.08 / width, bottom=0.55 / height, top=1 - 0.72 / height, wspace=0.55, hspace=0.62
    )
    for line, (experiment, prompt_set) in zip(grid, rows_of_panels, strict=True):
        own = rows[rows.experiment == experiment]
        line[0].text(0, 1.2, _anchors.names(rows, experiment, prompt_set), transform=line[0].transAxes,
                     fontsize=8, fontweight="bold", va="bottom")  # fmt: skip
        for axes, (role, metric) in zip(line, columns, strict=True):
            here = own[(own.role == role) & (own.metric == metric)]
            here = here[here.prompt_set == prompt_set] if role == "retained" else _first_set(here)
            _panel(axes, here, kinds, role, metric)
    drawing.supxlabel("sentence in which the concept and its anchor stand", fontsize=8, y=0.02)
    _anchors.legend(drawing, kinds)
    kept = ["experiment", "task", "title", "prompt_set", "variant", "anchor", "sentence", "role", "metric", "observer",
            "direction", "value", "ci_low", "ci_high", "n", "seeds"]  # fmt: skip
    return drawing, rows[kept]


def _first_set(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows.prompt_set == rows.prompt_set.iloc[0]] if len(rows) else rows


def _panel(axes: Axes, rows: pd.DataFrame, kinds: list[str], role: str, metric: str) -> None:
    _anchors.tidy(axes)
    sentences = list(_anchors.SENTENCES)
    axes.set_xticks(range(len(sentences)), sentences, fontsize=7)
    axes.set_xlim(-0.4, len(sentences) - 0.6)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    if rows.empty:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=_anchors.GREY)
        return
    axes.set_title(
        "retained concepts" if role == "retained" else "erased concept", fontsize=7, fontweight="normal", pad=3
    )
    axes.set_ylabel(_anchors.axis_label(metric, rows.direction.iloc[0]), fontsize=7)
    for i, kind in enumerate(kinds):
        line = rows[rows.anchor == kind].set_index("sentence").reindex(sentences)
        x = np.arange(len(sentences)) + APART * (i - (len(kinds) - 1) / 2)
        _, colour, marker = _anchors.KINDS[kind]
        axes.vlines(x, line.ci_low, line.ci_high, color=colour, linewidth=0.9, alpha=0.5, zorder=2)
        axes.plot(x, line.value, color=colour, marker=marker, markersize=4.5, linewidth=1, markeredgecolor="white",
                  markeredgewidth=0.5, zorder=3)  # fmt: skip
