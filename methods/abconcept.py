"""AbConcept: Ablating Concepts in Text-to-Image Diffusion Models (Kumari et al. 2023, https://arxiv.org/abs/2303.13516).

    model:   min  E || eps(x_t, t, p*) - sg eps(x_t, t, p) ||^2
    noise:   min  E || eps(x_t, t, p*) - n ||^2,   n the noise in x_t
    as_run:  min  E || eps(x_t, t, p*) - eps_0(x_t, t, p) ||^2 + lambda || eps(x_t, t, p) - eps_0(x_t, t, p) ||^2

p* is the target prompt, p the concept-free one. `model` and `noise` are the original paper's forms: the student is its
own teacher, and the start token's keys and values take no gradients. The rest of their recipe are settings: `pool:
anchor` (images of p), `group: xattn-kv`, `optimizer: adamw`, `weight_decay: 1.0e-2`, `clip: 1.0`, `preserve: 0.0`.
`as_run` is the objective of the AdvAnchor authors' AbConcept column: frozen teacher, images of the *concept*. They also
never zero gradients, make 76 steps and use painting templates everywhere, which are settings, too. Deliberate
differences from the original code: one anchor prompt instead of 200 captions, no resizing augmentation (it is off for
styles there, too). With `named_anchor`, p* has this anchor in the concept's place where the anchor predicts, and the
concept-free prompt is only what is preserved; `preserve: 0.0` leaves Eq. 1 of AdvAnchor (docs/anchor_study.md).
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

import torch

from benchmark.errors import BenchmarkError
from benchmark.model.alignment import NoiseAnchor, NoisedImages, Preserve, PromptAnchor, align
from benchmark.plan.groups import Group

POOL = "concept"


@dataclass(frozen=True)
class Settings:
    form: Literal["as_run", "model", "noise"] = "as_run"
    pool: Literal["concept", "anchor"] = "concept"
    group: Group = "xattn"
    steps: int = 75
    lr: float = 1e-5
    batch: int = 1
    optimizer: Literal["adam", "adamw"] = "adam"
    weight_decay: float = 0.0
    clip: float | None = None
    preserve: float = 10.0
    target: str = ""  # the template of the concept's prompt; empty: the task's, or `sentence`
    blank: str = ""  # the concept-free prompt; empty: the task's
    named_anchor: str = ""  # one of the concept's anchors, which takes its place in the target; empty: the blank prompt
    sentence: str = ""  # one of the task's sentences, in the place of its template
    accumulate_grads: bool = False


def erase(model, request, settings):
    s, concept, blank = settings, request.concept, settings.blank or request.templates.blank
    target = s.target or request.templates.target
    if s.named_anchor and s.named_anchor not in concept.anchors:
        raise BenchmarkError(f"named_anchor: concept {concept.name} of this task has no anchor {s.named_anchor!r}")
    anchor = target.format(c=concept.anchors[s.named_anchor]) if s.named_anchor else blank
    model.train(s.group)
    kinds = {"noise": NoiseAnchor, "model": PromptAnchor, "as_run": PromptAnchor}
    with ExitStack() as stack:
        if s.form != "as_run":
            for name, module in model.unet.named_modules():
                if name.endswith((".attn2.to_k", ".attn2.to_v")):
                    stack.callback(module.register_forward_hook(_detach_start).remove)
        yield from align(
            model,
            steps=s.steps,
            lr=s.lr,
            prompt=target.format(c=concept.phrase),
            latents=NoisedImages(model, s.batch),
            anchor=kinds[s.form](model, anchor, "frozen" if s.form == "as_run" else "student"),
            preserve=[Preserve(blank, s.preserve)] if s.preserve else [],
            optimizer=s.optimizer,
            weight_decay=s.weight_decay,
            clip=s.clip,
            accumulate_grads=s.accumulate_grads,
        )


def _detach_start(module, inputs, output):
    """Keys or values (B, L, D) whose start token takes no gradients: every prompt shares it."""
    return torch.cat([output[:, :1].detach(), output[:, 1:]], 1)
