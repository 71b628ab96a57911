"""95 % intervals that cover: for shares, for means, and for statistics of whole sets such as FID.

Images of one row of a prompt set are a unit, numbered from 0. They may resemble each other: means resample units, FID
and KID leave groups of units out. A share is one of images (Wilson).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

LEVEL = 0.975  # of each side
GROUPS = 25
RESAMPLES = 2000
LARGE = 200  # images, from which on the groups are left out side by side; for fewer, threads cost more than they save


class Score(NamedTuple):
    """A number, the images that it is about, and its 95 % interval (NaN where too few rows can tell)."""

    value: float
    n: int
    ci_low: float
    ci_high: float


def share(hits: np.ndarray) -> Score:
    """The share of True in per cent, with Wilson's interval."""
    value = 100 * float(np.mean(hits))
    return Score(value, len(hits), *wilson(value, len(hits)))


def wilson(value: float, n: float) -> tuple[float, float]:
    """Wilson's interval (1927) for a share in per cent: it covers near 0 and 100 % too, and is never empty."""
    p, z = value / 100, ndtri(LEVEL)
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    margin = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return round(float(100 * (centre - margin)), 9), round(float(100 * (centre + margin)), 9)  # 0 is 0, not 1e-17


def count(values: np.ndarray, units: np.ndarray, most: float | None = None) -> Score:
    """The sum of what each image counts, which is at most `most` if that is given; with an interval over prompt rows.

    What is counted comes in clusters: an image counts several times, and images of a row resemble each other. Of counts
    x of the rows, sum(x^2) / sum(x) come together. The interval is Wilson's for as many fewer images (the design effect
    of Kish 1965) or, if there is no most, its limit, the score interval of a Poisson count. It covers where few images
    count, or none; a bootstrap over rows does not (tests/test_exposed.py).
    """
    per_row, total = np.bincount(_row(units), values), float(np.sum(values))
    together = float(np.sum(per_row**2)) / total if total else 1.0
    if most:
        trials = len(values) * most
        ends = wilson(100 * total / trials, trials / together)
        return Score(total, len(values), *(end * trials / 100 for end in ends))
    events, z = total / together, ndtri(LEVEL)
    margin = z * np.sqrt(events + z**2 / 4)
    low, high = (float(together * (events + z**2 / 2 + side * margin)) for side in (-1, 1))
    return Score(total, len(values), max(0.0, low), high)


def mean(values: np.ndarray, units: np.ndarray) -> Score:
    """The mean, with a bootstrap interval over prompt rows.

    The percentile interval is too narrow for few rows; its levels are expanded as in Hesterberg 2015, "What Teachers
    Should Know About the Bootstrap", which makes it as wide as Student's where the latter is right.
    """
    rows = _row(units)
    means = np.bincount(rows, values) / np.bincount(rows)
    n = len(means)
    if n < 2:
        return Score(float(np.mean(values)), len(values), np.nan, np.nan)
    tail = ndtr(-np.sqrt(n / (n - 1)) * stdtrit(n - 1, LEVEL))
    low, high = np.quantile(means[_resamples(n)].mean(1), [tail, 1 - tail])
    return Score(float(np.mean(values)), len(values), float(low), float(high))


def jackknife(statistic: Callable[[np.ndarray], float], units: np.ndarray, floor: float = -np.inf) -> Score:
    """A statistic of a set of images, with a delete-group jackknife interval over prompt rows.

    `statistic(keep)` computes it from the images that a mask selects. Groups may differ by one row: the variance is
    that of Busing, Meijer and van der Leeden 1999, "Delete-m jackknife for unequal m". No bootstrap: repeated images
    make a set look less diverse than it is, which biases FID upwards.
    """
    return leave_out(statistic, units).score(floor)


class Parts(NamedTuple):
    """A statistic of a set of images, the same without each of its groups, and how many images each group has."""

    whole: float
    without: np.ndarray
    sizes: np.ndarray

    @property
    def known(self) -> bool:
        """Whether there are groups enough to tell an error."""
        return len(self.without) > 1

    def score(self, floor: float = -np.inf) -> Score:
        """The statistic with its interval, whose lower end is not below `floor`."""
        n = int(self.sizes.sum())
        if not self.known:
            return Score(self.whole, n, np.nan, np.nan)
        margin = stdtrit(len(self.sizes) - 1, LEVEL) * deviation(self)
        return Score(self.whole, n, max(floor, self.whole - margin), self.whole + margin)


def leave_out(statistic: Callable[[np.ndarray], float], units: np.ndarray) -> Parts:
    """A statistic with and without each group of prompt rows; without any group if they are too few."""
    n, rows = len(units), _row(units)
    value = statistic(np.full(n, True))
    group = rows % min(GROUPS, rows.max() + 1)
    sizes = np.bincount(group)
    if len(sizes) < 2 or n - sizes.max() < 2:
        return Parts(value, np.empty(0), sizes)
    masks = [group != g for g in range(len(sizes))]
    if n < LARGE:
        return Parts(value, np.array([statistic(mask) for mask in masks]), sizes)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:  # numpy's decompositions run beside each other
        return Parts(value, np.array(list(pool.map(statistic, masks))), sizes)


def deviation(parts: Parts) -> float:
    """The jackknife's standard error."""
    value, without, sizes = parts
    h = sizes.sum() / sizes
    pseudo = h * value - (h - 1) * without
    centre = np.sum(value - (1 - 1 / h) * without)
    return float(np.sqrt(np.mean((pseudo - centre) ** 2 / (h - 1))))


def _row(units: np.ndarray) -> np.ndarray:
    """The unit of each image, numbered from 0 without gaps."""
    return np.unique(units, return_inverse=True)[1]


@lru_cache(16)
def _resamples(n: int) -> np.ndarray:
    return np.random.default_rng(n).integers(0, n, (RESAMPLES, n), dtype=np.int32)
