"""How far two runs of a suite differ, e.g. on two machines: `python -m benchmark.tools.compare`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmark.errors import BenchmarkError
from benchmark.plan.records import Variant
from benchmark.running import cli
from benchmark.showing.typeset import markdown
from benchmark.store.scores import IDENTITY, read

KEYS = [*IDENTITY, "n", "version"]
NUMBER = ["value", "ci_low", "ci_high"]


def main(first: Path, second: Path) -> None:
    """Print the largest difference of a number, by variant and metric, and how many 95 % intervals lie apart.

    Args:
        first: A scores.csv.
        second: Another scores.csv of the same suite.
    """
    print(report(read(first), read(second)), end="")


def report(first: pd.DataFrame, second: pd.DataFrame) -> str:
    """The comparison of two frames of `scores.read` as a text. Raises `BenchmarkError` if no number is in both.

    Two are the same number if they are about as many images, by the same version of prompt set and metric, with the
    same base model (by name), sampler, budgets and settings: their `n` and `version`.
    """
    pairs = first.assign(place=range(len(first))).merge(
        second, on=KEYS, how="outer", suffixes=("", "_second"), indicator="where"
    )
    both = pairs[pairs["where"] == "both"].sort_values("place")
    if both.empty:
        raise BenchmarkError(f"the two have no number in common, that is with the same {', '.join(KEYS)}")
    one, other = both[NUMBER], both[[f"{name}_second" for name in NUMBER]].set_axis(NUMBER, axis=1)
    apart = (one.ci_high < other.ci_low) | (other.ci_high < one.ci_low)
    known = (one + other).notna().all(axis=1)
    both = both.assign(gap=(one.value - other.value).abs(), apart=apart.astype(float).where(known))
    rows = {}
    for (name, checkpoint, role), numbers in both.groupby(["variant", "checkpoint", "role"], sort=False):
        largest = {metric: f"{gap:.3g}" for metric, gap in numbers.groupby("metric", sort=False).gap.max().items()}
        intervals = f"{numbers.apart.sum():.0f} of {numbers.apart.count()}"
        rows[f"{Variant(name, checkpoint)}, {role}"] = largest | {"intervals apart": intervals}
    table = pd.DataFrame.from_dict(rows, "index").fillna("–").rename_axis("variant, role")
    same = int(((one == other) | (one.isna() & other.isna())).all(axis=1).sum())
    notes = [f"{len(both)} numbers in common, {same} of them equal to the last digit, their intervals too."]
    for side, place in (("first", "left_only"), ("second", "right_only")):
        lone = pairs[pairs["where"] == place]
        if len(lone):
            notes.append(f"{len(lone)} numbers only in the {side} (or of other counts or versions): {_named(lone)}.")
    return markdown("The largest difference of a number", [("", table)], notes)


def _named(rows: pd.DataFrame) -> str:
    """Whose numbers they are."""
    rows = rows.sort_values("place")[["variant", "checkpoint"]].drop_duplicates()
    return ", ".join(str(Variant(*pair)) for pair in rows.itertuples(index=False, name=None))


if __name__ == "__main__":
    cli.run(main)
