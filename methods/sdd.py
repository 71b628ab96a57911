"""SDD: Towards Safe Self-Distillation of Text-to-Image Diffusion Models (Kim et al. 2023, arXiv 2307.05977).

    min  E || eps(x_t, t, c) - sg eps(x_t, t, "") ||^2,   result: the moving average of the weights

The target is the student's own unconditional prediction, without gradients; x_t is denoised by the averaged weights.
Deliberate differences from the authors' code: the stop index 0 returns the initial noise (theirs denoises to the end
and labels it as the noisiest). `anchor: adversarial` puts AdvAnchor's anchor in the place of the empty prompt; it is
then the frozen model that predicts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmark.model.adversarial import in_place_of_a_prompt
from benchmark.model.alignment import Average, PartialDenoise, PromptAnchor, align
from benchmark.plan.groups import Group

POOL = None


@dataclass(frozen=True)
class Settings:
    group: Group = "xattn"
    ema: float = 0.999
    guidance: float = 3.0
    denoise_steps: int = 50
    steps: int = 1500
    lr: float = 1e-5
    weight_decay: float = 1e-4
    clip: float = 1.0
    batch: int = 1
    anchor: Literal["empty", "adversarial"] = "empty"
    site: Literal["input", "output"] = "input"
    delta_lr: float = 1e-4
    delta_init: float = 1e-7  # as the release of AdvAnchor (docs/anchors.md)
    inner_steps: int = 30


def erase(model, request, settings):
    s, phrase = settings, request.concept.phrase
    model.train(s.group)
    average = Average(s.ema)
    anchor = PromptAnchor(model, "", source="student")
    if s.anchor == "adversarial":
        anchor = in_place_of_a_prompt(
            model, phrase, site=s.site, lr=s.delta_lr, inner_steps=s.inner_steps, init=s.delta_init
        )
    yield from align(
        model,
        steps=s.steps,
        lr=s.lr,
        prompt=phrase,
        latents=PartialDenoise(model, phrase, s.batch, s.guidance, s.denoise_steps, average.weights),
        anchor=anchor,
        optimizer="adamw",
        weight_decay=s.weight_decay,
        clip=s.clip,
        average=average,
    )
