"""Scramble: a control that wrecks the model, the other bracket of every metric.

    w <- (1 - strength) w + strength std(w) n,   n ~ N(0, 1),   for every cross-attention weight w

What scores well here as erasure is damage, and what scores well here as preservation measures nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.plan.groups import Group

POOL = None
CONTROL = True


@dataclass(frozen=True)
class Settings:
    group: Group = "xattn"
    strength: float = 1.0


def erase(model, request, settings):
    for weight in model.train(settings.group):
        noise = model.randn(*weight.shape) * weight.data.std(correction=0)
        weight.data.lerp_(noise, settings.strength)
