"""What code does, as keys: syntax trees without comments and docstrings, and the files that a file imports.

Files are read, never imported: planning must not load torch.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from benchmark.errors import ConfigError
from benchmark.files import sha256
from benchmark.plan import plugins, source
from benchmark.plan.records import digest


@cache
def key(*parts: str) -> str:
    """A key of what code does. A comment, a docstring, a method's `NOTE` or another layout leaves it as it is.

    A part is a file, named from the repository's root; or one definition in it, `file.py:Name`; or one entry of a
    dictionary that is written there, `file.py:NAME[entry]`. Raises `ConfigError` if there is no such definition.
    """
    return digest([(part, _part(part)) for part in sorted(set(parts))])


@cache
def data(file: str) -> dict[str, str]:
    """The hashes of files that a plugin may read: those beside it which have its name, such as `mine.json`."""
    path = plugins.ROOT / file
    beside = sorted(each for each in path.parent.glob(f"{path.stem}.*") if each != path and each.is_file())
    return {each.name: sha256(each) for each in beside}


@cache
def entries(file: str, name: str) -> tuple[str, ...]:
    """The keys of a dictionary that is written in a file, in order."""
    return tuple(entry.value for entry in _definition(file, name).value.keys)


@cache
def words(*files: str) -> frozenset[str]:
    """The names that code reads and the texts that stand in it. A parameter counts once it is used."""
    found: set[str] = set()
    for file in files:
        for node in ast.walk(source.tree(file)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
    return frozenset(found)


@cache
def closure(*files: str) -> tuple[str, ...]:
    """The files and everything of this repository that they import, transitively; sorted, from the root.

    A plugin that is loaded by name, `plugins.load("folder", "name")`, counts as imported; what is imported for
    annotations only, below `if TYPE_CHECKING:`, does not.
    """
    seen: set[str] = set()
    todo = list(files)
    while todo:
        file = todo.pop()
        if file not in seen:
            seen.add(file)
            todo += _imports(file)
    return tuple(sorted(seen))


@cache
def _part(part: str) -> Any:
    """The syntax tree of a part, plain; many keys have the same parts."""
    file, _, name = part.partition(":")
    if not name:
        return _plain(source.tree(file))
    name, _, entry = name.removesuffix("]").partition("[")
    definition = _definition(file, name)
    return _plain(definition.value.values[entries(file, name).index(entry)] if entry else definition)


def _definition(file: str, name: str) -> Any:
    for node in source.tree(file).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if name in (getattr(node, "name", None), *(getattr(target, "id", None) for target in targets)):
            return node
    raise ConfigError(f"{file}: there is no {name}, on which the keys of results depend (benchmark/plan/causes.py)")


def _plain(item: Any) -> Any:
    """A syntax tree as plain values: no places, no docstrings, no empty fields, of which each Python has others."""
    if isinstance(item, list):
        return [_plain(each) for each in item]
    if not isinstance(item, ast.AST):
        return repr(item)
    fields = dict(ast.iter_fields(item))
    if isinstance(item, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(item):
        fields["body"] = fields["body"][1:]
    if isinstance(item, ast.Module):
        fields["body"] = [node for node in fields["body"] if not _is_note(node)]
    return [type(item).__name__, {name: _plain(value) for name, value in fields.items() if value not in (None, [])}]


def _is_note(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["NOTE"]


@cache
def _imports(file: str) -> tuple[str, ...]:
    parts_of_file, found = Path(file).parts, dict[str, None]()  # in the order in which the file names them
    for node in _run(source.tree(file)):
        for module in _modules(node, parts_of_file):
            parts = module.split(".")
            above = ["/".join(parts[:depth]) for depth in range(len(parts), 0, -1)]
            found |= dict.fromkeys([f"{above[0]}.py", *(f"{folder}/__init__.py" for folder in above)])
    return tuple(path for path in found if (plugins.ROOT / path).is_file())


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a syntax tree, without those below `if TYPE_CHECKING:`, which are never run."""
    todo = [tree]
    while todo:
        node = todo.pop()
        yield node
        annotates = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        todo += node.orelse if annotates else ast.iter_child_nodes(node)


def _modules(node: ast.AST, file: tuple[str, ...]) -> list[str]:
    """The modules that a statement or a call may load, dotted; of `from a import b`, which may be either, both.

    `file` has the parts of the path of the file in which it stands.
    """
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        package = file[: len(file) - node.level] if node.level else ()
        base = [*package, *([node.module] if node.module else [])]
        return [".".join([*base, *name]) for name in [(), *((a.name,) for a in node.names)] if base or name]
    if (
        isinstance(node, ast.Call)
        and getattr(node.func, "attr", "") == "load"
        and ast.unparse(node.func) == "plugins.load"
    ):
        folder, name = ([arg.value for arg in node.args if isinstance(arg, ast.Constant)] + [None, None])[:2]
        return [f"{folder.replace('/', '.')}.{name}"] if folder and name else []
    return []
