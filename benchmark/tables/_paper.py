"""The layout of the paper's Tables 1 and 2: a row per erased concept and their mean, a column per variant.

A cell is FID / ACC / LPIPS: of the erased concept's images, or the mean over all retained concepts. The means stand
first once more, a row per variant, where there is room for their intervals. There and in a table of its own stands what
the paper has not: how many of the erased concept's images are still pictures, since wreckage has a high FID and LPIPS,
too. What each erasing seed gave stands last, if there are several. Where one concept is erased, these means are all
there is, and nothing is printed twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from benchmark.plan.records import ORIGINAL, WHOLE
from benchmark.tables import _heads

# The metrics that are printed, in the paper's order.
NAMES = {
    "detected": "detected", "exposed": "count", "fid": "FID", "accuracy": "ACC", "lpips": "LPIPS",
    "precision": "precision",
}  # fmt: skip
DIGITS = {name: (3, 3) if name == "lpips" else (1, 0) for name in NAMES}  # of numbers and of their intervals
ACCURACY = "accuracy"
BESIDE = {"precision": "erased"}  # what is printed beside the paper's metrics, and of which role
SIDES = {"erased": "Erase", "retained": "Preserve"}
ARROWS = {"up": "↑", "down": "↓"}
ITS_NAME = "original (ORI)"
COLUMNS = [
    "experiment", "prompt_set", "concept", "variant", "checkpoint", "label", "role", "metric", "observer", "direction",
    "value", "ci_low", "ci_high", "n", "seeds", "by_seed",
]  # fmt: skip


Details = Mapping[str, pd.DataFrame]


def table(scores: pd.DataFrame, details: Details | None = None) -> pd.DataFrame:
    """A row per erased concept, variant, prompt set, role and metric, printed or not; concept `*` is the mean."""
    scores = _heads.beside(scores, details)
    columns = [*COLUMNS, *(column for column in _heads.COLUMNS if column in scores)]
    rows = scores.loc[scores.asked == WHOLE, columns].reset_index(drop=True)
    return rows.assign(
        by_seed=["; ".join(f"{seed}: {value:.6g}" for seed, value in each.items()) for each in rows.by_seed]
    )


def means(scores: pd.DataFrame, details: Details | None = None) -> Iterator[tuple[str, pd.DataFrame]]:
    """The means with intervals, a row per variant: of the task's own prompt set, then of the others it looks at.

    Beside an ACC by a classifier that was trained here stand the least and the most that its heads say.
    """
    scores = _heads.beside(scores, details)
    rows = scores[scores.asked == WHOLE]
    own = rows.prompt_set == rows.task
    for part in (rows[own], rows[~own]):
        for (_, title, name), of_set in part.groupby(["experiment", "title", "prompt_set"], sort=False):
            of_set = printed(of_set)
            if len(of_set):
                where = "" if name == of_set.task.iloc[0] else f", on prompt set {name}"
                heading = f"{title}{where}: {erasing(of_set)}, with 95 % intervals"
                yield heading, per_variant(of_set[of_set.concept == WHOLE])


def blocks(scores: pd.DataFrame, details: Details | None = None) -> Iterator[tuple[str, pd.DataFrame]]:
    """What is printed, each with its heading: the means with intervals, then the paper's table, one side at a time."""
    yield from means(scores, details)
    own = scores[(scores.asked == WHOLE) & (scores.prompt_set == scores.task)]
    for _, rows in own.groupby("experiment", sort=False):
        rows = printed(rows)
        for role, side in SIDES.items() if _concepts(rows) > 1 else ():
            of_role = rows[rows.role == role]
            beside = of_role.metric.isin(BESIDE)
            whose = "images of the erased concept" if role == "erased" else "mean over all retained concepts"
            for part in (of_role[~beside], of_role[beside]):
                if len(part):
                    triple = " / ".join(column(part, role, metric) for metric in _metrics(part))
                    yield f"{side}: {triple} ({whose})", _triples(part)
        repeated = rows[(rows.role == "erased") & (rows.metric == ACCURACY) & (rows.seeds > 1)]
        if len(repeated):
            seeds = sorted(set().union(*repeated.by_seed))
            each = f"for each erasing seed ({', '.join(map(str, seeds))})"
            yield f"Erase: {column(rows, 'erased', ACCURACY)}, {each}", per_seed(repeated, seeds)


def printed(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that the paper prints, too, each metric by a set's first observer, in the paper's words.

    Those are its order of metrics and its name of the original; marks at the latter stay.
    """
    elsewhere = rows.metric.isin(BESIDE) & (rows.metric.map(BESIDE) != rows.role)
    rows = rows[rows.metric.isin(NAMES) & ~elsewhere]
    first = rows.groupby(["experiment", "prompt_set", "metric"]).observer.transform("first")
    rows = rows[rows.observer == first]
    original = rows.variant == ORIGINAL
    return rows.assign(label=rows.label.where(~original, ITS_NAME + rows.label.str.removeprefix(ORIGINAL)))


def _metrics(rows: pd.DataFrame) -> list[str]:
    present = set(rows.metric)
    return [metric for metric in NAMES if metric in present]


def erasing(rows: pd.DataFrame) -> str:
    count = _concepts(rows)
    one = rows.phrase[rows.concept != WHOLE].iloc[0]
    return f"erasing {one}" if count == 1 else f"mean over {count} erased concepts"


def _concepts(rows: pd.DataFrame) -> int:
    return rows.concept[rows.concept != WHOLE].nunique()


def column(rows: pd.DataFrame, role: str, metric: str) -> str:
    direction = rows.direction[(rows.role == role) & (rows.metric == metric)].iloc[0]
    return f"{NAMES[metric]} {ARROWS[direction]}"


def per_variant(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per variant, with intervals; a column per role and metric that there is."""
    labels = rows.label.unique()
    columns = {}
    for role, side in SIDES.items():
        of_role = rows[rows.role == role]
        for metric in _metrics(of_role):
            cells = of_role[of_role.metric == metric].set_index("label").reindex(labels)
            digits = DIGITS[metric]
            columns[f"{side} {column(rows, role, metric)}"] = [
                f"{number(c.value, digits[0])} {interval(c.ci_low, c.ci_high, digits[1])}".strip()
                for c in cells.itertuples()
            ]
            if metric == ACCURACY and "heads_low" in cells and cells.heads_low.notna().any():
                spans = [(number(c.heads_low, digits[0]), number(c.heads_high, digits[0])) for c in cells.itertuples()]
                columns[f"{side} {NAMES[metric]} by head"] = ["–".join(dict.fromkeys(span)) for span in spans]
    return pd.DataFrame(columns, index=pd.Index(labels, name="variant"))


def _triples(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per concept, their mean last; a column per variant."""
    cells = rows.set_index(["phrase", "label", "metric"]).value
    phrases = [*rows.phrase[rows.concept != WHOLE].unique(), *rows.phrase[rows.concept == WHOLE].unique()]
    columns = {
        label: [
            "/".join(number(cells.get((phrase, label, metric)), DIGITS[metric][0]) for metric in _metrics(rows))
            for phrase in phrases
        ]
        for label in rows.label.unique()
    }
    return pd.DataFrame(columns, index=pd.Index(phrases, name="erased"))


def per_seed(rows: pd.DataFrame, seeds: list[int]) -> pd.DataFrame:
    """A row per concept, their mean last if there are several; a column per variant that was repeated."""
    rows = rows[rows.concept != WHOLE] if _concepts(rows) == 1 else rows
    cells = rows.by_seed.map(lambda values: "/".join(number(values.get(seed), 0) for seed in seeds))
    wide = rows.assign(cell=cells).pivot(index="phrase", columns="label", values="cell")
    return wide.loc[rows.phrase.unique(), rows.label.unique()].rename_axis("erased")


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
