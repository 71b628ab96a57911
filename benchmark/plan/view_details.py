"""What views show beside scores: details, and what details need, as the files of views and details say."""

from __future__ import annotations

from collections.abc import Iterable

from benchmark.plan import plugins, source
from benchmark.plan.selection import choose
from benchmark.plan.suite import Suite


def details(suite: Suite, experiments: Iterable[str]) -> tuple[str, ...]:
    """The details, files of `benchmark/details/`, that the views of these experiments show."""
    views = dict.fromkeys(view for key in experiments for view in suite.experiments[key].views)
    return tuple(dict.fromkeys(name for view in views for name in details_of(f"benchmark/{view}.py")))


def need(what: str, suite: Suite, experiments: Iterable[str]) -> bool:
    """Whether views of these experiments show a detail that needs `EMBEDDINGS` of concepts, or `TRACES` of erasures."""
    files = [f"benchmark/details/{name}.py" for name in details(suite, experiments)]
    return any(not source.broken(file) and source.literal(file, what, False) for file in files)


def details_of(view: str) -> tuple[str, ...]:
    """The details that the file of a table or figure asks for. Raises `ConfigError` for one that there is not."""
    names = () if source.broken(view) else tuple(source.literal(view, "DETAILS", ()))
    return choose(names, plugins.names("benchmark/details"), f"{view}: DETAILS") if names else ()
