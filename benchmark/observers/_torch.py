"""What observers that run networks share: pictures as tensors, where to put them, and weights from the network."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

import numpy as np
import torch

from benchmark.errors import BenchmarkError


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def tensor(batch: np.ndarray) -> torch.Tensor:
    """uint8 (N, H, W, 3) to float32 (N, 3, H, W) in [0, 1], on the device."""
    return torch.from_numpy(np.ascontiguousarray(batch.transpose(0, 3, 1, 2))).to(device()).float() / 255


def fetch(url: str) -> Path:
    """The file of a URL in torch's cache, downloaded if it is not there, checked against the hash in its name.

    Raises `BenchmarkError` saying what to fetch, and where to put it, on a machine that cannot.
    """
    path = Path(torch.hub.get_dir(), "checkpoints", url.rpartition("/")[2])
    digest = re.search(r"-([0-9a-f]{8,})\.", path.name)[1]
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path), digest, progress=sys.stderr.isatty())
        except (OSError, RuntimeError) as error:
            advice = f"fetch it elsewhere and save it as {path}"
            raise BenchmarkError(f"{url} cannot be downloaded ({error}); {advice}") from error
    with path.open("rb") as file:
        if not hashlib.file_digest(file, "sha256").hexdigest().startswith(digest):
            raise BenchmarkError(f"{path}: is not the file of {url}; remove it")
    return path
