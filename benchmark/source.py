"""What a plugin's file says, read by `ast` without importing it: planning must not load torch."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from benchmark import plugins
from benchmark.errors import ConfigError
from benchmark.files import sha256
from benchmark.records import Group, digest

_TYPES = {kind.__name__: kind for kind in (bool, int, float, str, tuple, Mapping)}
_TYPES |= {"Literal": Literal, "Any": Any, "Group": Group}  # what annotations of settings may be made of


@dataclass(frozen=True)
class Setting:
    """One field of a method's `Settings`: its type and its default, the paper's value."""

    kind: Any
    default: Any


@cache
def _tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, SyntaxError) as error:
        raise ConfigError(f"{path.relative_to(plugins.ROOT)}: cannot be read as Python: {error}") from error


def literal(file: str | Path, name: str, default: Any = None) -> Any:
    """The value of a module-level assignment such as `POOL = "concept"`, or `default` if there is none."""
    for node in _tree(plugins.ROOT / file).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return _value(file, name, node.value)
    return default


@cache
def settings(file: str | Path) -> Mapping[str, Setting]:
    """The fields of the module's class `Settings`, in order; a module without one has no settings."""
    for node in _tree(plugins.ROOT / file).body:
        if isinstance(node, ast.ClassDef) and node.name == "Settings":
            fields = [field for field in node.body if isinstance(field, ast.AnnAssign)]
            return {f.target.id: Setting(_kind(f.annotation), _value(file, f.target.id, f.value)) for f in fields}
    return {}


@cache
def closure(*files: str | Path) -> tuple[Path, ...]:
    """The files and everything of this repository that they import, transitively; sorted, relative to the root."""
    seen: set[Path] = set()
    todo = [Path(file) for file in files]
    while todo:
        file = todo.pop()
        if file not in seen:
            seen.add(file)
            todo += _imports(file)
    return tuple(sorted(seen))


@cache
def fingerprint(*files: str | Path) -> str:
    """A key of what the files and all that they import say: it changes when one of them is edited."""
    return digest([(str(path), sha256(plugins.ROOT / path)) for path in closure(*files)])


@cache
def _imports(file: Path) -> tuple[Path, ...]:
    found = []
    for node in ast.walk(_tree(plugins.ROOT / file)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = file.parts[: len(file.parts) - node.level] if node.level else ()
            base = [*package, *([node.module] if node.module else [])]
            modules = [".".join([*base, *name]) for name in [(), *((a.name,) for a in node.names)] if base or name]
        else:
            continue
        for module in modules:
            path = Path(*module.split("."))
            found += [path.with_suffix(".py"), *(p / "__init__.py" for p in (path, *path.parents[:-1]))]
    return tuple(path for path in dict.fromkeys(found) if (plugins.ROOT / path).is_file())


def _kind(annotation: ast.expr) -> Any:
    """The type that an annotation of plain types means; what is not one of them is not checked."""
    try:
        return eval(ast.unparse(annotation), {"__builtins__": {}}, _TYPES)
    except (NameError, TypeError, AttributeError):
        return Any


def _value(file: str | Path, name: str, node: ast.expr | None) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{file}: {name} must be a literal: plans read it without importing the file") from error
