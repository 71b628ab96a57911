"""How unlike a concept and its anchor are, against what is retained after erasing in favour of that anchor.

Figure 3 of AdvAnchor: it says that an anchor that resembles the concept harms the rest less. Each concept has anchors
of several kinds, as bare words.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from benchmark.figures import _anchors
from benchmark.figures._empty import empty
from benchmark.figures._rank import spearman
from benchmark.plan.records import WHOLE

PAPER_PLACE = "Figure 3"
LEAST = {"models": 3, "images": 2}
DETAILS = ("settings", "distances")
CAPTION = (
    "How unlike a concept and its anchor are, against what is retained after the concept was erased in favour of that "
    "anchor, as a bare word. Horizontal: FID between the original model's images of the concept and of the anchor, "
    "drawn from the same noise. Vertical: the mean over the retained concepts of a prompt set. Small dots are erasing "
    "seeds, large ones their mean; a grey line joins the anchors of one concept. rho is Spearman's rank correlation of "
    "the large dots; in brackets is its 95 % interval, a jackknife over concepts, if there are several"
)
NUMBERS = ["value", "ci_low", "ci_high"]


def figure(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """A row of panels for each experiment and prompt set, a column for each metric; and the points, with rho."""
    rows = points(scores, details)
    if rows.empty:
        return empty("no anchor has both a distance to its concept and a number for what is retained")
    drawing, panels = _anchors.sheet(rows, _panel, height=1.75, bottom=0.45, gap=0.62, title=1.2)
    for axes in panels[-1]:
        axes.set_xlabel("FID of concept and anchor")
    more = [Line2D([], [], color=_anchors.GREY, linewidth=0.7, alpha=0.6, label="one concept")]
    _anchors.legend(drawing, rows.anchor, more)
    return drawing, rows.drop(columns=["by_seed"])


def points(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per experiment, prompt set, metric, concept and anchor: its FID to the concept, and what is retained.

    `seed_values` are the numbers of the erasing seeds; `rho` and its interval are those of the row's panel.
    """
    rows = _anchors.study(scores, details)
    rows = rows[(rows.role == "retained") & (rows.concept != WHOLE) & (rows.sentence == _anchors.BARE)]
    rows = rows[rows.anchor.isin([kind for kind in _anchors.KINDS if kind != "descriptive"])]
    keys = ["experiment", "task", "concept", "anchor"]
    distances = details["distances"].drop_duplicates(keys)
    distances = distances[[*keys, "distance", "distance_low", "distance_high", "images"]]
    rows = rows.merge(distances, on=keys).dropna(subset=["value", "distance"])
    if rows.empty:
        return rows
    panel = ["experiment", "prompt_set", "metric"]
    found = [dict(zip(panel, key, strict=True)) | _correlation(group) for key, group in rows.groupby(panel, sort=False)]
    rows["seed_values"] = [" ".join(f"{value:.6g}" for value in by_seed.values()) for by_seed in rows.by_seed]
    kept = [*panel, "task", "title", "role", "variant", "concept", "phrase", "anchor", "observer", "direction",
            "distance", "distance_low", "distance_high", "images", *NUMBERS, "seeds", "seed_values",
            "by_seed"]  # fmt: skip
    return rows[kept].merge(pd.DataFrame(found), on=panel)


def _correlation(group: pd.DataFrame) -> dict[str, float]:
    found = spearman(group.distance.to_numpy(), group.value.to_numpy(), group.concept.to_numpy())
    return {"rho": found.rho, "rho_low": found.ci_low, "rho_high": found.ci_high, "rho_n": found.n}


def _panel(axes: Axes, rows: pd.DataFrame, metric: str) -> None:
    _anchors.tidy(axes)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    if rows.empty:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=_anchors.GREY)
        return
    axes.set_ylabel(_anchors.axis_label(metric, rows.direction.iloc[0]), fontsize=7.5)
    for _, concept in rows.sort_values("distance").groupby("concept", sort=False):
        axes.plot(concept.distance, concept.value, color=_anchors.GREY, linewidth=0.7, alpha=0.5, zorder=1)
    for row in rows.itertuples():
        _, colour, marker = _anchors.KINDS[row.anchor]
        values = list(row.by_seed.values())
        axes.plot([row.distance] * len(values), values, ".", color=colour, markersize=3, alpha=0.55, zorder=2,
                  markeredgewidth=0)  # fmt: skip
        axes.plot(row.distance, row.value, marker, color=colour, markersize=5, markeredgecolor="white",
                  markeredgewidth=0.5, zorder=3)  # fmt: skip
    axes.margins(0.08)
    first = rows.iloc[0]
    text = f"ρ = {first.rho:.2f} [{first.rho_low:.2f}, {first.rho_high:.2f}], n = {first.rho_n}"
    if not np.isfinite(first.rho):
        text = f"ρ is not known: n = {first.rho_n}, or all alike"
    elif not np.isfinite(first.rho_low):
        text = f"ρ = {first.rho:.2f} (n = {first.rho_n}, no interval)"
    axes.text(0, 1.03, text.replace("-", "−"), transform=axes.transAxes, fontsize=7, color="#333333", va="bottom")
