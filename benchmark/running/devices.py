"""Which device a job computes on: one GPU for one job, also on a machine with several and no scheduler.

A job locks a file per device and makes that device the only visible one. The kernel drops the lock when the process
ends, however it ends: nothing can leak, nothing has to be cleaned up. Where a scheduler has given the job just one, or
where there is none, nothing happens. Jobs of small models share the only device of a machine; large ones would not fit
beside each other. Locks are one user's: other users of the machine are not seen.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmark.errors import BenchmarkError

VISIBLE = "CUDA_VISIBLE_DEVICES"
HIDDEN = ("", "-1")  # what somebody writes into it who wants to compute on the CPU
# As these, and what SLURM and containers write into it for a step without GPUs.
NO_DEVICE = ("", "-1", "NoDevFiles", "none", "void")
# By what schedulers and drivers say that a job has GPUs: the names of these (0 is one), and how many there are.
NAMED = (
    *("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "SLURM_JOB_GPUS", "SLURM_STEP_GPUS"),
    *("PBS_GPUFILE", "SGE_HGR_gpu", "_CONDOR_AssignedGPUs"),
)
COUNTED = ("SLURM_GPUS_ON_NODE", "SLURM_GPUS", "SLURM_GPUS_PER_NODE", "SLURM_GPUS_PER_TASK")
POLL = 0.2  # seconds
WAY_OUT = f"{VISIBLE}=-1 computes on the CPU"
_claimed: list[str] = []  # the device that this process has claimed of those that the machine has, if any


@contextmanager
def claimed(share: bool) -> Iterator[str | None]:
    """Wait for a free GPU and be alone with it; yields its name. Must come before torch looks for devices.

    With `share`, jobs share the machine's only GPU.
    """
    names = devices()
    before = os.environ.get(VISIBLE)
    if not names or len(names) == 1 and (share or before is not None):
        _claimed.extend(names if before is None else ())
        try:
            yield names[0] if names else None
        finally:
            _claimed.clear()
        return
    handle, name = _lock(names)
    os.environ[VISIBLE] = name
    try:
        yield name
    finally:
        os.environ.pop(VISIBLE) if before is None else os.environ.update({VISIBLE: before})
        os.close(handle)


def device() -> Any:
    """The torch device that this process computes on, the GPU if it has one.

    There float32 then means float32, and kernels are chosen that repeat themselves; where there are none, torch stops.
    Raises `BenchmarkError` if the job was given a GPU that torch does not see: the CPU would take days, in silence.
    """
    import torch

    # Else some generations of GPUs round factors to ten bits: in convolutions by default, in all products if an
    # environment variable says so, as in some containers.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        seen = torch.cuda.is_available()
    if not seen:
        if told := given():
            raise BenchmarkError(f"{told}: this job was given a GPU, but torch sees none: {_why(said)}; {WAY_OUT}")
        return torch.device("cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # must be set before cuBLAS is first used
    # Kernels that sum in any order would differ run by run; with `warn_only`, attention's gradients would.
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # it comes with it, and costs time at each allocation
    return torch.device("cuda")


def kind() -> str:
    """The kind of device that this process computes on: the GPU's name, or `cpu` and the instructions that torch uses.

    Between kinds, rounding differs.
    """
    import torch

    if device().type == "cpu":
        return f"cpu {torch.backends.cpu.get_cpu_capability()}"
    return torch.cuda.get_device_name()


def given() -> str | None:
    """What says that this process was given a GPU, or None if nothing does. Who hides all GPUs is given none."""
    told = os.environ.get(VISIBLE)
    if told is not None and told.strip() in HIDDEN:
        return None
    if told is not None and told.strip() not in NO_DEVICE:
        return f"{VISIBLE}={told}"
    for name in (*NAMED, *COUNTED):
        value = os.environ.get(name, "").strip()
        if value not in NO_DEVICE and not (name in COUNTED and value == "0"):
            return f"{name}={value}"
    return f"/dev/nvidia{_claimed[-1]}" if _claimed else None


def _why(said: list[warnings.WarningMessage]) -> str:
    """Why torch sees no GPU, as far as it says so, and what to check."""
    import torch

    if not (torch.version.cuda or torch.version.hip):
        return f"torch {torch.__version__} is a build for the CPU; install one for GPUs"
    reasons = [str(warning.message).splitlines()[0] for warning in said]
    built = f"torch {torch.__version__}, built for {torch.version.cuda or torch.version.hip}"
    return "; ".join([*reasons[-1:], f"check that `nvidia-smi` lists it and that the driver fits ({built})"])


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
