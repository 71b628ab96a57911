"""What is known to be right in a base model's files. Everything else is refused, in one line that says what it is.

A model of Stable Diffusion 1's kind: a CLIP text encoder, a U-Net that only the text and the timestep condition, an
autoencoder, and a noise schedule that its betas define. How pictures are drawn is the suite's, not the model's.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.model.parts import NETWORKS, read, weight_files

# The classes that model_index.json may name. Parts of other names are further networks, which nobody here would use.
PARTS = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "text_encoder": ("CLIPTextModel",),
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
}
VOCABULARIES = (("tokenizer.json",), ("vocab.json", "merges.txt"))
UNUSED = ("safety_checker", "feature_extractor", "image_encoder", "scheduler")  # the scheduler has a check of its own
FOLDERS = {
    "text_encoder_2": "a model with two text encoders, such as Stable Diffusion XL",
    "tokenizer_2": "a model with two tokenizers, such as Stable Diffusion XL",
    "transformer": "a model with a transformer in the U-Net's place, such as Stable Diffusion 3 or Flux",
    "prior": "a model with a prior, such as Kandinsky or Würstchen",
}

# What a U-Net's config must say, or leave unsaid, and what it is if it says something else.
CONDITIONS = {
    "time_cond_proj_dim": (None, "takes the guidance as a condition, as latent consistency models do"),
    "class_embed_type": (None, "is conditioned on classes"),
    "num_class_embeds": (None, "is conditioned on classes or noise levels, as upscalers are"),
    "addition_embed_type": (None, "takes conditions beside the text, as Stable Diffusion XL does"),
    "encoder_hid_dim": (None, "projects its text states, or takes images, as Kandinsky does"),
    "encoder_hid_dim_type": (None, "projects its text states, or takes images, as Kandinsky does"),
    "attention_type": ("default", "takes boxes as conditions, as GLIGEN does"),
}
PICTURES = {5: "depth", 7: "a small picture", 8: "a picture to edit", 9: "a picture and its mask"}  # by in_channels
AUTOENCODER = dict.fromkeys(("shift_factor", "latents_mean", "latents_std"), (None, "shifts its latents"))

# Schedulers whose config is a schedule of betas. Of consistency, flow matching and EDM it would mean something else.
SCHEDULERS = (
    *("DDIMScheduler", "DDPMScheduler", "PNDMScheduler", "LMSDiscreteScheduler", "HeunDiscreteScheduler"),
    *("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "KDPM2DiscreteScheduler", "UniPCMultistepScheduler"),
    *("KDPM2AncestralDiscreteScheduler", "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler"),
    "DEISMultistepScheduler",
)
BETAS = ("beta_start", "beta_end", "beta_schedule")
KEPT = (*BETAS, "trained_betas", "num_train_timesteps", "timestep_spacing", "set_alpha_to_one")
OVERRIDDEN = {"clip_sample": False, "steps_offset": 1}  # as the stock pipeline does, whatever the file says
REQUIRED = {  # as in CONDITIONS
    "predict_epsilon": (True, "predicts no noise, which methods here match"),  # of old files, as is `tensor_format`
    "rescale_betas_zero_snr": (False, "rescales its betas to end in pure noise"),
    "use_flow_sigmas": (False, "matches flows"),
    "timestep_type": ("discrete", "has continuous timesteps"),
    "num_train_timesteps": (1000, "was trained on another number of timesteps than 1000"),
}
CHOICES = {
    "prediction_type": ("epsilon", "v_prediction"),
    "beta_schedule": ("scaled_linear", "linear", "squaredcos_cap_v2"),
    "timestep_spacing": ("leading", "trailing", "linspace"),
}
OLD = ("predict_epsilon", "tensor_format", "denoise_final")


def check(folder: Path) -> list[str]:
    """Refuse a folder that is not known to be right; returns what of it is not used, a sentence each."""
    check_kind(folder)
    configs = {part: read(folder / part / "config.json") for part in NETWORKS}
    _check_fit(folder, configs)
    _require(folder / "unet/config.json", configs["unet"], CONDITIONS)
    _require(folder / "vae/config.json", configs["vae"], AUTOENCODER)
    if (kind := configs["text_encoder"].get("model_type")) != "clip_text_model":
        raise BenchmarkError(f"{folder}/text_encoder: is {kind}, but only clip_text_model is understood here")
    for part in NETWORKS:
        if configs[part].get("quantization_config"):
            raise BenchmarkError(f"{folder}/{part}: is quantized; the weights that it was quantized from are needed")
    _check_known(folder, configs)
    if not any(all((folder / "tokenizer" / name).is_file() for name in files) for files in VOCABULARIES):
        raise BenchmarkError(f"{folder}/tokenizer: lacks its vocabulary: tokenizer.json, or vocab.json and merges.txt")
    notes = [check_schedule(folder / "scheduler/scheduler_config.json")]
    for part in NETWORKS:
        _, unused = weight_files(folder, part)
        notes += [f"{part}: not read: {', '.join(unused)}"] if unused else []
    return notes


def check_kind(folder: Path) -> None:
    """Refuse what is no folder of diffusers, and models of another kind than Stable Diffusion 1's."""
    if folder.is_file():
        raise BenchmarkError(
            f"{folder}: is a file, but a folder of diffusers is needed:"
            " StableDiffusionPipeline.from_single_file(file).save_pretrained(folder) makes one"
        )
    index = read(folder / "model_index.json")
    if (kind := index.get("_class_name")) != "StableDiffusionPipeline":
        raise BenchmarkError(f"{folder}: is a model of {kind}, but only StableDiffusionPipeline is understood here")
    for name, kind in FOLDERS.items():
        if (folder / name).exists():
            raise BenchmarkError(
                f"{folder}: is {kind} ({name}/ is there); only Stable Diffusion 1's kind is understood"
            )
    if lacking := [part for part in PARTS if not index.get(part)]:
        raise BenchmarkError(f"{folder}/model_index.json: does not name {', '.join(lacking)}")
    for part, named in index.items():
        if part in UNUSED or not (isinstance(named, list) and len(named) == 2 and (named[1] or part in PARTS)):
            continue
        if named[1] not in PARTS.get(part, ()) or named[0] not in ("diffusers", "transformers"):
            allowed = f"{' or '.join(PARTS[part])} is needed" if part in PARTS else "there is no use for it here"
            raise BenchmarkError(f"{folder}/model_index.json: {part} is {named[1]} of {named[0]}, but {allowed}")


def check_schedule(path: Path) -> str:
    """Refuse a scheduler's config whose betas do not say all; returns what the sampler takes of it, and what not.

    What a scheduler says about drawing (solver, randomness, spacing of sigmas, thresholds) is the suite's business.
    """
    config = read(path)
    kind = config.get("_class_name")
    if kind not in SCHEDULERS:
        raise BenchmarkError(f"{path}: {kind} is no schedule of betas that is known here: {', '.join(SCHEDULERS)}")
    _unknown(path, config, {*OLD, *(key for name in SCHEDULERS for key in _parameters(name))})
    _require(path, config, REQUIRED)
    for key, allowed in CHOICES.items():
        if config.get(key) not in (None, *allowed):
            raise BenchmarkError(f"{path}: {key}: {config[key]} is not understood here (allowed: {', '.join(allowed)})")
    betas = config.get("trained_betas")
    if betas is None:
        if lacking := [key for key in BETAS if config.get(key) is None]:
            raise BenchmarkError(
                f"{path}: lacks {', '.join(lacking)}: what noise the model was trained on is not known"
            )
        betas = [config[key] for key in BETAS[:2]]
    elif not isinstance(betas, list) or len(betas) != 1000:
        raise BenchmarkError(f"{path}: trained_betas: there are not 1000 of them, one for each timestep")
    if not all(isinstance(beta, float) and 0 < beta < 1 for beta in betas) or sorted(betas) != betas:
        raise BenchmarkError(f"{path}: the betas do not rise between 0 and 1: {betas[0]} to {betas[-1]}")
    defaults = _parameters(kind)
    unused = [
        f"{key}: {value}"
        for key, value in config.items()
        if not key.startswith("_") and value != defaults.get(key)
        if key not in (*KEPT, *REQUIRED, *OVERRIDDEN, "prediction_type")
    ]
    also = f", which takes no notice of its {', '.join(unused)}" if unused else ""
    return f"scheduler: the betas of {kind} are used; the suite's sampler draws{also}"


def schedule(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a scheduler is made from: betas and timesteps of the model's config, and nothing that it says of drawing.

    Where it says nothing, the class that draws has its own default, as in diffusers.
    """
    return {key: config[key] for key in KEPT if config.get(key) is not None} | OVERRIDDEN


def prediction(config: Mapping[str, Any]) -> str:
    """What the U-Net of a model with this scheduler's config predicts: `epsilon`, the noise, or `v_prediction`."""
    return config.get("prediction_type") or "epsilon"


def reduction(vae: Mapping[str, Any]) -> int:
    """Pixels per latent cell, along one side, of an autoencoder with this config."""
    return 2 ** (len(vae["block_out_channels"]) - 1)


def size(unet: Mapping[str, Any], vae: Mapping[str, Any]) -> int:
    """The side in pixels of the pictures that a model was trained on, as its files say."""
    cells = unet.get("sample_size")
    if isinstance(cells, (list, tuple)):
        cells = cells[0] if len(set(cells)) == 1 else None
    return cells * reduction(vae) if cells else vae.get("sample_size") or 512


def check_size(folder: Path, wanted: int) -> list[str]:
    """Refuse a size of pictures, in pixels, that nobody can draw; says if the model was trained on another."""
    unet, vae = (read(folder / part / "config.json") for part in ("unet", "vae"))
    halved, own = reduction(vae), size(unet, vae)
    if wanted % halved:
        raise BenchmarkError(
            f"sampler.size: {wanted} is not a multiple of {halved}, by which {folder}/vae reduces images"
        )
    if wanted % 8:
        raise BenchmarkError(f"sampler.size: {wanted} is not a multiple of 8, as diffusers' pipeline needs it")
    return [] if own == wanted else [f"sampler.size: {wanted} pixels; the model's own size is {own}"]


def check_tokenizer(folder: Path, tokenizer: Any, text: Any) -> None:
    """Refuse a tokenizer of another model than the text encoder with the config `text`."""
    if tokenizer.model_max_length != text.max_position_embeddings:
        given = tokenizer.model_max_length if tokenizer.model_max_length < 10**6 else "not set"
        raise BenchmarkError(
            f"{folder}/tokenizer: model_max_length in tokenizer_config.json is {given},"
            f" but the text encoder reads {text.max_position_embeddings} tokens (max_position_embeddings)"
        )
    if len(tokenizer) != text.vocab_size:
        raise BenchmarkError(
            f"{folder}/tokenizer: has {len(tokenizer)} tokens, but the text encoder has {text.vocab_size} (vocab_size)"
        )
    if not all(name in tokenizer.get_vocab() for name in (tokenizer.bos_token, tokenizer.eos_token)):
        raise BenchmarkError(f"{folder}/tokenizer: the start or the end token is not in its vocabulary")


def _check_fit(folder: Path, configs: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse parts that do not fit each other."""
    unet, vae, text = (configs[part] for part in NETWORKS)
    try:
        pairs = (
            ("unet: cross_attention_dim, text_encoder: hidden_size", unet["cross_attention_dim"], text["hidden_size"]),
            ("unet: in_channels, vae: latent_channels", unet["in_channels"], vae["latent_channels"]),
            ("unet: in_channels, out_channels", unet["in_channels"], unet["out_channels"]),
        )
    except KeyError as error:
        raise BenchmarkError(f"{folder}: a config.json lacks {error}") from error
    for name, ours, theirs in pairs:
        if ours != theirs:
            takes = PICTURES.get(unet["in_channels"])
            hint = f"; or the U-Net takes {takes} beside the noise" if takes and "in_channels" in name else ""
            raise BenchmarkError(f"{folder}: these are parts of different models: {name}: {ours} and {theirs}{hint}")


def _check_known(folder: Path, configs: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse another class than is loaded, and keys that it would silently pass over."""
    for part in ("unet", "vae"):
        where, (kind,) = folder / part / "config.json", PARTS[part]
        if (given := configs[part].get("_class_name", kind)) != kind:
            raise BenchmarkError(f"{where}: is of class {given}, but only {kind} is understood here")
        _unknown(where, configs[part], _parameters(kind))


def _require(where: Path | str, config: Mapping[str, Any], table: Mapping[str, tuple[Any, str]]) -> None:
    for key, (right, meaning) in table.items():
        value = config.get(key)
        if meaning and value not in (None, right):
            raise BenchmarkError(
                f"{where}: {key}: {value}: it {meaning.format(value=value)}; that is not understood here"
            )


def _unknown(where: Path, config: Mapping[str, Any], known: Iterable[str]) -> None:
    if strange := sorted(key for key in config if not key.startswith("_") and key not in known):
        raise BenchmarkError(f"{where}: {strange[0]}: {config[strange[0]]}: there is no such key in diffusers")


def _parameters(kind: str) -> dict[str, Any]:
    """The keys that the config of a class of diffusers may have, with their defaults."""
    import diffusers

    made = inspect.signature(getattr(diffusers, kind).__init__).parameters
    return {name: parameter.default for name, parameter in made.items() if name != "self"}
