"""ESD: Erasing Concepts from Diffusion Models (Gandikota et al. 2023, https://arxiv.org/abs/2303.07345).

    min  E || eps(x_t, t, c) - [eps_0(x_t, t, "") - eta (eps_0(x_t, t, c) - eps_0(x_t, t, ""))] ||^2

x_t is denoised from noise by the student under the concept's bare phrase. `group: xattn` is ESD-x, `noxattn` ESD-u.
Deliberate differences from the authors' code: the loss is taken at exactly the timestep that the partly denoised latent
has reached (theirs is off by up to two DDIM steps). `anchor: adversarial` puts AdvAnchor's anchor in the place of the
empty prompt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmark.model.adversarial import in_place_of_a_prompt
from benchmark.model.alignment import NegativeGuidance, PartialDenoise, PromptAnchor, align
from benchmark.plan.groups import Group

POOL = None


@dataclass(frozen=True)
class Settings:
    group: Group = "xattn"
    eta: float = 1.0
    guidance: float = 3.0
    denoise_steps: int = 50
    steps: int = 1000
    lr: float = 1e-5
    batch: int = 1
    anchor: Literal["empty", "adversarial"] = "empty"
    site: Literal["input", "output"] = "input"
    delta_lr: float = 1e-4
    delta_init: float = 1e-7  # as the release of AdvAnchor (docs/anchors.md)
    inner_steps: int = 30


def erase(model, request, settings):
    s, phrase = settings, request.concept.phrase
    model.train(s.group)
    surrogate = PromptAnchor(model, "")
    if s.anchor == "adversarial":
        surrogate = in_place_of_a_prompt(
            model, phrase, site=s.site, lr=s.delta_lr, inner_steps=s.inner_steps, init=s.delta_init
        )
    yield from align(
        model,
        steps=s.steps,
        lr=s.lr,
        prompt=phrase,
        latents=PartialDenoise(model, phrase, s.batch, s.guidance, s.denoise_steps),
        anchor=NegativeGuidance(model, phrase, surrogate, s.eta),
    )
