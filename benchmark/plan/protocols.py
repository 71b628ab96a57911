"""What each kind of plugin must have: a file of its folder, or an object that one returns, is one of these.

A file is held against its protocol twice: as a syntax tree when planning (`contract`), and as the imported module
before a runner works with it (`plugins.load`). An attribute with a value here, and a function that is marked
`optional`, may be left out. Nothing heavy is imported here: planning reads it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

from benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from pathlib import Path

    import matplotlib.figure
    import numpy as np
    import pandas as pd
    import torch

    from benchmark.model.diffusion import Conditioning, Diffusion
    from benchmark.model.guidance import Batch
    from benchmark.model.workbench import Workbench
    from benchmark.plan.records import Prompt, Request
    from benchmark.store.look import Look, Originals

    Batches = Iterable[np.ndarray]  # uint8 (N, H, W, 3) each
    Columns = dict[str, np.ndarray]  # a value for each image


def optional(function: Callable) -> Callable:
    function.optional = True
    return function


class Method(Protocol):
    """methods/: erases concepts from a model."""

    POOL: Literal["concept", "anchor"] | None = None
    CONTROL: bool = False
    SEEDED: bool = True
    NOTE: str = ""

    def erase(self, model: Workbench, request: Request, settings: Any) -> Iterator[dict[str, Any] | None] | None:
        """Edits weights, or leaves tensors in `model.state`; yields after each step what it can resume from."""

    @optional
    def apply(
        self, pipeline: Diffusion, request: Request, settings: Any, state: Mapping[str, torch.Tensor]
    ) -> Guidance | None:
        """Makes the base model the erased one, beyond weights; `state` is what `erase` has left in `model.state`."""


class Adopted(Protocol):
    """methods/ with ADOPTS: erased weights, or images of an erased model, that were made elsewhere.

    `Settings` has `weights`, or `images` and `rows`: paths in which {concept} stands for what was erased; and `sha256`,
    by concept, of the weights, or of the list of images.
    """

    ADOPTS: Literal["weights", "images"]
    NOTE: str = ""


class Guidance(Protocol):
    """What `apply` may return, if it is not None, classifier-free guidance: makes one prediction of K in each step."""

    def contexts(self, batch: Batch) -> Sequence[Conditioning]:
        """Begins a batch of B images: K times what B texts say, one text for each image."""

    def combine(self, predictions: torch.Tensor, step: int) -> torch.Tensor:
        """From noise predicted under each context, (K, B, C, h, w), to the one that step 0, 1, … follows."""


class Observer(Protocol):
    """benchmark/observers/: a network that looks at every image once."""

    URL: str = ""

    def observe(
        self, images: Batches, references: Batches, settings: Any, classifier: Path | None
    ) -> tuple[Columns, np.ndarray | None]:
        """What is seen in each image, as columns, and features (n, d) or None."""

    @optional
    def check(self, settings: Any, classifier: Path | None, class_names: tuple[str, ...]) -> None:
        """Refuses what it could not work with, before anybody looks."""


class Metric(Protocol):
    """benchmark/metrics/: makes a number, with an interval, of what was seen."""

    VERSION: int
    DIRECTION: Mapping[str, str]
    RANGE: tuple[float | None, float | None]
    OBSERVER: str | None
    READS: str
    ORIGINAL: float | tuple[float, float] | None
    LEAST: int = 1
    NEEDS: str | None = None
    MANIFOLD: bool = False

    def score(self, rows: pd.DataFrame, seen: np.ndarray, references: np.ndarray | Originals, settings: Any) -> Any:
        """The number of these rows, from what was seen in their images and in their reference images.

        With `MANIFOLD`, `references` are all images of the original in the prompt set.
        """


class Detail(Protocol):
    """benchmark/details/: what is no single number: a share for each class, a curve, a difference of two models."""

    COLUMNS: Mapping[str, type]

    def detail(self, looks: Sequence[Look]) -> Iterator[Mapping[str, Any]]:
        """Rows of `COLUMNS`, from what was seen in the images of the models that an experiment shows."""


class EmbeddedDetail(Protocol):
    """benchmark/details/ with EMBEDDINGS = True: one that needs to know how far apart the text encoder puts texts."""

    COLUMNS: Mapping[str, type]
    EMBEDDINGS: Literal[True]

    def detail(self, looks: Sequence[Look], embeddings: pd.DataFrame) -> Iterator[Mapping[str, Any]]:
        """Rows of `COLUMNS`; `embeddings` has a `distance` for each `text` and `other` text."""


class TracedDetail(Protocol):
    """benchmark/details/ with TRACES = True: one that needs to know what methods noted while they erased."""

    COLUMNS: Mapping[str, type]
    TRACES: Literal[True]

    def detail(self, looks: Sequence[Look], traces: pd.DataFrame) -> Iterator[Mapping[str, Any]]:
        """Rows of `COLUMNS`; `traces` has the columns of `store/traces.py` and those that methods name."""


class Table(Protocol):
    """benchmark/tables/: a table of scores."""

    CAPTION: str
    PAPER_PLACE: str = ""
    LEAST: Mapping[str, int] = MappingProxyType({})

    def table(self, scores: pd.DataFrame) -> pd.DataFrame:
        """The .csv."""

    @optional
    def blocks(self, scores: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
        """Captions and tables of the .md, .tex and .html, if these are printed otherwise."""


class DetailedTable(Protocol):
    """benchmark/tables/ with DETAILS: a table of scores and details."""

    CAPTION: str
    PAPER_PLACE: str = ""
    LEAST: Mapping[str, int] = MappingProxyType({})
    DETAILS: Sequence[str]
    WITHOUT_DETAILS: bool = False

    def table(self, scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """The .csv."""

    @optional
    def blocks(self, scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, pd.DataFrame]]:
        """Captions and tables of the .md, .tex and .html, if these are printed otherwise."""


class Figure(Protocol):
    """benchmark/figures/: a figure of scores."""

    CAPTION: str
    PAPER_PLACE: str = ""
    LEAST: Mapping[str, int] = MappingProxyType({})

    def figure(self, scores: pd.DataFrame) -> tuple[matplotlib.figure.Figure, pd.DataFrame]:
        """The figure, and the numbers that it plots."""


class DetailedFigure(Protocol):
    """benchmark/figures/ with DETAILS: a figure of scores and details."""

    CAPTION: str
    PAPER_PLACE: str = ""
    LEAST: Mapping[str, int] = MappingProxyType({})
    DETAILS: Sequence[str]
    WITHOUT_DETAILS: bool = False

    def figure(
        self, scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]
    ) -> tuple[matplotlib.figure.Figure, pd.DataFrame]:
        """The figure, and the numbers that it plots."""


class Gallery(Protocol):
    """benchmark/figures/ with IMAGES = True: a figure of images."""

    CAPTION: str
    PAPER_PLACE: str = ""
    LEAST: Mapping[str, int] = MappingProxyType({})
    IMAGES: Literal[True]

    def figure(
        self, scores: pd.DataFrame, images: pd.DataFrame, open_picture: Callable[[pd.Series], np.ndarray]
    ) -> tuple[matplotlib.figure.Figure, pd.DataFrame]:
        """The figure, and what it shows."""


class Classifier(Protocol):
    """classifiers/: decides what an image shows."""

    URL: str = ""

    def build(self, classes: int) -> torch.nn.Module:
        """From images (N, 3, H, W) in [0, 1] to logits (N, classes), its own preprocessing inside."""


class Attack(Protocol):
    """attacks/: searches prompts that bring an erased concept back."""

    def search(
        self, model: Workbench, original: Workbench, prompts: Sequence[Prompt], settings: Any
    ) -> Sequence[Prompt]:
        """Other texts for the rows, as many and in their order; `model` is the erased one, `original` as it was."""


class Maker(Protocol):
    """benchmark/prompt_sets/: makes the file of a prompt set whose entry says `made_by`."""

    def make(self) -> bytes:
        """The CSV file, the same bytes each time. Raises `BenchmarkError` if what it is made from is not there."""


FOLDERS: dict[str, type] = {  # of classifiers/ only those that tasks name are classifiers
    "methods": Method,
    "benchmark/observers": Observer,
    "benchmark/metrics": Metric,
    "benchmark/details": Detail,
    "benchmark/tables": Table,
    "benchmark/figures": Figure,
    "attacks": Attack,
    "benchmark/prompt_sets": Maker,
}


SPECIAL: dict[tuple[str, str], type] = {  # plugins that say of themselves, by a constant, that they are of another kind
    ("methods", "ADOPTS"): Adopted,
    ("benchmark/details", "EMBEDDINGS"): EmbeddedDetail,
    ("benchmark/details", "TRACES"): TracedDetail,
    ("benchmark/tables", "DETAILS"): DetailedTable,
    ("benchmark/figures", "DETAILS"): DetailedFigure,
    ("benchmark/figures", "IMAGES"): Gallery,
}


def of(folder: str, says: Callable[[str], bool]) -> type | None:
    """The protocol of a plugin of a folder, if there is one; `says` tells whether its file has a constant."""
    special = [protocol for (place, name), protocol in SPECIAL.items() if place == folder and says(name)]
    return special[-1] if special else FOLDERS.get(folder)


def functions(protocol: type) -> dict[str, tuple[tuple[str, ...], bool]]:
    """The functions of a protocol: their parameters in order, and whether they may be left out."""
    own = {name: value for name, value in vars(protocol).items() if inspect.isfunction(value) and name[0] != "_"}
    return {
        name: (tuple(inspect.signature(function).parameters)[1:], hasattr(function, "optional"))
        for name, function in own.items()
    }


def attributes(protocol: type) -> dict[str, bool]:
    """The attributes of a protocol, and whether they may be left out."""
    return {name: name in vars(protocol) for name in inspect.get_annotations(protocol)}


def signature(protocol: type, function: str) -> str:
    """A function of a protocol as its plugins write it, e.g. `erase(model, request, settings)`."""
    return f"{function}({', '.join(functions(protocol)[function][0])})"


def check(plugin: object, protocol: type, where: str) -> None:
    """Raise `BenchmarkError` that begins with `where` unless an imported module, or an object, is what it must be."""
    for name, (parameters, may_lack) in functions(protocol).items():
        function = getattr(plugin, name, None)
        if function is None and may_lack:
            continue
        if not callable(function):
            raise BenchmarkError(f"{where}: there is no function {signature(protocol, name)}")
        try:
            inspect.signature(function).bind(*parameters)
        except TypeError as error:
            raise BenchmarkError(f"{where}: {name} must be {signature(protocol, name)}: {error}") from error
        except ValueError:  # built in, without a signature
            pass
    for name, may_lack in attributes(protocol).items():
        if not (may_lack or hasattr(plugin, name)):
            raise BenchmarkError(f"{where}: there is no {name}")
