"""One latent diffusion model that draws: texts to conditioning, latents to predicted noise, weights in and out.

Works alike for Stable Diffusion 1.x and for the miniature that ships with this repository: the same diffusers classes.
What methods need besides is in `benchmark/model/workbench.py`: an edit there draws no image again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from benchmark.errors import BenchmarkError
from benchmark.model import compatible, parts
from benchmark.running import devices

PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
LARGE = 256  # channels of a U-Net's first block: Stable Diffusion's has 320, the miniature's 48
EDITED = ("unet", "text_encoder")  # the networks whose weights an erasure may change


@dataclass(frozen=True)
class Conditioning:
    """What the U-Net is told of N texts: `states` (N, L, D), and `pooled` (N, P) of models that have it."""

    states: torch.Tensor
    pooled: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.states)

    def each(self, times: int) -> Conditioning:
        """Every text `times` times, one after the other: (N * times)."""
        pooled = None if self.pooled is None else self.pooled.repeat_interleave(times, 0)
        return Conditioning(self.states.repeat_interleave(times, 0), pooled)


def join(*parts: Conditioning) -> Conditioning:
    """The texts of all parts, in order."""
    pooled = None if parts[0].pooled is None else torch.cat([part.pooled for part in parts])
    return Conditioning(torch.cat([part.states for part in parts]), pooled)


class Diffusion:
    """The parts of a text-to-image model.

    Attributes:
        unet, vae, text_encoder, tokenizer: diffusers and transformers objects, evaluating, without gradients.
        scheduler: the configuration of the noise schedule, for schedulers that are given predicted noise.
        predicts: what the U-Net itself predicts, `epsilon` or `v_prediction`; `noise` gives noise in both cases.
        alphas: the share of the signal's variance at each of the 1000 timesteps, the cumulative product of 1 - beta.
    """

    def __init__(
        self,
        unet: nn.Module,
        vae: nn.Module,
        text_encoder: nn.Module,
        tokenizer: Any,
        scheduler: dict,
        predicts: str = "epsilon",
    ):
        self.unet, self.vae, self.text_encoder, self.tokenizer = unet, vae, text_encoder, tokenizer
        self.scheduler, self.predicts = scheduler, predicts
        for part in (unet, vae, text_encoder):
            part.eval().requires_grad_(False)
        self.device = next(unet.parameters()).device
        self.alphas = _alphas(scheduler).to(self.device)
        self._encoded: dict[str, Conditioning] = {}

    def tokens(self, text: str) -> torch.Tensor:
        """Token ids (1, L), padded and cut to the encoder's length."""
        return self.tokenizer(
            text, padding="max_length", max_length=self.tokenizer.model_max_length, truncation=True, return_tensors="pt"
        ).input_ids.to(self.device)

    @torch.no_grad()
    def encode(self, *texts: str) -> Conditioning:
        """What the texts say to the U-Net.

        Each distinct text is encoded once, by the text encoder as it is then: who edits it later gets the text as it
        was, until `set_state`.
        """
        for text in texts:
            if text not in self._encoded:
                self._encoded[text] = Conditioning(self.text_encoder(self.tokens(text)).last_hidden_state)
        return join(*(self._encoded[text] for text in texts))

    def noise(self, x: torch.Tensor, t: torch.Tensor, conditioning: Conditioning) -> torch.Tensor:
        """Predicted noise (N, C, h, w) of latents x_t (N, C, h, w) at timesteps (N,), or one for all, one text each.

        What a U-Net says that predicts v = sqrt(a) n - sqrt(1 - a) x_0 is turned into n = sqrt(a) v + sqrt(1 - a) x_t.
        """
        predicted = self.unet(x, t, conditioning.states).sample
        if self.predicts == "epsilon":
            return predicted
        alpha = self._alpha(t).view(-1, 1, 1, 1)
        return (alpha.sqrt() * predicted + (1 - alpha).sqrt() * x).to(predicted.dtype)

    def _alpha(self, t: torch.Tensor) -> torch.Tensor:
        """`alphas` at timesteps, between two of them by the linear interpolation of sigmas that schedulers have."""
        sigmas, t = ((1 - self.alphas) / self.alphas).sqrt(), t.to(self.device)
        below = t.long().clamp(max=len(sigmas) - 2)
        return 1 / (1 + torch.lerp(sigmas[below], sigmas[below + 1], (t - below).to(sigmas.dtype)) ** 2)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of a latent."""
        size = self.unet.config.sample_size
        return self.unet.config.in_channels, size, size

    def named_weights(self) -> dict[str, nn.Parameter]:
        """What an erasure may change: `unet.…` and `text_encoder.…`."""
        networks = {part: getattr(self, part) for part in EDITED}
        return {f"{part}.{name}": p for part, network in networks.items() for name, p in network.named_parameters()}

    def copy(self) -> dict[str, torch.Tensor]:
        """All weights of the U-Net and the text encoder, by name, copied to the CPU, where there is room for them."""
        return {name: p.detach().to("cpu", copy=True) for name, p in self.named_weights().items()}

    def set_state(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Copy values into `unet.…` and `text_encoder.…`. Raises `BenchmarkError` for a name or shape that is none."""
        copy_into(self.named_weights(), weights)
        if any(name.startswith("text_encoder.") for name in weights):
            self._encoded.clear()

    def set_weights(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Copy values into the U-Net, by its own names. Raises `BenchmarkError` for a name or shape that is none."""
        copy_into(dict(self.unet.named_parameters()), weights)


@torch.no_grad()
def copy_into(own: Mapping[str, nn.Parameter], weights: Mapping[str, torch.Tensor]) -> None:
    """Copy values into parameters, by name. Raises `BenchmarkError` for a name or shape that is none of theirs."""
    for name, value in weights.items():
        if name not in own or own[name].shape != value.shape:
            has = tuple(own[name].shape) if name in own else "no such weight"
            raise BenchmarkError(f"weight {name}: {tuple(value.shape)} does not fit this model ({has})")
        own[name].copy_(value)


def _alphas(scheduler: dict) -> torch.Tensor:
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    return DDIMScheduler.from_config(scheduler).alphas_cumprod


Model = TypeVar("Model", bound=Diffusion)


def load(
    folder: str | Path, precision: str = "float32", size: int | None = None, model: type[Model] = Diffusion
) -> Model:
    """A model in a diffusers folder, on the GPU if there is one.

    `size` is the side of its pictures in pixels; without it they have the side that its files say. Raises
    `BenchmarkError` naming what is missing, or what is not known to be right (`benchmark.model.compatible`).
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
            networks.append(part.to(device))
            parts.check_loaded(folder / name, info, part)  # where it is: a GPU looks at all weights in no time
        tokenizer = load_tokenizer(folder)
    except (OSError, ValueError, RuntimeError) as error:
        raise BenchmarkError(f"{folder}: cannot be loaded: {str(error).splitlines()[0]}") from error
    unet, vae, text_encoder = networks
    compatible.check_tokenizer(folder, tokenizer, text_encoder.config)
    arrange(unet)
    # What is learned from and what is drawn have one size, whatever the U-Net's file says, which old ones leave unsaid.
    size = size or compatible.size(unet.config, vae.config)
    unet.register_to_config(sample_size=size // compatible.reduction(vae.config))
    predicts = compatible.prediction(scheduler)
    return model(unet, vae, text_encoder, tokenizer, compatible.schedule(scheduler), predicts)


def arrange(unet: nn.Module) -> None:
    """Lay out a U-Net's weights as its convolutions run fastest, and choose the library of a GPU that computes them.

    For a large one in float32, cuDNN chooses Fourier transforms that take tens of gigabytes, and plain matrix products
    are faster, too. For a miniature they would be five times slower (docs/cluster.md).
    """
    weight, plain = next(unet.parameters()), False
    if weight.is_cuda:
        plain = weight.dtype == torch.float32 and unet.config.block_out_channels[0] >= LARGE
        torch.backends.cudnn.enabled = not plain
    unet.to(memory_format=torch.contiguous_format if plain else torch.channels_last)


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
