"""The means that tables and figures show, each with its interval: over retained concepts, seeds and erased concepts.

Averages are plain: of numbers per concept, never of images. Where a number is missing there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from benchmark.config import NOTHING
from benchmark.records import asked_for

MEAN = "*"  # in the place of a concept or a probe: the mean over all of them


class Number(NamedTuple):
    value: float
    ci_low: float
    ci_high: float
    n: float


MISSING = Number(np.nan, np.nan, np.nan, 0)
Interval = Callable[[float, float], tuple[float, float]]


def summarise(
    scores: pd.DataFrame, metrics: Mapping[str, ModuleType], erased: Mapping[str, Sequence[str]] | None = None
) -> pd.DataFrame:
    """A row per experiment, task, method, metric, role (erased or retained), concept and probe, averaged over seeds.

    Rows with probe `MEAN` are means over the probes of a role, rows with concept `MEAN` over erased concepts. A model
    in which no concept was erased (`control`) has rows for each concept that others erase, as if it had lost it. `n`
    counts the images behind a number, `by_seed` has the number of each seed. `metrics` are the modules of
    those in `scores`. Where controls stand alone, `erased` has the concepts of each experiment that others would erase;
    by default all that there are.
    """
    groups = scores.groupby("experiment", sort=False)
    rows = pd.concat([_per_concept(group, (erased or {}).get(name, ())) for name, group in groups])
    scope = {name: (list(r.concept.unique()), list(r.probe.unique())) for name, r in rows.groupby("experiment")}
    repeats = {key: sorted(r.seed.unique()) for key, r in rows.groupby(["experiment", "method"])}
    keys = ["experiment", "task", "method", "metric", "role", "control"]
    made = []
    for key, group in rows.groupby(keys, sort=False):
        module, retained = metrics[key[3]], key[4] == "retained"
        numbers = group[["value", "ci_low", "ci_high", "n"]].itertuples(index=False, name=None)
        places = group[["seed", "concept", "probe"]].itertuples(index=False, name=None)
        found = {place: Number(*number) for place, number in zip(places, numbers, strict=True)}
        seeds = repeats[key[0], key[2]]
        cube = _cube(found, seeds, *scope[key[0]], retained, getattr(module, "interval", None))
        for concept, probe, per_seed in cube:
            value, low, high, n = over_seeds(per_seed)
            low, high = np.clip((low, high), *module.RANGE)
            number = {"value": value, "ci_low": low, "ci_high": high, "n": int(n), "seeds": len(seeds)}
            number["by_seed"] = {seed: one.value for seed, one in zip(seeds, per_seed, strict=True)}
            made.append(dict(zip(keys, key, strict=True)) | {"concept": concept, "probe": probe} | number)
    return pd.DataFrame(made)


def mean(numbers: Sequence[Number], shared: bool = False, interval: Interval | None = None) -> Number:
    """The mean of numbers whose errors are independent or, if they are `shared`, may be the same.

    Independent margins add in quadrature, each side for itself; shared ones add up. For shares, which have an
    `interval` of their own, margins of few images each do not add up to one that covers: theirs is that of as many
    images as leave the mean equally uncertain, which are all of them if there are equally many of each.
    """
    value, low, high, n = (np.array(column, float) for column in zip(*numbers, strict=True))
    middle, count = value.mean(), len(numbers)
    if shared:
        return Number(middle, low.mean(), high.mean(), n.sum())
    if interval and n.all():
        return Number(middle, *interval(middle, count**2 / np.sum(1 / n)), n.sum())
    below, above = np.hypot.reduce(value - low), np.hypot.reduce(high - value)
    return Number(middle, middle - below / count, middle + above / count, n.sum())


def over_seeds(numbers: Sequence[Number]) -> Number:
    """The mean over seeds of the erasing, which all see the same noise: what images leave open, they share.

    What the seeds leave open comes on top, as Student's margin of their mean.
    """
    value, low, high, n = mean(numbers, shared=True)
    if len(numbers) < 2:
        return Number(value, low, high, n)
    spread = np.std([number.value for number in numbers], ddof=1) / np.sqrt(len(numbers))
    margin = stdtrit(len(numbers) - 1, 0.975) * spread
    return Number(value, value - np.hypot(value - low, margin), value + np.hypot(high - value, margin), n)


def _per_concept(scores: pd.DataFrame, erased: Sequence[str]) -> pd.DataFrame:
    """The rows of an experiment, method by method, those of controls repeated for each concept that it erases.

    Where nothing was erased, these are the concepts `erased` of which there are numbers or, if there are none, all.
    """
    erasures, controls = scores[scores.concept != NOTHING], scores[scores.concept == NOTHING]
    rows = [erasures.assign(control=False)]
    asked = controls.probe.map(asked_for)
    others = [concept for concept in erased if (asked == concept).any()] or asked.unique()
    for concept in erasures.concept.unique() if len(erasures) else others:
        role = np.where(asked == concept, "erased", "retained")
        as_if = controls.assign(concept=concept, role=role, control=True)
        rows.append(as_if[(controls.role == role) | (controls.role == "baseline")])
    order = {method: place for place, method in enumerate(scores.method.unique())}
    return pd.concat(rows).sort_values("method", key=lambda methods: methods.map(order), kind="stable")


def _cube(
    found: Mapping[tuple[int, str, str], Number],
    seeds: Sequence[int],
    concepts: Sequence[str],
    probes: Sequence[str],
    retained: bool,
    interval: Interval | None,
) -> Iterator[tuple[str, str, Sequence[Number]]]:
    """The numbers of one method, metric and role, one per seed, with all their means over concepts and probes."""
    means: list[list[Number]] = []  # of each concept: one per seed
    for concept in concepts:
        asked = [probe for probe in probes if (asked_for(probe) != concept) == retained]
        if not asked:
            continue
        table = [[found.get((seed, concept, probe), MISSING) for probe in asked] for seed in seeds]
        for probe, numbers in zip(asked, zip(*table, strict=True), strict=True):
            yield concept, probe, numbers
        means.append([mean(row, interval=interval) for row in table])
        yield concept, MEAN, means[-1]
    if means:  # the same images are retained after every erasure: their errors do not average out over concepts
        per_seed = zip(*means, strict=True)
        yield MEAN, MEAN, [mean(numbers, shared=retained, interval=interval) for numbers in per_seed]
