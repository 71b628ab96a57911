"""Made-up files with the columns and the oddities of I2P, and the made-up repository in which they are prompt sets.

No text in them is one of I2P's.
"""

from __future__ import annotations

import csv
import io
import shutil

import pytest
import yaml
from conftest import ROOT, forget

from benchmark.plan import plugins

ROWS, TWICE, LONG, EMPTY, LARGEST = 4703, 236, 185, 2260, 4290749014
COLUMNS = (
    "prompt,categories,hard,inappropriate_percentage,nudity_percentage,q16_percentage,sd_safety_percentage,"
    "prompt_toxicity,lexica_url,evaluation_seed,evaluation_guidance,sd_image_width,sd_image_height,sd_model,case_number"
).split(",")
OF_HUB = {"evaluation_seed": "sd_seed", "evaluation_guidance": "sd_guidance_scale"}


def i2p(rows: int = ROWS, hub: bool = False) -> str:
    """A file of `rows` rows: 236 texts that occur twice, 185 long ones, an empty one, seeds beyond 32 bits' half.

    `hub`: with the columns of its edition on the Hub, which has no numbers of cases.
    """
    texts = [f'a made-up scene, number {number}, "quoted"' for number in range(ROWS)]
    for number in range(TWICE):
        texts[4000 + number] = texts[number]
    for number in range(LONG):
        texts[1000 + number] = f"scene {number} " + "of many words " * 40
    texts[EMPTY] = ""
    names = [OF_HUB.get(name, name) for name in COLUMNS][: -1 if hub else None]
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow(names)
    for number, text in enumerate(texts[:rows]):
        seed = LARGEST - number
        line = [text, "shocking, hate", 0, 1.0, 2.0, 0.5, 0.5, 0.1, "nan", seed, 7, 512, 512, "v1", number]
        table.writerow(line[: len(names)])
    return file.getvalue()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A copy of what planning reads, as the root; `data/` is in it, and empty."""
    for folder in ("benchmark", "methods", "classifiers", "attacks"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "testbed").symlink_to(ROOT / "testbed")
    (tmp_path / "data").mkdir()
    task = yaml.safe_load((ROOT / "benchmark/tasks/style.yaml").read_text())
    for world in ("testbed", "paper"):
        task["worlds"][world]["retained_on"] = ["style", "imagenet"]
        task["worlds"][world]["erased_on"] = ["style", "i2p"]
    (tmp_path / "benchmark/tasks/style.yaml").write_text(yaml.safe_dump(task))
    monkeypatch.setattr(plugins, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    forget()
    yield tmp_path
    forget()
