"""How far two runs of a suite differ, e.g. on two machines: `python -m benchmark.compare`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmark import cli
from benchmark.errors import BenchmarkError
from benchmark.score import COLUMNS
from benchmark.view import markdown, read

KEYS = [*COLUMNS[:9], "version"]


def main(mine: Path, theirs: Path) -> None:
    """Print the largest difference of a number, by method and metric, and how many 95 % intervals lie apart.

    Args:
        mine: A scores.csv.
        theirs: Another scores.csv of the same suite.
    """
    print(report(read(mine), read(theirs)), end="")


def report(mine: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """The comparison of two scores.csv as a text. Raises `BenchmarkError` if they have no number in common."""
    both = mine.merge(theirs, on=KEYS, how="outer", suffixes=("", "_theirs"), indicator="where")
    lone = {side: both[both["where"] == f"{place}_only"] for side, place in (("mine", "left"), ("theirs", "right"))}
    both = both[both["where"] == "both"]
    if both.empty:
        raise BenchmarkError("the two have no number in common: suite, experiment, method, concept, seed and versions")
    both = both.assign(
        gap=(both.value - both.value_theirs).abs(),
        apart=(both.ci_high < both.ci_low_theirs) | (both.ci_high_theirs < both.ci_low),
    )
    rows = {}
    for (method, role), numbers in both.groupby(["method", "role"], sort=False):
        largest = {metric: f"{gap:.3g}" for metric, gap in numbers.groupby("metric", sort=False).gap.max().items()}
        rows[f"{method}, {role}"] = largest | {"numbers": len(numbers), "intervals apart": numbers.apart.sum()}
    table = pd.DataFrame.from_dict(rows, "index").fillna("–").rename_axis("model, concepts")
    notes = [f"{len(both)} numbers in common, {(both.gap == 0).sum()} of them equal."]
    for side, numbers in lone.items():
        if len(numbers):
            notes.append(f"{len(numbers)} numbers only in {side}: of {', '.join(numbers.method.unique())}.")
    return markdown("The largest difference of a number", [("", table)], notes)


if __name__ == "__main__":
    cli.run(main)
