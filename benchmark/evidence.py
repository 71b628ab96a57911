"""Evidence: what was seen in each image, and whose partner it is.

`evidence.csv` has the manifest's columns and those of the observers; arrays of features lie beside it, row by row, as
`<eye>.npy`, whose hash is its column `<eye>_features`. Missing values have no place in either.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark import manifest
from benchmark.errors import BenchmarkError

MANIFEST = [field.name for field in fields(manifest.Image)]
CELL = ["task", "method", "erased", "tuning_seed"]  # which model drew an image
KEY = ["probe", "prompt", "seed", "index"]  # what an image and its partner have in common
_WHOLE = [field.name for field in fields(manifest.Image) if field.type == "int"]
_TEXT_ENDINGS = ("_label", "_features")


def read(path: Path, columns: Iterable[str] = ()) -> pd.DataFrame:
    """A manifest or an evidence.csv, which must have `columns` besides. Raises `BenchmarkError` if it is not whole.

    Texts are taken literally: an empty prompt stays empty, and a concept may be called nan.
    """
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
    twice = rows.duplicated([*CELL, *KEY])
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


def partners(rows: pd.DataFrame, originals: pd.DataFrame, path: Path) -> np.ndarray:
    """Where in `originals` the partner of each image stands. Raises `BenchmarkError` naming an image without one."""
    found = pd.MultiIndex.from_frame(originals[KEY]).get_indexer(pd.MultiIndex.from_frame(rows[KEY]))
    if (found < 0).any():
        raise BenchmarkError(f"{path}: {rows.file[found < 0].iloc[0]} has no partner among the original model's images")
    return found


def features(path: Path, rows: pd.DataFrame, eye: str) -> np.ndarray:
    """The features of an eye beside an evidence.csv, one row per image, checked against their hash."""
    file = path.with_name(f"{eye}.npy")
    try:
        data = file.read_bytes()
    except OSError as error:
        raise BenchmarkError(f"{file}: cannot be read: {error.strerror}") from error
    if set(rows[f"{eye}_features"]) != {hashlib.sha256(data).hexdigest()}:
        raise BenchmarkError(f"{file}: is not the file that belongs to {path}: its hash differs")
    array = np.load(io.BytesIO(data), allow_pickle=False)
    if array.ndim != 2 or len(array) != len(rows):
        raise BenchmarkError(f"{file}: has shape {array.shape} for {len(rows)} images")
    wrong = ~np.isfinite(array).all(1)
    if wrong.any():
        raise BenchmarkError(f"{file}: features of {rows.file[wrong].iloc[0]} are not finite numbers")
    return array
