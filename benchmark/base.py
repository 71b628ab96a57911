"""Finds the base model, fetches it if it lives on the Hub, and records what it is."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from benchmark import cli, grid
from benchmark.errors import BenchmarkError
from benchmark.files import sha256, write_atomically
from benchmark.weights import Base

PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")


def main(suite: str, out: Path) -> None:
    """Record the base model of a suite: its folder and the hash of every weight file.

    Args:
        suite: a file of benchmark/suites.
        out: the JSON file to write.
    """
    plan = grid.load_suite(suite)
    folder = Path(plan.base) if plan.revision is None else _fetch(plan.base, plan.revision)
    files = {}
    for part in PARTS:
        if not (folder / part).is_dir():
            raise BenchmarkError(f"{folder}: the base model lacks {part}/; `make retrain` rebuilds the testbed's")
    for part in ("unet", "vae", "text_encoder"):
        weights = [path for path in sorted((folder / part).glob("*.safetensors")) if _wanted(path)]
        if not weights:
            raise BenchmarkError(f"{folder / part}: there is no .safetensors file of weights")
        files |= {str(path.relative_to(folder)): sha256(path) for path in weights}
    found = Base(str(folder), plan.revision, files)
    with write_atomically(out) as aside:
        aside.write_text(json.dumps(asdict(found), indent=1) + "\n")
    print(f"{out}: {plan.base}, {len(files)} weight files")


def _wanted(path: Path) -> bool:
    """Full-precision weights, not the fp16 or non-EMA copies that lie beside them."""
    return not any(mark in path.name for mark in (".fp16.", ".non_ema."))


def _fetch(model: str, revision: str) -> Path:
    from huggingface_hub import snapshot_download

    patterns = ["*/config.json", "*/*.safetensors", "tokenizer/*", "scheduler/*"]
    try:
        return Path(
            snapshot_download(
                model, revision=revision, allow_patterns=patterns, ignore_patterns=["*.fp16.*", "safety_checker/*"]
            )
        )
    except Exception as error:  # the hub client raises many kinds; all mean that the model is not here
        raise BenchmarkError(
            f"{model} at {revision} cannot be fetched from its hub ({type(error).__name__}: {error});"
            " run this command where the network is: the model then lies in the hub's cache"
        ) from error


if __name__ == "__main__":
    cli.run(main)
