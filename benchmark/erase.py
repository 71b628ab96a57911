"""Erases the concepts of one shard with one method, each from the base model, and keeps what it changed and adds."""

from __future__ import annotations

import itertools
import json
import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.errors import BenchmarkError
from benchmark.files import sha256, write_atomically
from benchmark.plan import causes, config, grid, plugins, texts, variants
from benchmark.plan.config import load_suite, load_task
from benchmark.plan.groups import OWN
from benchmark.plan.records import Request, digest
from benchmark.running import cli, devices, job
from benchmark.store import checkpoint, manifest, weights

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.model.workbench import Workbench
    from benchmark.plan.suite import Suite

CHECKPOINT_SECONDS = 60  # from one writing of progress to the next; where one takes w > 1 seconds, w times as many


@job.fills("out")
def main(
    suite: str, task: str, variant: str, concepts: list[str], out: Path, seed: int = 0, pool: Path | None = None
) -> None:
    """Erase concepts with one method; write models.csv when all are done. What was finished before is kept.

    Args:
        suite: a file of benchmark/suites.
        task: a file of benchmark/tasks.
        variant: a file of methods/, or a variant of the suite's settings.
        concepts: the concepts to erase, each from the base model; - for a control.
        out: the folder for models.csv and, per concept, delta.safetensors, meta.json and trace.csv.
        seed: of the erasing.
        pool: the manifest of the images to train on, for methods that need some.
    """
    loaded = load_suite(suite)
    chosen = variants.parse(loaded, variant)
    grid.check_methods(loaded, [chosen])
    subject, base = load_task(task, loaded.world), weights.base(loaded)
    values = variants.settings(loaded, chosen)
    requests = {name: causes.request(loaded, subject, chosen, (name,)) for name in concepts}

    import torch  # takes seconds: what was asked for wrongly is refused before

    from benchmark.model import diffusion

    images = manifest.read(pool) if pool else []
    torch.set_num_threads(loaded.sampler.threads)

    rows, checked = [], False
    for name, request in requests.items():
        shown = [image for image in images if image.asked in (name, "")]
        cause = causes.erasure(loaded, subject, chosen, (name,), seed)
        key = digest([cause, base.key, [image.sha256 for image in shown]])
        folder = out / name
        if weights.key_of(folder / "delta.safetensors") == key:
            print(f"{folder}: kept")
        else:
            if (folder / "delta.safetensors").exists():
                print(f"{folder}/delta.safetensors: is of something else, or not as it was written: erased anew")
            load = partial(_model, loaded, base, name, seed, pool, shown, causes.groups(chosen, values))
            if not checked:  # a text may have been edited since `base`
                texts.check(config.all_texts(loaded), diffusion.load_tokenizer(base.folder))
                checked = True
            plugin = plugins.load_anew("methods", chosen.method)
            settings = plugin.Settings(**values) if hasattr(plugin, "Settings") else None
            _erase(load, plugin, request, settings, folder, key, f"erase {name} with {variant}")
        delta = folder / "delta.safetensors"
        rows.append(weights.Delta(name, f"{name}/delta.safetensors", sha256(delta), key))
    weights.write_deltas(out / "models.csv", rows)
    print(f"{out}/models.csv: {len(rows)} models")


def _model(
    suite: Suite, base: weights.Base, name: str, seed: int, pool: Path | None, shown: list[manifest.Image],
    groups: tuple[str, ...],
) -> Workbench:  # fmt: skip
    """The base model as new, with what a method works with: each concept is erased from one of its own."""
    import torch

    from benchmark.model import workbench

    model = workbench.load(base.folder, suite.sampler.size)
    model.groups = groups
    model.generator = torch.Generator().manual_seed(int(digest([name, seed]), 16) % 2**63)
    model.pool = _pixels(pool, shown) if shown else None
    return model


def _erase(
    load: Callable[[], Workbench], plugin: Any, request: Request, settings: Any, folder: Path, key: str, label: str
) -> None:
    """Run the method, saving its progress once a minute and when told to stop, and write what it leaves.

    `load` makes a model as new. Raises `BenchmarkError` if there is nothing to keep, or more than can be kept.
    """
    import torch

    began = time.monotonic()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    path = folder / "checkpoint.pt"
    with job.deferred() as stopping:  # to the end: what is finished when the signal comes is written
        try:
            model, kept = _run(load(), plugin, request, settings, path, key, label, stopping)
        except _Unusable:
            model, kept = _run(load(), plugin, request, settings, path, key, label, stopping)
        seconds = time.monotonic() - began
        folder.mkdir(parents=True, exist_ok=True)
        _write_trace(folder / "trace.csv", model.trace)
        with write_atomically(folder / "meta.json") as aside:
            aside.write_text(json.dumps(_meta(settings, seconds, kept), indent=1) + "\n")
        weights.save_delta(folder / "delta.safetensors", kept, key)
        path.unlink(missing_ok=True)
        own = sum(name.startswith(OWN) for name in kept)
        adds = f" and {own} of the method's own" if own else ""
        where = f"in {seconds:.0f} s on {devices.kind()}"
        print(f"{folder}: {len(kept) - own} weight tensors changed{adds} {where}", flush=True)


class _Unusable(Exception):
    """A method cannot go on from the progress that was saved, which is gone now: it needs another model as new."""


def _run(
    model: Workbench, plugin: Any, request: Request, settings: Any, path: Path, key: str, label: str,
    stopping: Callable[[], bool],
) -> tuple[Workbench, dict[str, Any]]:  # fmt: skip
    """The model after the method has run, and what of it is saved; `path` is where progress is kept."""
    from benchmark.model import guard

    label, clean, random = f"{path.parent}: {label}", model.copy(), model.generator.get_state()
    idle, due = True, time.monotonic() + CHECKPOINT_SECONDS
    with guard.untouched(model, label):
        model.resume = checkpoint.read(path, key)
        total = getattr(settings, "steps", None)
        if total and model.resume:
            total -= model.resume["step"]
        states = _states(model, plugin, request, settings, path)
        for state in cli.progress(states, total, label):
            _check(model, plugin, random, label)
            if idle:
                _check_finite(model.named_weights(), label)
            idle = False
            if state is not None and not (isinstance(state, dict) and isinstance(state.get("step"), int)):
                raise BenchmarkError(f"{label}: each step yields None or a dict with its `step`, not {state!r:.50}")
            told = stopping()  # asked once: whoever leaves has saved
            if state is not None and (told or time.monotonic() > due):
                _check_finite(model.named_weights(), label)
                began = time.monotonic()
                checkpoint.write(path, {"key": key, "trace": model.trace, **state})
                ended = time.monotonic()
                due = ended + CHECKPOINT_SECONDS * max(1.0, ended - began)
            if told:
                job.leave()
    _check(model, plugin, random, label)
    return model, _kept(model, clean, hasattr(plugin, "apply"), idle, label)


def _check(model: Workbench, plugin: Any, random: Tensor, label: str) -> None:
    """Raise `BenchmarkError` for what can be seen after any step, before hours are spent on the others."""
    import torch

    if not getattr(plugin, "SEEDED", True) and not torch.equal(random, model.generator.get_state()):
        raise BenchmarkError(f"{label}: SEEDED = False says that no seed matters, but it drew from model.generator")
    for name, value in model.state.items():
        if not isinstance(value, torch.Tensor):
            raise BenchmarkError(f"{label}: model.state[{name!r}] is {value!r:.50}, not a tensor")


def _check_finite(weights: Mapping[str, Tensor], label: str) -> None:
    for name, weight in weights.items():
        if not weight.isfinite().all():
            raise BenchmarkError(f"{label}: weight {name} is not finite; a lower learning rate may help")


def _kept(model: Workbench, clean: dict[str, Any], applies: bool, idle: bool, label: str) -> dict[str, Any]:
    """What an erasure saves: weights of the U-Net and the text encoder that changed, and the tensors of `model.state`.

    Nothing is enough for a method with `apply` alone.
    """
    import torch

    now = ((name, weight.detach().to("cpu")) for name, weight in model.named_weights().items())
    kept = {name: weight for name, weight in now if not torch.equal(weight, clean[name])}
    for name, value in model.state.items():
        kept[f"{OWN}{name}"] = value.detach().to("cpu", copy=True)
    if not (kept or applies):
        hint = "; it made no step: a loop such as align(…) runs if `yield from` stands before it" if idle else ""
        raise BenchmarkError(f"{label}: no weight was changed; the original model must not be scored as erased{hint}")
    _check_finite(kept, label)
    return kept


def _states(
    model: Workbench, plugin: Any, request: Request, settings: Any, path: Path
) -> Iterator[checkpoint.State | None]:
    """What the method yields, beginning from `model.resume`. Raises `_Unusable` if it cannot go on from it."""
    import torch

    model.trace = model.resume.pop("trace", []) if model.resume else []
    if not model.resume:
        yield from _begin(plugin, model, request, settings)
        return
    step = model.resume["step"]
    try:
        states = _begin(plugin, model, request, settings)
        first = list(itertools.islice(states, 1))
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # what a method makes of a damaged state is not known
        checkpoint.discard(path, f"the method cannot go on from it ({checkpoint.line(error)})")
        path.unlink(missing_ok=True)
        raise _Unusable from error
    print(f"{path.parent}: resumed after step {step}", flush=True)
    yield from first
    yield from states


def _begin(plugin: Any, model: Workbench, request: Request, settings: Any) -> Iterator[checkpoint.State | None]:
    states = plugin.erase(model, request, settings)
    if not (states is None or isinstance(states, Iterable)):
        raise BenchmarkError(f"erase returned {states!r:.50}: it must yield states, or return nothing")
    return iter(states or ())


def _pixels(pool: Path, shown: list[manifest.Image]) -> Any:
    """The pool's images as the model's latents want them, (N, 3, H, W) in [-1, 1], in the order of their files."""
    import numpy as np
    import torch

    stacked = np.stack([manifest.picture(pool.parent / image.file, image.sha256) for image in shown])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float() / 127.5 - 1


def _meta(settings: Any, seconds: float, kept: dict[str, Any]) -> dict[str, Any]:
    """What varies from run to run, and what a reader wants to know of how these weights came to be."""
    import torch

    cuda = torch.cuda.is_available()
    return {
        "settings": asdict(settings) if settings else {},
        "seconds": round(seconds, 2),
        "device": devices.kind(),
        "peak_memory_mb": torch.cuda.max_memory_allocated() // 2**20
        if cuda
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "commit": _commit(),
        "versions": {name: version(name) for name in ("torch", "diffusers", "transformers")},
        "saved": {name: list(value.shape) for name, value in kept.items()},
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
    with write_atomically(path, sealed=True) as aside, aside.open("w", newline="") as file:
        table = csv.DictWriter(file, columns, lineterminator="\n")
        table.writeheader()
        table.writerows(trace)


if __name__ == "__main__":
    cli.run(main)
