"""What a variant puts in the place of a concept: an anchor and a sentence of the task, which its settings name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from benchmark.errors import ConfigError
from benchmark.plan.plugins import unknown
from benchmark.plan.records import Concept, Task, Templates

ANCHOR, SENTENCE = "named_anchor", "sentence"  # settings of methods; empty: none


def templates(task: Task, settings: Mapping[str, Any]) -> Templates:
    """The prompts that erasing uses: the task's, or the sentence that a setting names in the place of its target.

    Raises `ConfigError` for a sentence that the task has not.
    """
    name = settings.get(SENTENCE)
    check(task, settings, (), "settings")
    return replace(task.templates, target=task.sentences[name]) if name else task.templates


def lacking(task: Task, settings: Mapping[str, Any], concepts: Iterable[str]) -> bool:
    """Whether settings name an anchor or a sentence that the task has not."""
    try:
        check(task, settings, concepts, "")
    except ConfigError:
        return True
    return False


def check(task: Task, settings: Mapping[str, Any], concepts: Iterable[str], where: str) -> None:
    """Raise `ConfigError` beginning with `where` for an anchor or a sentence that is named and that there is not."""
    if (name := settings.get(SENTENCE)) and name not in task.sentences:
        raise ConfigError(unknown(f"{where}: {SENTENCE}: task {task.name}", name, task.sentences, "sentence"))
    for concept in map(task.concept, concepts):
        if (name := settings.get(ANCHOR)) and name not in concept.anchors:
            what = f"{where}: {ANCHOR}: task {task.name}: concept {concept.name}"
            raise ConfigError(unknown(what, name, concept.anchors, "anchor"))


def prompts(task: Task, concept: Concept, settings: Mapping[str, Any]) -> dict[str, str]:
    """The texts that a variant with a sentence or an anchor of the task asks with, by what is in them."""
    if not (settings.get(SENTENCE) or settings.get(ANCHOR)):
        return {}
    target = templates(task, settings).target
    asked = {"phrase": target.format(c=concept.phrase)}
    if anchor := concept.anchors.get(settings.get(ANCHOR, "")):
        asked[f"anchors.{settings[ANCHOR]}"] = target.format(c=anchor)
    return asked
