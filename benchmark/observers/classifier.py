"""What the task's judge takes each image for, and how sure it is (softmax)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from benchmark import plugins
from benchmark.errors import BenchmarkError
from benchmark.observers._torch import device, tensor
from benchmark.records import Task

NAME = "classifier"


@torch.inference_mode()
def observe(
    images: Iterable[np.ndarray], partners: Iterable[np.ndarray], task: Task, judge: Path
) -> tuple[dict[str, np.ndarray], None]:
    """`judge` holds `card.json` and, if the judge was trained, `judge.safetensors`.

    Raises `BenchmarkError` if the judge does not know a concept: all its images would count as erased.
    """
    card = judge / "card.json"
    try:
        classes = json.loads(card.read_text())["classes"]
    except (OSError, ValueError, KeyError) as error:
        raise BenchmarkError(f"{card}: cannot be read: {error}") from error
    for concept in task.concepts:
        if concept.label not in classes:
            raise BenchmarkError(plugins.unknown(f"{card}: concept {concept.name}", concept.label, classes, "class"))

    network = _network(task, judge, len(classes)).to(device()).eval()
    chances = torch.cat([network(tensor(batch)).softmax(1) for batch in images]).cpu().numpy()
    if chances.shape[1] != len(classes):
        raise BenchmarkError(f"{judge}: the judge has {chances.shape[1]} outputs for {len(classes)} classes")
    return {
        "classifier_label": np.array(classes, object)[chances.argmax(1)],
        "classifier_confidence": chances.max(1),
    }, None


def _network(task: Task, judge: Path, classes: int) -> torch.nn.Module:
    network = plugins.load("classifiers", task.judge.classifier).build(classes)
    if task.judge.train is None:
        return network  # as it comes, with its own weights

    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        network.load_state_dict(load_file(judge / "judge.safetensors"))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise BenchmarkError(f"{judge / 'judge.safetensors'}: cannot be loaded: {error}") from error
    return network
