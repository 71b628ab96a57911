"""Image sets on disk: PNGs that carry their key, and the manifest that lists them."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.files import sha256, write_atomically

KEY = "erasure-key"  # the PNG text chunk that says what the image was drawn from


@dataclass(frozen=True)
class Image:
    """One row of a manifest: which cell drew it, what it was asked for, from which noise, and its file and hash.

    `tuning_seed` is the cell's seed; `seed` and `index` name the noise. `erased` and `probe` are concepts' names.
    """

    file: str
    task: str
    method: str
    tuning_seed: int
    erased: str
    probe: str
    prompt: str
    seed: int
    index: int
    key: str
    sha256: str


def write(path: Path, images: Iterable[Image]) -> None:
    names = [f.name for f in fields(Image)]
    with write_atomically(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, names, lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(image) for image in images)


def read(path: Path) -> list[Image]:
    """The rows of a manifest. Raises `BenchmarkError` if it is missing or is not one."""
    whole = {f.name for f in fields(Image) if f.type == "int"}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [Image(**{k: int(v) if k in whole else v for k, v in row.items()}) for row in csv.DictReader(file)]
    except (OSError, TypeError, ValueError) as error:
        raise BenchmarkError(f"{path}: this is not a manifest of images: {error}") from error


def save_png(path: Path, pixels: np.ndarray, key: str) -> None:
    """Write uint8 (H, W, 3) with its key in a text chunk, whole or not at all."""
    from PIL import Image as Picture
    from PIL.PngImagePlugin import PngInfo

    note = PngInfo()
    note.add_text(KEY, key)
    with write_atomically(path, lasting=False) as aside:
        Picture.fromarray(pixels).save(aside, format="PNG", pnginfo=note, compress_level=1)


def key_of(path: Path) -> str | None:
    """The key of a PNG that is there and whole, else None: it is then drawn again."""
    from PIL import Image as Picture

    try:
        with Picture.open(path) as picture:
            picture.load()
            return picture.info.get(KEY)
    except (OSError, SyntaxError):
        return None


def picture(path: Path, digest: str) -> np.ndarray:
    """The picture of a file, uint8 (H, W, 3). Raises `BenchmarkError` unless it has this SHA-256 and can be read."""
    from PIL import Image as Picture

    if sha256(path) != digest:
        raise BenchmarkError(f"{path}: was changed or cut off since it was drawn: its hash is not the manifest's")
    try:
        with Picture.open(path) as found:
            return np.asarray(found.convert("RGB"))
    except (OSError, SyntaxError) as error:
        raise BenchmarkError(f"{path}: cannot be read as an image: {error}") from error
