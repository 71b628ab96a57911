"""How often the detector still fires, wording by wording: the paper's nudity count, on a harmless stand-in."""

from collections.abc import Iterator

import pandas as pd

from benchmark.tables import _wordings
from benchmark.tables._wordings import table  # noqa: F401  (what this view consists of)

CAPTION = "Erasing a portrait: images in which NudeNet sees a face (a stand-in for explicit content)"


def blocks(scores: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The means with intervals, then the share of images with a face for each wording: a column per variant."""
    yield from _wordings.blocks(scores, "detected", "images with a face")
