"""Whether a measured number is the printed one: bands, chance, and the verdict. Arithmetic only.

A number is *reproduced* if it lies within a band around the printed one, and *close* if it lies within twice that band.
The bands stand in `benchmark/paper/tables.yaml`. Chance widens two of them: the share of a single concept may differ by
as much as two samples of that many images may; a count may differ by as much as two Poisson counts may. A number is
*undecided* if its own interval is wider than four bands: seeds that disagree reproduce nothing. It is *not comparable*
if it changes with the number of images and is not of as many as the paper's.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from benchmark.store.printed import Metric

VERDICTS = ("reproduced", "close", "not reproduced", "undecided", "not comparable", "not measured")
REPRODUCED, CLOSE, APART, UNDECIDED, INCOMPARABLE, MISSING = VERDICTS
Z = 1.96  # standard errors to each side of a 95 % interval


class Measured(NamedTuple):
    """A number, its 95 % interval, and of how many images it is in one run."""

    value: float
    ci_low: float
    ci_high: float
    n: float


def verdict(
    metric: Metric, measured: Measured, printed: float, n: int, mean: bool, within: float = 0.05
) -> tuple[str, str]:
    """The verdict, and why where the numbers alone do not say it. `n` images are behind the printed number.

    `mean` says that it is a mean over concepts: of a share's, no more is allowed than the band.
    """
    if np.isnan(measured.value):
        return MISSING, ""
    if metric.of_n and abs(measured.n / n - 1) > within:
        return INCOMPARABLE, f"of {measured.n:g} images, the paper's of {n}"
    band, apart = band_of(metric, measured.value, printed), abs(measured.value - printed)
    width = measured.ci_high - measured.ci_low
    if not width <= 4 * band:  # nor is anything decided by a number without an interval
        return UNDECIDED, "has no interval" if np.isnan(width) else "its interval is wider than four bands"
    shares = metric.kind == "share" and not mean
    chance = chance_of_shares(measured.value, measured.n, printed, n) if shares else 0.0
    return REPRODUCED if apart <= max(band, chance) else CLOSE if apart <= 2 * band else APART, ""


def band_of(metric: Metric, measured: float, printed: float) -> float:
    """The band; of a count it is no narrower than what two counts may differ by chance."""
    band = metric.band.of(printed)
    return max(band, chance_of_counts(measured, printed)) if metric.kind == "count" else band


def chance_of_shares(one: float, n: float, other: float, m: float) -> float:
    """How far apart two shares, in per cent of n and m images, may lie by chance (Newcombe 1998, method 10, 95 %)."""
    (low, of_low), (high, of_high) = sorted(((one, n), (other, m)))
    below, above = _wilson(low, of_low)[1] - low, high - _wilson(high, of_high)[0]
    return float(np.hypot(below, above))


def chance_of_counts(one: float, other: float) -> float:
    """How far apart two counts may lie by chance, at 95 %: the variance of a Poisson count is the count.

    A mean over runs is taken as one count: all runs draw the same prompts from the same noise.
    """
    return Z * float(np.sqrt(one + other))


@cache
def _wilson(share: float, n: float) -> tuple[float, float]:
    interval = binomtest(round(share / 100 * n), round(n)).proportion_ci(method="wilson")
    return 100 * interval.low, 100 * interval.high
