"""LPIPS: the mean perceptual distance between images and what the original model drew from the same prompt and noise.

Zhang et al. 2018 (arXiv 1801.03924). The observers measure each pair; here they are averaged, with a bootstrap over
prompt rows. AdvAnchor (arXiv 2501.00054) §4: of the erased concept it should be high, of the others low.
"""

import numpy as np
import pandas as pd

from benchmark.metrics._intervals import Score, mean

VERSION = 1
DIRECTION = {"erased": "up", "retained": "down"}
RANGE = (0, None)
OBSERVER = None  # the prompt set chooses
READS = "lpips_{observer}"
ORIGINAL = 0.0


def score(rows: pd.DataFrame, seen: np.ndarray, references: np.ndarray, settings: None) -> Score:
    """`seen`: the distance of each image from its reference image."""
    return mean(seen, rows.unit.to_numpy())
