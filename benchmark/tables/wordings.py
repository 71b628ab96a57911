"""Whether a concept that was erased in one wording is still drawn when other words ask for it."""

from collections.abc import Iterator

import pandas as pd

from benchmark.tables import _wordings
from benchmark.tables._wordings import table  # noqa: F401  (what this view consists of)

CAPTION = "Erasing a concept: images that the classifier takes for it, by the words that ask for it"


def blocks(scores: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The means with intervals, then ACC for each wording: a column per variant."""
    yield from _wordings.blocks(scores, "accuracy", "ACC")
