"""A typed function becomes a command line: `cli.run(main)`."""

from __future__ import annotations

import argparse
import gc
import inspect
import io
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from benchmark.errors import BenchmarkError
from benchmark.plan.plugins import ROOT

SECONDS_BETWEEN_LINES = 60  # of progress, in a log
Item = TypeVar("Item")


def run(function: Callable[..., Any], arguments: list[str] | None = None) -> None:
    """Call `function` with what the command line says. Errors meant for people end in one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # as the tables are written; an ASCII locale would stop at a dash
            stream.reconfigure(encoding="utf-8", errors="replace")
    options = vars(parser(function).parse_args(arguments))
    if function.__module__ == "__main__" and not ROOT.samefile("."):  # reached by PYTHONPATH
        print(f"error: {Path.cwd()} is not the repository: cd {ROOT}, then the same command", file=sys.stderr)
        sys.exit(2)
    gc.set_threshold(100_000)  # libraries make a million objects that stay: looking through them is a fifth of start-up
    try:
        function(**options)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def parser(function: Callable[..., Any]) -> argparse.ArgumentParser:
    """An option per parameter: its type from the annotation, its help from the docstring's `Args:` section."""
    doc = inspect.getdoc(function) or ""
    described = _described(doc)
    hints = get_type_hints(function)
    made = argparse.ArgumentParser(prog=_program(function), description=doc.partition("\n")[0])
    for name, parameter in inspect.signature(function).parameters.items():
        help, given = described.get(name, ""), {"required": True}
        if parameter.default is not inspect.Parameter.empty:
            given = {"default": parameter.default}
            help += "" if parameter.default is None else f" (default: {parameter.default})"
        made.add_argument(f"--{name.replace('_', '-')}", help=help.strip(), **given, **_option(hints[name]))
    return made


def progress(items: Iterable[Item], total: int | None, label: str) -> Iterable[Item]:
    """The items, with a progress bar if a person is watching; a log gets a line a minute, and none of short work."""
    if not sys.stderr.isatty():
        return _said(items, total, label)
    from tqdm import tqdm

    return tqdm(items, total=total, desc=label, dynamic_ncols=True)


def _said(items: Iterable[Item], total: int | None, label: str) -> Iterator[Item]:
    began = said = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - said >= SECONDS_BETWEEN_LINES and done != total:
            of = f" of {total}" if total and done < total else ""
            print(f"{label}: {done}{of} in {now - began:.0f} s", file=sys.stderr, flush=True)
            said = now


def _option(kind: Any) -> dict[str, Any]:
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _option(next(arg for arg in args if arg is not NoneType))
    if origin is Literal:
        return {"choices": args, "type": type(args[0])}
    if origin is list:
        return {"nargs": "+", **_option(args[0])}
    if kind is bool:
        return {"action": argparse.BooleanOptionalAction}
    if kind in (str, int, float, Path):
        return {"type": kind, "metavar": {Path: "PATH", str: "NAME", int: "N", float: "X"}[kind]}
    raise TypeError(f"no command-line option for {kind}")


def _program(function: Callable[..., Any]) -> str:
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return f"python -m {spec.name}" if spec and function.__module__ == "__main__" else function.__name__


def _described(doc: str) -> dict[str, str]:
    """The lines of a docstring's `Args:` section, by parameter."""
    section = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)*)", doc, re.MULTILINE)
    found: dict[str, str] = {}
    name = ""
    for line in (section[1] if section else "").splitlines():
        entry = re.match(r"    (\w+): *(.*)", line)
        if entry:
            name = entry[1]
            found[name] = entry[2]
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return {name: text.replace("%", "%%") for name, text in found.items()}
