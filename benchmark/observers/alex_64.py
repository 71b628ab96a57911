"""LPIPS with AlexNet on images of 64 pixels, as AdvAnchor's authors measure it (`_alex.py`).

The authors shrink both images with Pillow's bilinear filter first, which makes the number incomparable with LPIPS at
full size: hence the 64 in its name.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmark.observers import _alex
from benchmark.observers._torch import tensor

SIDE = 64
URL = _alex.URL  # fetched before any job runs


def observe(
    images: Iterable[np.ndarray], references: Iterable[np.ndarray], settings: None, classifier: Path | None
) -> tuple[dict[str, np.ndarray], None]:
    """`lpips_alex_64`: the distance of each image from its reference image."""
    return {"lpips_alex_64": _alex.distances(images, references, _shrunk)}, None


def _shrunk(batch: np.ndarray) -> torch.Tensor:
    small = [Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BILINEAR) for picture in batch]
    return tensor(np.stack([np.asarray(picture) for picture in small]))
