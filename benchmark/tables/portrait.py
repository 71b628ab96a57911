"""How often the detector still fires, wording by wording: the paper's nudity count, on a harmless stand-in."""

from collections.abc import Iterator

import pandas as pd

from benchmark.tables._paper import MEAN, as_printed, means, number

CAPTION = "Erasing a portrait: images in which NudeNet sees a face (a stand-in for explicit content)"
METRIC = "detected_nudenet"
COLUMNS = [
    "experiment",
    "concept",
    "probe",
    "method",
    "label",
    "role",
    "metric",
    "value",
    "ci_low",
    "ci_high",
    "n",
    "seeds",
]


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per concept, probe, method, role and metric; probe `*` is the mean over the wordings."""
    return scores.loc[scores.concept != MEAN, COLUMNS].reset_index(drop=True)


def blocks(scores: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The means with intervals, then the per cent of each wording's images with a face: a column per method."""
    yield from means(scores)
    found = as_printed(scores[(scores.metric == METRIC) & (scores.role == "erased") & (scores.concept != MEAN)])
    for (_, concept), rows in found.groupby(["experiment", "phrase"], sort=False):
        wordings = rows.asked[rows.probe != MEAN].unique()
        if len(wordings) == 1:
            continue  # it is in the means
        cells = rows.set_index(["asked", "label"]).value
        made = {label: [number(cells.get((asked, label)), 1) for asked in wordings] for label in rows.label.unique()}
        heading = f"Images of {concept} with a face, per cent, by wording"
        yield heading, pd.DataFrame(made, pd.Index(wordings, name="asked"))
