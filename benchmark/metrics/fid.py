"""FID: the Fréchet distance between Gaussians fitted to features of images and of their reference images.

Heusel et al. 2017 (arXiv 1706.08500): |mu1 - mu2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)). Both sets are generated, from the
same prompts and noise: `original` reads 0. How it is computed: `_frechet.py`.

FID grows as images get fewer: its interval, a delete-group jackknife over prompt rows, is about its expectation at this
n, and only numbers of equal n compare. KID beside it has no such bias.
"""

import numpy as np
import pandas as pd

from benchmark.metrics._frechet import paired
from benchmark.metrics._intervals import Score

VERSION = 1
DIRECTION = {"erased": "up", "retained": "down"}
RANGE = (0, None)
OBSERVER = None  # the prompt set chooses
LEAST = 2  # images, since it compares how they spread
READS = "features"
ORIGINAL = 0.0


def score(rows: pd.DataFrame, seen: np.ndarray, references: np.ndarray, settings: None) -> Score:
    """`seen`, `references`: features (n, d) of the images and, image by image, of their reference images."""
    return paired(seen, references, rows.unit.to_numpy())
