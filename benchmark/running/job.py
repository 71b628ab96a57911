"""What surrounds the work of a job that fills a folder: it is alone there, has a GPU of its own, and ends in order.

SIGTERM ends the work with an exception, `SystemExit`. Python drops exceptions in some places: when an object is
finalised, for example, which imports do thousands of times. A process whose exit was dropped would say that it stops,
and go on. So whoever was told to stop is told again, until the work has ended.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from benchmark.plan.config import load_suite
from benchmark.running import devices
from benchmark.store import lease

AGAIN = 1.0  # seconds after which a process that was told to stop and still works is told again
STOPPED = "error: told to stop (SIGTERM): finished work is kept; the same command goes on from here\n"


class _Told:
    """Whether SIGTERM has come, whether that was said, and how many blocks that hold it back are open."""

    come = False
    said = False
    deferred = 0


def fills(option: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorates a runner's `main`: its folder `option` is leased, a GPU claimed, SIGTERM obeyed, while it works."""

    def decorate(main: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(main)
        def work(*args: Any, **kwargs: Any) -> None:
            given = inspect.signature(main).bind(*args, **kwargs).arguments
            small = load_suite(given["suite"]).small
            with _obedient(), lease.hold(given[option]), devices.claimed(share=small):
                try:
                    main(*args, **kwargs)
                finally:
                    if _Told.come:
                        signal.setitimer(signal.ITIMER_REAL, 0)  # the work has ended: nothing interrupts tidying up

        return work

    return decorate


@contextmanager
def deferred() -> Iterator[Callable[[], bool]]:
    """Hold SIGTERM back until the end of the block; yields whether it has come. Schedulers wait some seconds for it.

    At the end the process leaves if SIGTERM has come. An error that ends the block is not hidden by that.
    """
    if _Told.come:
        leave()  # an exit before this block was dropped
    _Told.deferred += 1
    try:
        yield lambda: _Told.come
    finally:
        _Told.deferred -= 1
    if _Told.come:
        leave()


def leave() -> NoReturn:
    """End the process as SIGTERM asks: with an exception, so that nothing half done stays."""
    if not _Told.said:
        _Told.said = True
        with contextlib.suppress(OSError):  # who reads the log may have been told, too
            os.write(2, STOPPED.encode())  # not `print`, which must not be entered twice: the signal may interrupt one
    signal.setitimer(signal.ITIMER_REAL, AGAIN)
    sys.exit(128 + signal.SIGTERM)


@contextmanager
def _obedient() -> Iterator[None]:
    """SIGTERM ends the process as an exception does, so that nothing half done stays; by itself it would just end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    alarm, before = (signal.signal(number, _terminate) for number in (signal.SIGALRM, signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        if _Told.come:
            signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)
        _Told.come = _Told.said = False


def _terminate(number: int, frame: Any) -> None:
    _Told.come = True
    if not _Told.deferred:
        leave()
