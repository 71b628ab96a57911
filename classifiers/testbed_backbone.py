"""The testbed's observer: a small residual network on 64-pixel pictures, with the two heads that it was trained with.

It stands in for ImageNet's ResNet50 (its object head), for Inception (its pooled features) and for AlexNet (its maps).
Residual blocks after He et al. 2016, "Deep Residual Learning for Image Recognition".
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from benchmark.errors import BenchmarkError

WEIGHTS = Path(__file__).parent.parent / "testbed" / "classifiers" / "backbone.safetensors"
WIDTHS = (32, 64, 128, 192)


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.skip = (
            nn.Conv2d(inputs, outputs, 1, stride, bias=False) if inputs != outputs or stride > 1 else nn.Identity()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(out + self.skip(x))


class Backbone(nn.Module):
    """Images in [0, 1], (N, 3, 64, 64), to maps, features and the logits of its two heads."""

    def __init__(self, objects: int, styles: int):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, WIDTHS[0], 3, 1, 1, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU())
        self.blocks = nn.ModuleList(Block(a, b, 2) for a, b in zip((WIDTHS[0], *WIDTHS[:-1]), WIDTHS, strict=True))
        self.objects = nn.Linear(2 * WIDTHS[-1], objects)
        self.styles = nn.Linear(2 * WIDTHS[-1], styles)

    def maps(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The outputs of the four stages, (N, C, H, W) each."""
        x = self.stem((images - 0.5) / 0.25)
        stages = []
        for block in self.blocks:
            x = block(x)
            stages.append(x)
        return stages

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 384): the last stage, pooled."""
        return self.pool(self.maps(images)[-1])

    @staticmethod
    def pool(last: torch.Tensor) -> torch.Tensor:
        """Mean and maximum over space of the last stage, (N, 2C)."""
        return torch.cat([last.mean((2, 3)), last.amax((2, 3))], 1)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        pooled = self.features(images)
        return self.objects(pooled), self.styles(pooled)


def classes() -> dict[str, list[str]]:
    """The names of the two heads' outputs, `objects` and `styles`. Raises `BenchmarkError` if they cannot be read."""
    path = WEIGHTS.parent / "classes.json"
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"{path}: cannot be read ({error}); `make retrain` rebuilds it") from error


def load() -> Backbone:
    """The shipped backbone, in evaluation mode, without gradients. Raises `BenchmarkError` if it is not whole."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(WEIGHTS)
        net = Backbone(len(state["objects.bias"]), len(state["styles.bias"]))
        net.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        why = str(error).splitlines()[0]
        raise BenchmarkError(f"{WEIGHTS}: cannot be loaded ({why}); `make retrain` rebuilds it") from error
    return net.eval().requires_grad_(False)
