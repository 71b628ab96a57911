"""What surrounds the work of a job that fills a folder: it is alone there, has a GPU of its own, and ends in order."""

from __future__ import annotations

import contextlib
import functools
import inspect
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmark import devices, lease

_deferred: list[bool] = []  # one entry per open `deferred()`: whether SIGTERM has come meanwhile


def fills(option: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorates a runner's `main`: its folder `option` is leased, a GPU claimed, SIGTERM obeyed, while it works."""

    def decorate(main: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(main)
        def work(*args: Any, **kwargs: Any) -> None:
            folder = inspect.signature(main).bind(*args, **kwargs).arguments[option]
            with _obedient(), lease.hold(folder), devices.claimed():
                main(*args, **kwargs)

        return work

    return decorate


@contextmanager
def deferred() -> Iterator[Callable[[], bool]]:
    """Hold SIGTERM back until the end of the block; yields whether it has come. Schedulers wait some seconds for it."""
    _deferred.append(False)
    try:
        yield lambda: _deferred[-1]
    finally:
        if _deferred.pop():
            _leave()


@contextmanager
def _obedient() -> Iterator[None]:
    """SIGTERM ends the process as an exception does, so that nothing half done stays; by itself it would just end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: Any) -> None:
    if _deferred:
        _deferred[-1] = True
    else:
        _leave()


def _leave() -> None:
    with contextlib.suppress(OSError):  # who reads the log may have been told, too
        print(
            "error: told to stop (SIGTERM): finished work is kept; the same command goes on from here", file=sys.stderr
        )
    sys.exit(128 + signal.SIGTERM)
