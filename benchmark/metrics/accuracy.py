"""ACC: the per cent of images that the classifier takes for what the prompt asked for, with Wilson's interval.

AdvAnchor (arXiv 2501.00054) §4: of the erased concept it should be low, of the others high. Every image counts, flat
ones too: their share stands beside it as `flat`.
"""

import numpy as np
import pandas as pd

from benchmark.errors import BenchmarkError
from benchmark.metrics._intervals import Score, share, wilson

VERSION = 1
DIRECTION = {"erased": "down", "retained": "up"}
RANGE = (0, 100)
interval = wilson  # of a mean of such shares, from its value and its number of images
OBSERVER = "classifier"
READS = "classifier_label"
NEEDS = "class_name"  # of every row
ORIGINAL = None  # the classifier may err


def score(rows: pd.DataFrame, seen: np.ndarray, references: np.ndarray, settings: None) -> Score:
    """`seen`: the class that the classifier saw in each image; `rows.class_name`: the class that it should see."""
    if any(not label for label in seen):
        raise BenchmarkError(f"the classifier gave no class to {rows.file[[not label for label in seen]].iloc[0]}")
    return share(seen == rows.class_name.to_numpy())
