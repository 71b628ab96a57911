"""Shared fixtures: a small repository to plan in, and a copy of this one whose jobs take no time."""

from __future__ import annotations

import gc
import os
import shutil
from pathlib import Path

import pytest

from benchmark.errors import ConfigError
from benchmark.files import write_atomically
from benchmark.plan import causes, config, contract, grid, plugins, prompt_set, requests, source, task, variants
from benchmark.plan import code as keys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # of torch, which tests load later: workers would fight for the cores
gc.set_threshold(100_000)  # as a command does (`running.cli`)
for of_make in ("MAKELEVEL", "MAKEFLAGS", "MFLAGS"):  # tests type `make` as a person does, also within `make test`
    os.environ.pop(of_make, None)

ROOT = Path(__file__).resolve().parent.parent

METHOD = '''"""A method for tests.

Nothing more.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

POOL = "concept"


@dataclass(frozen=True)
class Settings:
    steps: int = 40
    lr: float = 1e-5
    loss: Literal["l1", "l2"] = "l1"
    group: Group = "xattn"
    groups: tuple[str, ...] = ("attn2",)
    seed_of_anchor: int | None = None
    clip: bool = False


def erase(model, request, settings):
    yield
'''
CONTROL = '"""A control for tests."""\nCONTROL = True\n\n\ndef erase(model, request, settings):\n    return\n'

METRIC = '''"""A metric for tests."""

VERSION = 1
DIRECTION = {"erased": "down", "retained": "up"}
RANGE = (0, 100)
OBSERVER = "classifier"
NEEDS = "class_name"
READS = "classifier_label"
ORIGINAL = None


def score(rows, seen, references, settings): ...
'''

SUITE = """
title: A suite for tests
world: testbed
base: testbed/model
sampler: {scheduler: ddim, steps: 10, guidance: 5.0, size: 64, precision: float32, batch: 16, threads: 1}
budgets: {erased: 8, retained: 4, images_per_seed: 2, pool: 6, train: 5}
shard: all
settings:
  original: {}
  twin-a: {loss: l1}
  twin-b: {loss: l2}
  solo: {lr: 3.0e-4}
experiments:
  style:
    task: style
    without: [twin]
    concepts: [ink, pixel_art]
    seeds: [0, 1]
    views: [tables/style]
"""

TASK = """
title: A task for tests
version: 1
worlds:
  testbed:
    templates: {target: "{c} picture", blank: picture}
    classifier: {network: resnet, blank: picture}
    metrics: {accuracy: classifier}
    concepts:
      ink: ink
      pixel_art: pixel art
      chalk: {phrase: chalk, class_name: chalks, attributes: [white, dusty]}
"""


APART = ("test_causes.py", "test_causes_of_code.py", "test_narrowed.py", "test_docs_methods.py", "test_guidance.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker runs all tests of a file, and makes once what they share; of some files tests share little."""
    for item in items:
        if item.path.name not in APART:
            item.add_marker(pytest.mark.xdist_group(item.path.name))


def forget(code: bool = True) -> None:
    """Drop what was read from files; `code`: also what was read from Python's."""
    for module in (config, prompt_set, task, variants, *((keys, source, contract, requests, causes) if code else ())):
        for cached in vars(module).values():
            if hasattr(cached, "cache_clear"):
                cached.cache_clear()


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A repository of two erasers and a control; `small(path, text)` writes one of its files."""

    def write(path: str, text: str) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
        forget()

    monkeypatch.setattr(plugins, "ROOT", tmp_path)
    for path, text in {
        "methods/original.py": CONTROL,
        "methods/twin.py": METHOD,
        "methods/solo.py": METHOD,
        "classifiers/resnet.py": '"""A network."""\n\n\ndef build(classes): ...\n',
        "benchmark/metrics/accuracy.py": METRIC,
        "benchmark/observers/classifier.py": '"""An observer."""\n\n\ndef observe(i, r, s, c): ...\n',
        "benchmark/tables/style.py": '"""A table."""\nCAPTION = "Styles"\n\n\ndef table(scores): ...\n',
        "benchmark/figures/curve.py": '"""A figure."""\nCAPTION = "Curves"\n\n\ndef figure(scores): ...\n',
        "benchmark/suites/test.yaml": SUITE,
        "benchmark/tasks/style.yaml": TASK,
    }.items():
        write(path, text)
    yield write
    forget()


def sealed(path: Path, text: str) -> None:
    """Write a file as a job leaves it to the next one."""
    with write_atomically(path, sealed=True) as aside:
        aside.write_text(text)


def message(config: dict) -> str:
    """The one line with which planning refuses a configuration."""
    with pytest.raises(ConfigError) as caught:
        grid.plan(config)
    assert "\n" not in str(caught.value)
    return str(caught.value)


STAND_IN = '''"""Stands in for a runner: writes what its rule declares and nothing else. The one that is SICK fails."""
import os
import sys
from pathlib import Path

runner = Path(__file__).stem
if os.environ.get("SICK") == runner:
    sys.exit("sick")
out = Path(sys.argv[sys.argv.index("--out") + 1])
declared = {"train_classifier": "card.json", "erase": "models.csv"}
declared |= {"generate": "manifest.csv", "observe": "evidence.csv"}
if runner == "view":
    views = [word for word in sys.argv if word.startswith(("tables/", "figures/"))]
    paths = [out / (view + suffix) for view in views for suffix in (".csv", ".md", ".tex", ".html", ".svg", ".png")]
else:
    paths = [out / declared[runner] if runner in declared else out]
if runner == "score":
    paths += [out.parent / "details" / f"{path.stem}.csv" for path in Path("benchmark/details").glob("*.py")]
for path in paths:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(" ".join(sys.argv[1:]))
'''


@pytest.fixture(scope="session")
def fake(tmp_path_factory) -> Path:
    """A copy of this repository in which every job takes no time."""
    copy = tmp_path_factory.mktemp("fake") / "repository"
    ignored = shutil.ignore_patterns(
        ".git", ".venv", ".snakemake", ".repro", "__pycache__", "results", "testbed", "docs"
    )
    shutil.copytree(ROOT, copy, ignore=ignored, symlinks=True)
    os.symlink(ROOT / "testbed", copy / "testbed")
    for runner in ("base", "embed", "train_classifier", "erase", "generate", "observe", "score", "view"):
        (copy / f"benchmark/{runner}.py").write_text(STAND_IN)
    return copy


@pytest.fixture
def clone(tmp_path) -> Path:
    """A copy of this repository in which somebody has saved every method that a page shows."""
    import pages

    copy = tmp_path / "repository"
    ignored = shutil.ignore_patterns(".git", ".venv", ".snakemake", ".repro", "__pycache__", "results", "testbed")
    shutil.copytree(ROOT, copy, ignore=ignored, symlinks=True)
    os.symlink(ROOT / "testbed", copy / "testbed")
    for method in pages.methods():
        (copy / method.file).write_text(method.text)
    return copy


def pytest_terminal_summary(terminalreporter) -> None:
    """Where the tests of the documentation ran: which of its blocks they ran, and which not, and why."""
    import pages

    if any("test_docs" in report.nodeid for report in terminalreporter.getreports("passed")):
        terminalreporter.write_line(pages.summary())


@pytest.fixture
def world(small, tmp_path) -> Path:
    """The made-up repository of `synthetic`."""
    from synthetic import furnish

    furnish(small, tmp_path)
    return tmp_path


@pytest.fixture
def scored(world) -> Path:
    """A scores.csv of both of its experiments."""
    import pandas as pd
    from synthetic import LEVELS, OBJECTS, STYLES, plain, scores

    style = scores("style", "style", LEVELS, ["ink", "stained_glass"], plain(STYLES))
    things = scores("object", "object", LEVELS, ["fish"], plain(OBJECTS), seeds=(0, 1, 2))
    pd.concat([style, things]).to_csv(world / "scores.csv", index=False)
    return world / "scores.csv"
