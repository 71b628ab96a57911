"""The testbed's observer: features for FID and KID, and the LPIPS distance of each image from its reference image.

The distance is LPIPS's formula (Zhang et al. 2018, arXiv 1801.03924, eq. 1) on the maps of the testbed's own network,
all channels and layers weighing the same: learned weights exist for AlexNet and its like only.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from benchmark.observers._torch import tensor
from benchmark.plan import plugins
from benchmark.running.devices import device


@torch.inference_mode()
def observe(
    images: Iterable[np.ndarray], references: Iterable[np.ndarray], settings: None, classifier: Path | None
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """`lpips_testbed`: the distance of each image from its reference image; features (n, 384)."""
    network = plugins.load("classifiers", "testbed_backbone").load().to(device())
    distances, features = [], []
    for batch, others in zip(images, references, strict=True):
        x = tensor(batch)
        features.append(network.features(x))
        distances.append(distance(network.maps(x), network.maps(tensor(others))))
    return {"lpips_testbed": torch.cat(distances).cpu().numpy()}, torch.cat(features).cpu().numpy()


def distance(maps: list[torch.Tensor], others: list[torch.Tensor]) -> torch.Tensor:
    """(N,): squared differences of unit vectors of channels, summed over channels, averaged over space and layers."""
    layers = [(_unit(a) - _unit(b)).square().sum(1).mean((1, 2)) for a, b in zip(maps, others, strict=True)]
    return torch.stack(layers).mean(0)


def _unit(maps: torch.Tensor) -> torch.Tensor:
    return maps / (maps.norm(dim=1, keepdim=True) + 1e-10)
