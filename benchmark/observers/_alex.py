"""LPIPS with AlexNet, Zhang et al. 2018 (arXiv 1801.03924): the `lpips` package's version 0.1."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable

import lpips
import numpy as np
import torch
from torchvision.models import AlexNet_Weights

from benchmark.model.hub import fetch_file
from benchmark.running.devices import device

URL = AlexNet_Weights.IMAGENET1K_V1.url


@torch.inference_mode()
def distances(
    images: Iterable[np.ndarray], references: Iterable[np.ndarray], prepare: Callable[[np.ndarray], torch.Tensor]
) -> np.ndarray:
    """The distance of each image from its reference image, (n,). `prepare` makes a batch a tensor in [0, 1]."""
    network = _network().to(device())
    pairs = zip(images, references, strict=True)
    seen = [network(prepare(batch), prepare(others), normalize=True).flatten().cpu() for batch, others in pairs]
    return torch.cat(seen).numpy()


def _network() -> lpips.LPIPS:
    """The package's own heads on torchvision's AlexNet, which the package would fetch without checking its hash."""
    weights = torch.load(fetch_file(URL), weights_only=True, map_location="cpu")
    with warnings.catch_warnings(action="ignore"):  # of how the package calls torchvision
        network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    names = network.net.state_dict()  # slice2.3.weight is AlexNet's features.3.weight
    network.net.load_state_dict({name: weights[f"features.{name.partition('.')[2]}"] for name in names})
    return network
