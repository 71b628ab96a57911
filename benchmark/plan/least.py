"""How much a table or figure needs: with less, its place stays empty.

A file of `benchmark/tables/` or `benchmark/figures/` says it in `LEAST`, for example `{"models": 2, "images": 2}`: of
one experiment, so many models that have lost a concept, so many erasing seeds, and so many images of an erased concept;
or so many variants that erase.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmark.errors import ConfigError
from benchmark.plan import source
from benchmark.plan.records import NOTHING, Erasure
from benchmark.plan.selection import choose
from benchmark.plan.suite import Experiment, Suite

PARTS = {  # what one and several of them are called
    "models": ("model", "models"),
    "seeds": ("seed", "seeds"),
    "images": ("image", "images"),
    "variants": ("variant", "variants"),
}
WITHOUT = {"models": 1, "seeds": 1, "images": 1, "variants": 0}  # what is needed if LEAST is silent


def needed(view: str) -> dict[str, int]:
    """What a view needs of each of `PARTS`. Raises `ConfigError` for another part."""
    file = f"benchmark/{view}.py"
    least = {} if source.broken(file) else source.literal(file, "LEAST", {})
    if not isinstance(least, dict):
        raise ConfigError(f"{file}: LEAST: {least!r} says not of what: write {{'models': {least!r}}}, say")
    choose(list(least), PARTS, f"{file}: LEAST") if least else ()
    return WITHOUT | least


def has(experiments: Mapping[str, Iterable[Erasure]], images: int) -> dict[str, int]:
    """What there is of each of `PARTS`, in the experiment that has most. `images` are those of an erased concept."""
    erased = [[erasure for erasure in erasures if erasure.concept != NOTHING] for erasures in experiments.values()]
    models = max((len({(e.variant, e.concept) for e in each}) for each in erased), default=0)
    seeds = max((len({e.erasing_seed for e in each}) for each in erased), default=0)
    variants = max((len({e.variant.name for e in each}) for each in erased), default=0)
    return {"models": models, "seeds": seeds, "images": images, "variants": variants}


def lacking(view: str, there: Mapping[str, int]) -> str:
    """Why a view's place stays empty, for people; an empty text if there is enough."""
    fewer = [
        f"{_of(part, least)}, and has {there[part]}" for part, least in needed(view).items() if there[part] < least
    ]
    return f"needs {'; '.join(fewer)}" if fewer else ""


def views(
    suite: Suite, offered: Mapping[str, Experiment], experiments: Mapping[str, Iterable[Erasure]]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The views of experiments, and why others of theirs stay empty; none does of a run of controls alone."""
    named, empty = dict.fromkeys(view for e in offered.values() for view in e.views), {}
    for view in named:
        there = has({key: experiments[key] for key, e in offered.items() if view in e.views}, suite.budgets.erased)
        if there["models"] and (why := lacking(view, there)):
            empty[view] = why
    return tuple(view for view in named if view not in empty), empty


def said(view: str) -> str:
    """What a view needs, for people: `2 models, 1 seed, 2 images`."""
    return ", ".join(_of(part, n) for part, n in needed(view).items() if n)


def _of(part: str, number: int) -> str:
    return f"{number} {PARTS[part][number > 1]}"
