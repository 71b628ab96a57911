"""What the prompt set's classifier takes each image for, and how sure it is (softmax).

A classifier that the workflow trains has several heads. The first decides; what the others say is noted, too.
"""

from __future__ import annotations

import copy
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

CARD, WEIGHTS, FURTHER = "card.json", "classifier.safetensors", "heads.safetensors"


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
    """`classifier` is a folder with `card.json` and, if it was trained, its weights and those of its further heads."""
    path, card = classifier / CARD, _card(classifier)
    classes = card["classes"]
    network = _network(classifier / WEIGHTS, card).to(device()).eval()
    heads = [head.to(device()).eval() for head in _heads(classifier / FURTHER, card, network)]
    chances, others = [], [[] for _ in heads]
    for batch in images:
        pictures = tensor(batch)
        if heads:
            features = network.features(pictures)
            chances.append(network.head(features).softmax(1).cpu())
            for labels, head in zip(others, heads, strict=True):
                labels.append(head(features).argmax(1).cpu())
        else:
            chances.append(network(pictures).softmax(1).cpu())
    sure = torch.cat(chances).numpy()
    if sure.shape[1] != len(classes):
        raise BenchmarkError(f"{path}: names {len(classes)} classes, but the classifier has {sure.shape[1]}")
    names = np.array(classes, object)
    further = {f"classifier_head{i}_label": names[torch.cat(labels).numpy()] for i, labels in enumerate(others, 1)}
    return {"classifier_label": names[sure.argmax(1)], "classifier_confidence": sure.max(1)} | further, None


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
    _fill(network, _weights(weights, card["sha256"]), weights)
    return network


def _heads(weights: Path, card: dict[str, Any], network: torch.nn.Module) -> list[torch.nn.Module]:
    """The heads behind the first; none of a classifier as it comes."""
    if "heads" not in card:
        return []
    tensors, heads = _weights(weights, card["heads"]["sha256"]), []
    for i in range(1, len(card["heads"]["accuracy"])):
        heads.append(copy.deepcopy(network.head))
        own = {name.partition(".")[2]: x for name, x in tensors.items() if name.startswith(f"{i}.")}
        _fill(heads[-1], own, weights)
    return heads


def _weights(file: Path, sha256: str) -> dict[str, torch.Tensor]:
    try:
        data = file.read_bytes()
        if sha256 != hashlib.sha256(data).hexdigest():
            raise BenchmarkError(f"{file}: is not the classifier that its card.json describes: its hash differs")
        return load(data)
    except (OSError, SafetensorError) as error:
        raise BenchmarkError(f"{file}: cannot be loaded: {error}") from error


def _fill(module: torch.nn.Module, tensors: dict[str, torch.Tensor], file: Path) -> None:
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise BenchmarkError(f"{file}: cannot be loaded: {error}") from error
