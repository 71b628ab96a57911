"""How much there is to see: the spread of an image's pixels, by which flat pictures are told from drawn ones.

The spread is the standard deviation over space, in grey levels, of the channel that has most of it: a picture of one
colour has none, whatever the colour.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np


def observe(
    images: Iterable[np.ndarray], references: Iterable[np.ndarray], settings: None, classifier: Path | None
) -> tuple[dict[str, np.ndarray], None]:
    """`spread`: one number per image, in grey levels."""
    return {"spread": np.concatenate([batch.std((1, 2), dtype=np.float64).max(1) for batch in images])}, None
