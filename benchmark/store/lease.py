"""A lease on a folder: one writer at a time, even if a killed run has left a job behind that is still at work.

A lease is a file in the folder that names host, process and cluster job. Its holder touches it while it lives. Whoever
comes second waits, for what the first one finishes need not be made again. A lease is stale, and is taken over, if its
process is known to have ended (on this machine) or if nobody has touched it for a while (on another). A process of this
machine that lives keeps its lease, however long it was too busy to touch it. A holder that finds its lease in other
hands stops: its machine had slept, or was cut off.

That no half-written file is taken as whole does not depend on leases (`benchmark.files` sees to it): they keep two
jobs from doing the same work at once. Only the file system is asked, by what works on a shared one, too: exclusive
creation, renaming, and times that are compared with nothing but themselves, since clocks of machines differ.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmark.errors import BenchmarkError

NAME = ".lease"
BEAT, STALE, POLL = 10.0, 60.0, 0.5  # seconds: between two touches; without one until stale; between two looks


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Wait until nobody else writes in `folder`, clear away what dead writers left half done, and keep others out."""
    path, mine = folder / NAME, json.dumps(_identity())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _acquire(path, mine)
    except OSError as error:
        raise BenchmarkError(f"{path}: cannot be written: {error.strerror}") from error
    for leftover in folder.rglob(".*.tmp*"):
        leftover.unlink(missing_ok=True)
    ended = threading.Event()
    beat = threading.Thread(target=_beat, args=(path, mine, ended), daemon=True)
    beat.start()
    try:
        yield
    finally:
        ended.set()
        beat.join()
        if _look(path)[0] == mine:
            path.unlink(missing_ok=True)


def describe(text: str) -> str:
    """Who holds a lease, for people: host, process, and what to say to the scheduler."""
    try:
        who = json.loads(text)
        job = f", cluster job {who['job']}" if who["job"] else ""
        return f"process {who['pid']} on {who['host']}{job}"
    except (ValueError, KeyError, TypeError):
        return "somebody who has not said who it is"


def _identity() -> dict[str, str | int | None]:
    return {
        "host": os.uname().nodename,
        "pid": os.getpid(),
        "job": os.environ.get("SLURM_JOB_ID"),
        "machine": _machine(),
        "started": _started(os.getpid()),
        "token": uuid.uuid4().hex,
    }


def _machine() -> str | None:
    """Where process ids mean the same: one boot of one kernel, and one namespace (containers have their own)."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None


def _started(pid: int) -> str | None:
    """When a process began, in ticks of the kernel, or None if it has ended: ids are used again, this pair is not."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else rest[18]


def _acquire(path: Path, mine: str) -> None:
    seen, since, told = None, time.monotonic(), False
    while not _create(path, mine):
        found = _look(path)
        if found != seen:
            seen, since = found, time.monotonic()
        waited = time.monotonic() - since
        lives = _lives(found[0])
        if lives is False or (lives is None and waited > STALE):
            if _take_away(path, found, orphaned=waited > 2 * STALE):
                continue
        elif not told and found[0]:
            print(f"{path.parent}: waiting for {describe(found[0])}, which works here", flush=True)
            told = True
        time.sleep(POLL)


def _create(path: Path, text: str) -> bool:
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    try:
        os.write(handle, text.encode())
        os.fsync(handle)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    return True


def _look(path: Path) -> tuple[str, int]:
    """A lease's text and when it was touched. It is opened, since then a network file system asks its server."""
    try:
        with path.open() as file:
            return file.read(), os.fstat(file.fileno()).st_mtime_ns
    except OSError:
        return "", 0


def _lives(text: str) -> bool | None:
    """Whether the holder still lives, or None if that is not known: it is on another machine, or has not said who."""
    try:
        who = json.loads(text)
        here = who["machine"] is not None and who["machine"] == _machine()
        return who["started"] == _started(who["pid"]) if here else None
    except (ValueError, KeyError, TypeError):
        return None  # being written just now, or never finished: then it goes stale


def _take_away(path: Path, stale: tuple[str, int], orphaned: bool) -> bool:
    """Remove a stale lease, if it is still that one. Of several who try, one at a time may look and remove.

    That right is a file, too; one that outlived its owner (`orphaned`) is removed, for all to try once more.
    """
    right = path.with_name(f"{NAME}.right")
    if not _create(right, ""):
        if orphaned:
            right.unlink(missing_ok=True)
        return False
    try:
        if _look(path) == stale:
            path.unlink(missing_ok=True)
        return True
    finally:
        right.unlink(missing_ok=True)


def _beat(path: Path, mine: str, ended: threading.Event) -> None:
    while not ended.wait(BEAT):
        try:
            text = path.read_text()
            if text == mine:
                os.utime(path)
                continue
        except FileNotFoundError:
            text = ""
        except OSError:
            continue  # the file system does not answer just now: the next beat will see whose lease it is
        if not ended.is_set():
            with contextlib.suppress(OSError):  # nobody may read the log any more
                print(f"error: {path.parent}: {describe(text)} has taken over; this process stops", file=sys.stderr)
            os.kill(os.getpid(), signal.SIGTERM)
            return
