"""Whether a plugin's file is what its protocol says, checked when planning: what is wrong is told before any job runs.

No plugin is imported: files are read as syntax trees. `benchmark.plan.protocols` says what a file must have.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from benchmark.errors import ConfigError
from benchmark.plan import plugins, protocols, ranges, source, strict
from benchmark.plan.selection import NAMED, is_name
from benchmark.plan.variants import POOLS

ALLOWED = {"POOL": (None, *POOLS), "CONTROL": (True, False), "SEEDED": (True, False)}  # of a method's constants

ADOPTED = {  # what is adopted: the settings that it needs, and what they say
    "weights": {"weights": "where the weights lie", "sha256": "the hash of each concept's file"},
    "images": {
        "images": "in which folder the images lie",
        "rows": "which list says what each of them shows",
        "sha256": "the hash of each concept's list",
    },
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def problems(file: str | Path, protocol: type | None = None) -> list[str]:
    """What is wrong with a plugin's file, one line each that names it: else its job would fail, after minutes.

    Checked is what runners rely on: functions and their parameters, constants, `Settings`, and loops that would never
    run. Without `protocol` it is that of the file's folder.
    """
    try:
        tree = source.tree(file)
        says = lambda name: source.literal(file, name) is not None  # noqa: E731
        protocol = protocol or protocols.of(str(Path(file).parent), says)
    except ConfigError as error:
        return [str(error)]
    return list(_problems(str(file), tree, protocol))


@cache
def _problems(file: str, tree: ast.Module, protocol: type) -> tuple[str, ...]:
    """The same of a file that can be read; a plan asks more than once."""
    found = []
    method = protocol in (protocols.Method, protocols.Adopted)
    if method and not is_name(Path(file).stem):
        found.append(f"a method's name consists of {NAMED}")
    found += [*_constants(file, tree, protocol), *_settings_class(file, tree)]
    for name in protocols.functions(protocol):
        found += _function(tree, protocol, name)
    if protocol is protocols.Adopted:
        found += _adoption(file, tree)
    found += _idle_loops(tree)
    return tuple(f"{file}: {problem.removeprefix(f'{file}: ')}" for problem in found)


def _constants(file: str | Path, tree: ast.Module, protocol: type) -> Iterator[str]:
    """Constants: those that are needed and, of a method, their values, and names that are nearly theirs."""
    known = protocols.attributes(protocol)
    for name, may_lack in known.items():
        if not may_lack and name not in {*_assigned(tree), *_imported(tree)}:
            yield f"there is no {name}"
    if protocol is not protocols.Method:
        return
    values: dict[str, Any] = {}
    for name in _assigned(tree):
        try:
            values[name] = source.literal(file, name)
        except ConfigError as error:
            if name in known:
                yield str(error)
    for name, allowed in ALLOWED.items():
        value = values.get(name)
        if name in values and not any(value is item or (value == item and isinstance(item, str)) for item in allowed):
            yield plugins.unknown(name, value, allowed, "value")
    if not isinstance(values.get("NOTE", ""), str):
        yield f"NOTE: {values['NOTE']!r} is not text"
    for name, value in values.items():
        near = [constant for constant in known if constant not in values and _alike(name, constant)]
        if "POOL" not in values and value in POOLS:
            near = ["POOL"]
        if name not in known and near:
            yield f"{name}: nobody reads it; did you mean {near[0]}?"


def _adoption(file: str | Path, tree: ast.Module) -> Iterator[str]:
    """`ADOPTS`, and the settings that say where the files are; and that nothing is to be run."""
    kind, settings = source.literal(file, "ADOPTS"), source.settings(file)
    if kind not in ADOPTED:
        yield plugins.unknown("ADOPTS", kind, ADOPTED, "value")
    for name in ADOPTED.get(kind, ()):
        if name not in settings:
            yield f"Settings has no {name}, which says {ADOPTED[kind][name]}"
    for name in protocols.functions(protocols.Method):
        if any(isinstance(node, Function) and node.name == name for node in tree.body):
            yield f"{name} is never run: what ADOPTS names is taken over as it is"


def _settings_class(file: str | Path, tree: ast.Module) -> Iterator[str]:
    """`Settings`: a frozen dataclass whose fields have types, and literals as defaults that fit them."""
    if shared := source.shared_settings(file):
        file, tree = shared, source.tree(shared)
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    node = classes.get("Settings")
    if node is None:
        if "Settings" in _imported(tree) or "Settings" in _assigned(tree):
            yield "Settings must be a class in this file: plans read it without importing anything"
        for name in classes:
            if _alike(name, "Settings") or name.endswith("Settings"):
                yield f"{name}: nobody reads it; did you mean Settings?"
        return
    names = {alias for alias, whence in _imported(tree).items() if whence == ("dataclasses", "dataclass")}
    if not any(_freezes(decorator, names) for decorator in node.decorator_list):
        yield "Settings must be a frozen dataclass: write @dataclass(frozen=True) above it"
    if node.bases:
        yield "Settings must not inherit: plans read the fields that stand in this file"
    for item in node.body:
        if isinstance(item, ast.Assign):
            name = ast.unparse(item.targets[0])
            yield f"Settings.{name} has no type: write `{name}: int = …`, or what it is"
        elif isinstance(item, ast.AnnAssign):
            yield from _field(file, ast.unparse(item.target), item)


def _field(file: str | Path, name: str, item: ast.AnnAssign) -> Iterator[str]:
    if isinstance(item.value, (ast.List, ast.Dict, ast.Set)):
        yield f"Settings.{name}: a default must not be a list, a mapping or a set; write a tuple"
        return
    try:
        kind, default = source.kind(item.annotation), source.value(file, name, item.value)
        if not _is_plain(default):
            yield f"Settings.{name}: {default!r} must be a number, a text, True, False, None, or a tuple of these"
            return
        if name == "steps" and type(default) is not int:
            yield f"Settings.steps: {default!r} must be a whole number: checkpoints are shares of it"
            return
        strict.build(kind, default, f"Settings.{name}")
        ranges.check(name, default, default, f"Settings.{name}")
    except ConfigError as error:
        yield str(error)


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


def _function(tree: ast.Module, protocol: type, name: str) -> Iterator[str]:
    """A function of the protocol: that it is there, takes what it is given, and reads settings that exist."""
    functions = {node.name: node for node in tree.body if isinstance(node, Function)}
    node, wanted = functions.get(name), protocols.signature(protocol, name)
    parameters, may_lack = protocols.functions(protocol)[name]
    if node is None:
        if name not in {*_imported(tree), *_assigned(tree)} and not may_lack:
            near = [other for other in functions if _alike(other, name, 0.6)]
            yield f"there is no function {wanted}" + (f"; did you mean it by {near[0]}?" if near else "")
        return
    if isinstance(node, ast.AsyncFunctionDef):
        yield f"{name} must not be async: write `def`"
    arguments = node.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    needed = len(names) - len(arguments.defaults)
    misplaced = any(given in parameters and given != place for given, place in zip(names, parameters, strict=False))
    takes = needed <= len(parameters) and (len(names) >= len(parameters) or arguments.vararg)
    if misplaced or not takes or None in arguments.kw_defaults:
        yield f"{name}({ast.unparse(arguments)}) must be {wanted}: it is given these, in this order"
    elif len(names) >= len(parameters) and "settings" in parameters:
        yield from _strange_settings(tree, node, names[parameters.index("settings")])


def _strange_settings(tree: ast.Module, function: Function, name: str) -> Iterator[str]:
    """Reads of settings that there are not."""
    kinds = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings"]
    if not kinds and "Settings" in {*_imported(tree), *_assigned(tree)}:
        return
    fields = [item.target for kind in kinds for item in kind.body if isinstance(item, ast.AnnAssign)]
    known = {ast.unparse(field) for field in fields}
    known |= {item.name for kind in kinds for item in kind.body if isinstance(item, Function)}
    inherits = any(kind.bases for kind in kinds)
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name:
            if not (inherits or node.attr in known or node.attr.startswith("__")):
                yield plugins.unknown(f"line {node.lineno}: {name}.{node.attr}", node.attr, sorted(known), "setting")


def _idle_loops(tree: ast.Module) -> Iterator[str]:
    """Calls of generators whose steps nobody takes: they look as if they ran, and do nothing."""
    loops = _generators(tree) | {
        alias: name for alias, (module, name) in _imported(tree).items() if name in _generators_of(module)
    }
    for function in (node for node in ast.walk(tree) if isinstance(node, Function)):
        body = list(_own(function))
        yields = any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in body)
        read = {node.id for node in body if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        for node in body:
            call = getattr(node, "value", None)
            if not (isinstance(call, ast.Call) and ast.unparse(call.func) in loops):
                continue
            stored = [ast.unparse(target) for target in getattr(node, "targets", [])]
            dropped = isinstance(node, (ast.Expr, ast.Yield)) or (isinstance(node, ast.Return) and yields)
            if dropped or (isinstance(node, ast.Assign) and not read & set(stored)):
                name = ast.unparse(call.func)
                yield f"line {node.lineno}: {name}(…) does nothing by itself: write `yield from {name}(…)`"


def _generators(tree: ast.Module) -> dict[str, str]:
    """The generator functions of a file, by their names."""
    kinds = (ast.Yield, ast.YieldFrom)
    functions = [node for node in tree.body if isinstance(node, Function)]
    return {node.name: node.name for node in functions if any(isinstance(inner, kinds) for inner in _own(node))}


@cache
def _generators_of(module: str) -> dict[str, str]:
    """Those of a module of this repository; of others nothing is known."""
    path = Path(*module.split(".")).with_suffix(".py")
    return _generators(source.tree(path)) if module and (plugins.ROOT / path).is_file() else {}


def _own(function: Function) -> Iterator[ast.AST]:
    """The nodes of a function's body, without those of functions inside it."""
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop(0)
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            todo += ast.iter_child_nodes(node)


def _imported(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """What a file imports: how it calls it, the module, and the name there."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: (node.module or "", alias.name) for alias in node.names}
            modules = {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            modules = {alias.asname or alias.name: alias.name for alias in node.names}
        else:
            continue
        for shown, module in modules.items():
            found |= {f"{shown}.{name}": (module, name) for name in _generators_of(module)}
    return found


def _assigned(tree: ast.Module) -> set[str]:
    targets = []
    for node in tree.body:
        targets += node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _freezes(decorator: ast.expr, names: set[str]) -> bool:
    """Whether it is `dataclass(frozen=True)`, by one of the names under which the file imports it."""
    called = ast.unparse(decorator.func) if isinstance(decorator, ast.Call) else ""
    if not (called in names or called.split(".")[-1] == "dataclass"):
        return False
    return any(word.arg == "frozen" and getattr(word.value, "value", False) is True for word in decorator.keywords)


def _alike(name: str, known: str, least: float = 0.76) -> bool:
    return difflib.SequenceMatcher(None, name.lower(), known.lower()).ratio() >= least
