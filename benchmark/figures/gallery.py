"""What the models draw where styles, objects or groups of objects are erased."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmark.figures import _pictures

IMAGES = True  # this figure shows pictures, not only numbers
CAPTION = "Each row of pictures has one prompt and one noise: the erased concept, and concepts that should be retained"
PAPER_PLACE = "Figure 6"


def figure(
    scores: pd.DataFrame, images: pd.DataFrame, open_picture: Callable[[pd.Series], np.ndarray]
) -> tuple[Figure, pd.DataFrame]:
    """One block of pictures per experiment, a column per variant; which pictures they are beside it."""
    return _pictures.figure(scores, images, open_picture)
