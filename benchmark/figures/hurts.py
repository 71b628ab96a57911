"""Who hurts whom: what the erasure of one concept does to each other one, as a heat map for each variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform

from benchmark.errors import BenchmarkError
from benchmark.figures._empty import empty
from benchmark.plan.records import END, ORIGINAL, WHOLE

DETAILS = ("embeddings",)
CAPTION = (
    "Who hurts whom: by how many points of accuracy the classifier sees less of the concept in a column, after the "
    "concept in a row was erased (mean over the erasing seeds). It is compared with the original's accuracy on all of "
    "its images, which may be more: differences of a few points may be chance. In a frame: the erased concept itself. "
    "Concepts whose names the text encoder embeds alike stand side by side"
)
METRIC = "accuracy"
ACROSS = 3  # panels side by side
COLOURS = "YlOrRd"
PAGE = 7.2  # inches
PLACES = (("line", "concept"), ("column", "asked"))


def figure(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """A panel for each variant, in a block for each experiment; its cells, with distances of embeddings."""
    cells = losses(scores, details["embeddings"])
    if cells.empty:
        return empty(f"no variant has {METRIC} concept by concept, beside that of {ORIGINAL}")
    blocks = [(of, list(of.variant.unique())) for _, of in cells.groupby("experiment", sort=False)]
    across = min(ACROSS, max(len(variants) for _, variants in blocks))
    wide = max(of.asked.nunique() for of, _ in blocks)
    longest = max(map(len, cells.text))
    margin, inside = 0.055 * longest + 0.25, PAGE - 0.75  # inches for names beside the first panel, and for the rest
    side = (inside - margin - 0.12 * (across - 1)) / across
    cell = min(side / wide, 0.3)
    width = margin + across * wide * cell + 0.12 * (across - 1) + 0.75
    below, head = 0.055 * longest + 0.2, 0.25 if len(blocks) > 1 else 0.0
    lines = [of.concept.nunique() * cell + 0.32 for of, _ in blocks]  # a row of panels and their titles
    heights = [
        head + -(-len(variants) // across) * line + below for (_, variants), line in zip(blocks, lines, strict=True)
    ]
    height = max(sum(heights), 1.3)
    drawing = Figure((width, height))
    most = max(10.0, np.ceil(cells.lost[cells.asked != cells.concept].max() / 10) * 10)
    picture, edge = None, height
    for (of, variants), line, block in zip(blocks, lines, heights, strict=True):
        if head:
            where = (margin / width, (edge - 0.12) / height)
            drawing.text(*where, of.title.iloc[0], fontsize=9, fontweight="bold", va="center")
        for i, variant in enumerate(variants):
            row, column = divmod(i, across)
            own = of[of.variant == variant]
            erased, asked = own.concept.nunique(), own.asked.nunique()
            left, top = margin + column * (wide * cell + 0.12), edge - head - row * line - 0.28
            axes = drawing.add_axes(
                [left / width, (top - erased * cell) / height, asked * cell / width, erased * cell / height]
            )
            picture = _panel(axes, own, most, column == 0, i + across >= len(variants))
            axes.set_title(own.label.iloc[0], fontsize=7.5, pad=3)
        edge -= block
    scale_height = max(lines[0] - 0.32, 0.9)
    scale = drawing.add_axes(
        [1 - 0.6 / width, (height - head - 0.28 - scale_height) / height, 0.1 / width, scale_height / height]
    )
    bar = drawing.colorbar(picture, scale, extend="both")
    bar.set_label("points of accuracy lost", fontsize=7)
    bar.outline.set_linewidth(0.4)
    return drawing, cells


def losses(scores: pd.DataFrame, embeddings: pd.DataFrame) -> pd.DataFrame:
    """A row per experiment, variant, erased concept and concept that was asked for, in the order of the heat map.

    `lost` is the original model's accuracy less that of the erased model, in points; `distance` is that of the two
    concepts' embeddings.
    """
    rows = scores[(scores.concept != WHOLE) & (scores.asked != WHOLE) & (scores.wording == "")]
    rows = rows[(rows.metric == METRIC) & (rows.checkpoint == END)]
    place = ["experiment", "prompt_set", "asked"]
    originals = rows[rows.variant == ORIGINAL].drop_duplicates(place).set_index(place).value.rename("original")
    rows = rows[~rows.control].join(originals, on=place).dropna(subset=["value", "original"])
    if rows.empty:
        return rows
    pairs = embeddings.rename(columns={"other": "asked"})[["experiment", "concept", "asked", "distance"]]
    rows = rows.merge(pairs.drop_duplicates(["experiment", "concept", "asked"]), how="left")
    lacking = rows[rows.distance.isna()]
    if len(lacking):
        pair = lacking.iloc[0]
        raise BenchmarkError(f"details/embeddings.csv has no distance of {pair.concept} and {pair.asked}")
    rows = rows.assign(lost=rows.original - rows.value)
    ranks = {key: {name: i for i, name in enumerate(order(group))} for key, group in embeddings.groupby("experiment")}
    for place, name in PLACES:
        rows[place] = [ranks[e][concept] for e, concept in zip(rows.experiment, rows[name], strict=True)]
    variants = rows.groupby(["experiment", "variant"], sort=False).ngroup()
    rows = rows.assign(panel=variants).sort_values(["panel", "line", "column"], kind="stable")
    kept = ["experiment", "task", "title", "variant", "label", "concept", "phrase", "prompt_set", "asked", "text",
            "role", "original", "value", "lost", "n", "seeds", "distance", "line", "column"]  # fmt: skip
    return rows[kept]


def order(embeddings: pd.DataFrame) -> Sequence[str]:
    """Concepts in a line such that neighbours are near to each other: the leaves of their average-linkage tree.

    `embeddings` has a row for each pair, with `concept`, `other` and `distance`.
    """
    square = embeddings.drop_duplicates(["concept", "other"]).pivot(index="concept", columns="other", values="distance")
    square = square.loc[:, square.index]
    if len(square) < 3:
        return list(square.index)
    condensed = squareform(square.to_numpy(), checks=False)
    return list(square.index[leaves_list(optimal_leaf_ordering(linkage(condensed, "average"), condensed))])


def _panel(axes: Axes, cells: pd.DataFrame, most: float, names: bool, below: bool) -> AxesImage:
    rows, columns = (list(cells.sort_values(place)[name].unique()) for place, name in PLACES)
    values = cells.pivot_table(index="concept", columns="asked", values="lost").loc[rows, columns]
    picture = axes.imshow(values, cmap=COLOURS, vmin=0, vmax=most, aspect="auto")
    phrases = dict(zip(cells.concept, cells.phrase, strict=True))
    texts = dict(zip(cells.asked, cells.text, strict=True))
    axes.set_yticks(range(len(rows)), [phrases[name] for name in rows] if names else [], fontsize=6.5)
    axes.set_xticks(range(len(columns)), [texts[name] for name in columns] if below else [], fontsize=6.5, rotation=90)
    axes.set_ylabel("erased" if names else "", fontsize=7, labelpad=3)
    axes.set_xlabel("asked for" if below else "", fontsize=7, labelpad=3)
    axes.tick_params(length=0, pad=2)
    for side in axes.spines.values():
        side.set_visible(False)
    for y, concept in enumerate(rows):
        if concept in columns:
            x = columns.index(concept)
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor="#222222", linewidth=0.9))
    return picture
