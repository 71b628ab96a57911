"""From evidence to numbers: `python -m benchmark.score` writes scores.csv, the only source of tables and figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from benchmark.errors import BenchmarkError
from benchmark.files import check_seal
from benchmark.plan import grid, plugins, variants
from benchmark.plan.prompt_rows import of_model, role_of
from benchmark.plan.prompt_rows import read as read_prompts
from benchmark.plan.records import NOTHING, ORIGINAL, WHOLE, Erasure, Measure, Prompt, PromptSet, Task, Variant
from benchmark.plan.versions import version
from benchmark.running import cli
from benchmark.store import details, scores, traces
from benchmark.store.evidence import KEY, MODEL, features, read, references
from benchmark.store.look import Features, Group, Look, Originals, identity

Number = dict[str, Any]  # a row of scores.csv, without what it is of


@dataclass(frozen=True)
class Metric:
    """A measure of a prompt set, its metric's module, and that module's settings."""

    measure: Measure
    module: ModuleType
    settings: Any


@dataclass(frozen=True)
class Seen:
    """One evidence.csv: its rows, one per image, and for each measure, by name, what it reads of them.

    `whole` has the same, rows and all, for those metrics that are given all images of the original.
    """

    path: Path
    rows: pd.DataFrame
    columns: Mapping[str, np.ndarray]
    whole: Mapping[str, Originals]


def main(
    suite: str, prompts: list[Path], evidence: list[Path], out: Path, experiments: list[str] | None = None,
    methods: list[str] | None = None, concepts: list[str] | None = None, seeds: list[int] | None = None,
    embeddings: Path | None = None, models: list[Path] | None = None,
) -> None:  # fmt: skip
    """Compute every metric of every erasure and write scores.csv and, beside it, the details that views show.

    Args:
        suite: A file of benchmark/suites/.
        prompts: The rows of each prompt set, CSV files that have the sets' names.
        evidence: The evidence.csv of each prompt set and shard.
        out: The scores.csv to write; details are written to the folder `details` beside it.
        experiments: Those that were named, if not all; a method that no experiment lists is in each of them.
        methods: Those that were named, if not all.
        concepts: Those that were named, if not all, of what was erased.
        seeds: Those that were named, if not all, of the erasing.
        embeddings: The embeddings.csv, for details that need it.
        models: The models.csv of each shard, for details that need the traces of erasures.
    """
    named = {"experiments": experiments, "methods": methods, "concepts": concepts, "seeds": seeds}
    plan = grid.plan({"suite": suite} | {key: names or "all" for key, names in named.items()}, tolerant=True)
    rows = {path.stem: read_prompts(path) for path in prompts}
    metrics = {name: _metrics(plan.sets[name]) for name, _ in plan.looked_at}
    frames = {path: read(path) for path in evidence}
    asked: dict[Erasure, list[Erasure]] = {}  # by what is run: what it is run for, once for each task and variant
    for erasure, run in plan.run.items():
        asked.setdefault(run, []).append(erasure)
    originals: dict[str, Seen] = {}
    numbers: dict[tuple[Erasure, str], list[Number]] = {}
    looks: dict[tuple[Erasure, str], Look] = {}
    paths = sorted(frames, key=lambda path: frames[path].variant.iloc[0] != ORIGINAL)
    for path in cli.progress(paths, len(paths), "score"):
        name = _the_set(path, frames[path], plan, rows)
        seen = _read(path, frames[path], metrics[name])
        for run in _erasures(frames[path]):
            if run not in asked or (asked[run][0], name) in numbers:
                what = "no experiment shows" if run not in asked else "another file has too"
                raise BenchmarkError(f"{path}: is about {run}, which {what}")
            if run.variant.name == ORIGINAL:
                originals[name] = seen
            elif name not in originals:
                raise BenchmarkError(f"{path}: the original model's evidence on {name} is not among the files")
            for erasure in asked[run]:
                task = plan.tasks[erasure.task]
                if name in task.drawn:
                    look = _look(run, erasure, plan, plan.sets[name], rows[name], seen, originals[name])
                    looks[erasure, name] = look
                    scored = metrics[name] if name in task.sets else []  # of anchors there are details alone
                    numbers[erasure, name] = list(_scores(look, plan, scored, seen, originals[name]))
    table = [
        {"suite": suite, "experiment": experiment, **identity(erasure), "prompt_set": name, **number}
        for experiment, erasures in plan.experiments.items()
        for erasure in erasures
        for name in plan.tasks[erasure.task].sets
        for number in numbers.get((erasure, name), ())
    ]
    scores.write(out, table)
    order = {key: [(e, name) for e in es for name in plan.tasks[e.task].drawn] for key, es in plan.experiments.items()}
    seen_by = {key: [looks[each] for each in every if each in looks] for key, every in order.items()}
    given = {}
    if embeddings:
        check_seal(embeddings)
        given["EMBEDDINGS"] = pd.read_csv(embeddings, keep_default_na=False)
    given |= {"TRACES": traces.read(models, plan)} if models else {}
    details.write(out, plan, seen_by, given)


def of_original(plan: grid.Plan, name: str, prompts: tuple[Prompt, ...], path: Path) -> list[Number]:
    """Every metric of the original model on a prompt set, from its evidence.csv."""
    metrics = _metrics(plan.sets[name])
    seen = _read(path, read(path), metrics)
    erasure, run = next(
        (erasure, run)
        for erasure, run in plan.run.items()
        if run.variant.name == ORIGINAL and name in plan.tasks[erasure.task].sets
    )
    look = _look(run, erasure, plan, plan.sets[name], prompts, seen, seen)
    return list(_scores(look, plan, metrics, seen, seen))


def _metrics(prompt_set: PromptSet) -> list[Metric]:
    modules = [(measure, plugins.load("benchmark/metrics", measure.metric)) for measure in prompt_set.measures]
    return [
        Metric(measure, module, module.Settings(**measure.settings) if hasattr(module, "Settings") else None)
        for measure, module in modules
    ]


def _the_set(path: Path, rows: pd.DataFrame, plan: grid.Plan, prompts: Mapping[str, Any]) -> str:
    """The prompt set that an evidence.csv is about."""
    name, *others = rows.prompt_set.unique()
    if others or name not in prompts or name not in {name for name, _ in plan.looked_at}:
        why = "there are several" if others else "no experiment shows it, or its rows are not given by --prompts"
        raise BenchmarkError(f"{path}: prompt_set {name!r}: {why}")
    return name


def _erasures(rows: pd.DataFrame) -> list[Erasure]:
    """The models that an evidence.csv is about."""
    models = rows[MODEL].drop_duplicates().itertuples(index=False)
    return [Erasure(m.task, Variant(m.variant, int(m.checkpoint)), m.concept, int(m.erasing_seed)) for m in models]


def _read(path: Path, rows: pd.DataFrame, metrics: list[Metric]) -> Seen:
    """An evidence.csv with what the metrics read of it: a column, several of them (n, k), or features (n, d)."""
    columns, arrays = {}, {}
    for m in metrics:
        observer, reads = m.measure.observer, m.module.READS
        if reads == "features":
            if f"{observer}_features" not in rows:
                raise BenchmarkError(f"{path}: has no column {observer}_features, which {m.measure.name} reads")
            if observer not in arrays:
                arrays[observer] = features(path, rows, observer)
            columns[m.measure.name] = arrays[observer]
            continue
        several = {key: value for key, value in m.measure.settings.items() if f"{{{key}}}" in reads}
        names = [reads.format(observer=observer, **{key: item}) for key, value in several.items() for item in value]
        names = names or [reads.format(observer=observer)]
        for column in names:
            if column not in rows:
                raise BenchmarkError(f"{path}: has no column {column}, which {m.measure.name} reads")
        columns[m.measure.name] = rows[names].to_numpy() if several else rows[names[0]].to_numpy()
    manifolds = [m.measure.name for m in metrics if getattr(m.module, "MANIFOLD", False)]
    return Seen(path, rows, columns, {name: Originals(rows, columns[name]) for name in manifolds})


def _look(
    run: Erasure, erasure: Erasure, plan: grid.Plan, prompt_set: PromptSet, prompts: tuple[Prompt, ...], seen: Seen,
    original: Seen,
) -> Look:  # fmt: skip
    """The images of one model and a prompt set, what was seen in them, and which of them each number is of."""
    here = np.flatnonzero((seen.rows.concept == run.concept) & (seen.rows.erasing_seed == run.erasing_seed))
    rows = seen.rows.iloc[here]
    rows = rows.assign(unit=_units(rows))
    there = references(rows, original.rows, seen.path, prompt_set.source.kind == "attack")
    task = plan.tasks[erasure.task]
    groups = _groups(erasure, plan, task, prompt_set, prompts)
    places = _places(groups, of_model(prompts, prompt_set, plan.suite, erasure.concept), rows, run, seen.path)
    shown = ["baseline", *task.roles(prompt_set.name)]
    places = {group: where for group, where in places.items() if group[2] in shown}
    arrays = _features(seen), _features(original)
    settings = variants.settings(plan.suite, erasure.variant)
    return Look(erasure, prompt_set, rows, original.rows.iloc[there], places, settings, (here, there), arrays)


def _features(seen: Seen) -> Features:
    path, rows = seen.path, seen.rows  # not `seen`: it has arrays that would stay in memory to the end
    return lambda observer: features(path, rows, observer)


def _scores(look: Look, plan: grid.Plan, metrics: list[Metric], seen: Seen, original: Seen) -> Iterator[Number]:
    """Every metric for every group of the images of a prompt set."""
    for (asked, wording, role), where in look.places.items():
        rows = look.rows.iloc[where]
        device = " + ".join(sorted(rows.device.unique()))
        for m in metrics:
            name = m.measure.name
            here, there = look.both(seen.columns[name], original.columns[name], where)
            there = original.whole.get(name, there)
            what = "the set as a whole" if asked == WHOLE else f"{asked}, {wording}" if wording else asked
            try:
                value, n, low, high = m.module.score(rows, here, there, m.settings)
                if not np.isfinite(value):
                    raise BenchmarkError(f"is {value}")
                if role == "baseline" and (wanted := scores.unlike(m.module.ORIGINAL, value)):
                    raise BenchmarkError(f"is {value:g} for the original model, but must be {wanted}")
            except BenchmarkError as error:
                raise BenchmarkError(f"{seen.path}: {name} of {what}: {error}") from error
            yield {
                "asked": asked, "wording": wording, "role": role,
                "metric": m.measure.metric, "observer": m.measure.observer,
                "value": value, "n": n, "ci_low": low, "ci_high": high,
                "version": version(plan.suite, look.prompt_set, m.module, m.measure, look.erasure.variant),
                "device": device,
            }  # fmt: skip


def _units(rows: pd.DataFrame) -> np.ndarray:
    """The prompt row of each image, numbered in the order of their noise seeds: what intervals resample."""
    places = rows[["noise_seed", "row"]].drop_duplicates().sort_values(["noise_seed", "row"])
    numbers = {row: number for number, row in enumerate(places.row)}
    return rows.row.map(numbers).to_numpy()


def _groups(
    erasure: Erasure, plan: grid.Plan, task: Task, prompt_set: PromptSet, rows: tuple[Prompt, ...]
) -> dict[Group, dict[tuple[str, int], None]]:
    """The images, by row and index, of each number: of a concept and wording, or of the whole set, in a role.

    The original model has the role `baseline`, with all its images. Another control stands beside models in which a
    concept was erased: in either role it has as many images as they, since FID depends on the number.
    """
    original = erasure.variant.name == ORIGINAL
    erased: Iterable[str] = (erasure.concept,)
    if erasure.concept == NOTHING and not original:
        erased = plan.suite.erased(task.name)
    shown = task.roles(prompt_set.name)
    groups: dict[Group, dict[tuple[str, int], None]] = {}
    for concept in erased:
        for row in of_model(rows, prompt_set, plan.suite, concept):
            whole = prompt_set.score_by == "set"
            roles = ["baseline"] if original else shown if whole else [role_of(row, concept)]
            for role in roles:
                group = (WHOLE, "", role) if whole else (row.concept, row.wording, role)
                images = ((row.row, index) for index in range(row.images))
                groups.setdefault(group, {}).update(dict.fromkeys(images))
    return groups


def _places(
    groups: Mapping[Group, Mapping[tuple[str, int], None]], drawn: Iterable[Prompt], rows: pd.DataFrame, run: Erasure,
    path: Path,
) -> dict[Group, np.ndarray]:  # fmt: skip
    """Where the images of each group stand. There must be exactly those that were asked for, else a `BenchmarkError`.

    A control draws what the original model draws, and is shown on fewer images where another task erases a concept.
    """
    position = {image: place for place, image in enumerate(rows[KEY[1:]].itertuples(index=False, name=None))}
    wanted = {(row.row, index) for row in drawn for index in range(row.images)}
    for row, index in sorted(wanted ^ set(position)):
        what = "is missing" if (row, index) in wanted else "was not asked for"
        raise BenchmarkError(f"{path}: image {row}_{index} ({run.concept} erased) {what}")
    return {group: np.array([position[image] for image in images]) for group, images in groups.items()}


if __name__ == "__main__":
    cli.run(main)
