"""From scores and details to one effect with its error: what a part of a claim is about.

The unit is the erased concept: an effect is a mean over concepts, and its error comes from how much concepts differ. So
it says whether other concepts of the same kind would show the same. That spread contains the chance of training, and
the images' chance as far as it differs from concept to concept. What a model retains is measured on the same images
whatever was erased: their chance is the same for all concepts, and is added (as in `summary`). With one concept the
unit is the erasing seed.

The variance is then a sum of two, of which that over concepts is less well known. The degrees of freedom are those of
that one, which is on the safe side (Hájek 1962). Those of Welch and Satterthwaite are not, with so few concepts:
intervals of three concepts then cover in 90 % of cases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from benchmark.plan.records import END, NOTHING
from benchmark.showing.summary import uncut
from benchmark.store.claimed import INNER_STEPS, Part

LEVEL = 0.975  # of each side of an interval
NORMAL = 1.96
ROUNDING = 1e-9  # of an effect: a spread below it is none
PAIRED, UNPAIRED, GROUPS, LOOPS = "same noise", "two scores", "two tasks", "inner loops"
Directions = Callable[[str], Mapping[str, str]]  # of a metric: by role, up if higher numbers are better


class Unknown(Exception):
    """There is no effect; the text says why."""


class Effect(NamedTuple):
    """An effect with its standard error and degrees of freedom, and what it is of."""

    value: float
    se: float
    df: float
    metric: str
    errors: str  # whence the images' errors come: PAIRED, UNPAIRED or GROUPS; LOOPS if it is of no image
    concepts: int
    seeds: int

    @property
    def interval(self) -> tuple[float, float]:
        margin = stdtrit(self.df, LEVEL) * self.se
        return self.value - margin, self.value + margin

    def above(self, edge: float) -> float:
        """The one-sided p-value of the hypothesis that the effect is `edge` or less."""
        return float(stdtr(self.df, (edge - self.value) / self.se))

    def below(self, edge: float) -> float:
        """The one-sided p-value of the hypothesis that the effect is `edge` or more."""
        return float(stdtr(self.df, (self.value - edge) / self.se))


@dataclass(frozen=True)
class Numbers:
    """What claims are judged by: scores.csv, and the details beside it that there are."""

    scores: pd.DataFrame
    details: Mapping[str, pd.DataFrame]
    directions: Directions

    def effect(self, part: Part, task: str) -> Effect:
        """The effect of a part on a task. Raises `Unknown` if numbers are missing or too few."""
        if part.kind == "sooner":
            return within(self._mean_of_pairs([self._sooner(task, *pair) for pair in part.pairs]), False, INNER_STEPS)
        metric = self._metric(part, task)
        shared = part.role == "retained"
        if part.kind == "harms":
            return _between(
                *(self._levels(part, name, metric) for name in (task, part.against)), metric,
                self._sign(metric, part.role),
            )  # fmt: skip
        if part.kind == "nearest":
            gaps = self._nearest(part, task, metric)
        else:
            gaps = self._mean_of_pairs([self._gaps(part.role, task, metric, *pair) for pair in part.pairs])
        return within(gaps, shared, metric)

    def _sign(self, metric: str, role: str) -> int:
        return 1 if self.directions(metric)[role] == "up" else -1

    def _metric(self, part: Part, task: str) -> str:
        rows = self.scores[(self.scores.task == task) & (self.scores.role == part.role)]
        if rows.empty:
            raise Unknown(f"scores.csv has no number of what was {part.role} in the task {task}")
        wanted = [part.metrics[task]] if task in part.metrics else list(part.least)
        for metric in wanted:
            if metric in set(rows.metric):
                return metric
        raise Unknown(f"the task {task} has no {' or '.join(wanted)} of what was {part.role}")

    def _levels(self, part: Part, task: str, metric: str) -> pd.DataFrame:
        """The mean over variants for each concept and seed that all have, with the images' error."""
        each = [self._of_variant(part.role, task, metric, name) for name in part.variants]
        rows = pd.concat([frame.reset_index() for frame in each]).groupby(["concept", "erasing_seed"])
        means = rows.agg(value=("value", "mean"), se=("se", lambda errors: errors.mean(skipna=False)))
        whole = means[rows.size() == len(each)]  # a mean of other variants would be about these
        if whole.empty:
            raise Unknown(f"no concept of the task {task} was erased by all of {', '.join(part.variants)}")
        return whole

    def _of_variant(self, role: str, task: str, metric: str, variant: str) -> pd.DataFrame:
        """The number of a variant for each concept and seed: the mean over wordings, concepts, and prompt sets."""
        s = self.scores
        s = s[(s.task == task) & (s.role == role) & (s.metric == metric) & (s.variant == variant)]
        s = s[(s.checkpoint == END) & (s.concept != NOTHING)]
        if s.empty:
            raise Unknown(f"scores.csv has no {metric} of {variant} in the task {task}")
        key = ["concept", "erasing_seed", "prompt_set"]
        s = s[s.observer == s.observer.iloc[0]].drop_duplicates([*key, "asked", "wording"])
        low = uncut(s.value, s.ci_low, s.ci_high)
        each = _mean(s.assign(se=(s.ci_high - low) / (2 * NORMAL)), [*key, "asked"])
        return _over_sets(_mean(each, key))

    def _gaps(self, role: str, task: str, metric: str, one: str, two: str) -> pd.DataFrame:
        """How much better `one` is than `two`, for each concept and seed that both erased: `value`, `se`, `errors`."""
        first, second = (self._of_variant(role, task, metric, name) for name in (one, two))
        both = first.index.intersection(second.index)
        if both.empty:
            raise Unknown(f"{one} and {two} have erased no concept with the same seed in the task {task}")
        sign, paired = self._sign(metric, role), self._paired(role, task, metric, one, two)
        if paired is not None and both.isin(paired.index).all():
            return paired.loc[both].assign(value=lambda frame: sign * frame.value, errors=PAIRED)
        first, second = first.loc[both], second.loc[both]
        gaps = {"value": sign * (first.value - second.value), "se": np.hypot(first.se, second.se), "errors": UNPAIRED}
        return pd.DataFrame(gaps)

    def _sooner(self, task: str, one: str, two: str) -> pd.DataFrame:
        """How much sooner the inner loops of `one` end than those of `two`, in per cent of their most steps."""
        if "inner_loops" not in self.details:
            raise Unknown("there is no details/inner_loops.csv, which says how long inner loops were")
        loops = self.details["inner_loops"]
        loops = loops[(loops.task == task) & (loops.checkpoint == END)].drop_duplicates(
            ["variant", "concept", "erasing_seed"]
        )
        first, second = (
            (100 * rows["mean"] / rows.most)
            for name in (one, two)
            for rows in [loops[loops.variant == name].set_index(["concept", "erasing_seed"])]
        )
        gaps = (second - first).dropna()
        if gaps.empty:
            raise Unknown(f"no concept of the task {task} was erased with the inner loops of both {one} and {two}")
        return pd.DataFrame({"value": gaps, "se": 0.0, "errors": LOOPS})

    def _paired(self, role: str, task: str, metric: str, one: str, two: str) -> pd.DataFrame | None:
        """The same from the detail `paired`, if it has the pair; in either order."""
        if "paired" not in self.details:
            return None
        p = self.details["paired"]
        p = p[(p.task == task) & (p.role == role) & (p.metric == metric)]
        forth, back = (p[(p.variant == a) & (p.other == b)] for a, b in ((one, two), (two, one)))
        rows = pd.concat([forth, back.assign(difference=-back.difference)])
        if rows.empty:
            return None
        key = ["concept", "erasing_seed", "prompt_set"]
        rows = rows[rows.observer == rows.observer.iloc[0]].drop_duplicates(key).set_index(key)
        return _over_sets(rows[["difference", "se"]].rename(columns={"difference": "value"}))

    def _mean_of_pairs(self, gaps: list[pd.DataFrame]) -> pd.DataFrame:
        """The mean over pairs of variants, which drew from the same noise, for each concept and seed that all have."""
        rows = pd.concat([frame.reset_index() for frame in gaps])
        means = rows.groupby(["concept", "erasing_seed"]).agg(
            value=("value", "mean"), se=("se", "mean"), pairs=("value", "size")
        )
        return means[means.pairs == len(gaps)].assign(errors=_worst(rows.errors))

    def _nearest(self, part: Part, task: str, metric: str) -> pd.DataFrame:
        """For each concept: how much better the variant with the nearest anchor is than that with the farthest."""
        if "distances" not in self.details:
            raise Unknown("there is no details/distances.csv, which says how far anchors are from a concept")
        far = self.details["distances"]
        rows = []
        for concept, of in far[far.task == task].drop_duplicates(["concept", "anchor"]).groupby("concept", sort=False):
            distance = {n: of.distance[of.anchor == a].iloc[0] for n, a in part.anchors.items() if a in set(of.anchor)}
            if len(distance) > 1:
                ends = min(distance, key=distance.get), max(distance, key=distance.get)
                gaps = self._gaps(part.role, task, metric, *ends)
                rows.append(gaps[gaps.index.get_level_values("concept") == concept])
        if not rows:
            raise Unknown(f"no concept of the task {task} has two anchors whose distances are known")
        return pd.concat(rows)


def within(gaps: pd.DataFrame, shared: bool, metric: str) -> Effect:
    """The effect of differences with the index (concept, erasing seed) and the columns `value`, `se` and `errors`.

    `shared` says whether the images are the same for all concepts. Raises `Unknown` where no error can be told.
    """
    if gaps.empty:
        raise Unknown("no concept and seed has all the numbers")
    concepts, seeds = (gaps.index.get_level_values(name).nunique() for name in ("concept", "erasing_seed"))
    if concepts == 1 and seeds == 1:
        raise Unknown("one concept and one erasing seed: nothing says how much others would differ")
    each = _of_concepts(gaps) if concepts > 1 else gaps[["value", "se"]]
    count, images = len(each), float(each.se.mean(skipna=False))
    spread = float(each.value.var(ddof=1)) / count
    if shared or concepts == 1:  # the images' chance does not average out
        if np.isnan(images):
            raise Unknown("too few prompt rows to tell the images' chance")
        variance = spread + images**2
    else:  # the spread contains it; only by accident is it smaller
        least = 0.0 if np.isnan(images) else float((each.se**2).sum()) / count**2
        variance = max(spread, least)
    value, se = float(each.value.mean()), float(np.sqrt(variance))
    if se <= ROUNDING * abs(value):
        raise Unknown("all differences are equal: nothing says how much others would differ")
    return Effect(value, se, count - 1, metric, _worst(gaps.errors), concepts, seeds)


def _between(here: pd.DataFrame, there: pd.DataFrame, metric: str, sign: int) -> Effect:
    """How much worse the numbers of one task are than those of another; the task with fewer concepts gives `df`."""
    sides = [_of_concepts(frame) for frame in (here, there)]
    if min(map(len, sides)) < 2:
        raise Unknown("one of the two tasks has a single concept: nothing says how much others would differ")
    images = sum(float(side.se.mean(skipna=False)) ** 2 for side in sides)
    if np.isnan(images):
        raise Unknown("too few prompt rows to tell the images' chance")
    variance = sum(float(side.value.var(ddof=1)) / len(side) for side in sides) + images
    value = sign * float(sides[1].value.mean() - sides[0].value.mean())
    if np.sqrt(variance) <= ROUNDING * abs(value):
        raise Unknown("all numbers are equal: nothing says how much others would differ")
    seeds = max(frame.index.get_level_values("erasing_seed").nunique() for frame in (here, there))
    df = min(map(len, sides)) - 1
    return Effect(value, float(np.sqrt(variance)), df, metric, GROUPS, sum(map(len, sides)), seeds)


def _of_concepts(rows: pd.DataFrame) -> pd.DataFrame:
    """The mean over seeds for each concept: `value` and `se`, since the images of all seeds are the same."""
    return rows.groupby("concept").agg(value=("value", "mean"), se=("se", lambda errors: errors.mean(skipna=False)))


def _over_sets(rows: pd.DataFrame) -> pd.DataFrame:
    """The mean over prompt sets, for each concept and seed."""
    return _mean(rows, ["concept", "erasing_seed"])


def _mean(rows: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """The mean `value` and its `se`, of numbers whose images are independent; NaN if one error is unknown."""
    grouped = rows.assign(variance=rows.se**2).groupby(key, sort=False)
    return pd.DataFrame({
        "value": grouped.value.mean(), "se": np.sqrt(grouped.variance.sum(skipna=False)) / grouped.size()
    })  # fmt: skip


def _worst(errors: pd.Series) -> str:
    return UNPAIRED if UNPAIRED in set(errors) else errors.iloc[0]
