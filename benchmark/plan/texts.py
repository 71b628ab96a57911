"""The texts that the model is asked with: none may be cut by the text encoder, and no two may be one input to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmark.errors import BenchmarkError, ConfigError
from benchmark.plan import anchors, ranges
from benchmark.plan.records import Classifier, Concept, Task, Templates


@dataclass(frozen=True)
class Text:
    """A text, and whose it is: the task, the concept, and the key of the task's file or the method's setting."""

    where: str
    text: str


def of(task: Task, classifier: Classifier | None, settings: Mapping[str, Mapping[str, Any]]) -> list[Text]:
    """All texts of a task's concepts that some model may be asked with.

    `settings` are those of the variants that run, by name: of them, texts with `{c}` are templates, too. Texts of
    prompt sets that are files are not among them: these may be cut, or equal, and are counted.
    """
    blanks = [Text("templates.blank", task.templates.blank)]
    blanks += _of_classes(task, classifier)
    own = [("templates.target", task.templates.target)]
    own += [
        (f"{variant}'s setting {key}", text)
        for variant, values in settings.items()
        for key, value in values.items()
        for text in (value if isinstance(value, tuple) else [value])
        if isinstance(text, str) and ranges.PLACE in text
    ]
    blanks += [
        Text(f"{variant}'s setting {key}", value)
        for variant, values in settings.items()
        for key, value in values.items()
        if key.split("_")[-1] in ranges.PROMPTS and isinstance(value, str) and value and ranges.PLACE not in value
    ]
    others = [Text(f"others.{name}", text) for name, text in task.others.items()]
    texts = [Text(f"task {task.name}: {text.where}", text.text) for text in blanks + others]
    for concept in task.concepts:
        phrases = _phrases(concept)
        filled = [
            Text(f"{name} with {phrase.where}", Templates(template, "").of(Concept("", phrase.text, "")))
            for name, template in own
            for phrase in phrases
            if not phrase.where.startswith(("wordings", "anchors"))  # they are asked for as they are
        ]
        filled += [
            Text(f"{variant}'s sentence with {name}", text)
            for variant, values in settings.items()
            if not anchors.lacking(task, values, [concept.name])
            for name, text in anchors.prompts(task, concept, values).items()
        ]
        where = f"task {task.name}: concept {concept.name}"
        texts += [Text(f"{where}: {text.where}", text.text) for text in phrases + filled]
    return texts


def check(texts: Iterable[Text], tokenizer: Any) -> int:
    """Raise `BenchmarkError` for a text that is cut, not understood, or the same input as another; returns how many."""
    limit, unknown = tokenizer.model_max_length, tokenizer.unk_token_id
    inputs: dict[tuple[int, ...], Text] = {tuple(tokenizer("").input_ids): Text("the empty prompt", "")}
    count = 0
    for item in texts:
        ids = tuple(tokenizer(item.text, verbose=False).input_ids)
        if len(ids) > limit:
            raise BenchmarkError(
                f"{item.where}: {item.text!r} has {len(ids)} tokens with its start and end,"
                f" but the text encoder reads {limit}: the rest would be cut; shorten it"
            )
        if unknown in ids[1:-1]:
            raise BenchmarkError(
                f"{item.where}: {item.text!r} becomes the token {tokenizer.unk_token} in part,"
                " which stands for what the model's tokenizer does not know"
            )
        other = inputs.setdefault(ids, item)
        if other.text != item.text:
            raise BenchmarkError(
                f"{item.where}: {item.text!r} is the same input to the text encoder as {other.text!r}"
                f" ({other.where}): it reads the same tokens; change one of them"
            )
        count += 1
    return count


def cut(drawn: Iterable[str], tokenizer: Any) -> int:
    """How many texts have more tokens than the text encoder reads."""
    return sum(len(tokenizer(text, verbose=False).input_ids) > tokenizer.model_max_length for text in drawn)


def check_phrases(task: Task, classifier: Classifier | None, where: str) -> None:
    """Raise `ConfigError` if two things that a task tells apart are asked for with one text.

    Pictures of the one would count for the other: those of the erased concept as retained ones.
    """
    asked: dict[str, str] = {"": "the empty prompt", task.templates.blank: "templates.blank"}
    asked |= {text.text: text.where for text in _of_classes(task, classifier)}
    for concept in task.concepts:
        for text in _phrases(concept):
            name = f"concepts.{concept.name}.{text.where}"
            if not text.where.startswith(("phrase", "wordings")):
                continue
            plain = _plain(text.text)
            if plain in asked:
                raise ConfigError(
                    f"{where}: {name}: {text.text!r} is the text of {asked[plain]}, too; change one of them"
                )
            asked[plain] = name
    for concept in task.concepts:  # erasing one concept must not train on the text of another
        own, filled = f"concepts.{concept.name}.", _plain(task.templates.of(concept))
        if not (name := asked.get(filled, own)).startswith(own):
            what = f"templates.target with {concept.phrase!r}"
            raise ConfigError(f"{where}: {what} is the text of {name}, too; change one of them")


def check_others(task: Task, evaluated: Iterable[Concept], where: str) -> None:
    """Raise `ConfigError` if a method may be told to keep one of these concepts, on which it is evaluated."""
    asked = {_plain(text): concept.name for concept in evaluated for text in concept.phrases.values()}
    for name, text in task.others.items():
        if concept := asked.get(_plain(text)):
            why = "a method must not be told what it is evaluated on"
            raise ConfigError(f"{where}.others.{name}: {text!r} is asked of {concept}: {why}")


def _plain(text: str) -> str:
    return " ".join(text.split())


def _of_classes(task: Task, classifier: Classifier | None) -> list[Text]:
    """The texts that draw the classes of a trained classifier that are no concepts."""
    concepts = {concept.class_name for concept in task.concepts}
    drawn = zip(classifier.classes, classifier.texts, strict=True) if classifier and classifier.texts else ()
    return [
        Text("classifier.blank" if name == "blank" else f"classifier.classes.{name}", text)
        for name, text in drawn
        if name not in concepts and isinstance(text, str)
    ]


def _phrases(concept: Concept) -> list[Text]:
    return [
        Text("phrase", concept.phrase),
        *(Text(f"wordings.{name}", text) for name, text in concept.wordings.items()),
        *(Text(f"anchors.{name}", text) for name, text in concept.anchors.items()),
        *(Text(f"attributes[{i}]", text) for i, text in enumerate(concept.attributes)),
    ]
