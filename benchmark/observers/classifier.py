"""What the task's judge takes each image for, and how sure it is (softmax)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load

from benchmark import plugins
from benchmark.devices import device
from benchmark.errors import BenchmarkError
from benchmark.observers._torch import tensor
from benchmark.records import Task

NAME = "classifier"


def check(task: Task, judge: Path) -> None:
    """Raises `BenchmarkError` if the judge does not know a concept: all its images would count as erased."""
    classes = _card(judge)["classes"]
    for concept in task.concepts:
        if concept.label not in classes:
            where = f"{judge / 'card.json'}: concept {concept.name}"
            raise BenchmarkError(plugins.unknown(where, concept.label, classes, "class"))


@torch.inference_mode()
def observe(
    images: Iterable[np.ndarray], partners: Iterable[np.ndarray], task: Task, judge: Path
) -> tuple[dict[str, np.ndarray], None]:
    """`judge` holds `card.json` and, if the judge was trained, `judge.safetensors`."""
    path, card = judge / "card.json", _card(judge)
    classes = card["classes"]
    network = _network(task, judge / "judge.safetensors", card).to(device()).eval()
    chances = torch.cat([network(tensor(batch)).softmax(1).cpu() for batch in images]).numpy()
    if chances.shape[1] != len(classes):
        raise BenchmarkError(f"{path}: names {len(classes)} classes, but the judge has {chances.shape[1]}")
    return {
        "classifier_label": np.array(classes, object)[chances.argmax(1)],
        "classifier_confidence": chances.max(1),
    }, None


def _card(judge: Path) -> dict[str, Any]:
    path = judge / "card.json"
    try:
        card = json.loads(path.read_text())
        return card | {"classes": list(card["classes"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchmarkError(f"{path}: cannot be read: {error}") from error


def _network(task: Task, weights: Path, card: dict[str, Any]) -> torch.nn.Module:
    name = task.judge.classifier
    try:
        network = plugins.load("classifiers", name).build(len(card["classes"]))
    except OSError as error:
        raise BenchmarkError(f"classifiers/{name}.py: its weights cannot be loaded: {error}") from error
    if task.judge.train is None:
        return network  # as it comes
    try:
        data = weights.read_bytes()
        if card.get("sha256", hashlib.sha256(data).hexdigest()) != hashlib.sha256(data).hexdigest():
            raise BenchmarkError(f"{weights}: is not the judge that its card.json describes: its hash differs")
        network.load_state_dict(load(data))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise BenchmarkError(f"{weights}: cannot be loaded: {error}") from error
    return network
