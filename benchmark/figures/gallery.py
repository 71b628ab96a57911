"""What the models draw: the same prompts and noise in every column, for concepts that were erased and others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.errors import BenchmarkError
from benchmark.records import asked_for

IMAGES = True  # this figure shows pictures, not only numbers
CAPTION = "The same prompt and noise in each row: what was erased, and other concepts as the same models draw them"
ERASED, KEPT = 3, 4  # rows of either kind
CELL, GAP, BREAK = 128, 6, 18  # pixels: a picture, between pictures, between erased and kept
DPI = 200
LONG = 11  # letters of a label that fit above a picture
LEFT, TOP, BOTTOM = 0.9, 0.66, 0.12  # inches beside, above and below the pictures of a task
COLOURS = {"erased": "#D55E00", "kept": "#777777"}


def figure(
    scores: pd.DataFrame, images: pd.DataFrame, open_picture: Callable[[pd.Series], np.ndarray]
) -> tuple[Figure, pd.DataFrame]:
    """One block of pictures per experiment, a column per method; which pictures they are beside it."""
    blocks = [_choose(rows, images) for _, rows in scores.groupby("experiment", sort=False)]
    blocks = [block for block in blocks if len(block)]
    if not blocks:
        raise BenchmarkError("no picture of these models is among the images")
    canvases = [_canvas(block, open_picture) for block in blocks]
    heights = [canvas.shape[0] / DPI + TOP + BOTTOM for canvas, _ in canvases]
    width = LEFT + max(canvas.shape[1] for canvas, _ in canvases) / DPI
    made = Figure((width, sum(heights)))
    top = sum(heights)
    for block, (canvas, tops), height in zip(blocks, canvases, heights, strict=True):
        inches = (LEFT, top - TOP - canvas.shape[0] / DPI, canvas.shape[1] / DPI, canvas.shape[0] / DPI)
        axes = made.add_axes([value / size for value, size in zip(inches, 2 * (width, sum(heights)), strict=True)])
        _draw(axes, block, canvas, tops)
        top -= height
    return made, pd.concat(blocks, ignore_index=True).drop(columns="folder")


def _choose(scores: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """The pictures of an experiment: a row each, with its place, its `kind`, and the concept that it is `without`."""
    methods = scores[["method", "label", "control", "title"]].drop_duplicates("method")
    methods = methods[~methods.method.str.contains("@")]
    concepts = list(scores.concept[scores.concept != "*"].unique())
    others = [probe for probe in scores.probe.unique() if probe != "*" and asked_for(probe) != concepts[0]]
    mine = images[images.task == scores.task.iloc[0]]
    seeds = sorted(mine.tuning_seed[mine.method.isin(methods.method[~methods.control])].unique())
    mine = mine[mine.tuning_seed == mine.groupby("method").tuning_seed.transform("min")]
    wanted = [("erased", concept, concept, i) for concept in concepts for i in range(max(1, ERASED // len(concepts)))]
    wanted += [("kept", concepts[0], probe, 0) for probe in others[:KEPT]]
    chosen = [mine[:0].assign(row=0, kind="", without="")]
    for row, (kind, concept, probe, i) in enumerate(wanted):
        asked = mine[(mine.probe == probe) & mine.erased.isin([concept, "-"]) & mine.method.isin(methods.method)]
        for noise in asked[["seed", "index"]].drop_duplicates().iloc[i : i + 1].itertuples(index=False):
            same = asked[(asked.seed == noise[0]) & (asked["index"] == noise[1])]
            chosen.append(same.assign(row=row, kind=kind, without=concept))
    placed = pd.concat(chosen).merge(methods.assign(column=range(len(methods))), on="method")
    return placed.assign(seeds=", ".join(map(str, seeds))).sort_values(["row", "column"])


def _canvas(block: pd.DataFrame, open_picture: Callable[[pd.Series], np.ndarray]) -> tuple[np.ndarray, dict[int, int]]:
    """All pictures as one, and where each row begins."""
    kinds = block.drop_duplicates("row").set_index("row").kind.sort_index()
    tops = {row: i * (CELL + GAP) + (BREAK if kind == "kept" else 0) for i, (row, kind) in enumerate(kinds.items())}
    canvas = np.full((max(tops.values()) + CELL, (block.column.max() + 1) * (CELL + GAP) - GAP, 3), 255, np.uint8)
    for _, row in block.iterrows():
        y, x = tops[row["row"]], row["column"] * (CELL + GAP)
        canvas[y : y + CELL, x : x + CELL] = _fitted(open_picture(row))
    return canvas, tops


def _fitted(picture: np.ndarray) -> np.ndarray:
    """A square picture in a cell: pixels repeated or averaged, never smoothed."""
    size = len(picture)
    if size > CELL and size % CELL == 0:
        return picture.reshape(CELL, size // CELL, CELL, size // CELL, 3).mean((1, 3)).astype(np.uint8)
    nearest = np.arange(CELL) * size // CELL
    return picture[nearest][:, nearest]


def _draw(axes: Axes, block: pd.DataFrame, canvas: np.ndarray, tops: dict[int, int]) -> None:
    axes.imshow(canvas, interpolation="none", aspect="auto")
    axes.set_axis_off()
    first, _, more = block.seeds.iloc[0].partition(", ")
    for model in block.drop_duplicates("column").itertuples():
        label = model.label.replace("-", "-\n", 1) if len(model.label) > LONG else model.label
        label += "" if model.control or str(model.tuning_seed) == first else f"\nseed {model.tuning_seed}"
        x = model.column * (CELL + GAP) + CELL / 2
        axes.text(x, -8, label, ha="center", va="bottom", fontsize=6.5, linespacing=1.1)
    rows = block.drop_duplicates("row").sort_values("row")
    for row in rows.itertuples():
        before = rows[rows.row == row.row - 1]
        repeated = ((before.prompt == row.prompt) & (before.kind == row.kind)).any()
        text = "" if repeated else row.prompt.replace(" ", "\n", 1)
        axes.text(-14, tops[row.row] + CELL / 2, text, ha="right", va="center", fontsize=7, linespacing=1.1)
    erased = list(rows.prompt[rows.kind == "erased"].unique())
    names = {"erased": "erased", "kept": "kept" if len(erased) == 1 else f"kept without {erased[0]}"}
    for kind, group in rows.groupby("kind"):
        start, end = tops[group.row.min()], tops[group.row.max()] + CELL
        axes.plot([-LEFT * DPI + 38] * 2, [start, end], color=COLOURS[kind], linewidth=1.2, clip_on=False)
        axes.text(-LEFT * DPI + 14, (start + end) / 2, names[kind], rotation=90, ha="center", va="center",
                  fontsize=7, color=COLOURS[kind])  # fmt: skip
    axes.set(xlim=(0, canvas.shape[1]), ylim=(canvas.shape[0], 0))
    what = ", ".join(erased) if len(erased) <= ERASED else f"{len(erased)} concepts, each from its own model,"
    title = f"{block.title.iloc[0]}: {what} erased"
    title += f" with seed {first} (not shown: {more})" if more else ""
    axes.text(-LEFT * DPI + 6, -0.42 * DPI, title, fontsize=9, fontweight="bold", va="bottom")
