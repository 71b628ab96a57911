"""ACC by ResNet50's second weights: the per cent of images that it takes for what the prompt asked for.

It stands beside `accuracy`, by the first weights: how far both differ tells how much an ACC depends on the classifier.
"""

import numpy as np
import pandas as pd

from benchmark.metrics._intervals import Score, share, wilson

VERSION = 1
DIRECTION = {"erased": "down", "retained": "up"}
RANGE = (0, 100)
interval = wilson  # of a mean of such shares, from its value and its number of images
OBSERVER = "resnet50_v2"
READS = "resnet50_v2_label"
NEEDS = "class_name"  # of every row: one of ImageNet's, by torchvision's name
ORIGINAL = None  # the classifier may err


def score(rows: pd.DataFrame, seen: np.ndarray, references: np.ndarray, settings: None) -> Score:
    """`seen`: the class that was seen in each image; `rows.class_name`: the class that should be."""
    return share(seen == rows.class_name.to_numpy())
