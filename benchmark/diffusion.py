"""One latent diffusion model that draws: texts to states, weights in and out.

Works alike for Stable Diffusion 1.x and for the miniature that ships with this repository: the same diffusers classes.
What methods need besides is in `benchmark/workbench.py`: an edit there draws no image again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from benchmark import compatible, devices, parts
from benchmark.errors import BenchmarkError

PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class Diffusion:
    """The parts of a text-to-image model.

    Attributes:
        unet, vae, text_encoder, tokenizer: diffusers and transformers objects, evaluating, without gradients.
        scheduler: the configuration of the noise schedule.
    """

    def __init__(self, unet: nn.Module, vae: nn.Module, text_encoder: nn.Module, tokenizer: Any, scheduler: dict):
        self.unet, self.vae, self.text_encoder, self.tokenizer, self.scheduler = (
            unet,
            vae,
            text_encoder,
            tokenizer,
            scheduler,
        )
        for part in (unet, vae, text_encoder):
            part.eval().requires_grad_(False)
        self.device = next(unet.parameters()).device
        self._encoded: dict[str, torch.Tensor] = {}

    def tokens(self, text: str) -> torch.Tensor:
        """Token ids (1, L), padded and cut to the encoder's length."""
        return self.tokenizer(
            text, padding="max_length", max_length=self.tokenizer.model_max_length, truncation=True, return_tensors="pt"
        ).input_ids.to(self.device)

    @torch.no_grad()
    def encode(self, *texts: str) -> torch.Tensor:
        """Last hidden states (N, L, D); each distinct text is encoded once."""
        for text in texts:
            if text not in self._encoded:
                self._encoded[text] = self.text_encoder(self.tokens(text)).last_hidden_state
        return torch.cat([self._encoded[text] for text in texts])

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of a latent."""
        size = self.unet.config.sample_size
        return self.unet.config.in_channels, size, size

    def copy(self) -> dict[str, torch.Tensor]:
        """All weights of the U-Net, by name, copied to the CPU, where there is room for them."""
        return {name: p.detach().to("cpu", copy=True) for name, p in self.unet.named_parameters()}

    @torch.no_grad()
    def set_weights(self, weights: dict[str, torch.Tensor]) -> None:
        """Copy values into the U-Net. Raises `BenchmarkError` for a name or shape that it does not have."""
        own = dict(self.unet.named_parameters())
        for name, value in weights.items():
            if name not in own or own[name].shape != value.shape:
                has = tuple(own[name].shape) if name in own else "no such weight"
                raise BenchmarkError(f"weight {name}: {tuple(value.shape)} does not fit this model ({has})")
            own[name].copy_(value)


Model = TypeVar("Model", bound=Diffusion)


def load(
    folder: str | Path, precision: str = "float32", size: int | None = None, model: type[Model] = Diffusion
) -> Model:
    """A model in a diffusers folder, on the GPU if there is one.

    `size` is the side of its pictures in pixels; without it they have the side that its files say. Raises
    `BenchmarkError` naming what is missing, or what is not known to be right (`benchmark.compatible`).
    """
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from transformers import CLIPTextModel

    _quiet()
    folder = Path(folder)
    for part in ("unet", "vae", "text_encoder", "tokenizer", "scheduler"):
        if not (folder / part).is_dir():
            raise BenchmarkError(f"{folder}: this is not a Stable Diffusion folder of diffusers: {part}/ is missing")
    device = devices.device()
    networks: list[Any] = []
    try:
        scheduler = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
        compatible.check(folder)
        if size:
            compatible.check_size(folder, size)
        for kind, name in ((UNet2DConditionModel, "unet"), (AutoencoderKL, "vae"), (CLIPTextModel, "text_encoder")):
            part, info = kind.from_pretrained(folder / name, dtype=PRECISIONS[precision], output_loading_info=True)
            parts.check_loaded(folder / name, info, part)
            networks.append(part.to(device))
        tokenizer = load_tokenizer(folder)
    except (OSError, ValueError, RuntimeError) as error:
        raise BenchmarkError(f"{folder}: cannot be loaded: {str(error).splitlines()[0]}") from error
    unet, vae, text_encoder = networks
    compatible.check_tokenizer(folder, tokenizer, text_encoder.config)
    unet.to(memory_format=torch.channels_last)  # its convolutions run faster so, on CPUs and GPUs
    # What is learned from and what is drawn have one size, whatever the U-Net's file says, which old ones leave unsaid.
    size = size or compatible.size(unet.config, vae.config)
    unet.register_to_config(sample_size=size // compatible.reduction(vae.config))
    return model(unet, vae, text_encoder, tokenizer, compatible.schedule(scheduler))


def load_tokenizer(folder: str | Path) -> Any:
    """The tokenizer alone of a model, which `load` has been able to load before."""
    from transformers import CLIPTokenizer

    return CLIPTokenizer.from_pretrained(Path(folder) / "tokenizer")


def _quiet() -> None:
    """No bars, which would drown the logs, and no warnings of what is checked here, in one line."""
    import diffusers.utils.logging
    import transformers.utils.logging

    for logging in (diffusers.utils.logging, transformers.utils.logging):
        logging.disable_progress_bar()
        logging.set_verbosity_error()
