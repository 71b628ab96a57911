"""What observers that run networks of torch share: pictures as tensors, on the device."""

from __future__ import annotations

import numpy as np
import torch

from benchmark.running.devices import device


def tensor(batch: np.ndarray) -> torch.Tensor:
    """uint8 (N, H, W, 3) to float32 (N, 3, H, W) in [0, 1], on the device."""
    return torch.from_numpy(np.ascontiguousarray(batch.transpose(0, 3, 1, 2))).to(device()).float() / 255
