"""Spearman's rank correlation of points that come in groups, with an interval that covers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit
from scipy.stats import rankdata

LEVEL = 0.975  # of each side
FEWEST = 3  # groups, of which something can be said by leaving one out
STEEPEST = 0.999  # in Fisher's z, which is infinite at 1


class Correlation(NamedTuple):
    """Spearman's rho of n points, and its 95 % interval; NaN where it is not known."""

    rho: float
    ci_low: float
    ci_high: float
    n: int


def spearman(x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> Correlation:
    """Spearman's rho of points, of which those of one group may resemble each other (the anchors of one concept).

    The interval is a jackknife over groups: in Fisher's z = artanh(rho), with the variance of the values that are left
    when each group in turn is left out, and Student's t with one degree of freedom fewer than there are groups. It
    covers between 93 and 98 % from three groups of three points on, with and without resemblance
    (tests/test_rank.py); the usual interval, which takes all points for independent, covers down to 79 %.
    """
    x, y, groups = (np.asarray(values) for values in (x, y, groups))
    names, value = np.unique(groups), _rho(x, y)
    without = [_rho(x[groups != name], y[groups != name]) for name in names]
    if len(names) < FEWEST or not np.isfinite([value, *without]).all():
        return Correlation(value, np.nan, np.nan, len(x))
    z, others = _z(value), np.array([_z(rho) for rho in without])
    k = len(names)
    margin = stdtrit(k - 1, LEVEL) * np.sqrt((k - 1) / k * np.sum((others - others.mean()) ** 2))
    low, high = np.tanh([z - margin, z + margin])
    return Correlation(value, min(float(low), value), max(float(high), value), len(x))  # which may be 1 itself


def _rho(x: np.ndarray, y: np.ndarray) -> float:
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:  # all alike: no order
        return np.nan
    return float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])


def _z(rho: float) -> float:
    return float(np.arctanh(np.clip(rho, -STEEPEST, STEEPEST)))
