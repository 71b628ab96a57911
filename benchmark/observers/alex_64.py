"""LPIPS with AlexNet on images of 64 pixels, as AdvAnchor's authors measure it.

Zhang et al. 2018 (arXiv 1801.03924), the `lpips` package's version 0.1. The authors shrink both images with Pillow's
bilinear filter first, which makes the number incomparable with LPIPS at full size: hence the 64 in its name.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

import lpips
import numpy as np
import torch
from PIL import Image
from torchvision.models import AlexNet_Weights

from benchmark.model.hub import fetch_file
from benchmark.observers._torch import tensor
from benchmark.running.devices import device

SIDE = 64
URL = AlexNet_Weights.IMAGENET1K_V1.url


@torch.inference_mode()
def observe(
    images: Iterable[np.ndarray], references: Iterable[np.ndarray], settings: None, classifier: Path | None
) -> tuple[dict[str, np.ndarray], None]:
    """`lpips_alex_64`: the distance of each image from its reference image."""
    network = _network().to(device())
    pairs = zip(images, references, strict=True)
    seen = [network(_shrunk(batch), _shrunk(others), normalize=True).flatten().cpu() for batch, others in pairs]
    return {"lpips_alex_64": torch.cat(seen).numpy()}, None


def _network() -> lpips.LPIPS:
    """The package's own heads on torchvision's AlexNet, which the package would fetch without checking its hash."""
    weights = torch.load(fetch_file(URL), weights_only=True, map_location="cpu")
    with warnings.catch_warnings(action="ignore"):  # of how the package calls torchvision
        network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    names = network.net.state_dict()  # slice2.3.weight is AlexNet's features.3.weight
    network.net.load_state_dict({name: weights[f"features.{name.partition('.')[2]}"] for name in names})
    return network


def _shrunk(batch: np.ndarray) -> torch.Tensor:
    small = [Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BILINEAR) for picture in batch]
    return tensor(np.stack([np.asarray(picture) for picture in small]))
