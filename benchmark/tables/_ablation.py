"""The layout of the paper's Tables 4 and 5: a row per variant; how much of the concept is left, and what is retained.

How much is left is counted on the prompt sets that show the erased concept, FID, ACC and LPIPS are of those that show
what is retained: on the paper's model these are different sets. Below stand the counts of each erasing seed, if there
are several.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from benchmark.plan.records import WHOLE
from benchmark.tables._paper import SIDES, column, erasing, per_seed, per_variant, printed
from benchmark.tables._paper import table as table  # what both views write as CSV

SHOWN = {
    "erased": ("exposed", "detected", "precision"),
    "retained": ("fid", "accuracy", "lpips"),
}  # metrics of each role


def blocks(scores: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Per experiment: the means with intervals, then the counts of each erasing seed."""
    for (_, title), rows in scores[scores.asked == WHOLE].groupby(["experiment", "title"], sort=False):
        rows = _shown(rows)
        seen = rows.groupby("role").prompt_set.agg(lambda sets: ", ".join(sets.unique()))
        on = "; ".join(f"{SIDES[role].lower()} on prompt set {seen[role]}" for role in SHOWN if role in seen)
        yield f"{title}: {erasing(rows)}, with 95 % intervals ({on})", per_variant(rows[rows.concept == WHOLE])
        counts = [metric for metric in SHOWN["erased"] if (rows.metric == metric).any()][:1]
        repeated = rows[(rows.role == "erased") & rows.metric.isin(counts) & (rows.seeds > 1)]
        if len(repeated):
            seeds = sorted(set().union(*repeated.by_seed))
            each = f"for each erasing seed ({', '.join(map(str, seeds))})"
            yield f"Erase: {column(rows, 'erased', counts[0])}, {each}", per_seed(repeated, seeds)


def _shown(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that the two tables print: of each role its metrics, each on the first prompt set that has it."""
    rows = printed(rows[[metric in SHOWN.get(role, ()) for role, metric in zip(rows.role, rows.metric, strict=True)]])
    return rows[rows.prompt_set == rows.groupby(["role", "metric"]).prompt_set.transform("first")]
