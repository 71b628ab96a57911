"""Files that are whole or absent: a killed or doubled job never leaves half of one."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmark.errors import BenchmarkError

# What the file system refuses, as against a mistake of the code that is writing.
_REFUSED = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),  # full, or more than is allowed
    *(errno.EACCES, errno.EPERM, errno.EROFS),  # forbidden
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST),  # something else is in the way
}


SEAL = ".sha256"  # in the place of a file's suffix: the file beside it that has its hash


@contextmanager
def write_atomically(path: str | Path, lasting: bool = True, sealed: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it there on success, remove it on failure.

    What one job writes and another reads is `sealed`: its hash is written beside it, for `check_seal`.

    Its name is unique per host and process, since two jobs may write one file after a crash. It keeps the suffix, by
    which writers choose a format. Raises `BenchmarkError` for a full disk or a folder that cannot be written.

    If the machine itself goes down, a file that is `lasting` is still whole. That costs some milliseconds (3.5 for the
    file and as much for its folder, on an SSD), so what is written by the thousand and checked when it is read, such as
    a picture (0.05 ms), goes without.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{socket.gethostname()}.{os.getpid()}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if lasting and temporary.is_file():
            _sync(temporary)
        os.replace(temporary, path)
        if lasting:
            with contextlib.suppress(OSError):  # some file systems have no such thing for folders
                _sync(path.parent)
        if sealed:
            with write_atomically(path.with_suffix(SEAL), lasting) as aside:
                aside.write_text(sha256(path) + "\n")
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        raise BenchmarkError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        elif os.path.lexists(temporary):
            temporary.unlink()


def check_seal(path: Path) -> None:
    """Raise `BenchmarkError` if a file that was written as `sealed` is not there as it was written: it was edited."""
    seal, found = path.with_suffix(SEAL), sha256(path)
    if not seal.is_file() or seal.read_text().strip() != found:
        raise BenchmarkError(
            f"{path}: is not as it was written: its hash is not that in {seal.name} beside it; delete {path.name}, and"
            " the next run writes it anew"
        )


@contextmanager
def private(folder: str | Path, needed: bool = True) -> Iterator[None]:
    """In this block, whatever this process writes can be read by its owner alone, as can all that lies in `folder`.

    Files get the mode 600 and folders 700, those that are there from before, too. If it is not `needed`, nothing is
    done. Raises `BenchmarkError` for what is there and is somebody else's.
    """
    if not needed:
        yield
        return
    folder, before = Path(folder), os.umask(0o077)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in (folder, *folder.rglob("*")):
            try:
                if not path.is_symlink():
                    path.chmod(0o700 if path.is_dir() else 0o600)
            except FileNotFoundError:
                continue  # it was somebody's for a moment
            except OSError as error:
                raise BenchmarkError(f"{path}: cannot be made private: {error.strerror}") from error
        yield
    finally:
        os.umask(before)


def _sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def unwritable(folder: str | Path) -> str | None:
    """Why nothing can be written to a folder, which need not exist yet; None if something can."""
    path = Path(folder)
    while not os.path.lexists(path):
        path = path.parent
    if not path.is_dir():
        return f"{folder} cannot be written: {path} is not a folder"
    if not os.access(path, os.W_OK | os.X_OK):
        return f"{folder} cannot be written: {path} is read-only, or somebody else's"
    return None


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, in hex. Raises `BenchmarkError` if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BenchmarkError(f"{path}: cannot be read: {error.strerror or error}") from error
