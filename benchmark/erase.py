"""Erases the concepts of one part with one method, each from the base model, and keeps what changed."""

from __future__ import annotations

import itertools
import json
import os
import resource
import subprocess
import time
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmark import causes, checkpoint, cli, devices, grid, job, manifest, plugins, prompts, texts, variants, weights
from benchmark.config import load_suite, load_task
from benchmark.errors import BenchmarkError
from benchmark.files import sha256, write_atomically
from benchmark.records import Target, digest

CHECKPOINT_SECONDS = 60


@job.fills("out")
def main(
    suite: str, task: str, variant: str, concepts: list[str], out: Path, seed: int = 0, pool: Path | None = None
) -> None:
    """Erase concepts with one method; write models.csv when all are done. What was finished before is kept.

    Args:
        suite: a file of benchmark/suites.
        task: a file of benchmark/tasks.
        variant: a file of methods/, or a variant of one in the suite's settings.
        concepts: the concepts to erase, each from the base model.
        out: the folder for models.csv and, per concept, delta.safetensors, meta.json and trace.csv.
        seed: of the erasing.
        pool: the manifest of the images to train on, for methods that need some.
    """
    loaded = load_suite(suite)
    chosen = variants.parse(loaded, variant)
    grid.check_methods(loaded, [chosen])
    subject, base = load_task(task, loaded.world), weights.base(loaded)
    values = variants.settings(loaded, chosen)
    wanted = {name: causes.request(loaded, subject, chosen, (name,)) for name in concepts}

    import torch  # takes seconds: what was asked for wrongly is refused before

    from benchmark import workbench

    plugin = plugins.load("methods", chosen.method)
    settings = plugin.Settings(**values) if hasattr(plugin, "Settings") else None
    images = manifest.read(pool) if pool else []
    torch.set_num_threads(loaded.sampler.threads)

    rows, model, clean = [], None, {}
    for name, request in wanted.items():
        shown = [image for image in images if image.asked in (name, "")]
        cause = causes.erasure(loaded, subject, chosen, (name,), seed)
        key = digest([cause, base.key, [image.sha256 for image in shown]])
        folder = out / name
        if weights.key_of(folder / "delta.safetensors") == key:
            print(f"{folder}: kept")
        else:
            if model is None:
                model = workbench.load(base.folder, loaded.sampler.size)
                texts.check(prompts.all_texts(loaded), model.tokenizer)  # one may have been edited since `base`
                clean = model.copy()
            model.set_weights(clean)
            model.unet.requires_grad_(False)
            model.templates, model.groups = request.templates, causes.groups(chosen, values)
            model.generator = torch.Generator().manual_seed(int(digest([name, seed]), 16) % 2**63)
            model.pool = _pixels(pool, shown) if shown else None
            concept = request.concepts[0] if request.concepts else Target(name, "")
            if not _erase(model, plugin, concept, settings, clean, folder, key, f"erase {name} with {variant}"):
                model = None
        delta = folder / "delta.safetensors"
        rows.append(weights.Delta(name, f"{name}/delta.safetensors", sha256(delta), key))
    weights.write_deltas(out / "models.csv", rows)
    print(f"{out}/models.csv: {len(rows)} models")


def _erase(
    model: Any, plugin: Any, concept: Target, settings: Any, clean: dict, folder: Path, key: str, label: str
) -> bool:
    """Run the method, saving its state once a minute and when told to stop, and write what it changed.

    Returns whether the model may serve another concept. Raises `BenchmarkError` if there is nothing to keep, or more
    than can be kept.
    """
    import torch

    from benchmark import guard

    began = saved = time.monotonic()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    path, idle = folder / "checkpoint.pt", True
    with job.deferred() as stopping:  # to the end: what is finished when the signal comes is written
        with guard.untouched(model, f"{folder}: {label}") as watch:
            model.resume = checkpoint.read(path, key)
            total = getattr(settings, "steps", None)
            if total and model.resume:
                total -= model.resume["step"]
            states = _states(model, plugin, concept, settings, clean, path)
            for state in cli.progress(states, total, label):
                idle = False
                if state is not None and not (isinstance(state, dict) and isinstance(state.get("step"), int)):
                    raise BenchmarkError(f"{label}: each step yields None or a dict with its `step`, not {state!r:.50}")
                told = stopping()  # asked once: whoever leaves has saved
                if state is not None and (told or time.monotonic() - saved > CHECKPOINT_SECONDS):
                    checkpoint.write(path, {"key": key, "trace": model.trace, **state})
                    saved = time.monotonic()
                if told:
                    job.leave()

        changed = {name: w for name, w in model.copy().items() if not torch.equal(w, clean[name])}
        if not changed:
            hint = "; it made no step: a loop such as align(…) runs if `yield from` stands before it" if idle else ""
            raise BenchmarkError(
                f"{folder}: {label}: no weight was changed; the original model must not be scored as erased{hint}"
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
        path.unlink(missing_ok=True)
        print(f"{folder}: {len(changed)} weight tensors changed in {seconds:.0f} s on {devices.kind()}", flush=True)
    return watch.as_new


def _states(
    model: Any, plugin: Any, concept: Target, settings: Any, clean: dict, path: Path
) -> Iterator[checkpoint.State | None]:
    """What the method yields, beginning from `model.resume`; or from the start, if the method cannot go on from it."""
    import torch

    random = model.generator.get_state()
    model.trace = model.resume.pop("trace", []) if model.resume else []
    if model.resume:
        step = model.resume["step"]
        try:
            states = _begin(plugin, model, concept, settings)
            first = list(itertools.islice(states, 1))
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # what a method makes of a damaged state is not known
            checkpoint.discard(path, f"the method cannot go on from it ({checkpoint.line(error)})")
        else:
            print(f"{path.parent}: resumed after step {step}", flush=True)
            yield from first
            yield from states
            return
        model.set_weights(clean)
        model.unet.requires_grad_(False)
        model.generator.set_state(random)
        model.resume, model.trace = None, []
    yield from _begin(plugin, model, concept, settings)


def _begin(plugin: Any, model: Any, concept: Target, settings: Any) -> Iterator[checkpoint.State | None]:
    states = plugin.erase(model, concept, settings)
    if not (states is None or isinstance(states, Iterable)):
        raise BenchmarkError(f"erase returned {states!r:.50}: it must yield states, or return nothing")
    return iter(states or ())


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
        "device": devices.kind(),
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
