"""Finds the base model, fetches it and the networks that look if they do not ship, and records what it is."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from benchmark import cli, evidence, grid, hub, plugins
from benchmark.errors import BenchmarkError
from benchmark.files import sha256, write_atomically
from benchmark.weights import Base

PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")


def main(suite: str, out: Path) -> None:
    """Record the base model of a suite: its folder and the hash of every file that what it draws depends on.

    Args:
        suite: a file of benchmark/suites.
        out: the JSON file to write.
    """
    plan = grid.load_suite(suite)
    folder = Path(plan.base) if plan.revision is None else hub.fetch_model(plan.base, plan.revision)
    files = {}
    for part in PARTS:
        if not (folder / part).is_dir():
            raise BenchmarkError(f"{folder}: the base model lacks {part}/; `make retrain` rebuilds the testbed's")
    for part in ("unet", "vae", "text_encoder"):
        weights = [path for path in sorted((folder / part).glob("*.safetensors")) if _wanted(path)]
        if not weights:
            raise BenchmarkError(f"{folder / part}: there is no .safetensors file of weights")
        files |= {str(path.relative_to(folder)): sha256(path) for path in [*weights, folder / part / "config.json"]}
    for part in ("tokenizer", "scheduler"):
        files |= {str(p.relative_to(folder)): sha256(p) for p in sorted((folder / part).iterdir()) if p.is_file()}
    if plan.revision:
        _fetch_eyes(plan)
    found = Base(str(folder), plan.revision, files)
    with write_atomically(out) as aside:
        aside.write_text(json.dumps(asdict(found), indent=1) + "\n")
    print(f"{out}: {plan.base}, {len(files)} files")


def _fetch_eyes(plan: grid.Suite) -> None:
    """The networks behind judges and eyes, too: jobs on compute nodes then find all that they need."""
    for name in dict.fromkeys(experiment.task for experiment in plan.experiments.values()):
        task = grid.load_task(name, plan.world)
        eyes = [plugins.load("benchmark/observers", file) for file in evidence.eyes(task).values()]
        for plugin in (plugins.load("classifiers", task.judge.classifier), *eyes):
            if hasattr(plugin, "URL"):
                print(hub.fetch_file(plugin.URL))


def _wanted(path: Path) -> bool:
    """Full-precision weights, not the fp16 or non-EMA copies that lie beside them."""
    return not any(mark in path.name for mark in (".fp16.", ".non_ema."))


if __name__ == "__main__":
    cli.run(main)
