"""The nouns of the benchmark, as frozen records: concepts, prompts and their sets, tasks, variants, erasures.

Standard library only: the planner imports this module, so it must not load torch or pandas.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from benchmark.errors import BenchmarkError, ConfigError
from benchmark.plan.origins import Source

NOTHING = "-"  # in the place of a concept: none was erased; in that of a task: no task's
WHOLE = "*"  # in the place of a concept: a prompt set as a whole, or a mean over concepts
END = 100  # per cent of a method's steps: a variant at its end
ORIGINAL = "original"  # the one method that the benchmark knows: it draws the reference image of every other image

# ── what is asked for ──


@dataclass(frozen=True)
class Concept:
    """Something to erase: an artist's style, an object, a category.

    `phrase` is the text that prompts use; `class_name` the classifier's class for it; `attributes` are phrases for
    AdvAnchor's attribute variant; `anchors` are named alternative prompts (All-but-one takes `alternative`); `wordings`
    are other phrases, by name, that ask for the same: each is evaluated like `phrase`. Erasing does not see them,
    unless they are `attributes`, too.
    """

    name: str
    phrase: str
    class_name: str
    attributes: tuple[str, ...] = ()
    anchors: Mapping[str, str] = field(default_factory=dict)
    wordings: Mapping[str, str] = field(default_factory=dict)

    @property
    def phrases(self) -> dict[str, str]:
        """What evaluation asks, by the name of the wording; the concept's own phrase has none."""
        return {"": self.phrase, **self.wordings}


@dataclass(frozen=True)
class Templates:
    """The prompts that erasing uses. `{c}` in `target` stands for the concept's phrase; `blank` is concept-free."""

    target: str
    blank: str

    def of(self, concept: Concept | Target) -> str:
        return self.target.format(c=concept.phrase)


@dataclass(frozen=True)
class Prompt:
    """One row of a prompt set: `images` pictures of one text, drawn from one noise draw seeded with `noise_seed`.

    `row` is unique in the set: it names the files, joins an image to its reference image, and is what intervals
    resample. `concept` and `wording` say what the row asks for, in sets whose rows ask for concepts; `class_name` is
    the classifier's class that its images should show. `guidance` is the sampler's where it is None.
    """

    row: str
    text: str
    noise_seed: int
    images: int = 1
    concept: str = ""
    wording: str = ""
    class_name: str = ""
    guidance: float | None = None


# ── how images are looked at ──


@dataclass(frozen=True)
class TextsOf:
    """Texts of a class's training images: the different ones of a prompt set, with `times` the images of a concept."""

    set: str
    times: int = 1


@dataclass(frozen=True)
class Classifier:
    """Who decides what an image shows: a network of `classifiers/`, trained on images of `original` or as shipped.

    `prompt_set` is the set that declares it, by whose name it is kept; others may look with it, too. `classes` are its
    outputs in order; `texts` is None for one that is used as it comes, else the prompts of its training images: a text
    per class, or those of a prompt set.
    """

    prompt_set: str
    network: str
    classes: tuple[str, ...] = ()
    texts: tuple[str | TextsOf, ...] | None = None


@dataclass(frozen=True)
class Measure:
    """A metric of a prompt set: a file of `benchmark/metrics/`, the observer whose evidence it reads, its settings."""

    metric: str
    observer: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.metric} by {self.observer}"


@dataclass(frozen=True)
class PromptSet:
    """Rows of prompts, where they come from, and how the images that are drawn from them are looked at.

    `score_by` is `concept` (a number per concept that rows ask for) or `set` (one number over all rows). `observers`
    are settings of those observers that have some.
    """

    name: str
    source: Source
    title: str = ""
    version: int = 1
    score_by: Literal["concept", "set"] = "concept"
    classifier: Classifier | None = None
    observers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    measures: tuple[Measure, ...] = ()
    sensitive: bool = False


@dataclass(frozen=True)
class Task:
    """What is erased, and on which prompt sets the models are looked at, in one world (`paper` or `testbed`).

    `others` are concepts, by name, that a method may be told to keep; none of them is evaluated. `erased_on` and
    `retained_on` name the prompt sets that show what became of the erased concept and of everything else. Of the sets
    `anchors_on` only the original model draws: concepts and their anchors, to measure how unlike they are. `sentences`
    are prompts with a concept, by name: a variant may use one of them in the place of `templates.target`.
    """

    name: str
    title: str
    version: int
    world: str
    templates: Templates
    concepts: tuple[Concept, ...]
    erased_on: tuple[str, ...]
    retained_on: tuple[str, ...]
    others: Mapping[str, str] = field(default_factory=dict)
    sensitive: bool = False
    anchors_on: tuple[str, ...] = ()
    sentences: Mapping[str, str] = field(default_factory=dict)

    @property
    def sets(self) -> tuple[str, ...]:
        """The names of the prompt sets of which a model of this task draws images."""
        return tuple(dict.fromkeys((*self.erased_on, *self.retained_on)))

    @property
    def drawn(self) -> tuple[str, ...]:
        """The names of the prompt sets of which the original model draws images for this task."""
        return (*self.sets, *self.anchors_on)

    def roles(self, name: str) -> list[str]:
        """What the task shows on a prompt set: what became of the erased concept, of everything else, or both."""
        on = {"erased": self.erased_on, "retained": self.retained_on}
        return [role for role, sets in on.items() if name in sets]

    def concept(self, name: str) -> Concept:
        """One of the task's concepts. Raises `ConfigError` if it has none of that name."""
        for concept in self.concepts:
            if concept.name == name:
                return concept
        names = ", ".join(concept.name for concept in self.concepts)
        raise ConfigError(f"task {self.name}: there is no concept {name!r} (allowed: {names})")


# ── what is erased, and how ──


class Anchors(dict[str, str]):
    """Alternative prompts, by name. One that the method is not given is a `BenchmarkError` that says how to get it."""

    def __missing__(self, name: str) -> str:
        needed = "the task's file must have it, and its name must stand as a text in the method's file or settings"
        raise BenchmarkError(f"the method is given no anchor {name!r}: {needed}")


@dataclass(frozen=True)
class Target:
    """What a method is told of a concept that it erases: its name, and the text that prompts use (controls: none).

    `attributes` are as many phrases as the method's setting of that name says, `anchors` those alternative prompts that
    its file or a setting names.
    """

    name: str
    phrase: str
    attributes: tuple[str, ...] = ()
    anchors: Mapping[str, str] = field(default_factory=Anchors)


@dataclass(frozen=True)
class Request:
    """What a method is asked to do: the concepts to erase, one or several at once, and what it may know besides.

    `others` are concepts, phrase by name, that it may be told to keep: none that is evaluated, unless its variant is
    marked `told`. `templates` are the task's prompts. A method is given `others` and `templates` if its file says so.
    """

    concepts: tuple[Target, ...]
    others: Mapping[str, str] = field(default_factory=dict)
    templates: Templates | None = None

    @property
    def concept(self) -> Target:
        """The one concept of a request. Raises `ConfigError` if there are several, or none."""
        if len(self.concepts) != 1:
            names = ", ".join(concept.name for concept in self.concepts) or "none"
            raise ConfigError(f"this method erases one concept at a time, and is asked for: {names}")
        return self.concepts[0]


@dataclass(frozen=True, order=True)
class Variant:
    """A method with settings, as suites name it (`<method>-<variant>`), maybe stopped at some per cent of its steps."""

    name: str
    checkpoint: int = END

    @classmethod
    def of(cls, text: str) -> Variant:
        """The variant that paths and command lines write as its name, with @25 behind it if it is stopped there.

        Raises `ConfigError` if what follows the @ is not a whole number from 1 to 99.
        """
        name, at, percent = text.partition("@")
        if at and not re.fullmatch(r"[1-9]\d?", percent):
            raise ConfigError(f"{text}: a checkpoint is written @1 to @99, per cent of a method's steps")
        return cls(name, int(percent) if at else END)

    def __str__(self) -> str:
        return self.name if self.checkpoint == END else f"{self.name}@{self.checkpoint}"

    @property
    def method(self) -> str:
        """The name of its method, which stands before the first hyphen."""
        return self.name.partition("-")[0]

    @property
    def file(self) -> str:
        """The file of its method, from the repository's root."""
        return f"methods/{self.method}.py"


@dataclass(frozen=True)
class Erasure:
    """A concept erased by one variant with one seed. Controls erase nothing: their concept is `NOTHING`."""

    task: str
    variant: Variant
    concept: str
    erasing_seed: int


# ── how images are drawn ──


@dataclass(frozen=True)
class Sampler:
    """How images are drawn. `batch` and `threads` change rounding, so they are the suite's, not the machine's."""

    scheduler: Literal["lms", "ddim", "dpm"]
    steps: int
    guidance: float
    size: int  # pixels
    precision: Literal["float32", "float16", "bfloat16"]
    batch: int
    threads: int


def digest(value: Any) -> str:
    """A stable 16-hex-digit key of nested records, mappings, sequences and plain values."""
    text = json.dumps(value, default=asdict, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
