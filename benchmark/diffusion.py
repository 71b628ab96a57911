"""One latent diffusion model that methods edit: text, token spans, noise prediction, weights and the originals.

Works alike for Stable Diffusion 1.x and for the miniature that ships with this repository: the same diffusers classes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmark import compatible, devices, parts
from benchmark.errors import BenchmarkError
from benchmark.records import Group

PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}

# Which weights a method may train, by the names of `UNet2DConditionModel.named_parameters()`.
GROUPS = {
    "xattn": lambda name: ".attn2." in name,
    "xattn-kv": lambda name: ".attn2.to_k." in name or ".attn2.to_v." in name,
    "noxattn": lambda name: ".attn2." not in name and not name.startswith(("time_embedding.", "conv_out.")),
    "selfattn": lambda name: ".attn1." in name,
    "attn": lambda name: any(part in name for part in (".to_q.", ".to_k.", ".to_v.", ".to_out.")),
    "notime": lambda name: not name.startswith(("time_embedding.", "conv_out.")),
    "full": lambda name: True,
}


class Diffusion:
    """The parts of a text-to-image model, and what erasing needs of them.

    Attributes:
        unet, vae, text_encoder, tokenizer: diffusers and transformers objects, evaluating, without gradients.
        scheduler: the configuration of the noise schedule.
        generator: the only source of randomness for methods; on the CPU, so that runs agree across devices.
        templates: `records.Templates` of the task.
        pool: images of `original` to train on, (N, 3, H, W) in [-1, 1], or None.
        resume: the state that a killed erasure yielded last, or None.
        trace: rows of whatever a method logs along its training.
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
        self.generator = torch.Generator().manual_seed(0)
        self.templates: Any = None
        self.pool: torch.Tensor | None = None
        self.resume: dict[str, Any] | None = None
        self.trace: list[dict[str, float]] = []
        self.alphas = _alphas(scheduler).to(self.device)
        self._weights: dict[str, nn.Parameter] = {}
        self._original: dict[str, torch.Tensor] = {}
        self._encoded: dict[str, torch.Tensor] = {}

    # ── text ──

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

    def encode_perturbed(self, text: str, span: slice, delta: torch.Tensor, site: str) -> torch.Tensor:
        """States (1, L, D) of a text whose tokens in `span` carry an additive `delta` (1, |span|, D).

        `site` is where: `output` adds to the encoder's last states, `input` to the token embeddings before it
        (arXiv 2501.00054 does not say which of the two it means).
        """
        if site == "output":
            return _add(self.encode(text), span, delta)
        hook = self.text_encoder.get_input_embeddings().register_forward_hook(
            lambda module, inputs, embedded: _add(embedded, span, delta)
        )
        try:
            return self.text_encoder(self.tokens(text)).last_hidden_state
        finally:
            hook.remove()

    def span(self, text: str, phrase: str) -> slice:
        """Where the tokens of `phrase` stand in the tokenised `text` (position 0 is the start token).

        Raises `BenchmarkError` if they do not: a perturbation in the wrong place would look like a weak method.
        """
        whole = self.tokens(text)[0].tolist()
        wanted = self.tokenizer(phrase, add_special_tokens=False).input_ids
        for start in range(1, len(whole) - len(wanted) + 1):
            if whole[start : start + len(wanted)] == wanted:
                return slice(start, start + len(wanted))
        raise BenchmarkError(f"the tokens of {phrase!r} do not stand in the prompt {text!r}")

    # ── noise ──

    def randn(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=self.generator).to(self.device)

    def randint(self, high: int, n: int) -> torch.Tensor:
        return torch.randint(high, (n,), generator=self.generator).to(self.device)

    def add_noise(self, latents: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) n (Ho et al. 2020, eq. 4)."""
        alpha = self.alphas[t].view(-1, 1, 1, 1)
        return alpha.sqrt() * latents + (1 - alpha).sqrt() * noise

    def predict(self, x: torch.Tensor, t: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """Predicted noise of every latent under every context, in one pass.

        Args:
            x: latents (B, C, h, w).
            t: timesteps (B,).
            states: contexts (K, L, D).

        Returns: (K, B, C, h, w).
        """
        k, b = len(states), len(x)
        x, t = x.repeat(k, 1, 1, 1), t.repeat(k)
        return self.unet(x, t, states.repeat_interleave(b, 0)).sample.unflatten(0, (k, b))

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of a latent."""
        size = self.unet.config.sample_size
        return self.unet.config.in_channels, size, size

    @torch.no_grad()
    def pool_latents(self, batch: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and standard deviation of the autoencoder's posterior for the pool, scaled, (N, C, h, w) each."""
        if self.pool is None:
            raise BenchmarkError("this method needs training images (POOL), but none were given: --pool")
        posteriors = [self.vae.encode(part.to(self.device)).latent_dist for part in self.pool.split(batch)]
        scale = self.vae.config.scaling_factor
        return torch.cat([p.mean for p in posteriors]) * scale, torch.cat([p.std for p in posteriors]) * scale

    # ── weights ──

    def train(self, group: Group) -> list[nn.Parameter]:
        """The U-Net's weights of a group, ready to be trained; copies of their originals are kept."""
        if group not in GROUPS:
            raise BenchmarkError(f"there is no group of weights {group!r} (allowed: {', '.join(GROUPS)})")
        self._weights = {name: p for name, p in self.unet.named_parameters() if GROUPS[group](name)}
        self._original = {name: p.detach().clone() for name, p in self._weights.items()}
        for parameter in self._weights.values():
            parameter.requires_grad_(True)
            parameter.grad = None
        return list(self._weights.values())

    @contextmanager
    def using(self, weights: dict[str, torch.Tensor], gradients: bool = False) -> Iterator[None]:
        """Within the block the U-Net has the given weights, which take no gradients: pointers are swapped, not values.

        With `gradients`, gradients still flow through it to its inputs (AdvAnchor's inner loop).
        """
        kept = {name: p.data for name, p in self._weights.items()}
        for name, p in self._weights.items():
            p.data = weights[name]
            p.requires_grad_(False)
        try:
            with torch.set_grad_enabled(gradients):
                yield
        finally:
            for name, p in self._weights.items():
                p.data = kept[name]
                p.requires_grad_(True)

    def original(self, gradients: bool = False) -> AbstractContextManager[None]:
        """Within the block the U-Net is the frozen original; see `using`."""
        return self.using(self._original, gradients)

    def weights(self) -> dict[str, torch.Tensor]:
        """The weights in training, by name, without copying."""
        return {name: p.data for name, p in self._weights.items()}

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

    def log(self, **row: float) -> None:
        self.trace.append(row)


def load(folder: str | Path, precision: str = "float32", size: int | None = None) -> Diffusion:
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
    return Diffusion(unet, vae, text_encoder, tokenizer, compatible.schedule(scheduler))


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


def _alphas(config: dict) -> torch.Tensor:
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    return DDIMScheduler.from_config(config).alphas_cumprod


def _add(states: torch.Tensor, span: slice, delta: torch.Tensor) -> torch.Tensor:
    """`states` with `delta` added on the span; rows outside are the same numbers."""
    return torch.cat([states[:, : span.start], states[:, span] + delta, states[:, span.stop :]], 1)
