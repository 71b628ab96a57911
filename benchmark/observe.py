"""Look at every image once: `python -m benchmark.observe` writes down what each network sees in it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark import cli, evidence, eyes, job, manifest, plugins
from benchmark.config import NOTHING, load_suite, load_task
from benchmark.errors import BenchmarkError
from benchmark.files import write_atomically


class Pictures:
    """The images of a manifest's rows, as uint8 batches (N, H, W, 3), read from disk whenever they are iterated."""

    def __init__(self, rows: pd.DataFrame, folder: Path, size: int, batch: int, label: str = ""):
        self.rows, self.folder, self.size, self.batch, self.label = rows, folder, size, batch, label

    def __len__(self) -> int:
        """The number of batches."""
        return -(-len(self.rows) // self.batch)

    def __iter__(self) -> Iterator[np.ndarray]:
        starts = range(0, len(self.rows), self.batch)
        for start in cli.progress(starts, len(self), self.label) if self.label else starts:
            rows = self.rows.iloc[start : start + self.batch]
            yield np.stack([self._picture(row.file, row.sha256) for row in rows.itertuples()])

    def _picture(self, file: str, sha256: str) -> np.ndarray:
        picture = manifest.picture(self.folder / file, sha256)
        height, width, _ = picture.shape
        if (height, width) != (self.size, self.size):
            raise BenchmarkError(f"{self.folder / file}: has {width}×{height} pixels, not {self.size}×{self.size}")
        return picture


@job.fills("out")
def main(suite: str, task: str, images: Path, partners: Path, judge: Path, out: Path) -> None:
    """Look at every image of a part once and write down what the task's metrics need.

    Args:
        suite: A file of benchmark/suites/.
        task: A file of benchmark/tasks/.
        images: The part's manifest.csv.
        partners: The manifest.csv of the original model's images, with the partner of each image.
        judge: The folder of the task's judge.
        out: The folder for evidence.csv and the arrays of features.
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
    out.mkdir(parents=True, exist_ok=True)
    seen = rows[evidence.MANIFEST].copy()
    for eye, file in names.items():
        observer = plugins.load("benchmark/observers", file)
        pictures = Pictures(rows, images.parent, *shape, label=eye)
        columns, features = observer.observe(pictures, Pictures(originals, partners.parent, *shape), subject, judge)
        if features is not None:
            columns = columns | {f"{eye}_features": _save(features, out / f"{eye}.npy", rows)}
        for column, values in columns.items():
            seen[column] = _checked(values, column, rows, images)
    with write_atomically(out / "evidence.csv") as temporary:
        seen.to_csv(temporary, index=False, float_format="%.7g", lineterminator="\n")


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


def _save(features: np.ndarray, path: Path, rows: pd.DataFrame) -> str:
    """Write one row of features per image; returns the file's hash."""
    if len(features) != len(rows):
        raise BenchmarkError(f"{path.stem} saw {len(features)} of {len(rows)} images")
    wrong = ~np.isfinite(features).all(1)
    if wrong.any():
        raise BenchmarkError(f"{path.stem}: features of {rows.file[wrong].iloc[0]} are not finite numbers")
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(features, np.float32), allow_pickle=False)
    with write_atomically(path) as temporary:
        temporary.write_bytes(buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def _checked(values: np.ndarray | str, column: str, rows: pd.DataFrame, path: Path) -> np.ndarray | str:
    """A column of evidence, if there is something for every image."""
    if isinstance(values, str):
        return values
    if len(values) != len(rows):
        raise BenchmarkError(f"{path}: {column} is known for {len(values)} of {len(rows)} images")
    wrong = ~np.isfinite(values) if np.issubdtype(np.asarray(values).dtype, np.number) else np.asarray(values) == ""
    if wrong.any():
        raise BenchmarkError(f"{path.parent / rows.file[wrong].iloc[0]}: {column} is not known")
    return values


if __name__ == "__main__":
    cli.run(main)
