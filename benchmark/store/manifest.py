"""Image sets on disk: PNGs that carry their key under a seal, and the manifest that lists them."""

from __future__ import annotations

import csv
import hashlib
import io
import struct
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.files import check_seal, sha256, write_atomically

# Text chunks of the PNGs: from what a picture was drawn, on which kind of device, and the hash of all other bytes.
KEY, DEVICE, SEAL = "erasure-key", "erasure-device", "erasure-seal"
ROUNDING = 1  # grey levels of 255, by which rounding may move a pixel
END = 12  # bytes of a PNG's last chunk, before which the seal stands


@dataclass(frozen=True)
class Image:
    """One row of a manifest: an image's file, its row of the prompt set, its noise, and the model that drew it.

    `asked`, `wording` and `class_name` are those of the row. `concept` is what the model has lost, by which `variant`
    of which `task` and with which seed; the original model has lost `NOTHING` and is no task's. `device` is the kind of
    device that drew it: between two kinds, rounding differs.
    """

    file: str
    prompt_set: str
    row: str
    index: int
    text: str
    noise_seed: int
    asked: str
    wording: str
    class_name: str
    task: str
    method: str
    variant: str
    checkpoint: int
    concept: str
    erasing_seed: int
    key: str
    device: str
    sha256: str


class Note(NamedTuple):
    """What a PNG says of itself."""

    key: str
    device: str


def write(path: Path, images: Iterable[Image]) -> None:
    names = [f.name for f in fields(Image)]
    with write_atomically(path, sealed=True) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, names, lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(image) for image in images)


def read(path: Path) -> list[Image]:
    """The rows of a manifest. Raises `BenchmarkError` if it is missing, is not one, or was edited."""
    check_seal(path)
    whole = {f.name for f in fields(Image) if f.type == "int"}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [Image(**{k: int(v) if k in whole else v for k, v in row.items()}) for row in csv.DictReader(file)]
    except (OSError, TypeError, ValueError) as error:
        raise BenchmarkError(f"{path}: this is not a manifest of images: {error}") from error


def save_png(path: Path, pixels: np.ndarray, note: Note) -> None:
    """Write uint8 (H, W, 3) with its note and a seal, whole or not at all."""
    from PIL import Image as Picture
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    for name, text in zip((KEY, DEVICE), note, strict=True):
        texts.add_text(name, text)
    buffer = io.BytesIO()
    Picture.fromarray(pixels).save(buffer, format="PNG", pnginfo=texts, compress_level=1)
    data = buffer.getvalue()
    with write_atomically(path, lasting=False) as aside:
        aside.write_bytes(data[:-END] + _seal(data) + data[-END:])


def note_of(path: Path) -> Note | None:
    """The note of a PNG that is there as it was drawn, to the byte, else None: it is then drawn again."""
    from PIL import Image as Picture

    try:
        data = path.read_bytes()
        seal = _seal(b"")
        if data[-END - len(seal) : -END] != _seal(data[: -END - len(seal)] + data[-END:]):
            return None
        with Picture.open(io.BytesIO(data)) as picture:
            return Note(picture.info[KEY], picture.info[DEVICE])
    except (OSError, SyntaxError, KeyError):
        return None


def _seal(data: bytes) -> bytes:
    """The text chunk that holds the hash of a PNG without it; its length is always the same."""
    text = b"tEXt" + SEAL.encode() + b"\0" + hashlib.sha256(data).hexdigest().encode()
    return struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))


def picture(path: Path, digest: str) -> np.ndarray:
    """The picture of a file, uint8 (H, W, 3). Raises `BenchmarkError` unless it has this SHA-256 and can be read."""
    from PIL import Image as Picture

    if sha256(path) != digest:
        raise BenchmarkError(
            f"{path}: was changed or cut off since it was drawn: its hash is not the manifest's;"
            " remove the manifest.csv that lists it and run the same command again: it is then drawn anew"
        )
    try:
        with Picture.open(path) as found:
            return np.asarray(found.convert("RGB"))
    except (OSError, SyntaxError) as error:
        raise BenchmarkError(f"{path}: cannot be read as an image: {error}") from error
