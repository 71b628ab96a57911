"""Look at every image once: `python -m benchmark.observe` writes down what each network sees in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark import causes, cli, evidence, eyes, job, manifest, plugins
from benchmark.config import NOTHING, load_suite, load_task
from benchmark.errors import BenchmarkError
from benchmark.files import sha256, write_atomically
from benchmark.records import digest

CARD = "card.json"  # of a judge: it has the hash of the judge's weights
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
def main(suite: str, task: str, images: Path, partners: Path, judge: Path, out: Path) -> None:
    """Look at every image of a part once and write down what the task's metrics need. What was seen before is kept.

    Args:
        suite: A file of benchmark/suites/.
        task: A file of benchmark/tasks/.
        images: The part's manifest.csv.
        partners: The manifest.csv of the original model's images, with the partner of each image.
        judge: The folder of the task's judge.
        out: The folder for evidence.csv and, for each observer, what it has seen in each image.
    """
    loaded = load_suite(suite)
    subject = load_task(task, loaded.world)
    names = eyes.needed(subject)
    rows, originals = evidence.read(images), evidence.read(partners)
    originals = originals.iloc[evidence.partners(rows, originals, images)]
    _refuse_unchanged(rows, originals, images, partners)

    import torch

    torch.set_num_threads(loaded.sampler.threads)
    shape = loaded.sampler.size, loaded.sampler.batch
    seen, looked = rows[evidence.MANIFEST].copy(), []
    shipped = [sha256(path) for path in causes.shipped(loaded)]
    for eye, file in names.items():
        observer = plugins.load("benchmark/observers", file)
        if hasattr(observer, "check"):
            observer.check(subject, judge)
        cause, shown = causes.looking(loaded, subject, eye), causes.shown_to(subject, f"benchmark/observers/{file}.py")
        files = [*shipped, *([sha256(judge / CARD)] if cause["judge"] else [])]
        keys = [digest([cause, files, *pair]) for pair in zip(rows.sha256, originals.sha256, strict=True)]
        kept = evidence.Kept(out / f"{eye}.npz", keys)
        missing = [place for place, key in enumerate(keys) if key not in kept]
        for start in range(0, len(missing), shape[1] * BATCHES):
            chosen = missing[start : start + shape[1] * BATCHES]
            label = f"{eye} of {rows.method.iloc[0]}"
            pictures = Pictures(rows.iloc[chosen], images.parent, *shape, label=label)
            others = Pictures(originals.iloc[chosen], partners.parent, *shape)
            found = _checked(*observer.observe(pictures, others, shown, judge), pictures, images)
            kept.add([keys[place] for place in chosen], found)
            kept.save()
        kept.save(keys)
        for column, values in kept.columns(keys).items():
            seen[column] = values
        looked.append(f"{len(missing)} by {eye}")
    with write_atomically(out / "evidence.csv") as temporary:
        seen.to_csv(temporary, index=False, float_format="%.7g", lineterminator="\n")
    print(f"{out}/evidence.csv: {len(rows)} images; looked at {', '.join(looked)}")


def _refuse_unchanged(rows: pd.DataFrame, originals: pd.DataFrame, images: Path, partners: Path) -> None:
    """An erasure after which every image is the original's is a failure that would score as perfect preservation.

    Pixels are compared, up to the first difference: the files differ in any case, by the keys that they hold.
    """
    for erased in sorted(set(rows.erased) - {NOTHING}):
        mine = (rows.erased == erased).to_numpy()
        pairs = zip(rows[mine].itertuples(), originals[mine].itertuples(), strict=True)
        if all(
            np.array_equal(
                manifest.picture(images.parent / image.file, image.sha256),
                manifest.picture(partners.parent / partner.file, partner.sha256),
            )
            for image, partner in pairs
        ):
            raise BenchmarkError(f"{images}: after erasing {erased} every image is as before: nothing was erased")


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
