"""Whether a concept that was erased in one wording is still drawn when other words ask for it."""

from collections.abc import Iterator

import pandas as pd

from benchmark.tables import _wordings
from benchmark.tables._paper import Details

CAPTION = "Erasing a concept: images that the classifier takes for it, by the words that ask for it"
DETAILS = ["heads"]
WITHOUT_DETAILS = True


def table(scores: pd.DataFrame, details: Details | None = None) -> pd.DataFrame:
    """A row per erased concept, concept asked for, wording, variant, role and metric; `asked` `*` is the mean."""
    return _wordings.table(scores)


def blocks(scores: pd.DataFrame, details: Details | None = None) -> Iterator[tuple[str, pd.DataFrame]]:
    """The means with intervals, then ACC for each wording: a column per variant."""
    yield from _wordings.blocks(scores, "accuracy", "ACC", details)
