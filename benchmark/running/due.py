"""What runs have planned and not made, in a file: Snakemake forgets an edit if the job that it has planned fails.

It then removes the job's output, and a file that is missing between two stages does not count as long as what was made
of it is still there: the next run would show numbers of before the edit. So what is due is planned until it is made.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchmark.files import write_atomically


def read(file: Path) -> list[str]:
    """The paths that were planned and are not there."""
    planned = file.read_text().splitlines() if file.is_file() else []
    return [path for path in planned if not Path(path).exists()]


def add(file: Path, planned: Iterable[str]) -> None:
    """Note what a run is about to make, beside what earlier ones have left."""
    _write(file, [*read(file), *planned])


def settle(file: Path) -> None:
    """Forget what is there at the end of a run."""
    if file.is_file():
        _write(file, read(file))


def _write(file: Path, paths: Iterable[str]) -> None:
    with write_atomically(file) as aside:
        aside.write_text("".join(f"{path}\n" for path in dict.fromkeys(paths)))
