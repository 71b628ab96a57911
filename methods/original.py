"""Original: the base model itself, untouched. It brackets every metric: nothing erased, everything kept."""

from __future__ import annotations

from dataclasses import dataclass

POOL = None
CONTROL = True


@dataclass(frozen=True)
class Settings:
    pass


def erase(model, request, settings):
    return
