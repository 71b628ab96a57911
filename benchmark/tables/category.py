"""Table 3 of the paper: erasing categories. A row per variant, of each erased category how often it is still seen.

What is retained is a prompt set that is scored as a whole: FID, ACC and LPIPS of its images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from benchmark.plan.records import WHOLE
from benchmark.tables._paper import ACCURACY, means, number, printed, table  # noqa: F401  (`table` is the .csv)

CAPTION = "Erasing categories (Table 3 of the paper)"
PAPER_PLACE = "Table 3"
LEAST = {"images": 2}
DETAILS = ["heads"]
WITHOUT_DETAILS = True
TRIPLE = {"fid": 1, ACCURACY: 1, "lpips": 3}  # of what is retained, in the paper's order, with their digits


def blocks(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, pd.DataFrame]]:
    """The means with intervals, then the paper's table: the ACC of each erased category, and what is retained."""
    yield from means(scores, details)
    rows = printed(scores[scores.asked == WHOLE])
    for _, part in rows.groupby("experiment", sort=False):
        own = part.prompt_set == part.task
        erased = part[own & (part.role == "erased") & (part.metric == ACCURACY)]
        if len(erased):
            yield "Erase: ACC ↓ (images of the erased category)", _wide(erased, 1)
        for name, of_set in part[~own & (part.role == "retained")].groupby("prompt_set", sort=False):
            for metric, digits in TRIPLE.items():
                cells = of_set[of_set.metric == metric]
                if len(cells):
                    heading = {"fid": "FID ↓", ACCURACY: "ACC ↑", "lpips": "LPIPS ↓"}[metric]
                    yield f"Preserve: {heading} (prompt set {name}), by erased category", _wide(cells, digits)


def _wide(rows: pd.DataFrame, digits: int) -> pd.DataFrame:
    """A row per variant, a column per erased category, their mean last."""
    phrases = [*rows.phrase[rows.concept != WHOLE].unique(), *rows.phrase[rows.concept == WHOLE].unique()]
    cells, labels = rows.set_index(["label", "phrase"]).value, rows.label.unique()
    columns = {phrase: [number(cells.get((label, phrase)), digits) for label in labels] for phrase in phrases}
    return pd.DataFrame(columns, index=pd.Index(labels, name="variant"))
