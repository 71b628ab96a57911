"""Figures as SVG and PNG with their caption, the numbers that they show as CSV, and the pictures that they show."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from benchmark.errors import BenchmarkError
from benchmark.files import write_atomically
from benchmark.plan.config import load_set, load_task
from benchmark.plan.records import NOTHING
from benchmark.plan.suite import Suite
from benchmark.store import evidence, manifest
from benchmark.store.frames import IMAGES

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": "#333333",
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "text.color": "#222222",
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "svg.hashsalt": "benchmark",  # the same figure is the same file
}


def write_figure(module: ModuleType, given: Sequence[Any], notes: list[str], out: Path) -> None:
    """What a figure shows as CSV, and the figure as SVG and PNG with its caption below it.

    `given` is what the figure's function is given: means with the columns of `frames.MEANS`, details if it shows some,
    and what `pictures` returns if it shows pictures.
    """
    from matplotlib import rc_context

    with rc_context(STYLE):
        figure, plotted = module.figure(*given)
        lines = textwrap.wrap(" ".join([f"{module.CAPTION}.", *notes]), int(figure.get_figwidth() * 21))
        below = -0.1 / figure.get_figheight()
        figure.text(0.01, below, "\n".join(lines), va="top", fontsize=6.5, color="#666666", linespacing=1.4)
        with write_atomically(out.with_name(f"{out.name}.csv")) as temporary:
            plotted.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
        for suffix, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
            with write_atomically(out.with_name(f"{out.name}.{suffix}")) as temporary:
                figure.savefig(temporary, dpi=200, bbox_inches="tight", pad_inches=0.12, metadata=metadata)


def pictures(suite: Suite, paths: list[Path]) -> tuple[pd.DataFrame, Callable[[pd.Series], np.ndarray]]:
    """All images of some manifests, one per row, with the columns of `frames.IMAGES`, and how to open one.

    Those of sensitive prompt sets and tasks are masked.
    """
    if not paths:
        raise BenchmarkError("this figure shows pictures: it needs --images")
    images = pd.concat([evidence.read(path).assign(folder=path.parent) for path in paths], ignore_index=True)
    sets = {name for name in images.prompt_set.unique() if load_set(name, suite.world).sensitive}
    tasks = {name for name in images.task.unique() if name != NOTHING and load_task(name, suite.world).sensitive}

    def open_picture(row: pd.Series) -> np.ndarray:
        picture = manifest.picture(row.folder / row.file, row.sha256)
        return mosaic(picture) if row.prompt_set in sets or row.task in tasks else picture

    return images[list(IMAGES)], open_picture


def mosaic(picture: np.ndarray, tiles: int = 8) -> np.ndarray:
    """The picture as so few tiles that it shows nothing."""
    down, across = (np.arange(size) * tiles // size for size in picture.shape[:2])
    means = np.array([[picture[down == i][:, across == j].mean((0, 1)) for j in range(tiles)] for i in range(tiles)])
    return means.astype(np.uint8)[down][:, across]
