"""The layout of the paper's Tables 1 and 2: a row per erased concept and their mean, a column per method.

A cell is FID / ACC / LPIPS: of the erased concept's images, or as a mean over all others, the retained ones. The means
come first once more, a row per method, where there is room for their intervals; what each seed of the erasing left
comes last, if there are several. Of one concept these means are all that there is, and nothing is printed twice.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

MEAN = "*"
NAMES = {"detected": "detected", "fid": "FID", "accuracy": "ACC", "lpips": "LPIPS"}  # in the order of the paper
DIGITS = {"detected": (1, 0), "fid": (1, 0), "accuracy": (1, 0), "lpips": (3, 3)}  # of numbers and of their intervals
JUDGED = "accuracy"
SIDES = {"erased": "Erase", "retained": "Preserve"}
ARROWS = {"up": "↑", "down": "↓"}
ORIGINAL, ITS_NAME = "original", "original (ORI)"
COLUMNS = [
    "experiment", "concept", "method", "label", "role", "metric", "direction", "value", "ci_low", "ci_high", "n",
    "seeds", "by_seed",
]  # fmt: skip


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per erased concept, method, role and metric, those that are not printed too; concept `*` is the mean."""
    rows = scores.loc[scores.probe == MEAN, COLUMNS].reset_index(drop=True)
    return rows.assign(
        by_seed=["; ".join(f"{seed}: {value:.6g}" for seed, value in each.items()) for each in rows.by_seed]
    )


def means(scores: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The means alone, with intervals: a row per method."""
    for title, rows, metrics in _experiments(scores):
        yield f"{title}: {_erased(rows)}, with 95 % intervals", _means(rows[rows.concept == MEAN], metrics)


def blocks(scores: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """What is printed, each with its heading: the means with intervals, then the paper's table, one side at a time."""
    yield from means(scores)
    for _, rows, metrics in _experiments(scores):
        for role, side in SIDES.items() if _concepts(rows) > 1 else ():
            triple = " / ".join(_heading(rows, role, metric) for metric in metrics)
            whose = "images of the erased concept" if role == "erased" else "mean over all other concepts"
            yield f"{side}: {triple} ({whose})", _triples(rows[rows.role == role], metrics)
        judged = rows[(rows.role == "erased") & (rows.metric == JUDGED) & (rows.seeds > 1)]
        if len(judged):
            seeds = sorted(set().union(*judged.by_seed))
            named = f"seed by seed of the erasing ({', '.join(map(str, seeds))})"
            yield f"Erase: {_heading(rows, 'erased', JUDGED)}, {named}", _by_seed(judged, seeds)


def _experiments(scores: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, dict[str, str]]]:
    """The title, the rows that are printed, and the metrics of each experiment."""
    for (_, title), rows in scores[scores.probe == MEAN].groupby(["experiment", "title"], sort=False):
        metrics = _printed(rows)
        yield title, as_printed(rows[rows.metric.isin(metrics)]), metrics


def as_printed(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the paper's name of the original; marks at it stay."""
    original = rows.method == ORIGINAL
    return rows.assign(label=rows.label.where(~original, ITS_NAME + rows.label.str.removeprefix(ORIGINAL)))


def _printed(rows: pd.DataFrame) -> dict[str, str]:
    """The metrics that the paper prints, e.g. `fid_testbed`, each with the first part of its name, e.g. `fid`."""
    found = list(rows.metric.unique())
    chosen = {kind: next((name for name in found if name.split("_")[0] == kind), None) for kind in NAMES}
    return {name: kind for kind, name in chosen.items() if name}


def _erased(rows: pd.DataFrame) -> str:
    count = _concepts(rows)
    return (
        f"erasing {rows.phrase[rows.concept != MEAN].iloc[0]}" if count == 1 else f"mean over {count} erased concepts"
    )


def _concepts(rows: pd.DataFrame) -> int:
    return rows.concept[rows.concept != MEAN].nunique()


def _heading(rows: pd.DataFrame, role: str, metric: str) -> str:
    direction = rows.direction[(rows.role == role) & (rows.metric == metric)].iloc[0]
    return f"{NAMES[metric.split('_')[0]]} {ARROWS[direction]}"


def _means(rows: pd.DataFrame, metrics: dict[str, str]) -> pd.DataFrame:
    """A row per method, with intervals."""
    made = {}
    for role, side in SIDES.items():
        for metric, kind in metrics.items():
            cells = rows[(rows.role == role) & (rows.metric == metric)].set_index("label")
            made[f"{side} {_heading(rows, role, metric)}"] = [
                f"{number(c.value, DIGITS[kind][0])} {interval(c.ci_low, c.ci_high, DIGITS[kind][1])}".strip()
                for c in cells.itertuples()
            ]
            labels = cells.index
    return pd.DataFrame(made, index=pd.Index(labels, name="method"))


def _triples(rows: pd.DataFrame, metrics: dict[str, str]) -> pd.DataFrame:
    """A row per concept, their mean last; a column per method."""
    cells = rows.set_index(["phrase", "label", "metric"]).value
    phrases = [*rows.phrase[rows.concept != MEAN].unique(), *rows.phrase[rows.concept == MEAN].unique()]
    made = {
        label: [
            "/".join(number(cells.get((phrase, label, metric)), DIGITS[kind][0]) for metric, kind in metrics.items())
            for phrase in phrases
        ]
        for label in rows.label.unique()
    }
    return pd.DataFrame(made, index=pd.Index(phrases, name="erased"))


def _by_seed(rows: pd.DataFrame, seeds: list[int]) -> pd.DataFrame:
    """A row per concept, their mean last if there are several; a column per method that was repeated."""
    rows = rows[rows.concept != MEAN] if _concepts(rows) == 1 else rows
    cells = rows.by_seed.map(lambda values: "/".join(number(values.get(seed), 0) for seed in seeds))
    made = rows.assign(cell=cells).pivot(index="phrase", columns="label", values="cell")
    return made.loc[rows.phrase.unique(), rows.label.unique()].rename_axis("erased")


def number(value: float | None, digits: int) -> str:
    """As the paper prints it: no zero before the point of a number that is always below 1; a dash if there is none."""
    if pd.isna(value):
        return "–"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        return "0"
    return text.replace("0.", ".", 1) if digits >= 2 and abs(value) < 1 else text


def interval(low: float, high: float, digits: int) -> str:
    return "" if pd.isna(low) or pd.isna(high) else f"[{number(low, digits)}, {number(high, digits)}]"
