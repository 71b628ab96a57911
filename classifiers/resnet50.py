"""ResNet50 with torchvision's IMAGENET1K_V1 weights: the paper's classifier of objects, 1000 classes."""

from __future__ import annotations

import torch
from torch import nn
from torchvision.models import ResNet50_Weights, resnet50

from benchmark.model.hub import fetch_file

WEIGHTS = ResNet50_Weights.IMAGENET1K_V1  # the release's `pretrained=True`; V2 scores differ by points
URL = WEIGHTS.url
CLASSES = tuple(WEIGHTS.meta["categories"])


class ResNet50(nn.Module):
    def __init__(self):
        super().__init__()
        self.transform = WEIGHTS.transforms(antialias=True)
        self.network = resnet50()
        self.network.load_state_dict(torch.load(fetch_file(URL), weights_only=True))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(self.transform(images))


def build(classes: int) -> ResNet50:
    """The network as it comes: it has its own 1000 classes, whatever `classes` says."""
    return ResNet50()
