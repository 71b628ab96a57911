"""The versions of the libraries that results depend on."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


def versions(*libraries: str) -> dict[str, str]:
    """The versions of libraries; of torch's builds for different devices the number is the same."""
    return {name: _version(name) for name in libraries}


@cache
def _version(library: str) -> str:
    try:
        return version(library).partition("+")[0]
    except PackageNotFoundError:
        return "is not installed"
