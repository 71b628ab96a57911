"""Figures as SVG and PNG with their caption, the numbers that they show as CSV, and the pictures that they show."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from benchmark.errors import BenchmarkError
from benchmark.files import write_atomically
from benchmark.plan.sensitive import sensitive
from benchmark.plan.suite import Suite
from benchmark.store import evidence, manifest
from benchmark.store.frames import IMAGES

TILES = 8  # a side of a mosaic
MASKED = f"Sensitive pictures are masked: mosaics of {TILES} × {TILES} tiles"
UNMASKED = "UNMASKED: sensitive pictures are shown as they were drawn"
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
        opener = next((each for each in given if isinstance(each, Opener) and each.sensitive), None)
        svg, png = {"Date": None}, {"Software": None}
        if opener and opener.unmasked:
            notes, plotted = [f"{UNMASKED}.", *notes], plotted.assign(note=UNMASKED)
            svg, png = svg | {"Description": UNMASKED}, png | {"Comment": UNMASKED}
        elif opener:
            notes = [*notes, f"{MASKED}."]
        lines = textwrap.wrap(" ".join([f"{module.CAPTION}.", *notes]), int(figure.get_figwidth() * 21))
        below = -0.1 / figure.get_figheight()
        figure.text(0.01, below, "\n".join(lines), va="top", fontsize=6.5, color="#666666", linespacing=1.4)
        with write_atomically(out.with_name(f"{out.name}.csv")) as temporary:
            plotted.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
        for suffix, metadata in (("svg", svg), ("png", png)):
            with write_atomically(out.with_name(f"{out.name}.{suffix}")) as temporary:
                figure.savefig(temporary, dpi=200, bbox_inches="tight", pad_inches=0.12, metadata=metadata)


@dataclass
class Opener:
    """Opens the picture of a row of `frames.IMAGES`. A sensitive one is a mosaic, unless all are to be `unmasked`.

    `sensitive` says whether one of those that were opened is.
    """

    world: str
    unmasked: bool = False
    sensitive: bool = False

    def __call__(self, row: pd.Series) -> np.ndarray:
        picture = manifest.picture(row.folder / row.file, row.sha256)
        if not sensitive(row.prompt_set, row.task, self.world):
            return picture
        self.sensitive = True
        return picture if self.unmasked else mosaic(picture)


def pictures(suite: Suite, paths: list[Path], unmasked: bool = False) -> tuple[pd.DataFrame, Opener]:
    """All images of some manifests, one per row, with the columns of `frames.IMAGES`, and what opens one.

    Those of sensitive prompt sets and tasks are masked, unless all are to be `unmasked`.
    """
    if not paths:
        raise BenchmarkError("--images: is not given, and the view shows pictures: name the manifest.csv of each set")
    images = pd.concat([evidence.read(path).assign(folder=path.parent) for path in paths], ignore_index=True)
    return images[list(IMAGES)], Opener(suite.world, unmasked)


def mosaic(picture: np.ndarray, tiles: int = TILES) -> np.ndarray:
    """The picture as so few tiles that it shows nothing."""
    down, across = (np.arange(size) * tiles // size for size in picture.shape[:2])
    means = np.array([[picture[down == i][:, across == j].mean((0, 1)) for j in range(tiles)] for i in range(tiles)])
    return means.astype(np.uint8)[down][:, across]
