"""What a person selects: names or whole numbers, as files and command lines hand them over."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any

from benchmark.errors import ConfigError
from benchmark.plan.plugins import unknown
from benchmark.plan.strict import Form

ALL = "all"
NAMED = f"small letters, digits and _ only, and not the word {ALL}"  # what `is_name` wants
Names = Annotated[Any, Form(str | tuple[str, ...])]  # what `choose` reads
Numbers = Annotated[Any, Form(int | str | tuple[int | str, ...])]  # what `choose_numbers` reads


def choose(given: Any, allowed: Iterable[str], where: str) -> tuple[str, ...]:
    """The names that a list, one name or the word `all` selects; unknown ones and an empty selection are errors."""
    allowed = tuple(allowed)
    return allowed if everything(given) else _of(_items(given), allowed, where)


def choose_numbers(given: Any, allowed: Iterable[int], where: str) -> tuple[int, ...]:
    """The whole numbers that a list, one number or the word `all` selects; from command lines they come as text."""
    allowed = tuple(allowed)
    if everything(given):
        return allowed
    numbers = []
    for item in _items(given):
        text = str(item) if type(item) is int else item
        if not (isinstance(text, str) and re.fullmatch("[0-9]+", text)):
            meant = "is not a whole number from 0 on; write one, or several as [0, 1]"
            raise ConfigError(f"{where}: {item!r} {meant} (allowed: {', '.join(map(str, (ALL, *allowed)))})")
        numbers.append(int(text))
    return _of(numbers, allowed, where)


def is_name(text: str) -> bool:
    """Whether something can be selected by this name, and files be called after it."""
    return text != ALL and re.fullmatch("[a-z0-9_]+", text) is not None


def everything(given: Any) -> bool:
    """Whether a selection says `all`."""
    return _items(given) == [ALL]


def _of(items: list[Any], allowed: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if not items:
        raise ConfigError(f"{where}: nothing is selected (allowed: {', '.join(map(str, (ALL, *allowed)))})")
    for item in items:
        if item not in allowed or type(item) not in map(type, allowed):
            raise ConfigError(unknown(where, item, allowed))
    return tuple(dict.fromkeys(items))


def _items(given: Any) -> list[Any]:
    """The items of a selection: a text may list several, with commas or blanks between them."""
    if given is None:
        return []
    if isinstance(given, (list, tuple)):
        return [item for each in given for item in (_items(each) if isinstance(each, str) else [each])]
    return [word for word in re.split(r"[,\s]+", given) if word] if isinstance(given, str) else [given]
