"""Inception's 2048 features for FID and KID: torch-fidelity's port of the network that the first FID used.

Heusel et al. 2017 (arXiv 1706.08500). It resizes as TensorFlow 1 did; which port AdvAnchor's authors used is not known.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3 as URL
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from benchmark.model.hub import fetch_file
from benchmark.running.devices import device


@torch.inference_mode()
def observe(
    images: Iterable[np.ndarray], references: Iterable[np.ndarray], settings: None, classifier: Path | None
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """No column; features (n, 2048)."""
    network = _network().to(device())
    seen = [network(torch.from_numpy(batch.transpose(0, 3, 1, 2)).to(device()))[0].cpu() for batch in images]
    return {}, torch.cat(seen).numpy()


def _network() -> torch.nn.Module:
    weights = str(fetch_file(URL))
    return FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path=weights)
