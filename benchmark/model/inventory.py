"""An inventory of a model: all that can be reached from it, so that two looks at it can be compared."""

from __future__ import annotations

import functools
import hashlib
import json
import sys
import types
import weakref
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch

from benchmark.model.diffusion import EDITED

# What of a model's own attributes belongs to the runner, is saved, or is remembered for this concept alone.
RUNNERS = {"generator", "pool", "resume", "trace", "state", "_weights", "_original", "_encoded"}

_PLAIN = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, torch.Size, type)
_LEAVES = (
    *(types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType, functools.partial),
    *(weakref.ref, torch.Generator, np.random.Generator),
)
# The modules with which models are made, trained and drawn: what is replaced in them is so for the next model, too.
_WATCHED = (
    *("torch", "torch._tensor", "torch.functional", "torch.random", "torch.nn", "torch.optim", "torch.autograd"),
    *("diffusers", "transformers", "benchmark", "math", "random", "numpy.random"),
)
_CONSTANT = ("benchmark.model.", "benchmark.plan.", "benchmark.store.")  # modules whose values nothing changes
_TABLES = {"_parameters", "_buffers", "_modules"}  # of a module, which are looked at by themselves


class Inventory:
    """All that can be reached from a model, each by its path as people write it, with something that tells it apart.

    Attributes:
        parts: what stands at each path, in an order that begins with the model's parts; of weights that an erasure may
            change it is their shape, type and device.
        spaces: classes and modules with their functions. alive: keeps ids from being used.
    """

    def __init__(self, model: Any):
        self.parts: dict[str, tuple[str, Hashable]] = {}
        self.spaces: dict[Any, dict[str, Any]] = {}
        self.alive: list[Any] = []
        self.seen: set[int] = set()
        self.edited = {id(module) for name in EDITED for module in getattr(model, name).modules()}
        for name, module in list(sys.modules.items()):
            if isinstance(module, types.ModuleType) and _watched(name):
                self._space(name, module)
        self._attributes("model", model)

    def _space(self, name: str, module: types.ModuleType) -> None:
        """A module's functions, those of its classes and, of our own modules, plain values such as constants."""
        self.spaces[module] = functions(module)
        places: list[tuple[str, Any]] = [(name, module)]
        for value in self.spaces[module].values():
            if isinstance(value, type) and value not in self.spaces and _watched(value.__module__):
                self.spaces[value] = functions(value)
                places.append((f"{name}.{value.__name__}", value))
        if name.startswith(_CONSTANT):
            for path, space in places:
                for key, value in vars(space).items():
                    if not key.startswith("__") and _is_plain_item(value):
                        self._put(f"{path}.{key}", "value", f"{type(value).__name__} {value!r}")

    def _put(self, path: str, kind: str, what: Hashable) -> None:
        self.parts[path] = (kind, what)

    def _visit(self, path: str, value: Any) -> None:
        if isinstance(value, _PLAIN) or _is_plain(value):
            self._put(path, "value", f"{type(value).__name__} {value!r}")
        elif isinstance(value, torch.Tensor):
            self._put(path, "tensor", (type(value), _digest(value), bool(value._backward_hooks)))
        elif isinstance(value, np.ndarray):
            self._put(path, "array", _digest(torch.from_numpy(np.ascontiguousarray(value).view(np.uint8))))
        elif isinstance(value, _LEAVES):
            self._put(path, "function", self._identity(value))
        elif isinstance(value, (Mapping, list, tuple, set, frozenset)):
            self._put(path, "container", type(value))
            items = value.items() if isinstance(value, Mapping) else enumerate(value)
            for key, item in items:
                self._visit(f"{path}[{key!r}]", item)
        else:
            known = id(value) in self.seen
            self.seen.add(id(value))
            self._put(path, type(value).__name__, self._identity(value))
            if not known:
                self._attributes(path, value)

    def _attributes(self, path: str, value: Any) -> None:
        self.seen.add(id(value))
        for space in type(value).__mro__:
            if space.__module__ != "builtins" and space not in self.spaces:
                self.spaces[space] = functions(space)
        if callable(getattr(value, "to_str", None)):  # a tokenizer of the library `tokenizers`: vocabulary, rules
            self._put(f"{path}.to_str()", "value", _rules(value.to_str()))
        if isinstance(value, torch.nn.Module):
            self._module(path, value)
        own = type(value).__module__.partition(".")[0] == "benchmark"
        for name, item in getattr(value, "__dict__", {}).items():
            skipped = name in RUNNERS if own else isinstance(value, torch.nn.Module) and name in _TABLES
            if not skipped:
                self._visit(f"{path}.{name}", item)

    def _module(self, path: str, module: torch.nn.Module) -> None:
        for name, parameter in module._parameters.items():
            if parameter is not None and id(module) in self.edited:
                self._put(f"{path}.{name}", "weight", (parameter.shape, parameter.dtype, parameter.device))
            elif parameter is not None:
                self._visit(f"{path}.{name}", parameter)
        for name, item in (*module._buffers.items(), *module._modules.items()):
            self._visit(f"{path}.{name}", item)

    def _identity(self, value: Any) -> int:
        self.alive.append(value)
        return id(value)


def _watched(name: str) -> bool:
    whole = name in _WATCHED
    return whole or any(name.startswith(f"{each}.") for each in _WATCHED if each != "torch")


def _is_plain(value: Any) -> bool:
    """Whether a container holds nothing but plain values, so that its text says all of it."""
    if isinstance(value, Mapping):
        return bool(value) and all(_is_plain_item(item) for pair in value.items() for item in pair)
    return isinstance(value, (list, tuple, set, frozenset)) and bool(value) and all(map(_is_plain_item, value))


def _is_plain_item(value: Any) -> bool:
    return isinstance(value, _PLAIN) or _is_plain(value)


def _digest(tensor: torch.Tensor) -> Hashable:
    data = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return tensor.dtype, tuple(tensor.shape), tensor.device, hashlib.sha256(data).hexdigest()


def _rules(text: str) -> str:
    """A tokenizer's text without what each call sets: to which length it cuts and fills."""
    rules = json.loads(text) | {"truncation": None, "padding": None}
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()


def functions(space: Any) -> dict[str, Any]:
    kinds = (property, classmethod, staticmethod)
    return {name: value for name, value in vars(space).items() if callable(value) or isinstance(value, kinds)}
