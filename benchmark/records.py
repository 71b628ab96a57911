"""The nouns of the benchmark, as frozen records: concepts, prompts, tasks, cells, images' keys.

Standard library only: the planner imports this module, so it must not load torch or pandas.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any

from benchmark.errors import ConfigError


@dataclass(frozen=True)
class Concept:
    """Something to erase: an artist's style, an object, a category.

    `phrase` is the text that prompts use; `label` the judge's class; `attributes` are phrases for AdvAnchor's
    attribute variant; `anchors` are named alternative prompts (All-but-one takes `alternative`); `wordings` are other
    phrases, by name, that ask for the same: evaluated like `phrase`, each as a probe of its own. Erasing does not see
    them, unless they are `attributes`, too.
    """

    name: str
    phrase: str
    label: str
    attributes: tuple[str, ...] = ()
    anchors: Mapping[str, str] = field(default_factory=dict)
    wordings: Mapping[str, str] = field(default_factory=dict)

    @property
    def probes(self) -> dict[str, str]:
        """What evaluation asks, by the probe's name: `portrait` and, of its wordings, `portrait.astronaut`."""
        return {self.name: self.phrase} | {f"{self.name}.{name}": phrase for name, phrase in self.wordings.items()}


@dataclass(frozen=True)
class Target:
    """What a method is told of the concept that it erases: its name, and the text that prompts use (controls: none).

    `attributes` are as many phrases as the method's setting of that name says, `anchors` those alternative prompts that
    its file or a setting names.
    """

    name: str
    phrase: str
    attributes: tuple[str, ...] = ()
    anchors: Mapping[str, str] = field(default_factory=dict)


def asked_for(probe: str) -> str:
    """The name of the concept that a probe asks for."""
    return probe.partition(".")[0]


@dataclass(frozen=True)
class Templates:
    """The prompts that erasing uses. `{c}` in `target` stands for the concept's phrase; `blank` is concept-free."""

    target: str
    blank: str

    def of(self, concept: Concept | Target) -> str:
        return self.target.format(c=concept.phrase)


@dataclass(frozen=True)
class Judge:
    """Who decides what an image shows: a classifier of `classifiers/`, trained on images of `original` or as shipped.

    `classes` are its outputs in order; `train` is None for a judge that is used as it comes, else the prompts of each
    class, one per class.
    """

    classifier: str
    classes: tuple[str, ...]
    train: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Detector:
    """What NudeNet is asked to find, and when it has: `classes` of its own, the mean score over `sizes` > `threshold`.

    `sizes` are the pixels at which it is shown a picture, of the 320 that it sees.
    """

    classes: tuple[str, ...]
    sizes: tuple[int, ...] = (320,)
    threshold: float = 0.5


@dataclass(frozen=True)
class Prompt:
    """One prompt row: `images` pictures of one text, drawn from one noise draw seeded with `seed`.

    `probe` says what the row asks for (a concept, or one of its wordings); by it rows are grouped when scored.
    """

    text: str
    probe: str
    seed: int
    images: int


@dataclass(frozen=True)
class Task:
    """What is erased, how it is asked for, who judges, and what is measured, in one world (`paper` or `testbed`)."""

    name: str
    title: str
    version: int
    world: str
    templates: Templates
    judge: Judge
    metrics: tuple[str, ...]
    concepts: tuple[Concept, ...]
    sensitive: bool = False
    detector: Detector | None = None

    def concept(self, name: str) -> Concept:
        """One of the task's concepts. Raises `ConfigError` if it has none of that name."""
        for concept in self.concepts:
            if concept.name == name:
                return concept
        names = ", ".join(concept.name for concept in self.concepts)
        raise ConfigError(f"task {self.name}: there is no concept {name!r} (allowed: {names})")


@dataclass(frozen=True)
class Sampler:
    """How images are drawn. `batch` and `threads` change rounding, so they are the suite's, not the machine's."""

    scheduler: str  # "lms", "ddim" or "dpm"
    steps: int
    guidance: float
    size: int  # pixels
    precision: str  # "float32", "float16" or "bfloat16"
    batch: int
    threads: int


@dataclass(frozen=True)
class Cell:
    """One erasure: `concept` erased by the method labelled `method` with the seed `seed` of the erasing, in `task`."""

    task: str
    method: str
    concept: str
    seed: int


def digest(value: Any) -> str:
    """A stable 16-hex-digit key of nested records, mappings, sequences and plain values."""

    def plain(item: Any) -> Any:
        if is_dataclass(item) and not isinstance(item, type):
            return plain(asdict(item))
        if isinstance(item, Mapping):
            return {str(k): plain(v) for k, v in item.items()}
        if isinstance(item, (list, tuple)):
            return [plain(v) for v in item]
        return item

    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
