"""What is scored, and what a detail is given: images of one model and prompt set, and what observers saw."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmark.plan.records import Erasure, PromptSet

Features = Callable[[str], np.ndarray]
Pair = tuple[np.ndarray, np.ndarray]

# Columns that details share, and of what kind each is: what names a model and a prompt set, and a group of its images.
MODEL = {
    **dict.fromkeys(("task", "method", "variant"), str), "checkpoint": int, "concept": str, "erasing_seed": int,
    "prompt_set": str,
}  # fmt: skip
GROUP = dict.fromkeys(("asked", "wording", "role"), str)

Group = tuple[str, str, str]  # which images a number is about: the concept asked for, its wording, and the role


@dataclass(frozen=True, eq=False)
class Originals:
    """All images of the original model in a prompt set: their rows of evidence.csv, and what a measure reads of them.

    A metric with `MANIFOLD` is given them in the place of references. They are hashed by identity: it may remember what
    it makes of them.
    """

    rows: pd.DataFrame
    seen: np.ndarray


@dataclass(frozen=True)
class Look:
    """One model's images of one prompt set.

    `rows` and `references` are rows of evidence.csv, one per image: the model's, and those of the reference images, in
    the same order. `places` says which of them belong to which group: (asked, wording, role). `settings` are all
    settings of the model's variant.
    """

    erasure: Erasure
    prompt_set: PromptSet
    rows: pd.DataFrame
    references: pd.DataFrame
    places: Mapping[Group, np.ndarray]
    settings: Mapping[str, Any]
    _lines: tuple[np.ndarray, np.ndarray]  # where the images stand in their evidence.csv, and the references in theirs
    _features: tuple[Features, Features]  # how what an observer saw is read beside each evidence.csv

    def features(self, observer: str) -> tuple[np.ndarray, np.ndarray]:
        """The features (n, d) of an observer, of all images and of their reference images; read when asked for."""
        return self.both(*(read(observer) for read in self._features))

    def both(self, own: np.ndarray, originals: np.ndarray, where: np.ndarray | slice = slice(None)) -> Pair:
        """Of two arrays with a line for each line of an evidence.csv: those of the images, and of their references."""
        here, there = self._lines
        return own[here[where]], originals[there[where]]

    @property
    def identity(self) -> dict[str, Any]:
        """The columns `MODEL`."""
        return identity(self.erasure) | {"prompt_set": self.prompt_set.name}

    def groups(self) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
        """Each group of images: the columns `MODEL` and `GROUP`, and where its images stand."""
        for group, where in self.places.items():
            yield self.identity | dict(zip(GROUP, group, strict=True)), where


def identity(erasure: Erasure) -> dict[str, Any]:
    """The columns of scores.csv that name an erasure."""
    variant = erasure.variant
    method = {"method": variant.method, "variant": variant.name, "checkpoint": variant.checkpoint}
    return {"task": erasure.task, **method, "concept": erasure.concept, "erasing_seed": erasure.erasing_seed}
