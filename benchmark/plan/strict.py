"""YAML into frozen dataclasses, strictly: whatever is not exactly as declared is a one-line `ConfigError`.

The dataclass is the schema: its fields are the allowed keys, its annotations the types, its defaults the optional ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from benchmark.errors import ConfigError
from benchmark.plan.plugins import unknown


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """PyYAML's safe loader, except that a key given twice is an error: by default the last one silently wins."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"key {key.value!r} is given twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read(path: Path, shown: str) -> Any:
    """The content of a YAML file. Raises `ConfigError` naming it as `shown` if it cannot be read."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{shown}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        raise ConfigError(f"{shown}: {line}{getattr(error, 'problem', None) or 'not valid YAML'}") from error


@dataclass(frozen=True)
class Form:
    """`Annotated[Any, Form(kind)]`: `build` passes any value, since its reader checks it; JSON schemas say `kind`."""

    kind: Any

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return handler.generate_schema(self.kind)


def build(kind: Any, value: Any, where: str) -> Any:
    """`value` as `kind`: a dataclass, `bool`, `int`, `float`, `str`, `Literal`, `X | None`, `tuple[X, ...]`, `Mapping`.

    `where` is the file and key that messages name. Integers become floats where floats are declared, lists tuples;
    nothing else is converted. Of `str | X`, what is no text must be an X; of two dataclasses, a mapping is the one that
    has most of its keys.
    """
    origin, args = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if is_dataclass(kind):
        return _record(kind, value, where)
    if origin is Literal:
        if value in args and type(value) in map(type, args):
            return value
        raise ConfigError(unknown(where, value, args, "value"))
    if origin in (Union, UnionType):
        if value is None and NoneType in args:
            return None
        kinds = [arg for arg in args if arg is not NoneType]
        if all(map(is_dataclass, kinds)):  # the record that has most of the keys; of several, the first
            return build(max(kinds, key=lambda arg: len(mapping(value, where).keys() & _hints(arg))), value, where)
        return build(type(value) if type(value) in kinds else kinds[-1], value, where)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ConfigError(f"{where}: {value!r} is not a list")
        return tuple(build(args[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is Mapping:
        return {key: build(args[1], item, at(where, key)) for key, item in mapping(value, where).items()}
    return _plain(kind, value, where)


def mapping(value: Any, where: str) -> Mapping[str, Any]:
    """`value` if it maps text to something; an empty section, which YAML reads as null, maps nothing."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: {value!r} is not a mapping of keys to values")
    for key in value:
        if not isinstance(key, str):
            raise ConfigError(f"{where}: the key {key!r} is not text; put it in quotes")
    return value


def at(where: str, key: str) -> str:
    """The place of a key: `file: key`, and `file: outer.key` below that."""
    return f"{where}.{key}" if ": " in where else f"{where}: {key}"


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _record(kind: type, value: Any, where: str) -> Any:
    value, hints = mapping(value, where), _hints(kind)
    for key in value:
        if key not in hints:
            raise ConfigError(unknown(where, key, hints, "key"))
    for field in fields(kind):
        if field.name not in value and field.default is MISSING and field.default_factory is MISSING:
            raise ConfigError(f"{where}: the key {field.name} is missing")
    return kind(**{key: build(hints[key], item, at(where, key)) for key, item in value.items()})


def _plain(kind: type, value: Any, where: str) -> Any:
    if kind in (int, float) and isinstance(value, str):
        raise ConfigError(f"{where}: {value!r} is text, not a number{_hint(kind, value)}")
    if kind is float and type(value) in (int, float):
        if math.isfinite(value):
            return float(value)
        raise ConfigError(f"{where}: {value!r} is not a finite number")
    if type(value) is not kind:
        wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[kind]
        raise ConfigError(
            f"{where}: is empty (None): write {wanted}" if value is None else f"{where}: {value!r} is not {wanted}"
        )
    return value


def _hint(kind: type, text: str) -> str:
    """How to write the number that a text looks like: YAML 1.1 takes `1e-5` for text and `1.0e-5` for a number."""
    try:
        number = repr(kind(text))
    except ValueError:
        return ""
    digits, exponent, power = number.partition("e")
    return f"; write {digits}.0{exponent}{power}" if exponent and "." not in digits else f"; write {number}"
