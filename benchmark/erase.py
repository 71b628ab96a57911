"""Erases the concepts of one part with one method, each from the base model, and keeps what changed."""

from __future__ import annotations

import io
import json
import os
import platform
import resource
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmark import cli, grid, job, manifest, plugins, trial, weights
from benchmark.errors import BenchmarkError
from benchmark.files import sha256, write_atomically
from benchmark.records import Concept, digest

CHECKPOINT_SECONDS = 60
NOBODY = Concept(grid.NOTHING, "", "")  # what a control that knows no concept is given


@job.fills("out")
def main(
    suite: str, task: str, method: str, concepts: list[str], out: Path, seed: int = 0, pool: Path | None = None
) -> None:
    """Erase concepts with one method; write models.csv when all are done. What was finished before is kept.

    Args:
        suite: a file of benchmark/suites.
        task: a file of benchmark/tasks.
        method: a method's label: a file of methods/, or a variant of the suite's settings.
        concepts: the concepts to erase, each from the base model.
        out: the folder for models.csv and, per concept, delta.safetensors, meta.json and trace.csv.
        seed: of the erasing.
        pool: the manifest of the images to train on, for methods that need some.
    """
    loaded = grid.load_suite(suite)
    grid.check_label(loaded, method)
    subject, base = grid.load_task(task, loaded.world), weights.base(loaded)
    wanted = {name: NOBODY if name == grid.NOTHING else subject.concept(name) for name in concepts}

    import torch  # takes seconds: what was asked for wrongly is refused before

    from benchmark import diffusion

    plugin = plugins.load("methods", Path(grid.module(method)).stem)
    values = grid.label_settings(loaded, method)
    settings = plugin.Settings(**values) if hasattr(plugin, "Settings") else None
    source = grid.fingerprint(grid.module(method))
    images = manifest.read(pool) if pool else []
    torch.set_num_threads(loaded.sampler.threads)

    rows, model, clean = [], None, {}
    for name, concept in wanted.items():
        shown = [image for image in images if image.probe in (name, "blank")]
        known = [base.key, source, values, concept, subject.templates, seed, [i.sha256 for i in shown]]
        key = digest([*known, sha256(__file__)])
        folder = out / name
        if weights.key_of(folder / "delta.safetensors") == key:
            print(f"{folder}: kept")
        else:
            if model is None:
                model = diffusion.load(base.folder, size=loaded.sampler.size)
                trial.read_texts(loaded, model.tokenizer)  # a text may have been edited since the model was recorded
                clean = model.copy()
            model.set_weights(clean)
            model.unet.requires_grad_(False)
            model.templates = subject.templates
            model.generator = torch.Generator().manual_seed(int(digest([name, seed]), 16) % 2**63)
            model.pool = _pixels(pool, shown) if shown else None
            _erase(model, plugin, concept, settings, clean, folder, key, f"erase {name} with {method}")
        delta = folder / "delta.safetensors"
        rows.append(weights.Delta(name, f"{name}/delta.safetensors", sha256(delta), key))
    weights.write_deltas(out / "models.csv", rows)
    print(f"{out}/models.csv: {len(rows)} models")


def _erase(
    model: Any, plugin: Any, concept: Concept, settings: Any, clean: dict, folder: Path, key: str, label: str
) -> None:
    """Run the method, saving its state once a minute and when told to stop, and write what it changed."""
    import torch

    began = saved = time.monotonic()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    checkpoint = folder / "checkpoint.pt"
    model.resume = _resumable(checkpoint, key)
    model.trace = model.resume.pop("trace", []) if model.resume else []
    total = getattr(settings, "steps", None)
    if total and model.resume:
        total -= model.resume["step"]
    with job.deferred() as stopping:
        for state in cli.progress(plugin.erase(model, concept, settings) or (), total, label):
            if state is not None and not (isinstance(state, dict) and isinstance(state.get("step"), int)):
                raise BenchmarkError(f"{label}: each step yields None or a dict with its `step`, not {state!r:.50}")
            if state is not None and (stopping() or time.monotonic() - saved > CHECKPOINT_SECONDS):
                _checkpoint(checkpoint, {"key": key, "trace": model.trace, **state})
                saved = time.monotonic()
            if stopping():
                break

    changed = {name: w for name, w in model.copy().items() if not torch.equal(w, clean[name])}
    if not changed:
        raise BenchmarkError(
            f"{folder}: {label}: no weight was changed; the original model must not be scored as erased"
        )
    for name, weight in changed.items():
        if not weight.isfinite().all():
            raise BenchmarkError(f"{folder}: {label}: weight {name} is not finite; a lower learning rate may help")
    seconds = time.monotonic() - began
    folder.mkdir(parents=True, exist_ok=True)
    _write_trace(folder / "trace.csv", model.trace)
    with write_atomically(folder / "meta.json") as aside:
        aside.write_text(json.dumps(_meta(model, settings, seconds, changed), indent=1) + "\n")
    weights.save_delta(folder / "delta.safetensors", changed, key)
    checkpoint.unlink(missing_ok=True)
    print(f"{folder}: {len(changed)} weight tensors changed in {seconds:.0f} s", flush=True)


def _checkpoint(path: Path, state: dict) -> None:
    """Serialised in memory first: torch's own writing hides why it failed."""
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    with write_atomically(path) as aside:
        aside.write_bytes(buffer.getbuffer())


def _resumable(checkpoint: Path, key: str) -> dict | None:
    """The state of a killed erasure with the same key, if there is one that can be read."""
    import torch

    if not checkpoint.exists():
        return None
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)  # the device may have no room for it
    if state.pop("key") != key:
        return None
    print(f"{checkpoint.parent}: resumed after step {state['step']}")
    return state


def _pixels(pool: Path, shown: list[manifest.Image]) -> Any:
    """The pool's images as the model's latents want them, (N, 3, H, W) in [-1, 1], in the order of their files."""
    import numpy as np
    import torch

    stacked = np.stack([manifest.picture(pool.parent / image.file, image.sha256) for image in shown])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float() / 127.5 - 1


def _meta(model: Any, settings: Any, seconds: float, changed: dict) -> dict:
    """What varies from run to run, and what a reader wants to know of how these weights came to be."""
    import torch

    cuda = torch.cuda.is_available()
    return {
        "settings": vars(settings) if settings else {},
        "seconds": round(seconds, 2),
        "device": torch.cuda.get_device_name() if cuda else platform.processor() or platform.machine(),
        "peak_memory_mb": torch.cuda.max_memory_allocated() // 2**20
        if cuda
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "commit": _commit(),
        "versions": {name: version(name) for name in ("torch", "diffusers", "transformers")},
        "changed": {name: list(value.shape) for name, value in changed.items()},
        "host": os.uname().nodename,
    }


def _commit() -> str:
    """The commit that is checked out, marked if files differ from it; empty where git or a repository is missing."""

    def git(*command: str) -> str:
        return subprocess.run(["git", *command], capture_output=True, text=True, cwd=plugins.ROOT).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain") else "")
    except OSError:
        return ""


def _write_trace(path: Path, trace: list[dict]) -> None:
    import csv

    columns = list(dict.fromkeys(key for row in trace for key in row))
    with write_atomically(path) as aside, aside.open("w", newline="") as file:
        table = csv.DictWriter(file, columns, lineterminator="\n")
        table.writeheader()
        table.writerows(trace)


if __name__ == "__main__":
    cli.run(main)
