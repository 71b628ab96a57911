"""ResNet18 with ImageNet weights and a new last layer: the paper's classifier of styles and of I2P categories.

Preprocessing is the `clean` choice: resize 256, crop 224, ImageNet statistics; the release trains at 512 and tests at
256 without them.
"""

from __future__ import annotations

import torch
from torch import nn
from torchvision.models import ResNet18_Weights, resnet18

from benchmark.model.hub import fetch_file

WEIGHTS = ResNet18_Weights.IMAGENET1K_V1
URL = WEIGHTS.url


class ResNet18(nn.Module):
    """Images in [0, 1] to logits; only `head` is trained."""

    def __init__(self, classes: int):
        super().__init__()
        self.transform = WEIGHTS.transforms(antialias=True)
        self.network = resnet18()
        self.network.load_state_dict(torch.load(fetch_file(URL), weights_only=True))
        self.network.fc = nn.Identity()
        self.head = nn.Linear(512, classes)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(self.transform(images))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images))


def build(classes: int) -> ResNet18:
    return ResNet18(classes)
