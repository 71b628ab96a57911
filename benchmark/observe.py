"""Look at every image once: `python -m benchmark.observe` writes down what each network sees in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark.errors import BenchmarkError
from benchmark.files import check_seal, private, sha256, write_atomically
from benchmark.plan import causes, plugins
from benchmark.plan.config import load_set, load_suite, load_task
from benchmark.plan.records import NOTHING, PromptSet, digest
from benchmark.plan.sensitive import sensitive
from benchmark.plan.suite import Suite
from benchmark.running import cli, job
from benchmark.store import evidence, manifest

CARD = "card.json"  # of a classifier: it has the hash of its weights
BATCHES = 32  # that are looked at between two times of saving


class Pictures:
    """The images of a manifest's rows, as uint8 batches (N, H, W, 3), read from disk whenever they are iterated.

    Every batch is full, the last with copies of the last image: the shape changes rounding, and what is seen in an
    image must not depend on how many were left to look at.
    """

    def __init__(self, rows: pd.DataFrame, folder: Path, size: int, batch: int, label: str = ""):
        self.rows, self.folder, self.size, self.batch, self.label = rows, folder, size, batch, label

    def __len__(self) -> int:
        """The number of batches."""
        return -(-len(self.rows) // self.batch)

    def __iter__(self) -> Iterator[np.ndarray]:
        starts = range(0, len(self.rows), self.batch)
        for start in cli.progress(starts, len(self), self.label) if self.label else starts:
            rows = self.rows.iloc[start : start + self.batch]
            pictures = [self._picture(row.file, row.sha256) for row in rows.itertuples()]
            yield np.stack(pictures + pictures[-1:] * (self.batch - len(pictures)))

    def _picture(self, file: str, sha256: str) -> np.ndarray:
        picture = manifest.picture(self.folder / file, sha256)
        height, width, _ = picture.shape
        if (height, width) != (self.size, self.size):
            raise BenchmarkError(f"{self.folder / file}: has {width}×{height} pixels, not {self.size}×{self.size}")
        return picture


@job.fills("out")
def main(suite: str, images: Path, references: Path, out: Path, classifier: Path | None = None) -> None:
    """Look at every image once and write down what the metrics of its prompt set need. What was seen before is kept.

    Args:
        suite: A file of benchmark/suites/.
        images: The manifest.csv of the images, all of one prompt set.
        references: The manifest.csv of the original model's images of the set, with each image's reference image.
        out: The folder for evidence.csv and, for each observer, what it has seen in each image.
        classifier: The folder of the set's classifier, if it has one.
    """
    loaded = load_suite(suite)
    rows, originals = evidence.read(images), evidence.read(references)
    prompt_set = load_set(rows.prompt_set.iloc[0], loaded.world)
    originals = originals.iloc[evidence.references(rows, originals, images, prompt_set.source.kind == "attack")]
    if rows.task.iloc[0] != NOTHING and prompt_set.name in load_task(rows.task.iloc[0], loaded.world).erased_on:
        _refuse_unchanged(rows, originals, images, references)

    with private(out, sensitive(prompt_set.name, rows.task.iloc[0], loaded.world)):
        looked = _look(loaded, prompt_set, rows, originals, images, references, out, classifier)
    print(f"{out}/evidence.csv: {len(rows)} images; looked at {', '.join(looked)}")


def _look(
    suite: Suite, prompt_set: PromptSet, rows: pd.DataFrame, originals: pd.DataFrame, images: Path, references: Path,
    out: Path, classifier: Path | None,
) -> list[str]:  # fmt: skip
    """Write what every observer of the set sees; returns how many images each of them had to look at."""
    import torch

    torch.set_num_threads(suite.sampler.threads)
    shape = suite.sampler.size, suite.sampler.batch
    seen, looked = rows[evidence.MANIFEST].copy(), []
    shipped = [sha256(path) for path in causes.shipped(suite)]
    for name, values in prompt_set.observers.items():
        observer = plugins.load("benchmark/observers", name)
        settings = observer.Settings(**values) if hasattr(observer, "Settings") else None
        cause = causes.looking(suite, prompt_set, name)
        shown = classifier if cause["classifier"] else None
        if shown:
            check_seal(shown / CARD)
        if hasattr(observer, "check"):
            observer.check(settings, shown, tuple(dict.fromkeys(rows.class_name)))
        files = [*shipped, *([sha256(shown / CARD)] if shown else [])]
        keys = [digest([cause, files, *pair]) for pair in zip(rows.sha256, originals.sha256, strict=True)]
        kept = evidence.Kept(out / f"{name}.npz", keys)
        missing = [place for place, key in enumerate(keys) if key not in kept]
        for start in range(0, len(missing), shape[1] * BATCHES):
            chosen = missing[start : start + shape[1] * BATCHES]
            pictures = Pictures(rows.iloc[chosen], images.parent, *shape, label=f"{name} of {rows.variant.iloc[0]}")
            others = Pictures(originals.iloc[chosen], references.parent, *shape)
            columns = _checked(*observer.observe(pictures, others, settings, shown), pictures, images)
            kept.add([keys[place] for place in chosen], columns)
            kept.save()
        kept.save(keys)
        for column, values in kept.columns(keys).items():
            seen[column] = values
        looked.append(f"{len(missing)} by {name}")
    with write_atomically(out / "evidence.csv", sealed=True) as temporary:
        seen.to_csv(temporary, index=False, float_format="%.7g", lineterminator="\n")
    return looked


def _refuse_unchanged(rows: pd.DataFrame, originals: pd.DataFrame, images: Path, references: Path) -> None:
    """An erasure that leaves every image of the erased concept as it was is a failure that would score as a method.

    Images of other concepts may be as they were: a method may tell texts apart. If no row asks for the concept by name,
    all images of the set count. Pixels are compared, up to the first image that differs by more than rounding: under a
    guidance of more contexts passes are larger, and larger passes round in another way.
    """
    for concept in sorted(set(rows.concept) - {NOTHING}):
        chosen = (rows.concept == concept).to_numpy()
        own = chosen & (rows.asked == concept).to_numpy()
        chosen = own if own.any() else chosen
        pairs = zip(rows[chosen].itertuples(), originals[chosen].itertuples(), strict=True)
        if all(
            _alike(
                manifest.picture(images.parent / image.file, image.sha256),
                manifest.picture(references.parent / reference.file, reference.sha256),
            )
            for image, reference in pairs
        ):
            what = f"every image of {concept}" if own.any() else "every image"
            raise BenchmarkError(f"{images}: after erasing {concept} {what} is as before: nothing was erased")


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and np.abs(one.astype(np.int16) - other).max() <= manifest.ROUNDING


def _checked(
    columns: dict[str, np.ndarray], features: np.ndarray | None, pictures: Pictures, path: Path
) -> dict[str, np.ndarray]:
    """What an observer has seen, if there is something for every image; features are a column of their own."""
    rows, seen = pictures.rows, {name: np.asarray(values) for name, values in columns.items()}
    if features is not None:
        seen[evidence.FEATURES] = np.asarray(features, np.float32)
    for column, values in seen.items():
        if len(values) != len(pictures) * pictures.batch:
            shown = len(pictures) * pictures.batch
            raise BenchmarkError(f"{path}: {column} is known for {len(values)} of {shown} images that were shown")
        values = seen[column] = values[: len(rows)]
        known = np.isfinite(values) if np.issubdtype(values.dtype, np.number) else values != ""
        wrong = ~known.reshape(len(rows), -1).all(1)
        if wrong.any():
            raise BenchmarkError(f"{path.parent / rows.file[wrong].iloc[0]}: {column} is not known or no finite number")
    return seen


if __name__ == "__main__":
    cli.run(main)
