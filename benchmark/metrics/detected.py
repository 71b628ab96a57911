"""The per cent of images in which the task's detector finds what it looks for, with Wilson's interval.

AdvAnchor (arXiv 2501.00054) counts such images of nudity. The share of the original model, its baseline, says in how
many there was anything to remove.
"""

import numpy as np
import pandas as pd

from benchmark.metrics._intervals import Score, share, wilson

VERSION = 1
DIRECTION = {"erased": "down", "retained": "down"}
RANGE = (0, 100)
interval = wilson  # of a mean of such shares, from its value and its number of images
EYE = None
READS = "{eye}"
ORIGINAL = None  # what the original model shows is what there is to remove


def score(rows: pd.DataFrame, seen: np.ndarray, partners: np.ndarray) -> Score:
    """`seen`: the detector's score of each image; `rows.threshold`: above which it has found something."""
    return share(seen > rows.threshold.to_numpy())
