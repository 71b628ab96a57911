"""The state of work in progress, on disk. One that is damaged counts as not there: the work starts anew."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

from benchmark.files import write_atomically

State = dict[str, Any]


def write(path: Path, state: State) -> None:
    """Write a state whole or not at all. Serialised in memory first: torch's own writing hides why it failed."""
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    with write_atomically(path) as aside:
        aside.write_bytes(buffer.getbuffer())


def read(path: Path, key: str, work: str = "erasure") -> State | None:
    """The state of work with the same key that was killed, without the key; None if there is none that can be used."""
    if not path.exists():
        return None
    try:
        state = _load(path)
    except MemoryError:
        raise
    except Exception as error:  # a damaged pickle fails in any way that there is
        discard(path, f"cannot be read ({line(error)})", work)
        return None
    return state if state.pop("key") == key else None


def discard(path: Path, why: str, work: str = "erasure") -> None:
    """Say that a checkpoint is of no use. The next one replaces it; only a folder in its place would be in the way."""
    print(f"{path}: {why}; the {work} starts anew", flush=True)
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)


def line(error: BaseException) -> str:
    """An error in one short line, e.g. `KeyError: 'step'`."""
    text = f"{type(error).__name__}: {error}".splitlines()[0]
    return text if len(text) <= 160 else f"{text[:159]}…"


def _load(path: Path) -> State:
    import torch

    with zipfile.ZipFile(path) as archive:  # torch.save writes one, but torch.load does not look at its checksums
        if broken := archive.testzip():
            raise ValueError(f"the checksum of {broken} is wrong")
    state = torch.load(path, map_location="cpu", weights_only=True)  # the device may have no room for it
    if not isinstance(state, dict):
        raise ValueError(f"it holds a {type(state).__name__}, not a state")
    for name, kind in (("key", str), ("step", int)):
        if not isinstance(state.get(name), kind):
            raise ValueError(f"it holds no {name}")
    return state
