"""Models on disk: the base model and its hash, and what an erasure saves: changed weights, and tensors of its own."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.errors import BenchmarkError
from benchmark.files import check_seal, sha256, write_atomically
from benchmark.plan.records import digest
from benchmark.plan.suite import Suite

if TYPE_CHECKING:
    import torch

UNSEALED = "0" * 64


@dataclass(frozen=True)
class Base:
    """The base model: its diffusers folder, the revision it was pinned to, and the hash of every file of it."""

    folder: str
    revision: str | None
    files: dict[str, str]

    @property
    def key(self) -> str:
        """Names the model, wherever it lies."""
        return digest(self.files)


def base(suite: Suite) -> Base:
    """What `python -m benchmark.base` recorded for this suite.

    Raises `BenchmarkError` if a file of the model is another one now: a copy may keep an old time, which no workflow
    notices, and images of two models would be compared. (Reading 4 GB takes seconds; who draws or erases reads them
    anyway.)
    """
    path = Path(suite.folder) / "base.json"
    try:
        found = Base(**json.loads(path.read_text()))
    except (OSError, TypeError, ValueError) as error:
        raise BenchmarkError(
            f"{path}: cannot be read ({error}); `python -m benchmark.base --suite {suite.name} --out {path}` writes it"
        ) from error
    for name, known in found.files.items():
        if sha256(Path(found.folder) / name) != known:
            raise BenchmarkError(
                f"{found.folder}/{name}: is not the file that {path} has recorded: the base model was replaced; delete"
                f" {path}, and the next run begins with the model as it is now"
            )
    return found


@dataclass(frozen=True)
class Delta:
    """One row of models.csv: the concept that was erased, the file of what was saved, its hash and its key."""

    concept: str
    delta: str
    sha256: str
    key: str


def deltas(path: Path) -> dict[str, Delta]:
    """The rows of a models.csv by concept; `delta` is made relative to the working folder.

    Raises `BenchmarkError` if it is missing, is not one, or was edited.
    """
    check_seal(path)
    try:
        with path.open(newline="") as file:
            rows = [Delta(**row) for row in csv.DictReader(file)]
    except (OSError, TypeError) as error:
        raise BenchmarkError(f"{path}: this is not a list of models: {error}") from error
    return {row.concept: Delta(row.concept, str(path.parent / row.delta), row.sha256, row.key) for row in rows}


def write_deltas(path: Path, rows: list[Delta]) -> None:
    with write_atomically(path, sealed=True) as aside, aside.open("w", newline="") as file:
        table = csv.DictWriter(file, [f.name for f in fields(Delta)], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(row) for row in rows)


def read_delta(row: Delta) -> dict[str, torch.Tensor]:
    """What an erasure saved, maybe nothing: changed `unet.…` and `text_encoder.…`, and the method's own `method.…`.

    Raises `BenchmarkError` if the file is not the one that models.csv names.
    """
    from safetensors.torch import load_file

    if sha256(row.delta) != row.sha256:
        raise BenchmarkError(f"{row.delta}: is not the file that was erased: its hash differs from models.csv")
    return load_file(row.delta)


def save_delta(path: Path, saved: dict[str, torch.Tensor], key: str) -> None:
    """Write what an erasure saves, with its key and a seal: the hash of the file while the seal is zeros."""
    unsealed = _file(saved, {"key": f"{key} {UNSEALED}"})
    with write_atomically(path) as aside:
        aside.write_bytes(unsealed.replace(UNSEALED.encode(), hashlib.sha256(unsealed).hexdigest().encode(), 1))


def key_of(path: Path) -> str | None:
    """The key of a delta that is there as it was written, to the byte, else None."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            key, _, seal = (file.metadata() or {}).get("key", "").partition(" ")
        unsealed = path.read_bytes().replace(seal.encode(), UNSEALED.encode(), 1)
        return key if seal == hashlib.sha256(unsealed).hexdigest() else None
    except (OSError, SafetensorError):
        return None


def write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """A .safetensors file, whole or absent."""
    data = _file(tensors)
    with write_atomically(path) as aside:
        aside.write_bytes(data)


def _file(tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """Serialised in memory: the library's own writing hides why it failed, and lets nobody else read the file."""
    from safetensors.torch import save

    return save({name: value.contiguous().cpu() for name, value in tensors.items()}, metadata)
