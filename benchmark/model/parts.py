"""The networks of a base model: which files hold their weights, and whether what was loaded is complete and finite."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmark.errors import BenchmarkError

# By folder, how diffusers and transformers name the file of its weights.
NETWORKS = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model"}

# What lies in the files of older or larger models and that no picture depends on.
HARMLESS = {
    "text_encoder": re.compile(r"position_ids$|^(text_projection|visual_projection|vision_model)\.|^logit_scale$")
}
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".msgpack", ".onnx", ".h5", ".pb", ".gguf")
_OTHER = re.compile(r"(diffusion_)?(pytorch_|flax_|tf_|openvino_)?model\b")  # the same weights, in another format


def weight_files(folder: Path, part: str) -> tuple[list[Path], list[str]]:
    """The files that diffusers reads a part's weights from, and the names of others that hold the same weights.

    Raises `BenchmarkError` if there are none, if it is not clear which are meant, or if a file is neither.
    """
    where, stem = folder / part, NETWORKS[part]
    there = sorted(path.name for path in where.iterdir() if path.is_file())
    whole, index = f"{stem}.safetensors", f"{stem}.safetensors.index.json"
    shards = [name for name in there if re.fullmatch(rf"{stem}-\d+-of-\d+\.safetensors", name)]
    others = [n for n in there if n.endswith(_WEIGHTS) and n != whole and n not in shards]
    variants = [n for n in others if n.endswith(".safetensors") and n.startswith(f"{stem}.")]
    formats = [n for n in others if not n.endswith(".safetensors") and _OTHER.match(n)]
    if stray := [name for name in others if name not in variants + formats]:
        raise BenchmarkError(
            f"{where}/{stray[0]}: no model is read from a file of this name; remove it,"
            f" or name it {whole} if these are the weights that are meant"
        )
    if whole in there and (index in there or shards):
        raise BenchmarkError(f"{where}: has its weights whole ({whole}) and in shards; remove those that are not meant")
    if index in there:
        named = sorted(set(read(where / index).get("weight_map", {}).values()))
        for name in named:
            if name not in shards:
                raise BenchmarkError(f"{where}/{name}: is missing; {index} names it")
        if not named or len(named) < len(shards):
            raise BenchmarkError(f"{where}/{index}: does not name all shards that lie beside it")
        return [where / name for name in (*named, index)], variants + formats
    if whole in there:
        return [where / whole], variants + formats
    writes = f"`StableDiffusionPipeline.from_pretrained({str(folder)!r}{{}}).save_pretrained(…)` writes them"
    if shards:
        raise BenchmarkError(f"{where}/{index}: is missing; it says what the {len(shards)} shards hold")
    if variants:
        name = variants[0].removeprefix(f"{stem}.").split(".")[0].split("-")[0]
        advice = writes.format(f", variant={name!r}")
        raise BenchmarkError(f"{where}: has weights of the variant {name} only ({variants[0]}), not {whole}; {advice}")
    if formats:
        advice = writes.format("")
        raise BenchmarkError(f"{where}: has weights in {formats[0]} only, but .safetensors files are read; {advice}")
    raise BenchmarkError(f"{where}: there is no .safetensors file of weights")


def check_loaded(where: Path, info: Mapping[str, Any], network: Any) -> None:
    """Refuse weights that are too few, too many, or not finite. `info` is what `from_pretrained` says about loading."""
    import torch

    if missing := sorted(info["missing_keys"]):
        raise BenchmarkError(f"{where}: lacks {len(missing)} weights, {missing[0]} among them")
    harmless = HARMLESS.get(where.name)
    if extra := sorted(key for key in info["unexpected_keys"] if not (harmless and harmless.search(key))):
        raise BenchmarkError(
            f"{where}: has weights that its config.json knows nothing of: {len(extra)}, {extra[0]} among them"
        )
    for name, weight in network.state_dict().items():
        if weight.is_floating_point() and not torch.isfinite(weight).all():
            raise BenchmarkError(
                f"{where}: the weight {name} is not finite in {str(weight.dtype).removeprefix('torch.')}"
            )


def read(path: Path) -> dict[str, Any]:
    """A JSON file of a model."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"{path.parent}: {path.name} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise BenchmarkError(f"{path}: is not a JSON object")
    return value
