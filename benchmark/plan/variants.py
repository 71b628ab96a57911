"""The variants of methods that a suite can run, and their settings."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from benchmark.errors import ConfigError
from benchmark.plan import looking, plugins, source, strict
from benchmark.plan.plugins import unknown
from benchmark.plan.records import END, Variant
from benchmark.plan.selection import NAMED, is_name
from benchmark.plan.suite import Suite

POOLS = ("concept", "anchor")  # of what the original model draws images for a method to learn from
TOLD = "told"  # the key of a variant that is told the evaluated concepts as those to keep; no setting of the method
NAMING = "a variant is named <method>-<variant>, in small letters, digits, _ and -"


def names(suite: Suite) -> tuple[str, ...]:
    """The variants that a suite can run: those of its settings, in their order, then the methods it does not name.

    A method stands before its variants, whether the settings name it or not: a variant is one more, not one instead.
    A method that adopts what was made elsewhere has nothing to adopt but in the variants that the settings name.
    """
    methods = [name for name in plugins.names("methods") if is_name(name)]
    adopting = {name for name in methods if adopts(Variant(name))}
    named: dict[str, None] = {}
    for name in suite.settings:
        method = Variant(name).method
        named |= dict.fromkeys((name,) if method in adopting else (method, name))
    return tuple(named | dict.fromkeys(name for name in methods if name not in adopting))


def check_name(method: str) -> None:
    """Raise `ConfigError` if the name of a file of `methods/` cannot be that of a variant."""
    if not is_name(method):
        raise ConfigError(f"methods/{method}.py: a method's name consists of {NAMED}")


def parse(suite: Suite, text: str) -> Variant:
    """The variant that a command line names. Raises `ConfigError` unless the suite can run it."""
    known, variant = names(suite), Variant.of(text)
    if variant.name in known and (why := source.broken(variant.file)):
        raise ConfigError(why)
    if variant.name not in known or (variant.checkpoint != END and "steps" not in source.settings(variant.file)):
        raise ConfigError(unknown("--variant", text, known, "variant"))
    return variant


def settings(suite: Suite, variant: Variant) -> dict[str, Any]:
    """All settings: the method's defaults, then the suite's for the method, then those of the variant.

    A checkpoint is the variant stopped at some per cent of its `steps`. Of a file that is broken none is known.
    """
    return dict(_settings(suite, variant))


@cache
def _settings(suite: Suite, variant: Variant) -> dict[str, Any]:
    if source.broken(variant.file):
        return {}
    where = f"benchmark/suites/{suite.name}.yaml: settings"
    values: dict[str, Any] = looking.settings(variant.file, {}, where)
    for entry in dict.fromkeys((variant.method, variant.name)):
        given = {key: value for key, value in suite.settings.get(entry, {}).items() if key != TOLD}
        declared = looking.settings(variant.file, given, f"{where}.{entry}")
        values |= {key: declared[key] for key in given}
    if variant.checkpoint != END:
        values["steps"] = max(1, round(values["steps"] * variant.checkpoint / 100))
    return values


def told(suite: Suite, variant: Variant) -> bool:
    """Whether a variant is told the evaluated concepts as those to keep, as its entry in the suite's settings says."""
    value = suite.settings.get(variant.name, {}).get(TOLD, False)
    return strict.build(bool, value, f"benchmark/suites/{suite.name}.yaml: settings.{variant.name}.{TOLD}")


def pool(suite: Suite, variant: Variant) -> str | None:
    """The training images that a variant needs: its setting `pool` if it has one, else its method's `POOL`."""
    if source.broken(variant.file):
        return None
    kind = settings(suite, variant).get("pool", source.literal(variant.file, "POOL"))
    if kind not in (None, *POOLS):
        raise ConfigError(unknown(f"{variant}: POOL, or the setting pool", kind, (None, *POOLS), "pool"))
    return kind


def control(variant: Variant) -> bool:
    """Whether a method is a control, which makes one model in all and erases no concept, as `original` does."""
    return not source.broken(variant.file) and source.literal(variant.file, "CONTROL", False)


def adopts(variant: Variant) -> str | None:
    """What of a variant was made elsewhere: `weights`, `images`, or None if it is erased and drawn here."""
    return None if source.broken(variant.file) else source.literal(variant.file, "ADOPTS")


def seeded(variant: Variant) -> bool:
    """Whether what a method makes depends on the seed of the erasing; closed forms do not, nor what is adopted."""
    return bool(source.broken(variant.file)) or not adopts(variant) and source.literal(variant.file, "SEEDED", True)


def check(suite: Suite, where: str) -> None:
    """Raise `ConfigError` for settings of no method, and for settings that a method does not have."""
    for name in suite.settings:
        method = Variant(name).method
        if method not in plugins.names("methods"):
            raise ConfigError(unknown(f"{where}: settings", name, plugins.names("methods")) + f"; {NAMING}")
        if not re.fullmatch(r"[a-z0-9_]+(-[a-z0-9_-]+)?", name):
            raise ConfigError(f"{where}: settings: {name!r} cannot be the name of a variant: {NAMING}")
    for name in names(suite):
        try:
            source.settings(Variant(name).file)
        except ConfigError:  # the method's file is at fault, not the suite: a plan that has the method says so
            continue
        settings(suite, Variant(name))
        told(suite, Variant(name))
