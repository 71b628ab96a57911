"""What a method must leave as it is: all of the model but what an erasure saves, and what the whole process shares.

Saved are changed weights of the U-Net and the text encoder, and the tensors in `model.state`. Whatever else `erase`
changes would be missing when images are drawn; and what `erase` or `apply` change in the process would be there for the
next model of the same job.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from benchmark.errors import BenchmarkError
from benchmark.model.inventory import Inventory, functions

_backends = torch.backends
_ROUNDED = (  # from the general to the particular, in which order they are set
    *(_backends, _backends.cudnn.conv, _backends.cudnn.rnn, _backends.cuda.matmul),
    *(_backends.mkldnn.conv, _backends.mkldnn.rnn, _backends.mkldnn.matmul),
)


def _cudnn() -> tuple[bool, ...]:
    flags = _backends.cudnn
    return flags.enabled, flags.benchmark, flags.deterministic


def _set_cudnn(values: tuple[bool, ...]) -> None:
    flags = _backends.cudnn
    flags.enabled, flags.benchmark, flags.deterministic = values


def _precision() -> tuple[str, ...]:
    """How float32 is rounded in products; the old way to ask is an error once the new way was used to set it."""
    try:
        old = torch.get_float32_matmul_precision()
    except RuntimeError:
        old = "mixed"
    return old, *(place.fp32_precision for place in _ROUNDED)


def _set_precision(values: tuple[str, ...]) -> None:
    torch.set_float32_matmul_precision(values[0])
    for place, value in zip(_ROUNDED, values[1:], strict=True):
        place.fp32_precision = value


def _attention() -> tuple[bool, ...]:
    cuda = _backends.cuda
    return cuda.flash_sdp_enabled(), cuda.mem_efficient_sdp_enabled(), cuda.math_sdp_enabled(), cuda.cudnn_sdp_enabled()


def _set_attention(values: tuple[bool, ...]) -> None:
    cuda = _backends.cuda
    setters = (cuda.enable_flash_sdp, cuda.enable_mem_efficient_sdp, cuda.enable_math_sdp, cuda.enable_cudnn_sdp)
    for enable, value in zip(setters, values, strict=True):
        enable(value)


def _hooks() -> dict[str, dict]:
    """The hooks that torch runs for every module of the process."""
    found = vars(torch.nn.modules.module)
    return {name: dict(hooks) for name, hooks in found.items() if name.startswith("_global_") and hooks is not None}


def _set_hooks(values: dict[str, dict]) -> None:
    for name, hooks in values.items():
        present = vars(torch.nn.modules.module)[name]
        if isinstance(present, dict):
            present.clear()
            present.update(hooks)


def _set_einsum(enabled: bool, strategy: str | None) -> None:
    _backends.opt_einsum.enabled, _backends.opt_einsum.strategy = enabled, strategy


def _set_environment(values: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(values)


# What the process shares: by its name for people, how to read it and how to set it.
SHARED: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "torch's default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "torch's default device": (
        torch.get_default_device,
        lambda value: torch.set_default_device(None if value.type == "cpu" else value),
    ),
    "whether torch keeps gradients": (torch.is_grad_enabled, torch.set_grad_enabled),
    "torch's choice of deterministic algorithms": (
        lambda: (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
        lambda value: torch.use_deterministic_algorithms(value[0], warn_only=value[1]),
    ),
    "torch's number of threads": (torch.get_num_threads, torch.set_num_threads),
    "torch's precision of float32 products": (_precision, _set_precision),
    "torch's search for anomalies": (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    "torch's autocast on CPUs": (
        lambda: torch.is_autocast_enabled("cpu"),
        lambda value: torch.set_autocast_enabled("cpu", value),
    ),
    "torch's autocast on GPUs": (
        lambda: torch.is_autocast_enabled("cuda"),
        lambda value: torch.set_autocast_enabled("cuda", value),
    ),
    "torch's setting of cuDNN": (_cudnn, _set_cudnn),
    "torch's choice of kernels for attention": (_attention, _set_attention),
    "torch's list of hooks on all modules": (_hooks, _set_hooks),
    "torch's setting of oneDNN": (torch._C._get_mkldnn_enabled, torch._C._set_mkldnn_enabled),
    "torch's choice of einsum's order": (
        lambda: (_backends.opt_einsum.enabled, _backends.opt_einsum.strategy),
        lambda value: _set_einsum(*value),
    ),
    "torch's filling of new memory": (
        lambda: torch.utils.deterministic.fill_uninitialized_memory,
        lambda value: setattr(torch.utils.deterministic, "fill_uninitialized_memory", value),
    ),
    "the working folder": (os.getcwd, os.chdir),
    "the environment": (lambda: dict(os.environ), _set_environment),
}


class Process:
    """What the whole process shares, as it is now: settings of torch, and functions of classes and modules."""

    def __init__(self, spaces: dict[Any, dict[str, Any]]):
        self.shared = {name: read() for name, (read, _) in SHARED.items()}
        self.spaces = spaces

    def changes(self) -> list[str]:
        shared = [f"{name} was changed" for name, (read, _) in SHARED.items() if read() != self.shared[name]]
        return [*shared, *(f"{place} was replaced" for _, _, place, _ in self._patched())]

    def restore(self) -> None:
        for name, (read, write) in SHARED.items():
            if read() != self.shared[name]:
                write(self.shared[name])
        for space, name, _, before in self._patched():
            if before is None:
                delattr(space, name)
            else:
                setattr(space, name, before)

    def _patched(self) -> list[tuple[Any, str, str, Any]]:
        """Functions of classes and modules that are others now: where, its name, both for people, the one before."""
        patched = []
        for space, before in self.spaces.items():
            now = functions(space)
            added = now.keys() - before.keys() if isinstance(space, type) else ()
            changed = [name for name, value in before.items() if now.get(name) is not value]
            names = [name for name in (*changed, *added) if not _hooked(now.get(name))]
            patched += [(space, name, f"{_name(space)}.{name}", before.get(name)) for name in names]
        return patched


@contextmanager
def untouched(model: Any, label: str) -> Iterator[None]:
    """Within the block `erase` works with a model, which no other concept is given afterwards.

    Raises `BenchmarkError` that begins with `label` and names what was changed of what is not saved, if anything was.
    """
    before = Inventory(model)

    def changes() -> list[str]:
        now = Inventory(model).parts
        what = [_difference(path, before.parts.get(path), now.get(path)) for path in {**before.parts, **now}]
        return [change for change in what if change]

    saved = "only weights of the U-Net and the text encoder and the tensors in model.state are saved"
    with _kept(before, model.generator.initial_seed(), label, f"{saved}: it must leave", changes):
        yield


@contextmanager
def process(model: Any) -> Iterator[None]:
    """Within the block `apply` works on a pipeline, which no other model is given afterwards, and it draws.

    Raises `BenchmarkError` that names what was changed of what the process shares, if anything was.
    """
    with _kept(Inventory(model), 0, "apply", "other models are drawn by the same process: it must leave", list):
        yield


@contextmanager
def _kept(before: Inventory, seed: int, label: str, why: str, changes: Callable[[], list[str]]) -> Iterator[None]:
    """The process is put back, and so are its generators: who draws from these repeats itself, whatever came before."""
    shared, states = Process(before.spaces), (random.getstate(), np.random.get_state())
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed % 2**32)
            yield
        changed = [*shared.changes(), *changes()]
    finally:
        shared.restore()
        random.setstate(states[0])
        np.random.set_state(states[1])
    if changed:
        more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
        raise BenchmarkError(f"{label}: {changed[0]}{more}, but {why} everything else as it was when it ends")


def _hooked(now: Any) -> bool:
    """Whether it is the `step` of a class of optimizers, which torch wraps when the first one is made."""
    own = getattr(now, "__wrapped__", None)
    return getattr(now, "hooked", False) and getattr(own, "__module__", "").startswith("torch.optim.")


def _name(space: Any) -> str:
    return space.__qualname__ if isinstance(space, type) else space.__name__


def _difference(path: str, before: tuple[str, Hashable] | None, now: tuple[str, Hashable] | None) -> str | None:
    """What happened at a path, or None if nothing did."""
    if before == now:
        return None
    path = path.removeprefix("model.")
    if "hooks[" in path:
        return f"{path.partition('._')[0]} has a hook that was not there" if before is None else f"{path} was changed"
    if before is None:
        return f"{path} was added"
    if now is None:
        return f"{path} was removed"
    if now[0].islower() or before[0].islower():  # a value, not an object of a class
        return f"{path} was changed"
    return f"{path} is {'another' if now[0] == before[0] else 'a'} {now[0]} now, and was a {before[0]}"
