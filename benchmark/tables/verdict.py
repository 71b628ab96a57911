"""What was measured beside what the paper prints: reproduced, close, or not. On the paper's own model only.

The paper's tables are single runs of 250 images per concept. A number is *reproduced* if it lies within a band around
the printed one, and *close* if it lies within twice that band. The band is 5 points of ACC (for one concept, as much as
two samples of that many images may differ by chance, if that is more), 0.05 of LPIPS, and 20 % of a printed FID. A
number is *undecided* if its own interval reaches further than twice the band to each side: seeds that disagree
reproduce nothing. Means are compared with the means of the printed rows; the paper's printed average differs from that
mean in one case (objects of L_adv2). If the ACC of `original` is not the paper's, then the classifier, the sampler or
the checkpoint is not the paper's either, and nothing is *comparable*.

FID and LPIPS of retained concepts may differ for a reason that lies in no method: the authors' original and their
erased models seem to start from different halves of the checkpoint (EMA or not), which would add a constant; and the
paper does not say which port of Inception it used, nor whether its FID is of all concepts' images together.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest, kendalltau

from benchmark.errors import BenchmarkError
from benchmark.plan.records import END, WHOLE
from benchmark.tables._paper import NAMES, ORIGINAL, SIDES, number

CAPTION = "What the paper prints, and what was measured"
FOLDER = Path(__file__).parent.parent / "paper"
PAPER = ["columns.csv", "table1.csv", "table2.csv"]  # what this view reads of it
TABLES = {"style": "table1.csv", "object": "table2.csv"}
_VARIANTS = pd.read_csv(FOLDER / "columns.csv", index_col="variant", keep_default_na=False)
COLUMNS = _VARIANTS.method.to_dict()  # which of the paper's columns a variant is
FORMS = _VARIANTS.form.to_dict()  # where several variants are one column: of its `text`, of its `code`, or `other`
ORDERS = {"text": "as the paper writes", "code": "as its authors ran"}  # the variants that are ranked together
PICTURES = {"erased": 250, "retained": 8 * 250}  # behind a number of the paper
BANDS = {"ACC": lambda printed: 5.0, "LPIPS": lambda printed: 0.05, "FID": lambda printed: 0.2 * printed}
GATE_MEAN, GATE_CONCEPT = 3.0, 8.0  # points by which the ACC of `original` may differ from the printed one
DIGITS = {"ACC": 1, "LPIPS": 3, "FID": 1}
AVERAGE = "Avg"  # the row of means
VERDICTS = ("reproduced", "close", "not reproduced", "undecided", "not comparable", "not measured")
REPRODUCED, CLOSE, APART, UNDECIDED, INCOMPARABLE, MISSING = VERDICTS


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per number that the paper prints, too; `*` is the mean over erased concepts.

    `printed` is, of a mean, that of the printed rows; `printed_average` what the paper prints for it.
    """
    own = (scores.asked == WHOLE) & (scores.prompt_set == scores.task) & scores.task.isin(TABLES)
    rows = scores[own & scores.variant.isin(COLUMNS) & (scores.checkpoint == END)]
    numbers = []
    for row in _comparable(rows).itertuples():
        name = NAMES.get(row.metric)
        key = (COLUMNS[row.variant], SIDES[row.role].lower(), name)
        printed = _printed(row.task).get((row.phrase, *key))
        if printed is None or (row.variant == ORIGINAL and name != "ACC"):  # the others are 0 by definition
            continue
        numbers.append(
            {"experiment": row.experiment, "variant": row.variant, "concept": row.concept, "erased": row.phrase}
            | {"role": row.role, "metric": name, "value": row.value, "ci_low": row.ci_low, "ci_high": row.ci_high}
            | {"printed": printed, "printed_average": _averages(row.task)[key] if row.concept == WHOLE else np.nan}
            | {"difference": row.value - printed, "verdict": _verdict(name, row, printed)}
        )
    names = ["experiment", "variant", "concept", "erased", "role", "metric", "value", "ci_low", "ci_high"]
    verdicts = pd.DataFrame(numbers, columns=[*names, "printed", "printed_average", "difference", "verdict"])
    for experiment in verdicts.experiment.unique():
        if _strays(verdicts[verdicts.experiment == experiment]):
            others = (verdicts.experiment == experiment) & (verdicts.variant != ORIGINAL)
            verdicts.loc[others & (verdicts.verdict != MISSING), "verdict"] = INCOMPARABLE
    return verdicts


def blocks(scores: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Per experiment: the means beside the printed ones, counts of verdicts, and the order of the variants."""
    ends = scores[scores.checkpoint == END]
    labels = dict(zip(ends.variant, ends.label, strict=True))
    for name, rows in table(scores).groupby("experiment", sort=False):
        if strays := _strays(rows):
            name = f"{name} (nothing is comparable: ACC of the original is not the paper's, {'; '.join(strays)})"
        means = rows[rows.concept == WHOLE]
        if len(means):
            yield f"{name}: means, measured (printed)", _beside(means).rename(labels)
        counts = rows[rows.concept != WHOLE].groupby(["variant", "verdict"], sort=False).size().unstack(fill_value=0)
        counts = counts.reindex(columns=VERDICTS, fill_value=0)
        yield f"{name}: how many numbers of single concepts have which verdict", counts.rename(labels)
        if len(order := _order(means)):
            yield f"{name}: order of the variants, Kendall's τ with the printed order", order


def _strays(rows: pd.DataFrame) -> list[str]:
    """Where the originals of an experiment are too far from the paper's; also if there are none."""
    originals = rows[(rows.variant == ORIGINAL) & (rows.metric == "ACC") & (rows.role == "erased")]
    limit = np.where(originals.concept == WHOLE, GATE_MEAN, GATE_CONCEPT)
    near = originals.difference.abs() <= limit  # never true of what is missing
    if originals.empty:
        return ["which was not measured"]
    return [f"{row.erased} {row.value:.1f} ({row.printed:.1f})" for row in originals[~near].itertuples()]


def _comparable(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows without means over fewer concepts than the printed ones are over."""
    keep = []
    for task, group in rows.groupby("task"):
        printed = {key[0] for key in _printed(task)} - {AVERAGE}
        for _, each in group.groupby("experiment"):
            erased = set(each.phrase[each.concept != WHOLE])
            if erased - printed:
                strange = ", ".join(sorted(erased - printed))
                raise BenchmarkError(f"the paper prints nothing on {strange}: the verdict is on its own concepts")
            keep.append(each if erased == printed else each[each.concept != WHOLE])
    if not keep:
        raise BenchmarkError("the paper prints none of these numbers: the verdict is on its own model and methods")
    return pd.concat(keep).sort_index()


@cache
def _printed(task: str) -> dict[tuple[str, str, str, str], float]:
    """By concept, column, side and metric; the mean is of the rows, not the printed average."""
    rows = pd.read_csv(FOLDER / TABLES[task])
    each = rows[rows.concept != AVERAGE].set_index(["concept", "method", "split", "metric"]).value
    means = each.groupby(level=[1, 2, 3]).mean()
    return each.to_dict() | {(AVERAGE, *key): value for key, value in means.items()}


@cache
def _averages(task: str) -> dict[tuple[str, str, str], float]:
    """The averages that the paper prints, by column, side and metric."""
    rows = pd.read_csv(FOLDER / TABLES[task])
    return rows[rows.concept == AVERAGE].set_index(["method", "split", "metric"]).value.to_dict()


def _verdict(metric: str, row: tuple, printed: float) -> str:
    if pd.isna(row.value):
        return MISSING
    band, apart = BANDS[metric](printed), abs(row.value - printed)
    if not row.ci_high - row.ci_low <= 4 * band:  # nor is anything decided by a number without an interval
        return UNDECIDED
    by_chance = _chance(row.value, printed, PICTURES[row.role]) if metric == "ACC" and row.concept != WHOLE else 0
    return REPRODUCED if apart <= max(band, by_chance) else CLOSE if apart <= 2 * band else APART


def _chance(measured: float, printed: float, n: int) -> float:
    """How far apart two shares, in per cent of n images each, may lie by chance (Newcombe 1998, method 10, 95 %)."""
    low, high = sorted((measured, printed))
    below = binomtest(round(low / 100 * n), n).proportion_ci(method="wilson").high * 100 - low
    above = high - binomtest(round(high / 100 * n), n).proportion_ci(method="wilson").low * 100
    return float(np.hypot(below, above))


def _beside(means: pd.DataFrame) -> pd.DataFrame:
    cells = {
        (row.variant, f"{SIDES[row.role]} {row.metric}"): f"{number(row.value, DIGITS[row.metric])} "
        f"({_as_printed(row)}) {row.verdict}"
        for row in means.itertuples()
    }
    names = [f"{side} {name}" for side in SIDES.values() for name in NAMES.values() if name in BANDS]
    variants = list(means.variant.unique())
    columns = {column: [cells.get((variant, column), "–") for variant in variants] for column in names}
    return pd.DataFrame(columns, index=pd.Index(variants, name="variant"))


def _as_printed(row: tuple) -> str:
    """The mean of the printed rows, and the printed average if it is not that."""
    digits = DIGITS[row.metric]
    text = number(row.printed, digits)
    wrong = abs(row.printed - row.printed_average) > 2 * 10**-digits
    return f"{text}, printed as {number(row.printed_average, digits)}" if wrong else text


def _order(means: pd.DataFrame) -> pd.DataFrame:
    """Of the columns that several variants are, those of one form at a time, so that each column counts once."""
    means = means[means.variant != ORIGINAL]
    forms = means.variant.map(FORMS)
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
