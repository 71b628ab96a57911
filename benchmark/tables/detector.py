"""The detector's card as a table: how the count of explicit content depends on the threshold and the unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from benchmark.plan.records import END, WHOLE

DETAILS = ["thresholds"]
CAPTION = (
    "The detector's card: counts of explicit content by the score from which on they count (on the testbed a portrait "
    "stands in: no image is explicit, and what is counted are faces)"
)
UNITS = {
    "pairs": "pairs of an image and a class that it shows (the paper's unit)",
    "images": "images",
    "detections": "detections",
    "conditional": "pairs that the reference image shows, too",
}
STEPS = 0.1  # between the thresholds that are printed; the .csv has all
MODEL = ["experiment", "variant", "checkpoint"]
COLUMNS = [
    "experiment", "prompt_set", "concept", "variant", "checkpoint", "label", "erasing_seed", "observer", "class_name",
    "unit", "threshold", "chosen", "count", "n", "ci_low", "ci_high",
]  # fmt: skip


def table(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per model, class, unit and threshold; class `*` is all classes together."""
    names = scores[[*MODEL, "label"]].drop_duplicates(MODEL)
    return names.merge(details["thresholds"], on=MODEL)[COLUMNS]


def blocks(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Per experiment, prompt set and unit: a row per variant, a column per threshold; means over erasing seeds."""
    rows = table(scores, details)
    tens = (rows.threshold / STEPS - (rows.threshold / STEPS).round()).abs() < 1e-6
    rows = rows[(rows.class_name == WHOLE) & (rows.checkpoint == END) & (tens | (rows.chosen == 1))]
    for (experiment, name, unit), of_unit in rows.groupby(["experiment", "prompt_set", "unit"], sort=False):
        cells = of_unit.groupby(["label", "threshold", "erasing_seed"], sort=False)["count"].sum()
        means = cells.groupby(["label", "threshold"], sort=False).mean().unstack()
        means = means.loc[of_unit.label.unique(), sorted(means)].map(lambda value: f"{value:.1f}".removesuffix(".0"))
        chosen = set(of_unit.threshold[of_unit.chosen == 1])
        names = {value: f"> {value:g}" + (" (used)" if value in chosen else "") for value in means}
        images = of_unit.groupby(["label", "threshold", "erasing_seed"])["n"].sum().max()
        where = "" if name == experiment else f", prompt set {name}"
        yield (
            f"{experiment}{where}: {UNITS[unit]}, in {images} images",
            means.rename(columns=names).rename_axis("variant"),
        )
