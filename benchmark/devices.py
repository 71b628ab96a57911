"""Which device a job computes on: one GPU for one job, also on a machine with several and no scheduler.

A job locks a file per device and makes that device the only visible one. The kernel drops the lock when the process
ends, however it ends: nothing can leak, nothing has to be cleaned up. Where there is one device or none, or where a
scheduler has given the job just one, nothing happens. Locks are one user's: other users of the machine are not seen.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

VISIBLE = "CUDA_VISIBLE_DEVICES"
POLL = 0.2  # seconds


@contextmanager
def claimed() -> Iterator[str | None]:
    """Wait for a free GPU and be alone with it; yields its name. Must come before torch looks for devices."""
    names = devices()
    if len(names) < 2:
        yield names[0] if names else None
        return
    before = os.environ.get(VISIBLE)
    handle, name = _lock(names)
    os.environ[VISIBLE] = name
    try:
        yield name
    finally:
        os.environ.pop(VISIBLE) if before is None else os.environ.update({VISIBLE: before})
        os.close(handle)


def device() -> Any:
    """The torch device that this process computes on, the GPU if it has one.

    There float32 then means float32, and kernels are chosen that repeat themselves; torch warns of those that cannot.
    """
    import torch

    torch.backends.cudnn.allow_tf32 = False  # else convolutions of some generations of GPUs round to ten bits
    if not torch.cuda.is_available():
        return torch.device("cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # must be set before cuBLAS is first used
    torch.use_deterministic_algorithms(True, warn_only=True)  # kernels that sum in any order would differ run by run
    torch.utils.deterministic.fill_uninitialized_memory = False  # it comes with it, and costs time at each allocation
    return torch.device("cuda")


def kind() -> str:
    """The kind of device that this process computes on, for logs and manifests: between kinds, rounding differs."""
    import torch

    return (
        torch.cuda.get_device_name() if torch.cuda.is_available() else f"cpu {torch.backends.cpu.get_cpu_capability()}"
    )


def devices() -> list[str]:
    """The GPUs that this process may use: those it was told of, else all that the machine has."""
    told = os.environ.get(VISIBLE)
    if told is not None:
        return [name.strip() for name in told.split(",") if name.strip()]
    return [str(index) for index in range(len(list(Path("/dev").glob("nvidia[0-9]*"))))]


def _lock(names: list[str]) -> tuple[int, str]:
    """An open file that holds the lock of a device, and the device. Numbers mean something within one allocation."""
    scope = os.environ.get("SLURM_JOB_ID", "machine")
    folder = Path(tempfile.gettempdir()) / f"concept-erasure-devices-{os.getuid()}" / scope
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    while True:
        for name in names:
            handle = os.open(folder / name.replace("/", "_"), os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return handle, name
            except BlockingIOError:
                os.close(handle)
        time.sleep(POLL)
