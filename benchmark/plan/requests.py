"""What a method is asked and told, and what it may train: what its file does not name, it is not given."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from benchmark.plan import anchors, code, variants
from benchmark.plan.records import NOTHING, Anchors, Request, Target, Task, Variant
from benchmark.plan.suite import Suite

GROUPS = "benchmark/plan/groups.py"
CORE = ("benchmark", *(f"benchmark/{folder}" for folder in ("plan", "store", "running", "model", "showing")))


def request(suite: Suite, task: Task, variant: Variant, concepts: tuple[str, ...]) -> Request:
    """What a method is asked and told: what its file does not say, it is not given."""
    settings, said = variants.settings(suite, variant), words(variant.file)
    targets = tuple(_target(task, variant, name, settings) for name in concepts if name != NOTHING)
    others: Mapping[str, str] = {}
    if "others" in said:
        kept = {concept.name: concept.phrase for concept in task.concepts if concept.name not in concepts}
        others = kept if variants.told(suite, variant) else task.others
    return Request(targets, others, anchors.templates(task, settings) if "templates" in said else None)


def _target(task: Task, variant: Variant, name: str, settings: Mapping[str, Any]) -> Target:
    """What a method is told of a concept that it erases.

    It gets as many attributes as its setting `attributes` says, and those anchors that its file or a setting names.
    """
    concept = task.concept(name)
    named = words(variant.file) | set(map(str, settings.values()))
    told = Anchors({anchor: text for anchor, text in concept.anchors.items() if anchor in named})
    return Target(name, concept.phrase, concept.attributes[: settings.get("attributes", 0)], told)


def groups(variant: Variant, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The groups of weights that a method's file or a setting of it names: it may train no other."""
    named = words(variant.file) | set(map(str, settings.values()))
    return tuple(group for group in code.entries(GROUPS, "GROUPS") if group in named)


@cache
def words(plugin: str) -> frozenset[str]:
    """The names and texts in a plugin and in what it imports of other plugins, but not of the core."""
    return code.words(*(file for file in code.closure(plugin) if file.rpartition("/")[0] not in CORE))
