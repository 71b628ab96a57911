"""Erased or destroyed: the per cent of images that are still pictures of the kind that the original model draws.

Improved precision (Kynkäänniemi et al. 2019, arXiv 1904.06991, k = 3): an image counts if its features lie in a ball
around the features of some image of the original, as far as the third nearest image of the original. The images of
*all* concepts of the prompt set are the manifold: an image of an erased concept may show whatever the original draws
there, and only wreckage lies outside.

Of each image, what the original drew from the same row is left out of the manifold. So an image counts by itself and
not for resembling its reference image, and the original has the precision of its own images on other noise: a model
that changes nothing has the same. Images of one row have noise of their own, so the interval is that of a share.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from benchmark.errors import BenchmarkError
from benchmark.metrics._intervals import Score, share, wilson

VERSION = 1
DIRECTION = {"erased": "up", "retained": "up"}
RANGE = (0, 100)
interval = wilson  # of a mean of such shares, from its value and its number of images
OBSERVER = None  # the prompt set chooses
READS = "features"
MANIFOLD = True
ORIGINAL = None  # its rarest images lie outside, too
NEIGHBOURS = 3


def score(rows: pd.DataFrame, seen: np.ndarray, references: Any, settings: None) -> Score:
    """`seen`: features (n, d) of the images; `references`: `store.look.Originals`, those of all of its images."""
    centre = references.seen.mean(0, dtype=np.float64)
    distances = _squared(seen - centre, references.seen - centre)
    nearest, theirs, own = _neighbours(references)
    hits = np.empty(len(rows), bool)
    for row in rows.row.unique():
        there = own != row
        if there.sum() <= NEIGHBOURS:
            raise BenchmarkError(f"needs {NEIGHBOURS + 1} images of the original from other rows than {row}")
        counted = np.cumsum(theirs != row, 1) == NEIGHBOURS
        radii = np.take_along_axis(nearest, counted.argmax(1)[:, None], 1)[:, 0]
        here = (rows.row == row).to_numpy()
        hits[here] = (distances[here] <= radii)[:, there].any(1)
    return share(hits)


@lru_cache(8)  # all models and concepts of a set ask for the same
def _neighbours(originals: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each image of the original: the squared distances of its nearest others, their rows, and its own row.

    They are as many as are needed if the images of any one row are left out.
    """
    own, x = originals.rows.row.to_numpy(str), originals.seen - originals.seen.mean(0, dtype=np.float64)
    distances = _squared(x, x)
    np.fill_diagonal(distances, np.inf)
    count = NEIGHBOURS + np.unique(own, return_counts=True)[1].max()
    order = np.argsort(distances, 1)[:, :count]
    return np.take_along_axis(distances, order, 1), own[order], own


def _squared(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n, m): the squared distances of features (n, d) and (m, d)."""
    return np.square(x).sum(1)[:, None] + np.square(y).sum(1) - 2 * x @ y.T
