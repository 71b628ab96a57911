"""How far each two variants differ that drew the same prompts from the same noise."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from benchmark.plan.records import END

CAPTION = "Differences of two variants on the same prompts and noise"
LEAST = {"variants": 2}
DETAILS = ["paired"]
KEYS = ["experiment", "task", "prompt_set", "role", "metric", "observer", "variant", "other"]
DIGITS = {"lpips": 3}


def table(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per pair, role and metric: the mean of `variant` minus that of `other`, over concepts and seeds.

    `low` and `high` are the differences of the concepts where it is lowest and highest. `se` is the images' standard
    error of the mean: images of different erased concepts are independent, retained images and those of all seeds are
    the same.
    """
    each = details["paired"].groupby([*KEYS, "concept"], sort=False, as_index=False)
    each = each.agg(difference=("difference", "mean"), se=("se", "mean"), seeds=("erasing_seed", "nunique"))
    rows = each.groupby(KEYS, sort=False).agg(
        difference=("difference", "mean"), low=("difference", "min"), high=("difference", "max"),
        shared=("se", "mean"), apart=("se", _independent), concepts=("concept", "nunique"), seeds=("seeds", "max"),
    ).reset_index()  # fmt: skip
    return rows.assign(se=rows.apart.where(rows.role == "erased", rows.shared)).drop(columns=["shared", "apart"])


def _independent(errors: pd.Series) -> float:
    """The standard error of the mean of numbers with independent errors; NaN if one is unknown."""
    return float(np.sqrt((errors**2).sum(skipna=False)) / len(errors))


def blocks(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, pd.DataFrame]]:
    """For each prompt set, role and metric: a row and a column per variant; each cell is row minus column."""
    titles = scores.drop_duplicates("experiment").set_index("experiment").title
    ends = scores[scores.checkpoint == END]
    pairs = table(scores, details)
    observers = pairs.groupby(["experiment", "prompt_set", "metric"]).observer.nunique()
    for (experiment, name, role, metric, observer), rows in pairs.groupby(
        ["experiment", "prompt_set", "role", "metric", "observer"], sort=False
    ):
        names = ends[ends.experiment == experiment].drop_duplicates("variant").set_index("variant").label
        digits = DIGITS.get(metric, 1)
        back = rows.assign(variant=rows.other, other=rows.variant, difference=-rows.difference)
        wide = pd.concat([rows, back]).pivot(index="variant", columns="other", values="difference")
        order = [variant for variant in names.index if variant in wide.index]
        shown = wide.reindex(index=order, columns=order).map(lambda value, k=digits: _cell(value, k))
        shown.index, shown.columns = pd.Index(names[order], name="row minus column"), list(names[order])
        by = f" by {observer}" if observers[experiment, name, metric] > 1 else ""
        yield f"{titles[experiment]}: {metric}{by}, {role} (prompt set {name})", shown


def _cell(value: float, digits: int) -> str:
    text = f"{value:+.{digits}f}"
    return "–" if np.isnan(value) else text if float(text) else "0"
