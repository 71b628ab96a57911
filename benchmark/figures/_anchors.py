"""What the figures of the anchor study share: the numbers with their anchors, and how anchors look."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmark.errors import BenchmarkError
from benchmark.plan.records import END, WHOLE

BARE = "word"  # the sentence that is nothing but the concept or its anchor
SENTENCES = (BARE, "short", "long")  # the more context, the later
KINDS = {  # kinds of anchors: what they are called, a colour and a marker. Okabe and Ito: apart for all eyes
    "closest": ("closest", "#0072B2", "o"),
    "imitated": ("imitated", "#009E73", "s"),
    "parent": ("parent class", "#E69F00", "D"),
    "least": ("least similar", "#D55E00", "^"),
    "descriptive": ("descriptive sentence", "#CC79A7", "*"),
}
METRICS = {  # what is drawn of what is retained, and of what is erased
    "fid": "FID",
    "accuracy": "accuracy, %",
    "lpips": "LPIPS",
}
BETTER = {"up": "better →", "down": "← better"}
KEYS = ["experiment", "task", "variant", "checkpoint"]
NAMES = {"named_anchor": "anchor", "sentence": "sentence"}  # settings, and the columns that they become
GREY = "#666666"


def study(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The rows of `scores` of variants that put an anchor in the place of a concept, with `anchor` and `sentence`.

    Of each metric of a prompt set those by its first observer, over all concepts that were asked for. `details` has
    `settings`, which says what each variant's anchor and sentence are. Raises `BenchmarkError` for a kind of anchor
    that has no look here.
    """
    settings = details["settings"].pivot(index=KEYS, columns="setting", values="value")
    settings = settings.reindex(columns=list(NAMES)).astype(object).fillna("").rename(columns=NAMES)
    named = settings[settings.anchor != ""].reset_index()
    rows = scores[(scores.asked == WHOLE) & scores.metric.isin(METRICS) & (scores.checkpoint == END)]
    first = rows.groupby(["experiment", "prompt_set", "metric"]).observer.transform("first")
    rows = rows[rows.observer == first].merge(named, on=KEYS)
    for kind in rows.anchor.unique():
        if kind not in KINDS:
            raise BenchmarkError(f"{kind} is no kind of anchor that this figure knows (known: {', '.join(KINDS)})")
    for (experiment, anchor, sentence), own in rows.groupby(["experiment", *NAMES.values()], sort=False):
        if own.variant.nunique() > 1:
            same = ", ".join(own.variant.unique())
            raise BenchmarkError(f"{experiment}: {same} have the anchor {anchor} in the sentence {sentence}: keep one")
    return rows


def sheet(
    rows: pd.DataFrame, draw: Callable[[Axes, pd.DataFrame, str], None], height: float, bottom: float, gap: float,
    title: float,
) -> tuple[Figure, np.ndarray]:  # fmt: skip
    """A figure with a row of panels for each experiment and prompt set, a column for each metric; and its panels.

    `draw` fills a panel with the rows of its metric. `height` is that of a row of panels and `bottom` the margin, in
    inches; `gap` is between rows of panels and `title` above one, as shares of a panel's height.
    """
    rows_of_panels = list(rows[["experiment", "prompt_set"]].drop_duplicates().itertuples(index=False, name=None))
    metrics = [metric for metric in METRICS if metric in set(rows.metric)]
    width, whole = 7.2, height * len(rows_of_panels) + 0.75
    drawing = Figure((width, whole))
    panels = drawing.subplots(len(rows_of_panels), len(metrics), squeeze=False)
    drawing.subplots_adjust(
        left=0.62 / width, right=1 - 0.1 / width, bottom=bottom / whole, top=1 - 0.62 / whole, wspace=0.42, hspace=gap
    )
    for line, (experiment, prompt_set) in zip(panels, rows_of_panels, strict=True):
        here = rows[(rows.experiment == experiment) & (rows.prompt_set == prompt_set)]
        line[0].text(0, title, names(rows, experiment, prompt_set), transform=line[0].transAxes,
                     fontsize=8, fontweight="bold", va="bottom")  # fmt: skip
        for axes, metric in zip(line, metrics, strict=True):
            draw(axes, here[here.metric == metric], metric)
    return drawing, panels


def names(rows: pd.DataFrame, experiment: str, prompt_set: str) -> str:
    """What a row of panels is about."""
    title = rows.title[rows.experiment == experiment].iloc[0]
    return f"{title}: what is retained on the prompt set {prompt_set}"


def axis_label(metric: str, direction: str) -> str:
    return f"{METRICS[metric]}  ({BETTER[direction]})"


def tidy(axes: Axes) -> None:
    axes.grid(color="#eeeeee", linewidth=0.6)
    axes.set_axisbelow(True)


def legend(drawing: Figure, kinds: Iterable[str], more: Sequence[Line2D] = (), top: float = 1.0) -> None:
    """The kinds of anchors, in one line at the top of a figure."""
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="", markersize=6, label=label)
        for kind, (label, colour, marker) in KINDS.items()
        if kind in set(kinds)
    ]
    drawing.legend(
        handles=[*handles, *more], loc="upper center", bbox_to_anchor=(0.5, top), ncols=len(handles) + len(more),
        frameon=False, fontsize=7.5, handletextpad=0.3, columnspacing=1.4,
    )  # fmt: skip
