"""Pictures side by side: the same prompts and noise in every column, for erased and for retained concepts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.errors import BenchmarkError
from benchmark.plan.records import END, NOTHING, WHOLE

ERASED, RETAINED = 3, 4  # lines of pictures of either role
SIDE, GAP, BREAK = 128, 6, 18  # pixels: a picture, between pictures, between erased and retained ones
DPI = 200
LONG = 11  # letters of a label that fit above a picture
WORDY = 24  # letters of a prompt that fit beside it; of a longer one its row is shown
LEFT, TOP, BOTTOM = 0.9, 0.66, 0.12  # inches beside, above and below the pictures of an experiment
COLOURS = {"erased": "#D55E00", "retained": "#777777"}


def figure(
    scores: pd.DataFrame, images: pd.DataFrame, open_picture: Callable[[pd.Series], np.ndarray]
) -> tuple[Figure, pd.DataFrame]:
    """One block of pictures per experiment, a column per variant; which pictures they are beside it.

    `images` has the columns of `frames.IMAGES`; `open_picture` takes a row of it.
    """
    blocks = [_choose(rows, images) for _, rows in scores.groupby("experiment", sort=False)]
    blocks = [block for block in blocks if len(block)]
    if not blocks:
        raise BenchmarkError("no picture of these models is among the images")
    canvases = [_canvas(block, open_picture) for block in blocks]
    heights = [canvas.shape[0] / DPI + TOP + BOTTOM for canvas, _ in canvases]
    width = LEFT + max(canvas.shape[1] for canvas, _ in canvases) / DPI
    drawing = Figure((width, sum(heights)))
    top = sum(heights)
    for block, (canvas, tops), height in zip(blocks, canvases, heights, strict=True):
        inches = (LEFT, top - TOP - canvas.shape[0] / DPI, canvas.shape[1] / DPI, canvas.shape[0] / DPI)
        axes = drawing.add_axes([value / size for value, size in zip(inches, 2 * (width, sum(heights)), strict=True)])
        _draw(axes, block, canvas, tops)
        top -= height
    return drawing, pd.concat(blocks, ignore_index=True).drop(columns="folder")


def _choose(scores: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """The pictures of an experiment, a row each, of its task's own prompt set or, if it has no role, of another one.

    To the columns of `images` come `line` and `column`, its place; `role`; `without`, the concept that its model has
    lost or, of a control, that the models beside it have; `seeds`, all erasing seeds; `label`, `title` and `control`.
    """
    task = scores.task.iloc[0]
    ends = scores[scores.checkpoint == END]
    variants = ends[["variant", "label", "control", "title"]].drop_duplicates("variant")
    concepts = list(scores.concept[scores.concept != WHOLE].unique())
    images = images[images.task.isin([task, NOTHING]) & (images.checkpoint == END)]
    images = images[images.variant.isin(variants.variant)]
    of_experiment = {seed for each in ends.by_seed[~ends.control] for seed in each}  # another one may have more
    own = images[images.variant.isin(variants.variant[variants.control]) | images.erasing_seed.isin(of_experiment)]
    images = own if set(own.variant) == set(images.variant) else images
    seeds = sorted(images.erasing_seed[images.variant.isin(variants.variant[~variants.control])].unique())
    images = images[images.erasing_seed == images.groupby("variant").erasing_seed.transform("min")]
    chosen = [images[:0].assign(line=0, role="", without="")]
    for line, (role, concept, fits, i) in enumerate(_lines(scores, images, concepts, task)):
        for noise in fits[["row", "index"]].drop_duplicates().iloc[i : i + 1].itertuples(index=False):
            same = fits[(fits.row == noise[0]) & (fits["index"] == noise[1])]
            chosen.append(same.assign(line=line, role=role, without=concept))
    placed = pd.concat(chosen).merge(variants.assign(column=range(len(variants))), on="variant")
    return placed.assign(seeds=", ".join(map(str, seeds))).sort_values(["line", "column"])


def _lines(
    scores: pd.DataFrame, images: pd.DataFrame, concepts: list[str], task: str
) -> Iterator[tuple[str, str, pd.DataFrame, int]]:
    """What each line shows: the role, the lost concept, pictures of one prompt or set, and which of their noises.

    Of a set that is scored as a whole, the lines are prompts from all over it.
    """
    for role, lost, most in (("erased", concepts, ERASED), ("retained", concepts[:1], RETAINED)):
        rows = scores[scores.role == role]
        names = list(rows.prompt_set.unique())
        name = task if task in names else next(iter(names), task)
        asked = rows[(rows.prompt_set == name) & (rows.asked != WHOLE)]
        seen, each = images[images.prompt_set == name], max(1, most // len(lost))
        for concept in lost:
            own = seen[seen.concept.isin([concept, NOTHING])]
            if name in names and asked.empty:
                count = len(own[["row", "index"]].drop_duplicates())
                yield from ((role, concept, own, count * i // each) for i in range(each))
            elif role == "erased":
                named = own[(own.asked == concept) & (own.wording == "")]
                yield from ((role, concept, named, i) for i in range(each))
            else:
                pairs = asked.loc[asked.asked != concept, ["asked", "wording"]].drop_duplicates()[:each]
                for other, wording in pairs.itertuples(index=False, name=None):
                    yield role, concept, own[(own.asked == other) & (own.wording == wording)], 0


def _canvas(block: pd.DataFrame, open_picture: Callable[[pd.Series], np.ndarray]) -> tuple[np.ndarray, dict[int, int]]:
    """All pictures as one, and where each line of them begins."""
    roles = block.drop_duplicates("line").set_index("line").role.sort_index()
    tops = {
        line: i * (SIDE + GAP) + (BREAK if role == "retained" else 0) for i, (line, role) in enumerate(roles.items())
    }
    canvas = np.full((max(tops.values()) + SIDE, (block.column.max() + 1) * (SIDE + GAP) - GAP, 3), 255, np.uint8)
    for _, row in block.iterrows():
        y, x = tops[row["line"]], row["column"] * (SIDE + GAP)
        canvas[y : y + SIDE, x : x + SIDE] = _fitted(open_picture(row))
    return canvas, tops


def _fitted(picture: np.ndarray) -> np.ndarray:
    """A square picture in the size that is shown: pixels repeated or averaged, never smoothed."""
    size = len(picture)
    if size > SIDE and size % SIDE == 0:
        return picture.reshape(SIDE, size // SIDE, SIDE, size // SIDE, 3).mean((1, 3)).astype(np.uint8)
    nearest = np.arange(SIDE) * size // SIDE
    return picture[nearest][:, nearest]


def _draw(axes: Axes, block: pd.DataFrame, canvas: np.ndarray, tops: dict[int, int]) -> None:
    axes.imshow(canvas, interpolation="none", aspect="auto")
    axes.set_axis_off()
    first, _, more = block.seeds.iloc[0].partition(", ")
    for model in block.drop_duplicates("column").itertuples():
        label = model.label.replace("-", "-\n", 1) if len(model.label) > LONG else model.label
        label += "" if model.control or str(model.erasing_seed) == first else f"\nseed {model.erasing_seed}"
        x = model.column * (SIDE + GAP) + SIDE / 2
        axes.text(x, -8, label, ha="center", va="bottom", fontsize=6.5, linespacing=1.1)
    lines = block.drop_duplicates("line").sort_values("line")
    for line in lines.itertuples():
        before = lines[lines.line == line.line - 1]
        repeated = ((before.text == line.text) & (before.role == line.role)).any()
        text = line.text.replace(" ", "\n", 1) if len(line.text) <= WORDY else f"prompt\n{line.row}"
        text = "" if repeated else text
        axes.text(-14, tops[line.line] + SIDE / 2, text, ha="right", va="center", fontsize=7, linespacing=1.1)
    lost = lines[lines.role == "erased"]
    erased = list(lost.text.where(lost.asked == lost.without, lost.without.str.replace("_", " ")).unique())
    names = {"erased": "erased", "retained": "retained" if len(erased) == 1 else f"retained without {erased[0]}"}
    for role, group in lines.groupby("role"):
        start, end = tops[group.line.min()], tops[group.line.max()] + SIDE
        axes.plot([-LEFT * DPI + 38] * 2, [start, end], color=COLOURS[role], linewidth=1.2, clip_on=False)
        axes.text(-LEFT * DPI + 14, (start + end) / 2, names[role], rotation=90, ha="center", va="center",
                  fontsize=7, color=COLOURS[role])  # fmt: skip
    axes.set(xlim=(0, canvas.shape[1]), ylim=(canvas.shape[0], 0))
    what = ", ".join(erased) if len(erased) <= ERASED else f"{len(erased)} concepts, each from a model of its own,"
    title = f"{block.title.iloc[0]}: {what} erased"
    title += f" with erasing seed {first} (not shown: {more})" if more else ""
    axes.text(-LEFT * DPI + 6, -0.42 * DPI, title, fontsize=9, fontweight="bold", va="bottom")
