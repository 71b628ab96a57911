"""Rows of prompts: what every prompt set asks for, from which noise, and which of it a model draws."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmark.errors import BenchmarkError, ConfigError
from benchmark.files import check_seal, write_atomically
from benchmark.plan import plugins, prompt_file, prompt_place
from benchmark.plan.config import erased_on, load_set, load_task, retained
from benchmark.plan.looking import METRICS
from benchmark.plan.prompt_file import LARGEST
from benchmark.plan.prompt_place import Files
from benchmark.plan.prompt_set import COLUMNS
from benchmark.plan.ranges import SEEDS, most_seeds
from benchmark.plan.records import NOTHING, Concept, Prompt, PromptSet, Task, TextsOf
from benchmark.plan.source import literal
from benchmark.plan.suite import Suite

EMPTY: Files = MappingProxyType({})
Rows = tuple[Prompt, ...] | None  # of a prompt set; None while a file that they are read from is not there


def of(prompt_set: PromptSet, suite: Suite, files: Files = EMPTY) -> tuple[Prompt, ...]:
    """All rows of a set, as the original model draws them. `files` are the places of files that config.yaml names.

    Raises `ConfigError` for a file that is not the one that is meant, and for a row that is none.
    """
    source = prompt_set.source
    if source.kind in ("file", "part"):
        chosen = _prefix(prompt_set, _whole_set(prompt_set, suite, files), suite.budgets.rows if source.file else None)
        _check_enough(prompt_set, chosen)
        return chosen
    if source.kind == "attack":  # as they are before a model is attacked
        return of(load_set(source.of, suite.world), suite, files)
    task, budgets = load_task(source.task, suite.world), suite.budgets
    if source.kind == "evaluation":
        erased = erased_on(suite, prompt_set.name)
        return _asking(task, task.concepts, suite, lambda concept: _count(suite, concept in erased))
    if source.kind == "training":
        return _learned_from(task, suite, files)
    if source.kind == "anchors":  # an anchor has the noise of its concept, with which it is compared
        return tuple(
            Prompt(f"{name}-{seed}", text, seed, budgets.images_per_seed, concept.name, anchor)
            for concept in task.concepts
            for anchor, text in {"": concept.phrase, **concept.anchors}.items()
            for name in [f"{concept.name}.{anchor}" if anchor else concept.name]
            for seed in seeds("evaluation", suite.world, concept.name, budgets.anchors // budgets.images_per_seed)
        )
    phrases = {name: (name, task.concept(name).phrase) for name in source.concepts}
    asked = phrases if source.kind == "pool_concept" else {"blank": ("", task.templates.blank)}
    return tuple(
        Prompt(f"{name}-{seed}", text, seed, 1, concept)
        for name, (concept, text) in asked.items()
        for seed in seeds("pool", suite.world, name, budgets.pool)
    )


def _learned_from(task: Task, suite: Suite, files: Files) -> tuple[Prompt, ...]:
    """The rows of the images from which a task's classifier learns, class by class.

    The different texts of a prompt set, in the order of a hash, take turns.
    """
    classifier = load_set(task.name, suite.world).classifier
    if classifier is None or classifier.texts is None:
        raise ConfigError(f"task {task.name}: no classifier of it is trained, which would need images")
    names = {concept.class_name: concept.name for concept in task.concepts}
    rows = []
    for class_name, given in zip(classifier.classes, classifier.texts, strict=True):
        texts: list[str] = [given] if isinstance(given, str) else []
        if isinstance(given, TextsOf):
            texts = list(dict.fromkeys(row.text for row in of(load_set(given.set, suite.world), suite, files)))
            texts.sort(key=lambda text: hashlib.sha256(text.encode()).digest())
        for i, seed in enumerate(seeds("train", suite.world, class_name, _count_of_class(given, suite))):
            name = names.get(class_name, class_name)
            rows.append(Prompt(f"{name}-{seed}", texts[i % len(texts)], seed, 1, "", "", class_name))
    return tuple(rows)


def _count_of_class(given: str | TextsOf, suite: Suite) -> int:
    return suite.budgets.train * (given.times if isinstance(given, TextsOf) else 1)


def _whole_set(prompt_set: PromptSet, suite: Suite, files: Files) -> tuple[Prompt, ...]:
    """The rows of a set that is a file or a part of another set, before a budget takes some of them.

    Of each concept of a task, a part has as many rows as all models draw of it: if the set shows what was erased, those
    of erased concepts, else those of retained ones.
    """
    source = prompt_set.source
    if source.kind == "file":
        return prompt_file.read(prompt_set, files)
    whole = load_set(source.of, suite.world)
    if whole.source.kind == "file":
        rows = prompt_file.read(whole, files)
    else:
        task = load_task(source.task, suite.world)
        tasks = {experiment.task for experiment in suite.experiments.values()}
        erased = any(prompt_set.name in load_task(name, suite.world).erased_on for name in tasks)
        chosen = [concept for concept in task.concepts if concept.name in (source.concepts or (concept.name,))]
        rows = _asking(task, chosen, suite, lambda concept: _count(suite, erased))
    return prompt_file.choose(prompt_set, rows, files) if source.file else rows


def _asking(task: Task, concepts: Iterable[Concept], suite: Suite, count: Callable[[str], int]) -> tuple[Prompt, ...]:
    """The rows that ask for concepts, each by its phrase and its wordings: `count` of them, by the concept's name."""
    return tuple(
        Prompt(f"{name}-{seed}", phrase, seed, suite.budgets.images_per_seed, concept.name, wording, concept.class_name)
        for concept in concepts
        for wording, phrase in concept.phrases.items()
        for name in [f"{concept.name}.{wording}" if wording else concept.name]
        for seed in seeds("evaluation", suite.world, name, count(concept.name))
    )


def known(prompt_set: PromptSet, suite: Suite, files: Files = EMPTY) -> Rows:
    """The rows of a set as far as planning can know them: where a file is not there, those that an earlier run wrote.

    None if there are none of these, either.
    """
    if not prompt_place.absent(prompt_set, suite.world, files):
        return of(prompt_set, suite, files)
    written = plugins.ROOT / suite.folder / "prompts" / f"{prompt_set.name}.csv"
    return read(written) if written.is_file() else None


def count_images(prompt_set: PromptSet, suite: Suite, concept: str, rows: Rows) -> int:
    """How many images a model that has lost `concept` draws of a set. `rows` are those of `known`.

    If these are not known, as many as the set's entry expects. Raises `ConfigError` if it expects none.
    """
    if rows is not None:
        return sum(row.images for row in of_model(rows, prompt_set, suite, concept))
    source = prompt_set.source
    if source.kind == "attack":
        return count_images(load_set(source.of, suite.world), suite, NOTHING, None)
    if source.kind == "training":
        return sum(_count_of_class(given, suite) for given in load_set(source.task, suite.world).classifier.texts)
    if not source.file or "rows" not in source.file.expected:
        where = f"benchmark/prompt_sets/{prompt_set.name}.yaml"
        raise ConfigError(
            f"{where}: expected.rows is missing, and the file is not there: nobody knows how many rows it has"
        )
    return min(source.file.expected["rows"], suite.budgets.rows or LARGEST) * int(source.defaults.get("images", 1))


def of_model(rows: Iterable[Prompt], prompt_set: PromptSet, suite: Suite, concept: str) -> tuple[Prompt, ...]:
    """The rows of a set of which a model draws that has lost `concept`; one that has lost `NOTHING` draws all.

    Of a set that is derived from concepts these are fewer for retained concepts than for the erased one: the first of
    each, so that every image of an eraser has its reference image. They are none if no task looks at the set for what
    is retained. Attacked are the rows that ask for what was erased.
    """
    if prompt_set.source.kind == "attack" and concept != NOTHING:
        return tuple(row for row in rows if row.concept == concept)
    if concept == NOTHING or prompt_set.source.kind != "evaluation":
        return tuple(rows)
    chosen, taken = [], Counter[tuple[str, str]]()
    counts = {True: _count(suite, True), False: _count(suite, False) if retained(suite, prompt_set.name) else 0}
    for row in rows:
        taken[row.concept, row.wording] += 1
        if taken[row.concept, row.wording] <= counts[row.concept == concept]:
            chosen.append(row)
    return tuple(chosen)


def role_of(row: Prompt, erased: str) -> str:
    """Whether the images of a row show what a model has lost, or what it must retain."""
    return "erased" if row.concept == erased else "retained"


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
    with write_atomically(path, sealed=True) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for row in rows:
            values = {**vars(row), "guidance": "" if row.guidance is None else repr(row.guidance)}
            table.writerow([values[column] for column in COLUMNS])


def read(path: Path) -> tuple[Prompt, ...]:
    """The rows of a prompts.csv. Raises `BenchmarkError` if it is missing, is not one, or was edited."""
    check_seal(path)
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
