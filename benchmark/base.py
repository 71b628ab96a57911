"""Finds the base model, fetches it and the networks that look if they do not ship, and records what it is."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError, safe_open

from benchmark import cli, eyes, grid, hub, plugins
from benchmark.errors import BenchmarkError
from benchmark.files import sha256, write_atomically
from benchmark.weights import Base

NETWORKS = ("unet", "vae", "text_encoder")
NEEDED = (*(f"{part}/config.json" for part in NETWORKS), "tokenizer", "scheduler/scheduler_config.json")


def main(suite: str, out: Path) -> None:
    """Record the base model of a suite: its folder and the hash of every file that what it draws depends on.

    Args:
        suite: a file of benchmark/suites.
        out: the JSON file to write.
    """
    loaded = grid.load_suite(suite)
    folder = Path(loaded.base) if loaded.revision is None else hub.fetch_model(loaded.base, loaded.revision)
    found = Base(str(folder), loaded.revision, hashes(folder))
    check_shapes(folder, loaded.sampler.size)
    if loaded.revision:
        _fetch_eyes(loaded)
    with write_atomically(out) as aside:
        aside.write_text(json.dumps(asdict(found), indent=1) + "\n")
    print(f"{out}: {loaded.base}, {len(found.files)} files")


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file of a diffusers folder that is used, by its path in it; an error if one is missing."""
    for name in NEEDED:
        if not (folder / name).exists():
            raise BenchmarkError(f"{folder}: the base model lacks {name}; `make retrain` rebuilds the testbed's")
    used = []
    for part in NETWORKS:
        weights = [path for path in sorted((folder / part).glob("*.safetensors")) if _wanted(path)]
        if not weights:
            raise BenchmarkError(f"{folder / part}: there is no .safetensors file of weights")
        for path in weights:
            _check_whole(path)
        used += [*weights, folder / part / "config.json"]
    for part in ("tokenizer", "scheduler"):
        used += [path for path in sorted((folder / part).iterdir()) if path.is_file()]
    return {str(path.relative_to(folder)): sha256(path) for path in used}


def _check_whole(path: Path) -> None:
    """A download that was cut off has a header that promises more than there is."""
    try:
        with safe_open(path, "np"):
            pass
    except (OSError, SafetensorError) as error:
        raise BenchmarkError(f"{path}: is not whole: {error}") from error


def check_shapes(folder: Path, size: int) -> None:
    """Refuse parts that do not fit each other, models that predict no noise, sizes that the autoencoder cannot make."""
    try:
        unet, vae, text = (json.loads((folder / part / "config.json").read_text()) for part in NETWORKS)
        pairs = (
            ("unet: cross_attention_dim, text_encoder: hidden_size", unet["cross_attention_dim"], text["hidden_size"]),
            ("unet: in_channels, vae: latent_channels", unet["in_channels"], vae["latent_channels"]),
            ("unet: in_channels, out_channels", unet["in_channels"], unet["out_channels"]),
        )
        halved = 2 ** (len(vae["block_out_channels"]) - 1)
        predicted = json.loads((folder / "scheduler/scheduler_config.json").read_text()).get("prediction_type")
    except (OSError, ValueError, KeyError) as error:
        raise BenchmarkError(f"{folder}: a config.json cannot be read: {error!r}") from error
    for name, ours, theirs in pairs:
        if ours != theirs:
            raise BenchmarkError(f"{folder}: these are parts of different models: {name}: {ours} and {theirs}")
    if predicted not in (None, "epsilon"):
        raise BenchmarkError(f"{folder}: predicts {predicted}, but methods here match predicted noise (epsilon)")
    if size % halved:
        raise BenchmarkError(
            f"sampler.size: {size} is not a multiple of {halved}, by which {folder}/vae reduces images"
        )


def _fetch_eyes(suite: grid.Suite) -> None:
    """The networks behind judges and eyes, too: jobs on compute nodes then find all that they need."""
    for name in dict.fromkeys(experiment.task for experiment in suite.experiments.values()):
        task = grid.load_task(name, suite.world)
        observers = [plugins.load("benchmark/observers", file) for file in eyes.needed(task).values()]
        for plugin in (plugins.load("classifiers", task.judge.classifier), *observers):
            if hasattr(plugin, "URL"):
                print(hub.fetch_file(plugin.URL))


def _wanted(path: Path) -> bool:
    """Full-precision weights, not the fp16 or non-EMA copies that lie beside them."""
    return not any(mark in path.name for mark in (".fp16.", ".non_ema."))


if __name__ == "__main__":
    cli.run(main)
