"""LPIPS with AlexNet on images as they are drawn, as the metric's authors define it (`_alex.py`)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmark.observers import _alex
from benchmark.observers._torch import tensor

URL = _alex.URL  # fetched before any job runs


def observe(
    images: Iterable[np.ndarray], references: Iterable[np.ndarray], settings: None, classifier: Path | None
) -> tuple[dict[str, np.ndarray], None]:
    """`lpips_alex_full`: the distance of each image from its reference image."""
    return {"lpips_alex_full": _alex.distances(images, references, tensor)}, None
