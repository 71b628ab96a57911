"""From evidence to numbers: `python -m benchmark.score` writes scores.csv, the only source of tables and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from benchmark import cli, grid, plugins
from benchmark.config import NOTHING, ORIGINAL, Suite
from benchmark.errors import BenchmarkError
from benchmark.evidence import CELL, KEY, features, partners, read
from benchmark.eyes import metric
from benchmark.files import write_atomically
from benchmark.prompts import prompts
from benchmark.records import Cell, Task, asked_for
from benchmark.scores import COLUMNS, OPTIONAL
from benchmark.versions import version

Numbers = list[dict[str, Any]]  # rows of scores.csv, without what they share


@dataclass(frozen=True)
class Metric:
    """A metric of a task: its name there, its module, and the eye whose evidence it reads."""

    name: str
    module: ModuleType
    eye: str


@dataclass(frozen=True)
class Seen:
    """One evidence.csv: its rows, one per image, and for each metric what it reads of them."""

    path: Path
    rows: pd.DataFrame
    columns: Mapping[str, np.ndarray]


def main(
    suite: str, evidence: list[Path], out: Path,
    experiments: list[str] | None = None, methods: list[str] | None = None,
) -> None:  # fmt: skip
    """Compute every metric of every cell and write scores.csv.

    Args:
        suite: A file of benchmark/suites/.
        evidence: The evidence.csv of each part.
        out: The scores.csv to write.
        experiments: Those that were named, if not all; a method that no experiment lists is in each of them.
        methods: Those that were named, if not all.
    """
    plan = grid.plan({"suite": suite, "experiments": experiments or "all", "methods": methods or "all"}, tolerant=True)
    metrics = {name: _metrics(task) for name, task in plan.tasks.items()}
    frames = {path: read(path) for path in evidence}
    known = {cell for cells in plan.experiments.values() for cell in cells}
    originals: dict[str, Seen] = {}
    numbers: dict[Cell, Numbers] = {}
    paths = sorted(frames, key=lambda path: frames[path].method.iloc[0] != ORIGINAL)
    for path in cli.progress(paths, len(paths), "score"):
        cells = [Cell(*key) for key in frames[path][CELL].drop_duplicates().itertuples(index=False, name=None)]
        for cell in cells:
            if cell not in known or cell in numbers:
                what = "no experiment shows" if cell not in known else "another file has too"
                raise BenchmarkError(f"{path}: is about {cell}, which {what}")
        task = cells[0].task
        seen = _read(path, frames[path], metrics[task])
        if cells[0].method == ORIGINAL:
            originals[task] = seen
        elif task not in originals:
            raise BenchmarkError(f"{path}: the original model's evidence for task {task} is not among the files")
        numbers |= {cell: _scores(cell, plan, metrics[task], seen, originals[task]) for cell in cells}
    rows = [
        {"suite": suite, "experiment": experiment, **vars(cell), **number}
        for experiment, cells in plan.experiments.items()
        for cell in cells
        for number in _found(cell, plan, numbers)
    ]
    with write_atomically(out) as temporary:
        frame = pd.DataFrame(rows, columns=(*COLUMNS, *OPTIONAL))
        frame.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")


def _metrics(task: Task) -> list[Metric]:
    found = [(name, *metric(name)) for name in task.metrics]
    return [Metric(name, plugins.load("benchmark/metrics", module), eye) for name, module, eye in found]


def _read(path: Path, rows: pd.DataFrame, metrics: list[Metric]) -> Seen:
    columns, arrays = {}, {}
    for m in metrics:
        column = m.module.READS.format(eye=m.eye)
        if column == "features":
            column = f"{m.eye}_features"
        if column not in rows:
            raise BenchmarkError(f"{path}: has no column {column}, which {m.name} reads")
        if m.module.READS != "features":
            columns[m.name] = rows[column].to_numpy()
            continue
        if m.eye not in arrays:
            arrays[m.eye] = features(path, rows, m.eye)
        columns[m.name] = arrays[m.eye]
    return Seen(path, rows, columns)


def _found(cell: Cell, plan: grid.Plan, numbers: Mapping[Cell, Numbers]) -> Numbers:
    """A cell's numbers, or those of a label with equal settings: only one of these is run."""
    equal = [label for label, first in plan.aliases.items() if first == plan.aliases[cell.method]]
    found = [numbers.get(replace(cell, method=label)) for label in (cell.method, *equal)]
    return next((number for number in found if number), [])


def _scores(cell: Cell, plan: grid.Plan, metrics: list[Metric], seen: Seen, original: Seen) -> Numbers:
    """Every metric for every concept that the cell's model was asked for."""
    task = plan.tasks[cell.task]
    labels = {probe: concept.label for concept in task.concepts for probe in concept.probes}
    mine = np.flatnonzero((seen.rows.erased == cell.concept) & (seen.rows.tuning_seed == cell.seed))
    versions = {m.name: version(plan.suite, task, m.module, cell.method) for m in metrics}
    threshold = task.detector.threshold if task.detector else np.nan
    rows = seen.rows.iloc[mine].assign(label=lambda r: r.probe.map(labels), threshold=threshold)
    theirs = partners(rows, original.rows, seen.path)
    numbers = []
    for (probe, role), where in _groups(cell, plan.suite, task, rows, seen.path).items():
        for m in metrics:
            here, there = seen.columns[m.name][mine[where]], original.columns[m.name][theirs[where]]
            try:
                value, n, low, high = m.module.score(rows.iloc[where], here, there)
                if not np.isfinite(value):
                    raise BenchmarkError(f"is {value}")
                if role == "baseline" and m.module.ORIGINAL not in (None, value):
                    raise BenchmarkError(f"is {value:g} for the original model, but must be {m.module.ORIGINAL:g}")
            except BenchmarkError as error:
                raise BenchmarkError(f"{seen.path}: {m.name} of {probe}: {error}") from error
            number = {"metric": m.name, "probe": probe, "role": role, "value": value, "n": n}
            number |= {"ci_low": low, "ci_high": high, "version": versions[m.name]}
            numbers.append(number | {"device": " + ".join(sorted(set(rows.device.iloc[where])))})
    return numbers


def _groups(cell: Cell, suite: Suite, task: Task, rows: pd.DataFrame, path: Path) -> dict[tuple[str, str], np.ndarray]:
    """Where the images of each (probe, role) stand: exactly those that were asked for, else a `BenchmarkError`.

    The original model has the role `baseline`, with all its images. Another model in which no concept was erased stands
    beside models in which one was: in either role it has as many images as they, since FID depends on the number.
    """
    if cell.method == ORIGINAL:
        erased: tuple[str | None, ...] = (None,)
    else:
        erased = suite.erased(task.name) if cell.concept == NOTHING else (cell.concept,)
    asked: dict[tuple[str, str], dict[tuple, None]] = {}
    for concept in erased:
        for prompt in prompts(task, suite, concept):
            role = "baseline" if concept is None else "erased" if asked_for(prompt.probe) == concept else "retained"
            images = [(prompt.probe, prompt.text, prompt.seed, index) for index in range(prompt.images)]
            asked.setdefault((prompt.probe, role), {}).update(dict.fromkeys(images))
    position = {image: i for i, image in enumerate(rows[KEY].itertuples(index=False, name=None))}
    wanted = {image for images in asked.values() for image in images}
    for image in sorted(wanted ^ set(position)):
        probe, _, seed, index = image
        what = "is missing" if image in wanted else "was not asked for"
        raise BenchmarkError(f"{path}: image {seed}_{index} of {probe} ({cell.concept} erased) {what}")
    return {group: np.array([position[image] for image in images]) for group, images in asked.items()}


if __name__ == "__main__":
    cli.run(main)
