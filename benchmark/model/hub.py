"""Weights that do not ship: fetched once, pinned by revision or hash, into the caches of their libraries."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from benchmark.errors import BenchmarkError
from benchmark.files import sha256
from benchmark.model.parts import NETWORKS


def fetch_model(model: str, revision: str) -> Path:
    """The folder of a diffusers model of the Hub: full weights and what goes with them, without a safety checker."""
    from huggingface_hub import snapshot_download

    wanted = ["model_index.json", "*/config.json", "tokenizer/*", "scheduler/*"]
    wanted += [f"{part}/*.safetensors{index}" for part in NETWORKS for index in ("", ".index.json")]
    unwanted = ["*.fp16.*", "*.fp16-*", "*.non_ema.*", "*.non_ema-*", "safety_checker/*"]
    try:
        return Path(
            snapshot_download(model, revision=revision, allow_patterns=wanted, ignore_patterns=unwanted),
        )
    except Exception as error:  # the hub client raises many kinds; all mean that the model is not here
        raise BenchmarkError(
            f"{model} at {revision} cannot be fetched from its hub"
            f" ({type(error).__name__}: {next(iter(str(error).splitlines()), '')});"
            " run this command where the network is: the model then lies in the hub's cache"
        ) from error


def fetch_data(dataset: str, revision: str, file: str) -> Path:
    """A file of a data set of the Hub at a commit, in the Hub's cache. Raises `BenchmarkError` if it cannot be had."""
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(dataset, file, repo_type="dataset", revision=revision))
    except Exception as error:  # the hub client raises many kinds; all mean that the file is not here
        raise BenchmarkError(
            f"{file} of {dataset} at {revision} cannot be fetched from its hub"
            f" ({type(error).__name__}: {next(iter(str(error).splitlines()), '')})"
        ) from error


def fetch_file(url: str) -> Path:
    """The file of a URL in torch's cache, downloaded if it is not there, checked against the hash in its name.

    Raises `BenchmarkError` saying what to fetch, and where to put it, on a machine that cannot.
    """
    import torch

    path = Path(torch.hub.get_dir(), "checkpoints", url.rpartition("/")[2])
    digest = re.search(r"-([0-9a-f]{8,})\.", path.name)[1]
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path), digest, progress=sys.stderr.isatty())
        except (OSError, RuntimeError) as error:
            advice = f"fetch it elsewhere and save it as {path}"
            raise BenchmarkError(f"{url} cannot be downloaded ({error}); {advice}") from error
    if not sha256(path).startswith(digest):
        raise BenchmarkError(f"{path}: is not the file of {url}; remove it")
    return path
