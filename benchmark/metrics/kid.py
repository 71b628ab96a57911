"""KID: the squared maximum mean discrepancy between features of images and of their reference images.

Bińkowski et al. 2018 (arXiv 1801.01401), kernel (x·y / d + 1)^3, over all images at once instead of random subsets.
Images and originals share their noise, which the usual estimator does not expect: its cross term holds the n pairs
(x_i, y_i), so that two equal sets get less than 0. Here these pairs are left out, as pairs (x_i, x_i) are: the
U-statistic, which is unbiased for paired sets too, and 0 for `original`.
"""

import numpy as np
import pandas as pd

from benchmark.errors import BenchmarkError
from benchmark.metrics._intervals import Score, jackknife

VERSION = 1
DIRECTION = {"erased": "up", "retained": "down"}
RANGE = (None, None)  # an unbiased estimate of something small may be below 0
OBSERVER = None  # the prompt set chooses
LEAST = 2  # images, since it compares how they spread
READS = "features"
ORIGINAL = 0.0
ROUNDING = 1e-10  # what float64 leaves of a difference that is none


def score(rows: pd.DataFrame, seen: np.ndarray, references: np.ndarray, settings: None) -> Score:
    """`seen`, `references`: features (n, d) of the images and, image by image, of their reference images."""
    if len(seen) < 2:
        raise BenchmarkError("KID needs two images at least")
    terms = discrepancies(seen.astype(np.float64), references.astype(np.float64))

    def statistic(keep: np.ndarray) -> float:
        return float(terms[np.ix_(keep, keep)].sum() / (keep.sum() * (keep.sum() - 1)))

    return jackknife(statistic, rows.unit.to_numpy())


def discrepancies(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n, n): k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(y_i, x_j), and 0 on the diagonal; KID is its mean off it."""
    own, other, cross = _kernel(x, x), _kernel(y, y), _kernel(x, y)
    terms = own + other - cross - cross.T
    terms[np.abs(terms) < ROUNDING * (own + other)] = 0
    np.fill_diagonal(terms, 0)
    return terms


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3
