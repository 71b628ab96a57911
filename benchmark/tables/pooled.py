"""FID of what is retained in both readings of the paper: the mean of one for each concept, and one of all images."""

from collections.abc import Iterator, Mapping

import pandas as pd

from benchmark.plan.records import END, WHOLE
from benchmark.tables._paper import number

CAPTION = "FID of retained images: the mean of one FID for each concept, and the FID of all images together"
DETAILS = ["pooled"]
KEYS = ["experiment", "prompt_set", "observer", "variant"]


def table(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per experiment, prompt set and variant: `mean` and `pooled`, means over erased concepts and erasing seeds.

    `images` are those behind one number of `pooled`.
    """
    rows = scores[(scores.metric == "fid") & (scores.role == "retained") & (scores.checkpoint == END)]
    means = rows[(rows.concept == WHOLE) & (rows.asked == WHOLE)][[*KEYS, "title", "label", "value"]]
    ends = details["pooled"][details["pooled"].checkpoint == END]
    pooled = ends.groupby(KEYS, sort=False, as_index=False).agg(pooled=("fid", "mean"), images=("images", "first"))
    return means.rename(columns={"value": "mean"}).merge(pooled, on=KEYS)


def blocks(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, pd.DataFrame]]:
    """For each experiment and prompt set: a row per variant."""
    for (_, name), rows in table(scores, details).groupby(["experiment", "prompt_set"], sort=False):
        shown = pd.DataFrame(
            {
                "variant": rows.label,
                "mean over concepts ↓": [number(value, 1) for value in rows["mean"]],
                "all images together ↓": [number(value, 1) for value in rows.pooled],
                "images": rows.images,
            }
        )
        yield f"{rows.title.iloc[0]} (prompt set {name})", shown.set_index("variant")
