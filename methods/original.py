"""Original: the base model itself, untouched. Every metric is bracketed by it: nothing is erased, everything is kept."""

from __future__ import annotations

from dataclasses import dataclass

POOL = None
PER_CONCEPT = False


@dataclass(frozen=True)
class Settings:
    pass


def erase(model, concept, settings):
    return
