"""How far two runs of a suite differ, e.g. on two machines: `python -m benchmark.compare`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmark import cli
from benchmark.errors import BenchmarkError
from benchmark.scores import IDENTITY, read
from benchmark.typeset import markdown

KEYS = [*IDENTITY, "n", "version"]
NUMBER = ["value", "ci_low", "ci_high"]


def main(mine: Path, theirs: Path) -> None:
    """Print the largest difference of a number, by method and metric, and how many 95 % intervals lie apart.

    Args:
        mine: A scores.csv.
        theirs: Another scores.csv of the same suite.
    """
    print(report(read(mine), read(theirs)), end="")


def report(mine: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """The comparison of two scores.csv as a text. Raises `BenchmarkError` if they have no number in common.

    Two are the same number if they are about as many images, by the same version of task and metric, with the same base
    model (by name), sampler, budgets and settings: their `n` and `version`.
    """
    pairs = mine.assign(place=range(len(mine))).merge(
        theirs, on=KEYS, how="outer", suffixes=("", "_theirs"), indicator="where"
    )
    both = pairs[pairs["where"] == "both"].sort_values("place")
    if both.empty:
        raise BenchmarkError(f"the two have no number in common, that is with the same {', '.join(KEYS)}")
    ours, others = both[NUMBER], both[[f"{name}_theirs" for name in NUMBER]].set_axis(NUMBER, axis=1)
    apart = (ours.ci_high < others.ci_low) | (others.ci_high < ours.ci_low)
    known = (ours + others).notna().all(axis=1)
    both = both.assign(gap=(ours.value - others.value).abs(), apart=apart.astype(float).where(known))
    rows = {}
    for (method, role), numbers in both.groupby(["method", "role"], sort=False):
        largest = {metric: f"{gap:.3g}" for metric, gap in numbers.groupby("metric", sort=False).gap.max().items()}
        intervals = f"{numbers.apart.sum():.0f} of {numbers.apart.count()}"
        rows[f"{method}, {role}"] = largest | {"intervals apart": intervals}
    table = pd.DataFrame.from_dict(rows, "index").fillna("–").rename_axis("model, concepts")
    same = int(((ours == others) | (ours.isna() & others.isna())).all(axis=1).sum())
    notes = [f"{len(both)} numbers in common, {same} of them equal to the last digit, their intervals too."]
    for side, place in (("mine", "left_only"), ("theirs", "right_only")):
        lone = pairs[pairs["where"] == place]
        if len(lone):
            notes.append(f"{len(lone)} numbers only in {side} (or of other counts or versions): of {_named(lone)}.")
    return markdown("The largest difference of a number", [("", table)], notes)


def _named(rows: pd.DataFrame) -> str:
    return ", ".join(rows.sort_values("place").method.unique())


if __name__ == "__main__":
    cli.run(main)
