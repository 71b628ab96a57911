"""The means that tables and figures show, each with its interval: over retained concepts, seeds and erased concepts.

Averages are plain: of numbers per concept, never of images. Where a number is missing there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from benchmark.grid import NOTHING

MEAN = "*"  # in the place of a concept or a probe: the mean over all of them


class Number(NamedTuple):
    value: float
    ci_low: float
    ci_high: float
    n: int


MISSING = Number(np.nan, np.nan, np.nan, 0)


def summarise(scores: pd.DataFrame, ranges: Mapping[str, tuple[float | None, float | None]]) -> pd.DataFrame:
    """A row per experiment, task, method, metric, role (erased or retained), concept and probe, averaged over seeds.

    Rows with probe `MEAN` are means over the probes of a role, rows with concept `MEAN` over erased concepts. A model
    in which no concept was erased (`control`) has rows for each concept that others erase, as if it had lost it. `n`
    counts the images behind a number; `ranges` are the metrics' natural limits.
    """
    rows = pd.concat([_per_concept(group) for _, group in scores.groupby("experiment", sort=False)])
    scope = {name: (list(r.concept.unique()), list(r.probe.unique())) for name, r in rows.groupby("experiment")}
    keys = ["experiment", "task", "method", "metric", "role", "control"]
    made = []
    for key, group in rows.groupby(keys, sort=False):
        numbers = group[["value", "ci_low", "ci_high", "n"]].itertuples(index=False, name=None)
        places = group[["seed", "concept", "probe"]].itertuples(index=False, name=None)
        found = {place: Number(*number) for place, number in zip(places, numbers, strict=True)}
        seeds = list(group.seed.unique())
        for concept, probe, number in _cube(found, seeds, *scope[key[0]], retained=key[4] == "retained"):
            low, high = np.clip(number[1:3], *ranges[key[3]])
            row = dict(zip(keys, key, strict=True)) | {"concept": concept, "probe": probe, "seeds": len(seeds)}
            made.append(row | number._asdict() | {"ci_low": low, "ci_high": high})
    return pd.DataFrame(made)


def mean(numbers: Sequence[Number], shared: bool = False) -> Number:
    """The mean of numbers whose errors are independent, or, if they are `shared`, may be the same ones.

    Independent margins add in quadrature, each side for itself (Zou and Donner 2008, doi 10.1002/sim.3095), so that
    intervals stay as lopsided as shares near 0 make them; shared ones add up.
    """
    value, low, high, n = (np.array(column, float) for column in zip(*numbers, strict=True))
    below, above = ((m.sum() if shared else np.hypot.reduce(m)) / len(m) for m in (value - low, high - value))
    return Number(value.mean(), value.mean() - below, value.mean() + above, int(n.sum()))


def over_seeds(numbers: Sequence[Number]) -> Number:
    """The mean over seeds of the erasing, which all see the same noise: what images leave open is shared.

    What the seeds leave open comes on top, as Student's margin of their mean.
    """
    value, low, high, n = mean(numbers, shared=True)
    if len(numbers) < 2:
        return Number(value, low, high, n)
    spread = np.std([number.value for number in numbers], ddof=1) / np.sqrt(len(numbers))
    margin = stdtrit(len(numbers) - 1, 0.975) * spread
    return Number(value, value - np.hypot(value - low, margin), value + np.hypot(high - value, margin), n)


def _per_concept(scores: pd.DataFrame) -> pd.DataFrame:
    """The rows of an experiment, those of controls repeated for each concept that it erases."""
    erasures, controls = scores[scores.concept != NOTHING], scores[scores.concept == NOTHING]
    rows = [erasures.assign(control=False)]
    for concept in erasures.concept.unique() if len(erasures) else controls.probe.unique():
        role = np.where(controls.probe == concept, "erased", "retained")
        as_if = controls.assign(concept=concept, role=role, control=True)
        rows.append(as_if[(controls.role == role) | (controls.role == "baseline")])
    return pd.concat(rows)


def _cube(
    found: Mapping[tuple[int, str, str], Number],
    seeds: Sequence[int],
    concepts: Sequence[str],
    probes: Sequence[str],
    retained: bool,
) -> Iterator[tuple[str, str, Number]]:
    """The numbers of one method, metric and role, with all their means."""
    means = []
    for concept in concepts:
        asked = [probe for probe in probes if (probe != concept) == retained]
        if not asked:
            continue
        table = [[found.get((seed, concept, probe), MISSING) for probe in asked] for seed in seeds]
        for probe, numbers in zip(asked, zip(*table, strict=True), strict=True):
            yield concept, probe, over_seeds(numbers)
        means.append(over_seeds([mean(row) for row in table]))
        yield concept, MEAN, means[-1]
    if means:  # the same images are retained after every erasure: their errors do not average out over concepts
        yield MEAN, MEAN, mean(means, shared=retained)
