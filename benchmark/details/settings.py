"""The settings of the variants that an experiment shows: views tell variants apart by them, not by their names."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmark.store.look import Look

COLUMNS = {
    "task": str,
    "method": str,
    "variant": str,
    "checkpoint": int,
    "setting": str,  # its name in the method's file
    "value": str,  # as Python writes it; a text as it is
}


def detail(looks: Sequence[Look]) -> Iterator[Mapping[str, Any]]:
    """A row per variant and setting, each variant once."""
    first: dict[tuple[str, Any], Look] = {}
    for look in looks:
        first.setdefault((look.erasure.task, look.erasure.variant), look)
    for (task, variant), look in first.items():
        model = {"task": task, "method": variant.method, "variant": variant.name, "checkpoint": variant.checkpoint}
        for setting, value in look.settings.items():
            yield model | {"setting": setting, "value": str(value)}
