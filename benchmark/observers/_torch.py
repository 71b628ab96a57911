"""What observers that run networks share: pictures as tensors, and where to put them."""

from __future__ import annotations

import numpy as np
import torch


def device() -> torch.device:
    torch.backends.cudnn.allow_tf32 = False  # eyes, too, see in float32
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def tensor(batch: np.ndarray) -> torch.Tensor:
    """uint8 (N, H, W, 3) to float32 (N, 3, H, W) in [0, 1], on the device."""
    return torch.from_numpy(np.ascontiguousarray(batch.transpose(0, 3, 1, 2))).to(device()).float() / 255
