"""Evidence: what was seen in each image, and which is its reference image.

`evidence.csv` has the manifest's columns and those of the observers. What each observer saw lies beside it, row by row,
as `<observer>.npz`: the image's key, its columns and, if it has some, an array of features; the file's hash is then the
column `<observer>_features`. Missing values have no place in either.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark.errors import BenchmarkError
from benchmark.files import check_seal, sha256, write_atomically
from benchmark.store import manifest

FEATURES, SEAL = "features", "seal"  # arrays of `<observer>.npz` beside the observer's own columns
MANIFEST = [field.name for field in fields(manifest.Image)]
MODEL = ["task", "variant", "checkpoint", "concept", "erasing_seed"]  # which model drew an image
KEY = ["prompt_set", "row", "index"]  # what an image and its reference image have in common
SHOWN = ["text", "noise_seed"]  # what they must have in common, too
_WHOLE = [field.name for field in fields(manifest.Image) if field.type == "int"]
_TEXT_ENDINGS = ("_label", "_features", "_detections")


def read(path: Path, columns: Iterable[str] = ()) -> pd.DataFrame:
    """A manifest or an evidence.csv, which must have `columns` besides.

    Raises `BenchmarkError` if it is not whole, or was edited.

    Texts are taken literally: an empty prompt stays empty, and a concept may be called nan.
    """
    check_seal(path)
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"{path}: cannot be read: {error}") from error
    for column in (*MANIFEST, *columns):
        if column not in rows:
            raise BenchmarkError(f"{path}: has no column {column}")
    if rows.empty:
        raise BenchmarkError(f"{path}: lists no image")
    for column in rows.columns:
        if column in _WHOLE or not (column in MANIFEST or column.endswith(_TEXT_ENDINGS)):
            rows[column] = _numbers(rows, column, path)
    twice = rows.duplicated([*MODEL, *KEY])
    if twice.any():
        raise BenchmarkError(f"{path}: lists {rows.file[twice].iloc[0]} twice")
    return rows


def _numbers(rows: pd.DataFrame, column: str, path: Path) -> pd.Series:
    numbers = pd.to_numeric(rows[column], errors="coerce")
    wrong = ~np.isfinite(numbers.to_numpy(float))
    if wrong.any():
        row = rows[wrong].iloc[0]
        raise BenchmarkError(f"{path}: {column} of {row.file} is {row[column]!r}, which is not a finite number")
    return numbers


def references(rows: pd.DataFrame, originals: pd.DataFrame, path: Path, attacked: bool = False) -> np.ndarray:
    """Where in `originals` the reference image of each image stands: the original's of the same row and index.

    Raises `BenchmarkError` naming an image without one, or one that was drawn from another text or noise. Where the
    texts were `attacked`, those of the original's are the ones of before.
    """
    places = pd.MultiIndex.from_frame(originals[KEY]).get_indexer(pd.MultiIndex.from_frame(rows[KEY]))
    if (places < 0).any():
        lone = rows.file[places < 0].iloc[0]
        raise BenchmarkError(f"{path}: {lone} has no reference image among the original model's images")
    shown = SHOWN[attacked:]
    differs = (rows[shown].to_numpy() != originals[shown].to_numpy()[places]).any(1)
    if differs.any():
        raise BenchmarkError(f"{path}: {rows.file[differs].iloc[0]} has another text or noise than its reference image")
    return places


class Kept:
    """What one observer has seen, by the key of the image: `<observer>.npz`. What cannot be read is not there.

    Only what has one of the `wanted` keys is kept: others may be of an earlier observer,
    whose columns have other kinds.
    """

    def __init__(self, path: Path, wanted: Iterable[str]):
        self.path, self._places, self._arrays = path, {}, {}
        if path.exists():
            try:
                self._load(set(wanted))
            except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
                print(f"{path}: cannot be kept ({error}): all images are looked at again", flush=True)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def _load(self, wanted: set[str]) -> None:
        with np.load(self.path, allow_pickle=False) as file:
            arrays = dict(file)
        seal = str(arrays.pop(SEAL))
        if seal != _hash(arrays):
            raise ValueError("its hash is not that of what was seen")
        keys = arrays.pop("key").tolist()
        if kept := [place for place, key in enumerate(keys) if key in wanted]:
            self._places = {keys[old]: new for new, old in enumerate(kept)}
            self._arrays = {name: values[kept] for name, values in arrays.items()}

    def add(self, keys: list[str], seen: dict[str, np.ndarray]) -> None:
        """Columns with one value, or one row of features, per key."""
        before = len(next(iter(self._arrays.values()), ()))
        for name, values in seen.items():
            values = values.astype(str) if values.dtype == object else values
            self._arrays[name] = np.concatenate([self._arrays[name], values]) if before else values
        self._places |= {key: before + place for place, key in enumerate(keys)}

    def save(self, keys: list[str] | None = None) -> None:
        """Write what was seen; given keys, that of these pictures alone, in their order."""
        keys = list(self._places) if keys is None else keys
        arrays = self._of(keys) | {"key": np.array(keys, str)}
        buffer = io.BytesIO()
        np.savez(buffer, **arrays, **{SEAL: _hash(arrays)})
        with write_atomically(self.path) as aside:
            aside.write_bytes(buffer.getvalue())

    def columns(self, keys: list[str]) -> dict[str, np.ndarray | str]:
        """The columns of evidence.csv; in the place of features the hash of their file."""
        columns: dict[str, np.ndarray | str] = self._of(keys)
        if columns.pop(FEATURES, None) is not None:
            columns[f"{self.path.stem}_features"] = sha256(self.path)
        return columns

    def _of(self, keys: list[str]) -> dict[str, np.ndarray]:
        places = [self._places[key] for key in keys]
        found = {name: values[places] for name, values in self._arrays.items()}  # texts as wide as the widest of these
        return {n: np.array(v.tolist(), str) if v.dtype.kind == "U" else v for n, v in found.items()}


def _hash(arrays: Mapping[str, np.ndarray]) -> str:
    """The SHA-256 of named arrays."""
    found = hashlib.sha256()
    for name, values in sorted(arrays.items()):
        found.update(f"{name} {values.dtype.str} {values.shape}".encode())
        found.update(np.ascontiguousarray(values).tobytes())
    return found.hexdigest()


def features(path: Path, rows: pd.DataFrame, observer: str) -> np.ndarray:
    """The features of an observer beside an evidence.csv, one row per image, checked against their hash."""
    file = path.with_name(f"{observer}.npz")
    try:
        data = file.read_bytes()
    except OSError as error:
        raise BenchmarkError(f"{file}: cannot be read: {error.strerror}") from error
    if set(rows[f"{observer}_features"]) != {hashlib.sha256(data).hexdigest()}:
        raise BenchmarkError(f"{file}: is not the file that belongs to {path}: its hash differs")
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        array = arrays[FEATURES]
    if array.ndim != 2 or len(array) != len(rows):
        raise BenchmarkError(f"{file}: has shape {array.shape} for {len(rows)} images")
    wrong = ~np.isfinite(array).all(1)
    if wrong.any():
        raise BenchmarkError(f"{file}: features of {rows.file[wrong].iloc[0]} are not finite numbers")
    return array
