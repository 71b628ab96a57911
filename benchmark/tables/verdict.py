"""What was measured beside what the paper prints: reproduced, close, or not. On the paper's own model only.

The paper's tables are single runs of 250 images per concept. A number is *reproduced* if it lies within a band of the
printed one, *close* within twice that band: for ACC 5 points or, of one concept, wherever the 95 % intervals of both
overlap; for LPIPS .05; for FID 20 % of the printed one, since its network is not known for sure. `original` is first:
if its ACC is not reproduced, judge, sampler or checkpoint are not the paper's, and no other number says anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pandas as pd
from scipy.stats import binomtest, kendalltau

from benchmark.errors import BenchmarkError
from benchmark.tables._paper import MEAN, NAMES, SIDES, number

CAPTION = "What the paper prints, and what was measured"
FOLDER = Path(__file__).parent.parent / "paper"
PAPER = ["columns.csv", "table1.csv", "table2.csv"]  # what this view reads of it
TABLES = {"style": "table1.csv", "object": "table2.csv"}
COLUMNS = pd.read_csv(FOLDER / "columns.csv", index_col="label").method.to_dict()  # which column a label is
PICTURES = {"erased": 250, "retained": 8 * 250}  # behind a number of the paper
BANDS = {"ACC": lambda printed: 5.0, "LPIPS": lambda printed: 0.05, "FID": lambda printed: 0.2 * printed}
DIGITS = {"ACC": 1, "LPIPS": 3, "FID": 1}
AVERAGE = "Avg"  # the row of means
VERDICTS = ("reproduced", "close", "not reproduced", "not measured")


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per number that the paper prints, too; `*` is the mean over erased concepts."""
    rows = scores[(scores.probe == MEAN) & scores.method.isin(COLUMNS) & scores.task.isin(TABLES)]
    found = []
    for row in _comparable(rows).itertuples():
        name = NAMES.get(row.metric.split("_")[0])
        printed = _printed(row.task).get((row.phrase, COLUMNS[row.method], SIDES[row.role].lower(), name))
        if printed is None or (row.method == "original" and name != "ACC"):  # the others are 0 by definition
            continue
        found.append(
            {"experiment": row.experiment, "method": row.method, "concept": row.concept, "erased": row.phrase}
            | {"role": row.role, "metric": name, "value": row.value, "ci_low": row.ci_low, "ci_high": row.ci_high}
            | {"printed": printed, "difference": row.value - printed, "verdict": _verdict(name, row, printed)}
        )
    names = ["experiment", "method", "concept", "erased", "role", "metric", "value", "ci_low", "ci_high"]
    return pd.DataFrame(found, columns=[*names, "printed", "difference", "verdict"])


def blocks(scores: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Per experiment: the means beside the printed ones, the verdicts of all cells, and the order of the methods."""
    for name, rows in table(scores).groupby("experiment", sort=False):
        means = rows[rows.concept == MEAN]
        if len(means):
            yield f"{name}: means, measured (printed)", _beside(means)
        counts = rows[rows.concept != MEAN].groupby(["method", "verdict"], sort=False).size().unstack(fill_value=0)
        yield f"{name}: verdicts on cells", counts.reindex(columns=VERDICTS, fill_value=0)
        if means.method.nunique() > 2:  # two besides the original
            yield f"{name}: order of the methods, Kendall's τ with the printed one", _order(means)


def _comparable(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows without means over fewer concepts than the printed ones are over."""
    keep = []
    for task, group in rows.groupby("task"):
        printed = {key[0] for key in _printed(task)} - {AVERAGE}
        for _, each in group.groupby("experiment"):
            erased = set(each.phrase[each.concept != MEAN])
            if erased - printed:
                strange = ", ".join(sorted(erased - printed))
                raise BenchmarkError(f"the paper prints nothing on {strange}: the verdict is on its own concepts")
            keep.append(each if erased == printed else each[each.concept != MEAN])
    if not keep:
        raise BenchmarkError("the paper prints none of these numbers: the verdict is on its own model and methods")
    return pd.concat(keep).sort_index()


@cache
def _printed(task: str) -> dict[tuple[str, str, str, str], float]:
    rows = pd.read_csv(FOLDER / TABLES[task])
    return rows.set_index(["concept", "method", "split", "metric"]).value.to_dict()


def _verdict(metric: str, row: tuple, printed: float) -> str:
    if pd.isna(row.value):
        return VERDICTS[3]
    band, apart = BANDS[metric](printed), abs(row.value - printed)
    if metric == "ACC" and row.concept != MEAN:
        n = PICTURES[row.role]
        theirs = binomtest(round(printed / 100 * n), n).proportion_ci(method="wilson")
        if row.ci_low <= 100 * theirs.high and 100 * theirs.low <= row.ci_high:
            return VERDICTS[0]
    return VERDICTS[0] if apart <= band else VERDICTS[1] if apart <= 2 * band else VERDICTS[2]


def _beside(means: pd.DataFrame) -> pd.DataFrame:
    cells = {
        (row.method, f"{SIDES[row.role]} {row.metric}"): f"{number(row.value, DIGITS[row.metric])} "
        f"({number(row.printed, DIGITS[row.metric])}) {row.verdict}"
        for row in means.itertuples()
    }
    columns = [f"{side} {name}" for side in SIDES.values() for name in NAMES.values() if name in BANDS]
    methods = list(means.method.unique())
    made = {column: [cells.get((method, column), "–") for method in methods] for column in columns}
    return pd.DataFrame(made, index=pd.Index(methods, name="method"))


def _order(means: pd.DataFrame) -> pd.DataFrame:
    """One number per column; methods that the paper prints once are counted once, by their first label."""
    made = {}
    first = means.assign(column=means.method.map(COLUMNS)).drop_duplicates(["column", "role", "metric"])
    for (role, metric), rows in first[first.method != "original"].groupby(["role", "metric"], sort=False):
        tau = kendalltau(rows.value, rows.printed).statistic
        made[f"{SIDES[role]} {metric}"] = [f"{tau:.2f} ({len(rows)} methods)"]
    return pd.DataFrame(made, index=pd.Index(["all"], name="methods"))
