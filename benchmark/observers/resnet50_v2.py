"""What ResNet50 with torchvision's second weights (IMAGENET1K_V2) takes each image for.

The set's classifier of objects has the first weights, as the paper's probably had. Programs that ask torchvision for
its default get these, and another ACC.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torchvision.models import ResNet50_Weights, resnet50

from benchmark.model.hub import fetch_file
from benchmark.observers._torch import tensor
from benchmark.running.devices import device

WEIGHTS = ResNet50_Weights.IMAGENET1K_V2
URL = WEIGHTS.url


@torch.inference_mode()
def observe(
    images: Iterable[np.ndarray], references: Iterable[np.ndarray], settings: None, classifier: Path | None
) -> tuple[dict[str, np.ndarray], None]:
    """`resnet50_v2_label`: one of ImageNet's 1000 classes, by torchvision's name, for each image."""
    network = resnet50()
    network.load_state_dict(torch.load(fetch_file(URL), weights_only=True, map_location="cpu"))
    network, prepare = network.to(device()).eval(), WEIGHTS.transforms(antialias=True)
    seen = [network(prepare(tensor(batch))).argmax(1).cpu() for batch in images]
    return {"resnet50_v2_label": np.array(WEIGHTS.meta["categories"], object)[torch.cat(seen).numpy()]}, None
