"""A made-up judge and eye, pictures of two models, and looking at them: what tests of evidence share."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from synthetic import STYLES, draw
from torch import nn

from benchmark import evidence, observe, plugins

CLASSES = ["blank", *STYLES]


class Judge(nn.Module):
    """Sees the class whose number is an image's brightest channel."""

    def __init__(self, classes):
        super().__init__()
        self.head = nn.Linear(3, classes)

    def forward(self, images):
        return self.head(images.mean((2, 3)))


class Eye(nn.Module):
    """Two layers of maps, and features that are not the maps' means."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList([nn.Conv2d(3, 5, 3, 2), nn.Conv2d(5, 7, 3, 2)])

    def maps(self, x):
        first = self.layers[0](x).relu()
        return [first, self.layers[1](first).relu()]

    def features(self, x):
        return self.maps(x)[-1].amax((2, 3))


@pytest.fixture
def world(world, tmp_path, monkeypatch):
    """The made-up repository, in which the judge and the testbed's eye are stand-ins, and a folder of its judge."""
    stand_ins = {"judge": SimpleNamespace(build=Judge), "testbed_backbone": SimpleNamespace(load=Eye)}
    real = plugins.load
    monkeypatch.setattr(plugins, "load", lambda folder, name: stand_ins.get(name) or real(folder, name))
    judge = tmp_path / "judge"
    judge.mkdir()
    (judge / "card.json").write_text(json.dumps({"classes": CLASSES}))
    torch.manual_seed(1)
    save_file(Judge(len(CLASSES)).state_dict(), judge / "judge.safetensors")
    return tmp_path


@pytest.fixture
def drawn(world):
    """Manifests of the original's and of an eraser's images."""
    return draw(world / "original", "style", "original", "-"), draw(world / "fast", "style", "fast", "ink")


def look(world, images, partners, out="seen"):
    observe.main("test", "style", images, partners, world / "judge", world / out)
    return evidence.read(world / out / "evidence.csv")
