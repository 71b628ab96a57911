"""The testbed's classifier of styles: its shipped backbone with a new last layer, trained on images of `original`."""

from __future__ import annotations

import torch
from torch import nn

from classifiers import testbed_backbone


class StyleClassifier(nn.Module):
    """Images in [0, 1] to logits; only `head` is trained."""

    def __init__(self, classes: int):
        super().__init__()
        self.backbone = testbed_backbone.load()
        self.head = nn.Linear(2 * testbed_backbone.WIDTHS[-1], classes)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        return self.backbone.features(images)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images))


def build(classes: int) -> StyleClassifier:
    return StyleClassifier(classes)
