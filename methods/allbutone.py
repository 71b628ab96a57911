"""All-but-one: All but One, Surgical Concept Erasing (Hong et al. 2024, arXiv 2312.12807), reconstructed.

    g(p) = eps_0(p) - eps_0(""),   d = g(c) - g(alternative),   mu = 1[|d| >= its q-quantile, per image and channel]
    min  E || eps(c) - [eps_0("") + g(c) - kappa mu d] ||^2 + beta || eps("") - eps_0("") ||^2

No code is public and the formulas could not be read: this is the simplest faithful reading of the abstract (replace the
guidance, hold the unconditional term). q = 0 replaces all of it; q = .9 only its highest and lowest values. The
alternative is the concept's anchor `alternative` if the task names one, else the empty prompt, whose guidance is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from benchmark.model.alignment import Anchor, PartialDenoise, Preserve, align
from benchmark.plan.groups import Group

POOL = None
NOTE = "a reconstruction: no code is public, and the paper's formulas could not be read"


@dataclass(frozen=True)
class Settings:
    group: Group = "xattn"
    quantile: float = 0.0
    kappa: float = 1.0
    beta: float = 1.0
    guidance: float = 3.0
    denoise_steps: int = 50
    steps: int = 1000
    lr: float = 1e-5
    batch: int = 1


class GuidanceReplacement(Anchor):
    """The concept's guidance with its strongest differences from the alternative's replaced."""

    def __init__(self, model, concept: str, alternative: str, quantile: float, kappa: float):
        self.three = model.encode("", concept, alternative)
        self.quantile, self.kappa = quantile, kappa

    def contexts(self):
        return self.three

    def combine(self, predictions: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        _, concept, alternative = predictions
        d = concept - alternative
        size = d.abs().flatten(2)
        mask = (size >= size.quantile(self.quantile, dim=2, keepdim=True)).view_as(d)
        return concept - self.kappa * mask * d


def erase(model, request, settings):
    s, concept = settings, request.concept
    phrase = concept.phrase
    model.train(s.group)
    yield from align(
        model,
        steps=s.steps,
        lr=s.lr,
        prompt=phrase,
        latents=PartialDenoise(model, phrase, s.batch, s.guidance, s.denoise_steps),
        anchor=GuidanceReplacement(model, phrase, concept.anchors.get("alternative", ""), s.quantile, s.kappa),
        preserve=[Preserve("", s.beta)],
    )
