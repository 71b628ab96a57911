"""A folder listing is the registry: every Python file of a plugin folder, except those that begin with `_`."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from benchmark.errors import BenchmarkError
from benchmark.plan import protocols

ROOT = Path(__file__).resolve().parent.parent.parent


def names(folder: str, suffix: str = ".py") -> list[str]:
    """The plugins of a folder that is named from the repository's root, sorted, e.g. `names("benchmark/metrics")`."""
    return sorted(path.stem for path in (ROOT / folder).glob(f"*{suffix}") if not path.stem.startswith(("_", ".")))


def load(folder: str, name: str) -> ModuleType:
    """Import one plugin by name.

    Raises `BenchmarkError` listing what exists if there is no such file, or saying what it lacks of its protocol.
    """
    if name not in names(folder):
        raise BenchmarkError(unknown(f"{folder}/{name}.py", name, names(folder)))
    module = importlib.import_module(f"{folder.replace('/', '.')}.{name}")
    if protocol := protocols.of(folder, lambda name: hasattr(module, name)):
        protocols.check(module, protocol, f"{folder}/{name}.py")
    return module


def load_anew(folder: str, name: str) -> ModuleType:
    """Import one plugin as if nothing of its folder had been imported before.

    What it remembers in its module, or in those beside it, is then not there for the next model of the same job.
    """
    package = folder.replace("/", ".")
    for module in [each for each in sys.modules if each.startswith(f"{package}.")]:
        del sys.modules[module]
    return load(folder, name)


def unknown(where: str, given: object, allowed: Iterable[object], what: str = "name") -> str:
    """The message for a name that does not exist: where, what, the nearest match and everything allowed."""
    allowed = [item if isinstance(item, str) else repr(item) for item in allowed]
    near = difflib.get_close_matches(str(given), allowed, 1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near and near[0] != given else ""
    return f"{where}: there is no {what} {given!r}{hint} (allowed: {', '.join(allowed) or 'nothing'})"
