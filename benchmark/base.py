"""Finds the base model, fetches it and the networks that look if they do not ship, and records what it is."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError, safe_open

from benchmark.errors import BenchmarkError
from benchmark.files import sha256, write_atomically
from benchmark.model import compatible, hub, trial
from benchmark.model.parts import NETWORKS, weight_files
from benchmark.plan import plugins
from benchmark.plan.config import load_set, load_suite, load_task
from benchmark.plan.suite import Suite
from benchmark.running import cli, devices
from benchmark.store.weights import Base

NEEDED = (
    "model_index.json",
    *(f"{part}/config.json" for part in NETWORKS),
    *("tokenizer", "scheduler/scheduler_config.json"),
)


def main(suite: str, out: Path) -> None:
    """Record the base model of a suite: its folder and the hash of every file that what it draws depends on.

    Args:
        suite: a file of benchmark/suites.
        out: the JSON file to write.
    """
    record(load_suite(suite), out)


def record(loaded: Suite, out: Path) -> None:
    """Check the base model of a suite and write what it is; `drawn.json` beside it says that a picture was compared."""
    folder = find(loaded)
    _check_there(folder)
    said = compatible.check(folder) + compatible.check_size(folder, loaded.sampler.size)
    found = Base(str(folder), loaded.revision, hashes(folder))
    said += [f"fetched: {path}" for path in _fetch_networks(loaded)]
    with write_atomically(out) as aside, devices.claimed(share=loaded.small):
        aside.write_text(json.dumps(asdict(found), indent=1) + "\n")  # before the rest, which a full disk would waste
        said.append(_try(found, loaded, out.parent))
    print("\n".join([*said, f"{out}: {loaded.base}, {len(found.files)} files"]))


def find(suite: Suite) -> Path:
    """The folder of a suite's base model, fetched from its hub if it is one of the Hub."""
    folder = Path(suite.base)
    if suite.revision is None:
        if not folder.exists():
            hint = ""
            if suite.base.count("/") == 1 and not suite.base.startswith((".", "/")):
                hint = "; if it is a model of the Hub, give its `revision`, a commit's hash, beside it"
            raise BenchmarkError(f"base: {suite.base}: there is no such folder{hint}")
        return folder
    if folder.exists():
        raise BenchmarkError(f"revision: {suite.revision}: {folder} is a folder here; remove `revision`, or rename it")
    return hub.fetch_model(suite.base, suite.revision)


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file of a diffusers folder that is used, by its path in it; an error if one is missing."""
    _check_there(folder)
    used = []
    for part in NETWORKS:
        weights, _ = weight_files(folder, part)
        for path in weights:
            if path.suffix == ".safetensors":
                _check_whole(path)
        used += [*weights, folder / part / "config.json"]
    for part in ("tokenizer", "scheduler"):
        used += [path for path in sorted((folder / part).iterdir()) if path.is_file()]
    return {str(path.relative_to(folder)): sha256(path) for path in used}


def _check_there(folder: Path) -> None:
    """Refuse a folder that lacks a file. What is another kind of model is told so, whatever it lacks."""
    if folder.is_file() or not (folder / "unet").exists() and (folder / NEEDED[0]).exists():
        compatible.check_kind(folder)
    for name in NEEDED:
        if not (folder / name).exists():
            ours = folder.resolve().is_relative_to(plugins.ROOT / "testbed")
            advice = "; `make retrain` rebuilds the testbed's" if ours else ""
            raise BenchmarkError(f"{folder}: the base model lacks {name}{advice}")


def _check_whole(path: Path) -> None:
    """A download that was cut off has a header that promises more than there is."""
    try:
        with safe_open(path, "np"):
            pass
    except (OSError, SafetensorError) as error:
        raise BenchmarkError(f"{path}: is not whole: {error}") from error


def _try(base: Base, suite: Suite, results: Path) -> str:
    """Load the model once, read all texts with its tokenizer, and draw one picture."""
    from benchmark.model import diffusion

    model = diffusion.load(base.folder, size=suite.sampler.size)
    if not trial.postponed(suite):
        return trial.once(base, suite, results, model)
    said, size = trial.read_texts(suite, model.tokenizer), suite.sampler.size
    return f"{said}; no GPU is here: the first job that draws compares a picture of {size} px with the stock pipeline's"


def _fetch_networks(suite: Suite) -> list[Path]:
    """The networks of classifiers and observers that have a URL: jobs on compute nodes then find all that they need."""
    tasks = dict.fromkeys(experiment.task for experiment in suite.experiments.values())
    sets = dict.fromkeys(name for task in tasks for name in load_task(task, suite.world).drawn)
    needed: dict[tuple[str, str], None] = {}
    for prompt_set in (load_set(name, suite.world) for name in sets):
        if prompt_set.classifier:
            needed["classifiers", prompt_set.classifier.network] = None
        needed |= dict.fromkeys(("benchmark/observers", name) for name in prompt_set.observers)
    loaded = [plugins.load(folder, name) for folder, name in needed]
    return list(dict.fromkeys(hub.fetch_file(plugin.URL) for plugin in loaded if hasattr(plugin, "URL")))


if __name__ == "__main__":
    cli.run(main)
