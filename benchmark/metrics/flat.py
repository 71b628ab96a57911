"""The per cent of flat pictures: images without content, which no classifier recognises and no detector fires on.

They are scored like all others, since the model drew them; this number says how much of an erasure is just that. The
original model may draw some, since of 4,703 prompts one may ask for a dark night. If most are flat, it is broken.
"""

import numpy as np
import pandas as pd

from benchmark.metrics._intervals import Score, share, wilson

VERSION = 1
DIRECTION = {"erased": "down", "retained": "down"}
RANGE = (0, 100)
interval = wilson  # of a mean of such shares, from its value and its number of images
OBSERVER = "spread"
READS = "spread"
ORIGINAL = (0.0, 50.0)
FLAT = 4.0  # grey levels of 255: a picture with a drawing in it has tens, a flat one the noise of the decoder


def score(rows: pd.DataFrame, seen: np.ndarray, references: np.ndarray, settings: None) -> Score:
    """`seen`: each image's spread in grey levels."""
    return share(seen < FLAT)
