"""The testbed's object judge, as it ships: it stands in for ImageNet's ResNet50."""

from __future__ import annotations

import json

import torch
from torch import nn

from classifiers import testbed_backbone

CLASSES = tuple(
    name.replace(" ", "_")
    for name in json.loads((testbed_backbone.WEIGHTS.parent / "classes.json").read_text())["objects"]
)


class ObjectJudge(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = testbed_backbone.load()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.backbone(images)[0]


def build(classes: int) -> ObjectJudge:
    return ObjectJudge()
