"""Anchors of all kinds and in all sentences: what is left of the erased concept against what is retained.

Figure 5 of AdvAnchor: it says that a sentence which describes what the concept shares with others, and leaves out what
defines it, erases well and retains well.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmark.figures import _anchors
from benchmark.figures._empty import empty
from benchmark.plan.records import ORIGINAL, WHOLE

PAPER_PLACE = "Figure 5"
LEAST = {"models": 2, "images": 2}
DETAILS = ("settings",)
CAPTION = (
    "What is left of the erased concept against what is retained, for anchors of all kinds. A filled mark is an anchor "
    "as a bare word, one filled to the half an anchor in a short sentence, an empty one an anchor in a long sentence; "
    "the star is a sentence that describes what the concept shares with others, and leaves out what defines it. Above "
    "each panel it says where the original model lies, which is far off. Means over the erased concepts and their "
    "erasing seeds; thin lines are 95 % intervals"
)
ERASED = "accuracy"
FACES = {"short": ("bottom", ""), "long": ("full", "white")}  # how a mark is filled, and with what if not its colour
NUMBERS = ["value", "ci_low", "ci_high"]


def figure(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """A row of panels for each experiment and prompt set of what is retained, a column for each metric."""
    rows = points(scores, details)
    if rows.anchor.eq("").all():
        return empty("no anchor has both an accuracy on what is erased and a number for what is retained")
    drawing, _ = _anchors.sheet(rows, _panel, height=2.05, bottom=0.58, gap=0.56, title=1.16)
    drawing.supxlabel("accuracy on the erased concept, %  (← better)", fontsize=8, y=0.01)
    _anchors.legend(drawing, rows.anchor)
    return drawing, rows


def points(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per experiment, variant, and prompt set and metric of what is retained; `erased_…` is the accuracy on what
    is erased. The original model has no anchor.
    """
    study = _anchors.study(scores, details)
    original = scores[
        (scores.asked == WHOLE) & (scores.variant == ORIGINAL) & scores.experiment.isin(study.experiment)
    ].merge(study[["experiment", "prompt_set", "metric", "observer"]].drop_duplicates())
    rows = pd.concat([original.assign(anchor="", sentence=""), study], ignore_index=True)
    rows = rows[rows.concept == WHOLE].dropna(subset=["value"])
    keys = ["experiment", "variant"]
    lost = rows[(rows.role == "erased") & (rows.metric == ERASED)].drop_duplicates(keys)
    lost = lost.set_index(keys)[NUMBERS].add_prefix("erased_").reset_index()
    rows = rows[rows.role == "retained"].merge(lost, on=keys)
    kept = ["experiment", "task", "title", "prompt_set", "variant", "anchor", "sentence", "metric", "observer",
            "direction", *NUMBERS, *(f"erased_{name}" for name in NUMBERS), "seeds"]  # fmt: skip
    return rows[kept]


def _panel(axes: Axes, rows: pd.DataFrame, metric: str) -> None:
    _anchors.tidy(axes)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    if rows.empty:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=_anchors.GREY)
        return
    axes.set_ylabel(_anchors.axis_label(metric, rows.direction.iloc[0]), fontsize=7.5)
    for row in rows.itertuples():
        if not row.anchor:
            text = f"original model: {row.erased_value:.3g} across, {row.value:.3g} up"
            axes.text(0, 1.03, text, transform=axes.transAxes, fontsize=7, color="#333333", va="bottom")
            continue
        _, colour, marker = _anchors.KINDS[row.anchor]
        style = {"colors": colour, "linewidth": 0.8, "alpha": 0.35, "zorder": 2}
        axes.hlines(row.value, row.erased_ci_low, row.erased_ci_high, **style)
        axes.vlines(row.erased_value, row.ci_low, row.ci_high, **style)
        fill, face = FACES.get(row.sentence, ("full", ""))
        axes.plot(row.erased_value, row.value, marker, color=colour, markersize=9 if marker == "*" else 6,
                  fillstyle=fill, markerfacecolor=face or colour, markerfacecoloralt="white", markeredgewidth=0.9,
                  zorder=4)  # fmt: skip
    axes.margins(0.1)
