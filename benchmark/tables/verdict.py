"""What was measured beside what the paper prints: reproduced, close, or not. On the paper's own model only.

What each printed number is, its band, and how far the original may be from the printed one stand as data beside the
numbers, in `benchmark/paper/`; `_bands.py` has the arithmetic. Means are compared with the means of the printed rows;
the paper's printed average differs from that mean in one case (objects of L_adv2). If the original is not the paper's,
then the classifier, the sampler or the checkpoint is not the paper's either, and nothing is *comparable*.

FID and LPIPS of retained concepts may differ for a reason that lies in no method: the authors' original and their
erased models seem to start from different halves of the checkpoint (EMA or not), which would add a constant; and the
paper does not say which port of Inception it used, nor whether its FID is of all concepts' images together.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from benchmark.errors import BenchmarkError
from benchmark.plan.records import END, WHOLE
from benchmark.store import printed
from benchmark.store.printed import Key, Table
from benchmark.tables import _bands
from benchmark.tables._bands import INCOMPARABLE, MISSING, VERDICTS, Measured
from benchmark.tables._paper import ORIGINAL, SIDES, number

CAPTION = "What the paper prints, and what was measured"
PAPER = ["tables.yaml", "columns.csv", "table1.csv", "table2.csv", "table3.csv", "table4.csv", "table5.csv"]
ORDERS = {"text": "as the paper writes", "code": "as its authors ran"}  # the variants that are ranked together
ROLES = {"erase": "erased", "preserve": "retained"}
NUMBERS = [
    "experiment", "table", "variant", "concept", "erased", "role", "metric", "value", "ci_low", "ci_high", "n",
    "printed", "printed_average", "difference", "verdict", "reason",
]  # fmt: skip


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per number that the paper prints, too; `*` is the mean over erased concepts.

    `printed` is, of a mean, that of the printed rows; `printed_average` what the paper prints for it. `n` counts images
    of one run.
    """
    ends = scores[(scores.asked == WHOLE) & (scores.checkpoint == END)]
    numbers: list[dict] = []
    for (experiment, task), rows in ends.groupby(["experiment", "task"], sort=False):
        for file in _shown(rows, task):
            of_table = _numbers(rows, file)
            if strays := _strays(pd.DataFrame(of_table, columns=NUMBERS), file):
                for row in of_table:
                    if row["variant"] != ORIGINAL and row["verdict"] != MISSING:
                        row |= {"verdict": INCOMPARABLE, "reason": f"the original is not the paper's: {strays[0]}"}
            numbers += [{"experiment": experiment} | row for row in of_table]
    if not numbers:
        raise BenchmarkError("the paper prints none of these numbers: the verdict is on its own model and methods")
    return pd.DataFrame(numbers, columns=NUMBERS)


def blocks(scores: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Per experiment and table: means beside the printed ones, counts of verdicts, and the order of the variants."""
    ends = scores[scores.checkpoint == END]
    for (name, title), rows in table(scores).groupby(["experiment", "table"], sort=False):
        file = next(file for file, each in printed.declared().tables.items() if each.title == title)
        own = ends[ends.experiment == name]
        labels = dict(zip(own.variant, own.label, strict=True))
        name = f"{name}, {title}"
        if strays := _strays(rows, file):
            name = f"{name} (nothing is comparable: the original is not the paper's, {'; '.join(strays)})"
        means = rows[rows.concept == WHOLE]
        if len(means):
            yield f"{name}: means, measured (printed)", _beside(means, file).rename(labels)
        counts = rows[rows.concept != WHOLE].groupby(["variant", "verdict"], sort=False).size().unstack(fill_value=0)
        counts = counts.reindex(columns=VERDICTS, fill_value=0)
        yield f"{name}: how many numbers of single concepts have which verdict", counts.rename(labels)
        if len(order := _order(means, file)):
            yield f"{name}: order of the variants, Kendall's τ with the printed order", order


@cache
def columns(file: str) -> dict[str, tuple[str, str]]:
    """Of each variant that is a column of a table: which one, and as which form of the method."""
    return {column.variant: (column.method, column.form) for column in printed.columns() if column.file == file}


def _shown(rows: pd.DataFrame, task: str) -> list[str]:
    """The tables that an experiment is compared with: none whose variants another of them has, too."""
    own = {
        file: set(rows.variant) & set(columns(file))
        for file, each in printed.declared().tables.items()
        if each.task == task and set(rows.variant) & set(columns(file))
    }
    files = sorted(own, key=lambda file: -len(own[file]))  # of equal ones, the first
    kept = [file for i, file in enumerate(files) if not any(own[file] <= own[other] for other in files[:i])]
    return sorted(kept)


def _numbers(rows: pd.DataFrame, file: str) -> list[dict]:
    """The numbers of one experiment that a table prints, too."""
    declared = printed.declared()
    of, whole = declared.tables[file], _whole(rows, declared.tables[file])
    numbers = []
    for side, name, found in _cells(rows, of):
        metric = declared.metrics[name]
        for row in found.itertuples():
            method = columns(file).get(row.variant, ("",))[0]
            mean = row.concept == WHOLE
            key = (row.concept, method, side, name)
            value = _printed(file).get(key)
            if value is None or (mean and not whole) or (method == of.original and metric.itself is not None):
                continue
            n = row.n / row.seeds / (len(of.concepts) if mean else 1)
            measured = Measured(row.value, row.ci_low, row.ci_high, n)
            verdict, reason = _bands.verdict(metric, measured, value, of.sides[side].images, mean, declared.n_within)
            average = printed.numbers(file).get((of.average, method, side, name), np.nan) if mean else np.nan
            numbers.append(
                {"table": of.title, "variant": row.variant, "concept": row.concept, "erased": row.phrase}
                | {"role": row.role, "metric": name, "value": row.value, "ci_low": row.ci_low, "ci_high": row.ci_high}
                | {"n": n, "printed": value, "printed_average": average, "difference": row.value - value}
                | {"verdict": verdict, "reason": reason}
            )
    variants = list(rows.variant.unique())
    return sorted(numbers, key=lambda row: variants.index(row["variant"]))


def _cells(rows: pd.DataFrame, of: Table) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Side, printed metric, and the measured rows: of the first observer where several compute the metric."""
    metrics = printed.declared().metrics
    for side, each in of.sides.items():
        on = rows[(rows.prompt_set == each.set) & (rows.role == ROLES[side])]
        for name in each.metrics:
            found = on[on.metric == metrics[name].metric]
            yield side, name, found[found.observer == found.observer.iloc[0]] if len(found) else found


def _whole(rows: pd.DataFrame, of: Table) -> bool:
    """Whether the measured means are over the concepts of the printed ones. Raises if others were erased."""
    erased = rows[rows.concept != WHOLE].drop_duplicates("concept").set_index("concept").phrase
    known = set(of.concepts.values())
    if strange := sorted(erased[~erased.index.isin(known)]):
        raise BenchmarkError(f"the paper prints nothing on {', '.join(strange)}: the verdict is on its own concepts")
    return set(erased.index) == known


@cache
def _printed(file: str) -> dict[Key, float]:
    """By our concept, printed method, side and metric; of the concept `*`, the mean of the rows, not the average."""
    concepts, numbers = printed.declared().tables[file].concepts, printed.numbers(file)
    each = {(concepts[key[0]], *key[1:]): value for key, value in numbers.items() if key[0] in concepts}
    rest = dict.fromkeys(key[1:] for key in each)
    means = {(WHOLE, *key): float(np.mean([each[concept, *key] for concept in concepts.values()])) for key in rest}
    return each | means


def _strays(rows: pd.DataFrame, file: str) -> list[str]:
    """Where the originals of an experiment are too far from the paper's; also if there are none."""
    strays, table = [], printed.declared().tables[file]
    for gate in table.gates:
        originals = rows[(rows.variant == ORIGINAL) & (rows.metric == gate.metric) & (rows.role == ROLES[gate.side])]
        near = originals.difference.abs() <= np.where(originals.concept == WHOLE, gate.mean, gate.each)
        name, whole = f"{SIDES[ROLES[gate.side]]} {gate.metric}", table.sides[gate.side].whole
        if originals.empty:
            strays.append(f"{name} was not measured")
        strays += dict.fromkeys(  # nothing missing is near; of a set as a whole, all rows have the same number
            f"{name}{'' if whole else f' {row.erased}'} {row.value:.1f} ({row.printed:.1f})"
            for row in originals[~near].itertuples()
        )
    return strays


def _beside(means: pd.DataFrame, file: str) -> pd.DataFrame:
    cells = {
        (row.variant, row.role, row.metric): f"{number(row.value, _digits(row.metric))} "
        f"({_as_printed(row)}) {row.verdict}"
        for row in means.itertuples()
    }
    sides = printed.declared().tables[file].sides
    variants = list(means.variant.unique())
    names = [(ROLES[side], metric) for side, each in sides.items() for metric in each.metrics]
    shown = {
        f"{SIDES[role]} {metric}": [cells.get((variant, role, metric), "–") for variant in variants]
        for role, metric in names
    }
    return pd.DataFrame(shown, index=pd.Index(variants, name="variant"))


def _as_printed(row: tuple) -> str:
    """The mean of the printed rows, and the printed average if it is not that."""
    digits = _digits(row.metric)
    text = number(row.printed, digits)
    wrong = abs(row.printed - row.printed_average) > 2 * 10**-digits
    return f"{text}, printed as {number(row.printed_average, digits)}" if wrong else text


def _digits(metric: str) -> int:
    return printed.declared().metrics[metric].digits


def _order(means: pd.DataFrame, file: str) -> pd.DataFrame:
    """Of the columns that several variants are, those of one form at a time, so that each column counts once."""
    means = means[means.variant != ORIGINAL]
    forms = means.variant.map({variant: form for variant, (_, form) in columns(file).items()})
    orders: dict[str, dict[str, str]] = {}
    for form, title in ORDERS.items():
        ranked = means[forms.isin(["", form])]
        if ranked.variant.nunique() < 2 or (form == "code" and not (forms == form).any()):
            continue  # no order, or the same methods again
        for (role, metric), rows in ranked.groupby(["role", "metric"], sort=False):
            tau = kendalltau(rows.value, rows.printed).statistic  # NaN where all are equal, or one is missing
            orders.setdefault(title, {})[f"{SIDES[role]} {metric}"] = (
                "–" if np.isnan(tau) else f"{tau:.2f} ({len(rows)} variants)"
            )
    return pd.DataFrame.from_dict(orders, orient="index").rename_axis("variants").fillna("–")
