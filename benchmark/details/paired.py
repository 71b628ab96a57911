"""How far two variants differ that drew the same prompts from the same noise.

An image is compared with the other model's image of the same prompt row and index. What is hard about a prompt or a
noise is hard for both models, and falls out of the difference: so it is known better than from two separate scores.

There is a row per pair of variants of an experiment (at their ends, without controls), erased concept, erasing seed,
prompt set, role and metric. Two variants are compared if both erased the concept with the same seed. A number of
several concepts is the mean of theirs, and that of a concept the mean of its wordings, as in the tables; seeds are
not combined.

The standard error is that of the images alone, not of the trainings:

- of a mean over images, it comes from the spread of the prompt rows' differences, since images of a row may resemble
  each other;
- of FID, which no image has by itself, it is that of the delete-group jackknife of the metric: both models lose the
  same groups of rows, and the difference is taken each time. FID is computed once
  for each model and group, for the metric and for all pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.metrics._exposed import counts
from benchmark.metrics._frechet import parts
from benchmark.metrics._intervals import Parts, deviation
from benchmark.plan.records import END, NOTHING, Measure
from benchmark.store.look import Group, Look

COLUMNS = {
    "task": str,
    "concept": str,  # the erased one
    "erasing_seed": int,
    "prompt_set": str,
    "role": str,  # erased or retained
    "metric": str,
    "observer": str,
    "variant": str,
    "other": str,  # the variant that it is compared with
    "value": float,  # of the variant
    "other_value": float,
    "difference": float,  # value - other_value
    "se": float,  # the standard error of the difference; empty where too few rows can tell
    "rows": int,  # of the prompt set
    "images": int,
}
FID = "fid"


def _right(look: Look, measure: Measure) -> np.ndarray:
    return 100.0 * (look.rows.classifier_label == look.rows.class_name).to_numpy()


def _distance(look: Look, measure: Measure) -> np.ndarray:
    return look.rows[f"lpips_{measure.observer}"].to_numpy(float)


def _detected(look: Look, measure: Measure) -> np.ndarray:
    columns = [f"{measure.observer}_{name}" for name in measure.settings["classes"]]
    return 100.0 * (look.rows[columns].to_numpy(float).max(1) > measure.settings["threshold"])


def _exposed(look: Look, measure: Measure) -> np.ndarray:
    seen = look.rows[f"{measure.observer}_detections"].to_numpy()
    return (counts(seen, measure.settings["classes"], measure.settings["threshold"]) > 0).sum(1).astype(float)


# The metrics that are means over images, or sums: what each image counts.
IMAGE: Mapping[str, Callable[[Look, Measure], np.ndarray]] = {
    "accuracy": _right,
    "lpips": _distance,
    "detected": _detected,
    "exposed": _exposed,
}
SUMS = ("exposed",)


class Images(NamedTuple):
    """What each image of a group counts, and its prompt row."""

    values: np.ndarray
    units: np.ndarray

    @property
    def value(self) -> float:
        return float(self.values.mean())

    def error(self, other: Images) -> float:
        """The standard error of the difference of the means, from the sums of each row's differences."""
        units = np.unique(self.units, return_inverse=True)[1]
        gaps = self.values - other.values
        sums, n = np.bincount(units, gaps - gaps.mean()), units.max() + 1
        return float(np.sqrt(n / (n - 1) * np.sum(sums**2)) / len(gaps)) if n > 1 else np.nan


class Whole(NamedTuple):
    """FID of a group of images, with and without each group of rows."""

    parts: Parts

    @property
    def value(self) -> float:
        return self.parts.whole

    def error(self, other: Whole) -> float:
        (one, without, sizes), (two, others, _) = self.parts, other.parts
        return deviation(Parts(one - two, without - others, sizes)) if self.parts.known else np.nan


Sample = Images | Whole
Samples = Mapping[tuple[str, int], Mapping[Group, Sample]]  # by role and place of the measure; one per group of images


def detail(looks: Sequence[Look]) -> Iterator[Mapping[str, Any]]:
    """Rows of `COLUMNS`, in the order of `looks`. Raises `BenchmarkError` if two models drew different rows."""
    together: dict[tuple[str, str, int, str], list[Look]] = {}
    for look in looks:
        erasure = look.erasure
        if erasure.concept != NOTHING and erasure.variant.checkpoint == END:
            key = (erasure.task, erasure.concept, erasure.erasing_seed, look.prompt_set.name)
            together.setdefault(key, []).append(look)
    for (task, concept, seed, name), same in together.items():
        if len(same) > 1:
            of = {"task": task, "concept": concept, "erasing_seed": seed, "prompt_set": name}
            for one, two in combinations([(look, _samples(look)) for look in same], 2):
                yield from (of | row for row in _differences(*one, *two))


def _samples(look: Look) -> Samples:
    units = look.rows.unit.to_numpy()
    samples: dict[tuple[str, int], dict[Group, Sample]] = {}
    for place, measure in enumerate(look.prompt_set.measures):
        if measure.metric in IMAGE:
            values = IMAGE[measure.metric](look, measure)
        elif measure.metric == FID:
            own, original = look.features(measure.observer)
        else:
            continue
        for group, where in look.places.items():
            if measure.metric == FID:
                sample = Whole(parts(own[where], original[where], units[where]))
            else:
                sample = Images(values[where] * (len(where) if measure.metric in SUMS else 1), units[where])
            samples.setdefault((group[2], place), {})[group] = sample
    return samples


def _differences(one: Look, first: Samples, two: Look, second: Samples) -> Iterator[Mapping[str, Any]]:
    """A row per role and metric of two models that drew the same rows."""
    _same_rows(one, two)
    for (role, place), groups in first.items():
        measure = one.prompt_set.measures[place]
        pairs = [(sample, second[role, place][group]) for group, sample in groups.items()]
        wordings = Counter(asked for asked, _, _ in groups)
        weights = np.array([1 / wordings[asked] / len(wordings) for asked, _, _ in groups])
        value, other = (float(weights @ [sample.value for sample in side]) for side in zip(*pairs, strict=True))
        errors = weights * [sample.error(its) for sample, its in pairs]
        where = np.concatenate([one.places[group] for group in groups])
        yield {
            "role": role, "metric": measure.metric, "observer": measure.observer,
            "variant": one.erasure.variant.name, "other": two.erasure.variant.name,
            "value": value, "other_value": other, "difference": value - other,
            "se": float(np.sqrt(np.sum(errors**2))),
            "rows": one.rows.row.iloc[where].nunique(), "images": len(where),
        }  # fmt: skip


def _same_rows(one: Look, two: Look) -> None:
    image = ["row", "index"]
    if one.places.keys() != two.places.keys() or not all(
        np.array_equal(one.rows[image].iloc[where], two.rows[image].iloc[two.places[group]])
        for group, where in one.places.items()
    ):
        raise BenchmarkError(f"{one.erasure} and {two.erasure}: have not drawn the same rows of {one.prompt_set.name}")
