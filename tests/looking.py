"""A made-up classifier and observer, images of two models, and looking at them: what tests of evidence share."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from synthetic import STYLES, draw
from torch import nn

from benchmark import observe
from benchmark.files import sha256, write_atomically
from benchmark.plan import plugins
from benchmark.store import evidence

CLASSES = ["blank", *STYLES]


class Channels(nn.Module):
    """A classifier: a linear layer on the means of an image's three channels."""

    def __init__(self, classes: int):
        super().__init__()
        self.head = nn.Linear(3, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(images.mean((2, 3)))


class Backbone(nn.Module):
    """In the place of the testbed's network: two layers of maps, and features that are not the maps' means."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList([nn.Conv2d(3, 5, 3, 2), nn.Conv2d(5, 7, 3, 2)])

    def maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        first = self.layers[0](x).relu()
        return [first, self.layers[1](first).relu()]

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return self.maps(x)[-1].amax((2, 3))


def trained(folder: Path, weights: dict[str, torch.Tensor], classes: list[str] = CLASSES, **more: object) -> None:
    """Write a classifier as `train_classifier` does: its weights, and a card that has their hash."""
    folder.mkdir(exist_ok=True)
    save_file(weights, folder / "classifier.safetensors")
    card = {"network": "resnet", "classes": classes, "sha256": sha256(folder / "classifier.safetensors"), **more}
    with write_atomically(folder / "card.json", sealed=True) as aside:
        aside.write_text(json.dumps(card))


@pytest.fixture
def world(world, tmp_path, monkeypatch) -> Path:
    """The made-up repository with a trained classifier, in which both networks are stand-ins."""
    stand_ins = {"resnet": SimpleNamespace(build=Channels), "testbed_backbone": SimpleNamespace(load=Backbone)}
    real = plugins.load
    monkeypatch.setattr(plugins, "load", lambda folder, name: stand_ins.get(name) or real(folder, name))
    torch.manual_seed(1)
    trained(tmp_path / "classifier", Channels(len(CLASSES)).state_dict())
    return tmp_path


@pytest.fixture
def drawn(world) -> tuple[Path, Path]:
    """Manifests of the original's and of an eraser's images."""
    return draw(world / "original", "style", "original", "-"), draw(world / "fast", "style", "fast", "ink")


def look(world: Path, images: Path, references: Path, out: str = "seen") -> pd.DataFrame:
    observe.main("test", images, references, world / out, world / "classifier")
    return evidence.read(world / out / "evidence.csv")
