"""The means that tables and figures show, each with its interval: over wordings, retained concepts, seeds, erased ones.

Averages are plain: of numbers per concept, never of images. Where a number is missing there is no mean. No mean is
taken across prompt sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from benchmark.plan.records import NOTHING, WHOLE, Task


class Number(NamedTuple):
    value: float
    ci_low: float
    ci_high: float
    n: float


MISSING = Number(np.nan, np.nan, np.nan, 0)
Interval = Callable[[float, float], tuple[float, float]]
Asked = tuple[str, str]  # the concept that was asked for, and the wording

GROUP = ["experiment", "task", "method", "variant", "checkpoint", "prompt_set", "metric", "observer", "role", "control"]
COLUMNS = [*GROUP, "concept", "asked", "wording", "value", "ci_low", "ci_high", "n", "seeds", "by_seed"]


def summarise(
    scores: pd.DataFrame,
    metrics: Mapping[str, ModuleType],
    tasks: Mapping[str, Task],
    erased: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """The numbers of `scores` (as `scores.read` returns them) as means over seeds, and the means of those: `COLUMNS`.

    For each erased concept and role (erased or retained) there is a row per concept and wording asked for, and one with
    `asked` `*`, their mean; rows with `concept` `*` are means over erased concepts. A prompt set that is scored as a
    whole has the rows with `asked` `*` only. A model in which nothing was erased (`control`) has rows for each concept
    that others erase, as if it had lost it. `n` counts the images behind a number, `by_seed` has the number of each
    seed; `benchmark/store/frames.py` explains the other columns.

    `metrics` and `tasks` are those in `scores`, by name. Where controls stand alone, `erased` has the concepts of each
    experiment that others would erase; by default all that were asked for.
    """
    groups = scores.groupby("experiment", sort=False)
    rows = pd.concat(
        [_per_concept(group, tasks[group.task.iloc[0]], (erased or {}).get(name, ())) for name, group in groups]
    )
    concepts = {name: list(group.concept.unique()) for name, group in rows.groupby("experiment")}
    pairs = {key: _pairs(group) for key, group in rows.groupby(["experiment", "prompt_set"])}
    repeats = {
        key: sorted(group.erasing_seed.unique()) for key, group in rows.groupby(["experiment", "variant", "checkpoint"])
    }
    summary = []
    for key, group in rows.groupby(GROUP, sort=False):
        shared = dict(zip(GROUP, key, strict=True))
        module, retained = metrics[shared["metric"]], shared["role"] == "retained"
        values = group[["value", "ci_low", "ci_high", "n"]].itertuples(index=False, name=None)
        places = group[["erasing_seed", "concept", "asked", "wording"]].itertuples(index=False, name=None)
        numbers = {place: Number(*value) for place, value in zip(places, values, strict=True)}
        experiment, seeds = shared["experiment"], repeats[shared["experiment"], shared["variant"], shared["checkpoint"]]
        asked = pairs[experiment, shared["prompt_set"]]
        cube = _cube(numbers, seeds, concepts[experiment], asked, retained, getattr(module, "interval", None))
        for concept, asked_for, wording, per_seed in cube:
            value, low, high, n = over_seeds(per_seed)
            low, high = np.clip((low, high), *module.RANGE)
            row = {"concept": concept, "asked": asked_for, "wording": wording, "value": value, "ci_low": low}
            row |= {"ci_high": high, "n": int(n), "seeds": len(seeds)}
            row["by_seed"] = {seed: number.value for seed, number in zip(seeds, per_seed, strict=True)}
            summary.append(shared | row)
    return pd.DataFrame(summary, columns=COLUMNS)


def _pairs(rows: pd.DataFrame) -> list[Asked]:
    return list(rows[["asked", "wording"]].drop_duplicates().itertuples(index=False, name=None))


def mean(numbers: Sequence[Number], shared: bool = False, interval: Interval | None = None) -> Number:
    """The mean of numbers whose errors are independent or, if they are `shared`, may be the same.

    Independent margins add in quadrature, each side for itself; shared ones add up. Shares have an `interval` of their
    own, Wilson's: with few images each, their margins in quadrature would be one that covers too rarely. The interval
    of their mean is that of one share of as many images as leave the mean equally uncertain; these are all images, if
    each share is of equally many.
    """
    value, low, high, n = (np.array(column, float) for column in zip(*numbers, strict=True))
    low = uncut(value, low, high)
    middle, count = value.mean(), len(numbers)
    if shared:
        return Number(middle, low.mean(), high.mean(), n.sum())
    if interval and n.all():
        return Number(middle, *interval(middle, count**2 / np.sum(1 / n)), n.sum())
    below, above = np.hypot.reduce(value - low), np.hypot.reduce(high - value)
    return Number(middle, middle - below / count, middle + above / count, n.sum())


def uncut(value: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Lower ends of intervals that may have been cut at 0, as they were before: as far away as the upper ends.

    The intervals that are cut, those of FID, are symmetric. Others end at 0 only where the number itself is 0.
    """
    cut = (low == 0) & (value > 0)
    return np.where(cut, np.minimum(low, 2 * value - high), low)


def _over_concepts(asked: Sequence[Asked], numbers: Sequence[Number], interval: Interval | None) -> Number:
    """The mean over concepts, each of which is the mean over its wordings, however many these are."""
    wordings: dict[str, list[Number]] = {}
    for (concept, _), number in zip(asked, numbers, strict=True):
        wordings.setdefault(concept, []).append(number)
    each = [mean(those, interval=interval) if len(those) > 1 else those[0] for those in wordings.values()]
    return mean(each, interval=interval) if len(each) > 1 else each[0]


def over_seeds(numbers: Sequence[Number]) -> Number:
    """The mean over erasing seeds. All of them are asked with the same noise, so its margin is not narrowed by them.

    The mean of several also includes the seed-to-seed variation: Student's margin of the mean, added in quadrature.
    """
    value, low, high, n = mean(numbers, shared=True)
    if len(numbers) < 2:
        return Number(value, low, high, n)
    spread = np.std([number.value for number in numbers], ddof=1) / np.sqrt(len(numbers))
    margin = stdtrit(len(numbers) - 1, 0.975) * spread
    return Number(value, value - np.hypot(value - low, margin), value + np.hypot(high - value, margin), n)


def _per_concept(scores: pd.DataFrame, task: Task, erased: Sequence[str]) -> pd.DataFrame:
    """The rows of one experiment, variant by variant, with `control`; controls once for each concept that it erases.

    Where nothing was erased, these are the concepts `erased` of which there are numbers or, if there are none, all that
    were asked for. The original's numbers have the role `baseline`; here they get the role, erased or retained, in
    which others have numbers beside them. A set as a whole stands in each role that the task looks at on it.
    """
    scores = scores.assign(
        line=range(len(scores)), variants=scores.groupby(["variant", "checkpoint"], sort=False).ngroup(), control=False
    )
    erasures, controls = scores[scores.concept != NOTHING], scores[scores.concept == NOTHING].assign(control=True)
    asked, whole = controls.asked, controls.asked == WHOLE
    known = [concept for concept in erased if (whole | (asked == concept)).any()] or asked[~whole].unique()
    rows = [erasures]
    for concept in erasures.concept.unique() if len(erasures) else known:
        both = []
        for role, sets in (("erased", task.erased_on), ("retained", task.retained_on)):
            fits = (whole | ((asked == concept) == (role == "erased"))) & controls.prompt_set.isin(sets)
            fits &= controls.role.isin([role, "baseline"])
            both.append(controls[fits].assign(concept=concept, role=role))
        rows.append(pd.concat(both).sort_values("line", kind="stable"))
    return pd.concat(rows).sort_values("variants", kind="stable").drop(columns=["line", "variants"])


def _cube(
    numbers: Mapping[tuple[int, str, str, str], Number],
    seeds: Sequence[int],
    concepts: Sequence[str],
    asked: Sequence[Asked],
    retained: bool,
    interval: Interval | None,
) -> Iterator[tuple[str, str, str, Sequence[Number]]]:
    """Concept, asked, wording, and a number per seed, of one variant, prompt set, metric and role, with all means."""
    means: list[Sequence[Number]] = []  # of each concept: one per seed
    whole = any(name == WHOLE for name, _ in asked)
    for concept in concepts:
        pairs = [pair for pair in asked if whole or (pair[0] != concept) == retained]
        if not pairs:
            continue
        table = [[numbers.get((seed, concept, *pair), MISSING) for pair in pairs] for seed in seeds]
        if whole:
            means.append([row[0] for row in table])
        else:
            for pair, per_seed in zip(pairs, zip(*table, strict=True), strict=True):
                yield concept, *pair, per_seed
            means.append([_over_concepts(pairs, row, interval) for row in table])
        yield concept, WHOLE, "", means[-1]
    if means:  # after every erasure the same images are retained: their errors do not average out over concepts
        shared = retained or whole
        yield WHOLE, WHOLE, "", [mean(row, shared, interval) for row in zip(*means, strict=True)]
