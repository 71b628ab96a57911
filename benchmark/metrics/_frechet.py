"""The Fréchet distance between Gaussians fitted to two sets of features, exactly and fast.

With centred features X1, X2 as rows the last trace of |mu1 - mu2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) is a nuclear norm,

    tr((S1 S2)^(1/2)) = |X1 X2'|_* / sqrt((n1 - 1)(n2 - 1)),

so no covariance, no matrix root, no complex residue and no epsilon is needed. It is exact, and fast where images are
fewer than dimensions.
"""

import hashlib

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.metrics._intervals import Parts, Score, leave_out

ROUNDING = 1e-10  # relative to the traces: what float64 leaves of a difference that is none
_known: dict[bytes, Parts] = {}  # by the features and units


def paired(x: np.ndarray, y: np.ndarray, units: np.ndarray) -> Score:
    """The distance of two sets of features (n, d), image by image from the same noise, with an interval over `units`.

    Raises `BenchmarkError` for fewer than two images.
    """
    return parts(x, y, units).score(floor=0.0)


def parts(x: np.ndarray, y: np.ndarray, units: np.ndarray) -> Parts:
    """The same distance with and without each group of rows. It is remembered: a metric and a detail ask for it.

    Raises `BenchmarkError` for fewer than two images.
    """
    if len(x) < 2:
        raise BenchmarkError("FID needs two images at least")
    key = hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in (x, y, units))).digest()
    if key not in _known:
        x, y = _coordinates(x, y)
        _known[key] = leave_out(lambda keep: distance(x[keep], y[keep]), units)
    return _known[key]


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
