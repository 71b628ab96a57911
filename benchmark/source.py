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
from benchmark.groups import Group

_TYPES = {kind.__name__: kind for kind in (bool, int, float, str, tuple)}
_TYPES |= {"Literal": Literal, "Any": Any, "Group": Group}  # what annotations of settings may be made of


@dataclass(frozen=True)
class Setting:
    """One field of a method's `Settings`: its type and its default, the paper's value."""

    kind: Any
    default: Any


@cache
def tree(path: Path) -> ast.Module:
    """A file's syntax tree. Raises `ConfigError` if it cannot be read as Python."""
    try:
        return ast.parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, SyntaxError) as error:
        raise ConfigError(f"{path.relative_to(plugins.ROOT)}: cannot be read as Python: {error}") from error


def literal(file: str | Path, name: str, default: Any = None) -> Any:
    """The value of a module-level assignment such as `POOL = "concept"`, or `default` if there is none."""
    for node in tree(plugins.ROOT / file).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return _value(file, name, node.value)
    return default


@cache
def settings(file: str | Path) -> Mapping[str, Setting]:
    """The fields of the module's class `Settings`, in order; a module without one has no settings."""
    for node in tree(plugins.ROOT / file).body:
        if isinstance(node, ast.ClassDef) and node.name == "Settings":
            fields = [field for field in node.body if isinstance(field, ast.AnnAssign)]
            return {f.target.id: Setting(_kind(f.annotation), _value(file, f.target.id, f.value)) for f in fields}
    return {}


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
