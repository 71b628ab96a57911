"""Details, as CSV files beside scores.csv: shares, curves, distances: what is no single number with an interval."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd

from benchmark.errors import BenchmarkError
from benchmark.files import sha256, write_atomically
from benchmark.plan import plugins
from benchmark.plan.grid import Plan
from benchmark.plan.view_details import details

if TYPE_CHECKING:
    from benchmark.store.look import Look

FOLDER = "details"  # beside scores.csv
OF = "scores.sha256"  # in that folder: of which scores.csv its details are
FIRST = {"suite": str, "experiment": str}  # the columns in front of those that a detail names


NEEDED = {  # what a detail may need beside what observers saw: the constant that says so, and where it comes from
    "EMBEDDINGS": "--embeddings, what `python -m benchmark.embed` writes",
    "TRACES": "--models, the models.csv of each shard",
}


def write(
    scores: Path,
    plan: Plan,
    looks: Mapping[str, Sequence[Look]],
    given: Mapping[str, pd.DataFrame] = MappingProxyType({}),
) -> None:
    """Write `details/<name>.csv` beside a scores.csv for each detail that views of the plan show. Others are removed.

    `looks` holds, by experiment, all models and prompt sets that it shows. `given` has what details may need, by the
    keys of `NEEDED`; a detail that needs what is not there is not written.
    """
    shown, written = {key: details(plan.suite, [key]) for key in plan.experiments}, []
    for name in dict.fromkeys(name for names in shown.values() for name in names):
        module = plugins.load("benchmark/details", name)
        needs = [what for what in NEEDED if getattr(module, what, False)]
        if lacking := [NEEDED[what] for what in needs if what not in given]:
            print(f"details/{name}.csv: needs {lacking[0]}: left out")
            continue
        more = [given[what] for what in needs]
        rows = [
            {"suite": plan.suite.name, "experiment": key} | dict(row)
            for key, names in shown.items()
            if name in names
            for row in _rows(module.detail(looks[key], *more), name, module.COLUMNS)
        ]
        save(path(scores, name), pd.DataFrame(rows, columns=[*FIRST, *module.COLUMNS]))
        written.append(name)
    belong(scores, written)


def save(file: Path, rows: pd.DataFrame) -> None:
    with write_atomically(file) as temporary:
        rows.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")


def belong(scores: Path, names: Iterable[str]) -> None:
    """Note that the details of these names are of this scores.csv; others are of an earlier one, and are removed."""
    folder = scores.parent / FOLDER
    for file in folder.glob("*.csv"):
        if file.stem not in names:
            file.unlink()
    with write_atomically(folder / OF) as temporary:
        temporary.write_text(sha256(scores) + "\n")


def path(scores: Path, name: str) -> Path:
    """Where a detail lies: beside its scores.csv."""
    return scores.parent / FOLDER / f"{name}.csv"


def _rows(rows: Iterable[Mapping[str, Any]], name: str, columns: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    for row in rows:
        if list(row) != list(columns):
            raise BenchmarkError(f"benchmark/details/{name}.py: gives {', '.join(row)}, not {', '.join(columns)}")
        yield row


def read(scores: Path, names: Iterable[str], suite: str, if_any: bool = False) -> dict[str, pd.DataFrame]:
    """The details of these names beside a scores.csv, by name, with the columns `FIRST` and those of each detail.

    Raises `BenchmarkError` for one that is of another scores.csv, suite or format, or is missing. With `if_any`, one
    that is missing has no rows.
    """
    files = {name: path(scores, name) for name in names}
    if any(file.exists() for file in files.values()):
        _check(scores)
    return {name: _read(file, name, suite, if_any) for name, file in files.items()}


def lacking(scores: Path, names: Iterable[str]) -> str:
    """The first of these details that is not beside a scores.csv; empty if all are."""
    return next((f"{FOLDER}/{name}.csv" for name in names if not path(scores, name).exists()), "")


def _check(scores: Path) -> None:
    """Raises `BenchmarkError` if the details beside a scores.csv are not known to be of it."""
    folder = scores.parent / FOLDER
    stated = (folder / OF).read_text().strip() if (folder / OF).exists() else ""
    if stated != sha256(scores):
        raise BenchmarkError(
            f"{folder}: its files are of another scores.csv than {scores}: put the folder `{FOLDER}` that belongs to it"
            " there, or delete this one; what needs details is then left out"
        )


def _read(file: Path, name: str, suite: str, if_any: bool) -> pd.DataFrame:
    columns = FIRST | plugins.load("benchmark/details", name).COLUMNS
    if if_any and not file.exists():
        return pd.DataFrame(columns=list(columns))
    empty = {column: [""] for column, kind in columns.items() if kind is float}  # a number that is unknown
    try:
        rows = pd.read_csv(file, keep_default_na=False, na_values=empty, dtype=columns)
    except FileNotFoundError as error:
        raise BenchmarkError(
            f"{file}: is not there, and this cannot be shown without it: put the folder `{FOLDER}` that belongs to"
            " scores.csv beside it, or run the suite, whose `score` writes both"
        ) from error
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"{file}: cannot be read: {error}") from error
    if list(rows) != list(columns):
        raise BenchmarkError(f"{file}: has other columns than {', '.join(columns)}")
    if len(strange := rows[rows.suite != suite]):
        raise BenchmarkError(f"{file}: is of suite {strange.suite.iloc[0]}, and {suite} is drawn")
    return rows
