"""The traces of erasures: what methods noted while they trained (`model.log`), in a trace.csv beside each model."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from benchmark.errors import BenchmarkError
from benchmark.files import check_seal
from benchmark.plan.grid import Plan
from benchmark.plan.records import NOTHING
from benchmark.store.look import identity

TRACE = "trace.csv"


def read(models: Iterable[Path], plan: Plan) -> pd.DataFrame:
    """The traces of all models that experiments of a plan show, a row per note.

    In front of the columns that methods name stand those of `look.MODEL` but for the prompt set. `models` are the
    models.csv of shards. A model that is shown for several erasures (they are equal) has its notes under each of them.
    Raises `BenchmarkError` for a models.csv of no shard of the plan, and for a trace that cannot be read.
    """
    shown: dict[tuple[str, str], list] = {}  # by shard and concept
    shards = {
        (s.task, s.variant, s.erasing_seed, concept): s.path for s in plan.shards.values() for concept in s.concepts
    }
    for asked, run in plan.run.items():
        path = shards[run.task, run.variant, run.erasing_seed, run.concept]
        shown.setdefault((path, run.concept), []).append(asked)
    frames = []
    for path in models:
        shard = "/".join(path.parent.parts[-4:])
        if shard not in plan.shards:
            raise BenchmarkError(f"{path}: is of no shard that the suite {plan.suite.name} plans")
        with path.open(newline="") as file:
            rows = [(row["concept"], path.parent / row["delta"]) for row in csv.DictReader(file)]
        for concept, delta in rows:
            if concept != NOTHING:
                notes = _notes(delta.with_name(TRACE))
                frames += [notes.assign(**identity(asked)) for asked in shown.get((shard, concept), ())]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _notes(path: Path) -> pd.DataFrame:
    """A trace; no rows of a method that notes nothing."""
    check_seal(path)
    try:
        return pd.read_csv(path) if path.stat().st_size > 1 else pd.DataFrame()
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"{path}: cannot be read: {error}") from error
