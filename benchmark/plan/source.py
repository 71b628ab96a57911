"""What a plugin's file says, read by `ast` without importing it: planning must not load torch."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from benchmark.errors import ConfigError
from benchmark.plan import plugins
from benchmark.plan.groups import Group

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
        return ast.parse(path.read_text(encoding="utf-8-sig"), str(path))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f"line {error.lineno}: " if isinstance(error, SyntaxError) and error.lineno else ""
        what = error.msg if isinstance(error, SyntaxError) else error
        raise ConfigError(f"{path.relative_to(plugins.ROOT)}: {line}cannot be read as Python: {what}") from error


def tree(file: str | Path) -> ast.Module:
    """The syntax tree of a file of this repository. Raises `ConfigError` if it is not Python."""
    return _tree(plugins.ROOT / file)


def literal(file: str | Path, name: str, default: Any = None) -> Any:
    """The value of a module-level assignment such as `POOL = "concept"`, or `default` if there is none."""
    return next(iter(_literal(file, name)), default)


@cache
def _literal(file: str | Path, name: str) -> tuple[Any, ...]:
    """The same as a tuple, which is empty if there is none."""
    for node in tree(file).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return (value(file, name, node.value),)
    return ()


@cache
def settings(file: str | Path) -> Mapping[str, Setting]:
    """The fields of the module's class `Settings`, in order; a module without one has no settings."""
    if shared := shared_settings(file):
        return settings(shared)
    for node in tree(file).body:
        if isinstance(node, ast.ClassDef) and node.name == "Settings":
            fields = [field for field in node.body if isinstance(field, ast.AnnAssign)]
            return {f.target.id: Setting(kind(f.annotation), value(file, f.target.id, f.value)) for f in fields}
    return {}


def shared_settings(file: str | Path) -> str | None:
    """The file from which a plugin takes its `Settings`: a private one of its own folder, such as `_exposed.py`."""
    folder = Path(file).parent
    for node in tree(file).body:
        if isinstance(node, ast.ImportFrom) and "Settings" in [alias.asname or alias.name for alias in node.names]:
            package, _, name = (node.module or "").rpartition(".")
            if package == ".".join(folder.parts) and name.startswith("_"):
                return str(folder / f"{name}.py")
    return None


@cache
def broken(file: str | Path) -> str | None:
    """Why planning cannot read a method's file; None if it can.

    Such a file fails the jobs of its own variants, which say why, and not the plan: all others are run.
    """
    try:
        settings(file)
        for name in ("POOL", "CONTROL", "SEEDED", "ADOPTS", "NOTE"):
            literal(file, name)
    except ConfigError as error:
        return str(error)
    return None


def kind(annotation: ast.expr) -> Any:
    """The type that an annotation of plain types means; what is not one of them is not checked."""
    try:
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):  # in quotes
            annotation = ast.parse(annotation.value, mode="eval").body
        meant = eval(ast.unparse(annotation), {"__builtins__": {}}, _TYPES)
        return Any if meant in (tuple, Literal) else meant  # of what, is not said
    except (NameError, TypeError, AttributeError, SyntaxError):
        return Any


def value(file: str | Path, name: str, node: ast.expr | None) -> Any:
    """What a literal in a file says, there called `name`. Raises `ConfigError` if it is none."""
    if node is None:
        raise ConfigError(f"{file}: {name} has no default: write the paper's value behind it")
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{file}: {name} must be a literal: plans read it without importing the file") from error
