"""What the prompt set's classifier takes each image for, and how sure it is (softmax)."""

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

from benchmark.errors import BenchmarkError
from benchmark.observers._torch import tensor
from benchmark.plan import plugins
from benchmark.running.devices import device

CARD, WEIGHTS = "card.json", "classifier.safetensors"


def check(settings: None, classifier: Path, class_names: tuple[str, ...]) -> None:
    """Raises `BenchmarkError` if the classifier lacks a class that is asked for: its images would pass for erased."""
    classes = _card(classifier)["classes"]
    for name in class_names:
        if name not in classes:
            raise BenchmarkError(plugins.unknown(f"{classifier / CARD}", name, classes, "class"))


@torch.inference_mode()
def observe(
    images: Iterable[np.ndarray], references: Iterable[np.ndarray], settings: None, classifier: Path
) -> tuple[dict[str, np.ndarray], None]:
    """`classifier` is a folder with `card.json` and, if it was trained, `classifier.safetensors`."""
    path, card = classifier / CARD, _card(classifier)
    classes = card["classes"]
    network = _network(classifier / WEIGHTS, card).to(device()).eval()
    chances = torch.cat([network(tensor(batch)).softmax(1).cpu() for batch in images]).numpy()
    if chances.shape[1] != len(classes):
        raise BenchmarkError(f"{path}: names {len(classes)} classes, but the classifier has {chances.shape[1]}")
    return {
        "classifier_label": np.array(classes, object)[chances.argmax(1)],
        "classifier_confidence": chances.max(1),
    }, None


def _card(classifier: Path) -> dict[str, Any]:
    path = classifier / CARD
    try:
        card = json.loads(path.read_text())
        return card | {"classes": list(card["classes"]), "network": str(card["network"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchmarkError(f"{path}: cannot be read: {error}") from error


def _network(weights: Path, card: dict[str, Any]) -> torch.nn.Module:
    name = card["network"]
    try:
        network = plugins.load("classifiers", name).build(len(card["classes"]))
    except OSError as error:
        raise BenchmarkError(f"classifiers/{name}.py: its weights cannot be loaded: {error}") from error
    if "sha256" not in card:
        return network  # as it comes
    try:
        data = weights.read_bytes()
        if card["sha256"] != hashlib.sha256(data).hexdigest():
            raise BenchmarkError(f"{weights}: is not the classifier that its card.json describes: its hash differs")
        network.load_state_dict(load(data))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise BenchmarkError(f"{weights}: cannot be loaded: {error}") from error
    return network
