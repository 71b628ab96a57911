"""Rows of prompts: what every prompt set asks for, from which noise; `python -m benchmark.prompts` writes them."""

from __future__ import annotations

import csv
import hashlib
import math
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from benchmark import cli, plugins, texts, variants
from benchmark.config import erased_on, load_set, load_suite, load_task
from benchmark.errors import BenchmarkError, ConfigError
from benchmark.files import sha256, write_atomically
from benchmark.looking import METRICS
from benchmark.prompt_set import COLUMNS
from benchmark.ranges import SEEDS, most_seeds
from benchmark.records import NOTHING, Prompt, PromptSet, Source, Variant
from benchmark.source import literal
from benchmark.suite import Suite

LARGEST = 2**63 - 1  # a noise seed


def main(suite: str, out: Path, set: str | None = None, task: str | None = None, kind: str | None = None,
         concepts: list[str] | None = None) -> None:  # fmt: skip
    """Write the rows of a prompt set as CSV: of a named set, or of the images that a task's classifier or methods need.

    Args:
        suite: a file of benchmark/suites.
        out: the prompts.csv to write.
        set: the name of a task, or a file of benchmark/prompt_sets.
        task: the task whose concepts are asked for, if there is no `set`.
        kind: training, pool_concept or pool_anchor: what the images of the task are for.
        concepts: those of a pool.
    """
    loaded = load_suite(suite)
    if set:
        asked = load_set(set, loaded.world)
    elif task and kind in ("training", "pool_concept", "pool_anchor"):
        asked = PromptSet(out.stem, Source(kind, load_task(task, loaded.world).name, tuple(concepts or ())))
    else:
        raise BenchmarkError("--set is needed, or --task with --kind training, pool_concept or pool_anchor")
    drawn = rows(asked, loaded)
    write(out, drawn)
    print(f"{out}: {len(drawn)} rows, {sum(row.images for row in drawn)} images{_remarks(asked, drawn)}")


def rows(prompt_set: PromptSet, suite: Suite) -> tuple[Prompt, ...]:
    """All rows of a set, as the original model draws them.

    Raises `ConfigError` for a file that is not the one that is meant, or has a row that is none.
    """
    source = prompt_set.source
    if source.kind == "file":
        chosen = _prefix(prompt_set, _from_file(prompt_set), suite.budgets.rows)
        _check_enough(prompt_set, chosen)
        return chosen
    if source.kind == "attack":  # as they are before a model is attacked
        return rows(load_set(source.of, suite.world), suite)
    task, budgets = load_task(source.task, suite.world), suite.budgets
    if source.kind == "evaluation":
        erased = erased_on(suite, prompt_set.name)
        return tuple(
            Prompt(f"{name}-{seed}", phrase, seed, budgets.images_per_seed, concept.name, wording, concept.class_name)
            for concept in task.concepts
            for wording, phrase in concept.phrases.items()
            for name in [f"{concept.name}.{wording}" if wording else concept.name]
            for seed in seeds("evaluation", suite.world, name, _count(suite, concept.name in erased))
        )
    if source.kind == "training":
        classifier = load_set(task.name, suite.world).classifier
        if classifier is None or classifier.texts is None:
            raise ConfigError(f"task {task.name}: no classifier of it is trained, which would need images")
        names = ("blank", *(concept.name for concept in task.concepts))
        return tuple(
            Prompt(f"{name}-{seed}", text, seed, 1, "", "", class_name)
            for name, class_name, text in zip(names, classifier.classes, classifier.texts, strict=True)
            for seed in seeds("train", suite.world, class_name, budgets.train)
        )
    phrases = {name: (name, task.concept(name).phrase) for name in source.concepts}
    asked = phrases if source.kind == "pool_concept" else {"blank": ("", task.templates.blank)}
    return tuple(
        Prompt(f"{name}-{seed}", text, seed, 1, concept)
        for name, (concept, text) in asked.items()
        for seed in seeds("pool", suite.world, name, budgets.pool)
    )


def of_model(rows: Iterable[Prompt], prompt_set: PromptSet, suite: Suite, concept: str) -> tuple[Prompt, ...]:
    """The rows of a set of which a model draws that has lost `concept`; one that has lost `NOTHING` draws all.

    Of a set that is derived from concepts these are fewer for retained concepts than for the erased one: the first of
    each, so that every image of an eraser has its reference image. Attacked are the rows that ask for what was erased.
    """
    if prompt_set.source.kind == "attack" and concept != NOTHING:
        return tuple(row for row in rows if row.concept == concept)
    if concept == NOTHING or prompt_set.source.kind != "evaluation":
        return tuple(rows)
    chosen, taken = [], Counter[tuple[str, str]]()
    for row in rows:
        taken[row.concept, row.wording] += 1
        if taken[row.concept, row.wording] <= _count(suite, row.concept == concept):
            chosen.append(row)
    return tuple(chosen)


def role_of(row: Prompt, erased: str) -> str:
    """Whether the images of a row show what a model has lost, or what it must retain."""
    return "erased" if row.concept == erased else "retained"


def all_texts(suite: Suite) -> list[texts.Text]:
    """All texts of the concepts of a suite's tasks, and of its variants' settings."""
    names = dict.fromkeys(name for experiment in suite.experiments.values() for name in experiment.variants)
    settings = {name: variants.settings(suite, Variant(name)) for name in names}
    tasks = dict.fromkeys(experiment.task for experiment in suite.experiments.values())
    return [
        text
        for name in tasks
        for text in texts.of(load_task(name, suite.world), load_set(name, suite.world).classifier, settings)
    ]


@cache
def seeds(use: str, world: str, name: str, count: int) -> tuple[int, ...]:
    """`count` different noise seeds for one name, derived from a hash: a longer list begins with the shorter one."""
    first, span = SEEDS[use]
    if count > most_seeds(use):
        raise ConfigError(f"{use}: {count} seeds for {name} are too many: {most_seeds(use)} at most")
    chosen: dict[int, None] = {}
    i = 0
    while len(chosen) < count:
        draw = hashlib.sha256(f"{use}/{world}/{name}/{i}".encode()).digest()
        chosen[first + int.from_bytes(draw[:8], "big") % span] = None
        i += 1
    return tuple(chosen)


def _count(suite: Suite, erased: bool) -> int:
    """How many rows of a concept are drawn from."""
    return (suite.budgets.erased if erased else suite.budgets.retained) // suite.budgets.images_per_seed


def _prefix(prompt_set: PromptSet, rows: tuple[Prompt, ...], count: int | None) -> tuple[Prompt, ...]:
    """The first rows in the order of a hash: those of a smaller budget are among those of a larger one."""
    ranks = sorted(rows, key=lambda row: hashlib.sha256(f"{prompt_set.name}/{row.row}".encode()).digest())
    chosen = {row.row for row in ranks[:count]}
    return tuple(row for row in rows if row.row in chosen)


def _check_enough(prompt_set: PromptSet, rows: tuple[Prompt, ...]) -> None:
    """Refuse a file with too few images for some metric: of the whole set, or of a concept that numbers are of."""
    images = Counter[str]()
    for row in rows:
        what = f" of {'.'.join(filter(None, (row.concept, row.wording)))}" if prompt_set.score_by == "concept" else ""
        images[what] += row.images
    for measure in prompt_set.measures:
        least = literal(f"{METRICS}/{measure.metric}.py", "LEAST", 1)
        for what, count in images.items():
            if count < least:
                where = f"benchmark/prompt_sets/{prompt_set.name}.yaml: metrics.{measure.metric}"
                raise ConfigError(f"{where}: needs {least} images, and the rows{what} have {count}")


# ── rows on disk ──


def write(path: Path, rows: Iterable[Prompt]) -> None:
    with write_atomically(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for row in rows:
            values = {**vars(row), "guidance": "" if row.guidance is None else repr(row.guidance)}
            table.writerow([values[column] for column in COLUMNS])


def read(path: Path) -> tuple[Prompt, ...]:
    """The rows of a prompts.csv. Raises `BenchmarkError` if it is missing or is not one."""
    whole = {field.name for field in fields(Prompt) if field.type == "int"}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return tuple(
                Prompt(**{key: _value(key, value, whole) for key, value in row.items()}) for row in csv.DictReader(file)
            )
    except (OSError, TypeError, ValueError) as error:
        raise BenchmarkError(f"{path}: this is not a list of prompts: {error}") from error


def _value(key: str, text: str, whole: Iterable[str]) -> Any:
    if key == "guidance":
        return float(text) if text else None
    return int(text) if key in whole else text


# ── rows from a file of somebody ──


def _from_file(prompt_set: PromptSet) -> tuple[Prompt, ...]:
    source = prompt_set.source
    path = plugins.ROOT / os.path.expanduser(source.path)
    where = f"benchmark/prompt_sets/{prompt_set.name}.yaml: file {source.path}"
    if not path.is_file():
        raise ConfigError(f"{where}: is not there")
    if (digest := sha256(path)) != source.sha256:
        raise ConfigError(f"{where}: is another file than the one that is meant: its SHA-256 is {digest}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            names = reader.fieldnames or ()
            lines = [(reader.line_num, line) for line in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{where}: cannot be read as CSV in UTF-8: {error}") from error
    for field, column in source.columns.items():
        if column not in names:
            raise ConfigError(plugins.unknown(f"{where}: columns.{field}", column, names, "column"))
    needed = {"concept": "the set is scored by concept"} if prompt_set.score_by == "concept" else {}
    for measure in prompt_set.measures:
        if key := literal(f"{METRICS}/{measure.metric}.py", "NEEDS"):
            needed[key] = f"metric {measure.metric} needs it"
    rows: dict[str, Prompt] = {}
    for number, (line, values) in enumerate(lines):
        place = f"{where}: line {line}"
        row = _prompt(prompt_set.name, source, str(number), values, place)
        if row.row in rows:
            raise ConfigError(f"{place}: row {row.row!r} is there twice; leave columns.row out, and rows are numbered")
        for key, why in needed.items():
            if not getattr(row, key):
                raise ConfigError(f"{place}: has no {key}, and {why}")
        rows[row.row] = row
    if not rows:
        raise ConfigError(f"{where}: has no row")
    return tuple(rows.values())


def _prompt(name: str, source: Source, number: str, line: dict[str, Any], where: str) -> Prompt:
    """One row of a file: from its columns, then from the defaults; its own number, and a seed of its own."""
    cells = {field: line[column] for field, column in source.columns.items()}
    if None in cells.values():
        raise ConfigError(f"{where}: has fewer fields than the file has columns")
    values = {key: str(value) for key, value in source.defaults.items()} | {
        k: v if k == "text" else v.strip() for k, v in cells.items() if v.strip() or k == "text"
    }
    row = values.get("row", number)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{,199}", row):
        why = "it becomes the name of a file: letters, digits, ., _ and -"
        raise ConfigError(f"{where}: row {row!r}: {why}; leave columns.row out, and rows are numbered")
    draw = int.from_bytes(hashlib.sha256(f"set/{name}/{row}".encode()).digest()[:8], "big") % LARGEST
    guidance = _number(values["guidance"], f"{where}: guidance") if "guidance" in values else None
    return Prompt(
        row,
        values["text"],
        _whole(values.get("noise_seed", str(draw)), 0, f"{where}: noise_seed"),
        _whole(values.get("images", "1"), 1, f"{where}: images"),
        values.get("concept", ""),
        values.get("wording", ""),
        values.get("class_name", ""),
        guidance,
    )


def _whole(text: str, least: int, where: str) -> int:
    """A whole number, which spreadsheets may have written as 12.0."""
    match = re.fullmatch(r"\s*(\d+)(\.0*)?\s*", text)
    if not match or not least <= int(match[1]) <= LARGEST:
        raise ConfigError(f"{where}: {text!r} is not a whole number from {least} to {LARGEST}")
    return int(match[1])


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise ConfigError(f"{where}: {text!r} is not a number from 0 on")
    return value


def _remarks(prompt_set: PromptSet, rows: tuple[Prompt, ...]) -> str:
    """What a reader of the log should know of the rows of a file: all of them are drawn as they are."""
    if prompt_set.source.kind != "file":
        return ""
    counts = {
        "without text": sum(not row.text for row in rows),
        "with the text of an earlier row": len(rows) - len({row.text for row in rows}),
        "with a guidance of their own": sum(row.guidance is not None for row in rows),
    }
    named = [f"{count} {what}" for what, count in counts.items() if count]
    return f"; {', '.join(named)}" if named else ""


if __name__ == "__main__":
    cli.run(main)
