"""Guidance: how several predictions become the one that a step of the sampler follows.

What a method's `apply` may return is `protocols.Guidance`. Classifier-free guidance is what is used otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from benchmark.model.diffusion import Conditioning, Diffusion


@dataclass(frozen=True)
class Shot:
    """One image to draw: `index` is its place in the noise draw of `images` pictures that `noise_seed` makes.

    `guidance` is the scale of this image.
    """

    text: str
    noise_seed: int
    index: int
    images: int
    guidance: float


@dataclass(frozen=True)
class Batch:
    """B images that are drawn together in `steps` steps; where there are fewer, the last ones are copies.

    What is known of an image is what its file is named by: its text, noise and scale, and nothing of its companions.
    """

    shots: tuple[Shot, ...]
    steps: int
    device: torch.device

    def __len__(self) -> int:
        return len(self.shots)

    @property
    def texts(self) -> list[str]:
        return [shot.text for shot in self.shots]

    @property
    def scales(self) -> torch.Tensor:
        """The guidance scale of each image, (B, 1, 1, 1)."""
        return torch.tensor([shot.guidance for shot in self.shots], device=self.device).view(-1, 1, 1, 1)


class ClassifierFree:
    """eps("") + scale (eps(text) - eps("")) (Ho and Salimans 2022, https://arxiv.org/abs/2207.12598)."""

    def __init__(self, pipeline: Diffusion):
        self.pipeline = pipeline

    def contexts(self, batch: Batch) -> list[Conditioning]:
        self.scales = batch.scales
        return [self.pipeline.encode(*[""] * len(batch)), self.pipeline.encode(*batch.texts)]

    def combine(self, predictions: torch.Tensor, step: int) -> torch.Tensor:
        blank, asked = predictions
        return guided(blank, asked, self.scales)


def guided(start: torch.Tensor, end: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """start + scale (end - start), rounded as a product with a number is: scales (B, 1, 1, 1) are in float32."""
    return start + (scales * (end - start)).to(start.dtype)
