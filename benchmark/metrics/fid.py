"""FID: the Fréchet distance between Gaussians fitted to features of images and of their reference images.

Heusel et al. 2017 (arXiv 1706.08500): |mu1 - mu2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)). Both sets are generated, from the
same prompts and noise: `original` reads 0. With centred features X1, X2 as rows the last trace is a nuclear norm,

    tr((S1 S2)^(1/2)) = |X1 X2'|_* / sqrt((n1 - 1)(n2 - 1)),

so no covariance, no matrix root, no complex residue and no epsilon is needed. It is exact, and fast where images are
fewer than dimensions.

FID grows as images get fewer: its interval, a delete-group jackknife over prompt rows, is about its expectation at this
n, and only numbers of equal n compare. KID beside it has no such bias.
"""

import numpy as np
import pandas as pd

from benchmark.errors import BenchmarkError
from benchmark.metrics._intervals import Score, jackknife

VERSION = 1
DIRECTION = {"erased": "up", "retained": "down"}
RANGE = (0, None)
OBSERVER = None  # the prompt set chooses
LEAST = 2  # images, since it compares how they spread
READS = "features"
ORIGINAL = 0.0
ROUNDING = 1e-10  # relative to the traces: what float64 leaves of a difference that is none


def score(rows: pd.DataFrame, seen: np.ndarray, references: np.ndarray, settings: None) -> Score:
    """`seen`, `references`: features (n, d) of the images and, image by image, of their reference images."""
    if len(seen) < 2:
        raise BenchmarkError("FID needs two images at least")
    x, y = _coordinates(seen, references)
    return jackknife(lambda keep: distance(x[keep], y[keep]), rows.unit.to_numpy(), floor=0.0)


def distance(x: np.ndarray, y: np.ndarray) -> float:
    """FID between two sets of features, (n1, d) and (n2, d), in float64."""
    gap = x.mean(0) - y.mean(0)
    x = (x - x.mean(0)) / np.sqrt(len(x) - 1)
    y = (y - y.mean(0)) / np.sqrt(len(y) - 1)
    traces = np.vdot(x, x) + np.vdot(y, y)
    if max(len(x), len(y)) > x.shape[1]:  # the triangular factor has the same inner products and fewer rows
        x, y = (np.linalg.qr(z, "r") if len(z) > z.shape[1] else z for z in (x, y))
    rest = traces - 2 * np.linalg.svd(x @ y.T, compute_uv=False).sum()
    value = gap @ gap + rest
    return float(value) if value > ROUNDING * traces else 0.0


def _coordinates(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sets in float64, in coordinates of the space that they span together: FID stays, dimensions go."""
    both = np.concatenate([x, y]).astype(np.float64)
    both -= both.mean(0)
    if len(both) < both.shape[1]:
        both = np.linalg.qr(both.T, "r").T
    return both[: len(x)], both[len(x) :]
