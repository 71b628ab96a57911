"""What a method works with: a model whose weights it trains, its original, token spans, noise, randomness, a pool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmark.errors import BenchmarkError
from benchmark.model import diffusion
from benchmark.model.diffusion import Conditioning, Diffusion
from benchmark.plan.groups import GROUPS, OWN


class Workbench(Diffusion):
    """A model that a method edits, and what erasing needs of it.

    Attributes:
        generator: the only source of randomness for methods; on the CPU, so that runs agree across devices.
        groups: the names of the groups of weights that may be trained; all of them unless the runner says which.
        state: tensors of the method's own, by name, which are saved with the changed weights; `apply` is given them.
        pool: images of `original` to train on, (N, 3, H, W) in [-1, 1], or None.
        resume: the state that a killed erasure yielded last, or None.
        trace: rows of whatever a method logs along its training.
    """

    def __init__(self, *parts: Any):
        super().__init__(*parts)
        self.generator = torch.Generator().manual_seed(0)
        self.groups: tuple[str, ...] = tuple(GROUPS)
        self.state: dict[str, torch.Tensor] = {}
        self.pool: torch.Tensor | None = None
        self.resume: dict[str, Any] | None = None
        self.trace: list[dict[str, float]] = []
        self._weights: dict[str, nn.Parameter] = {}
        self._original: dict[str, torch.Tensor] = {}

    # ── text ──

    def encode_perturbed(self, text: str, span: slice, delta: torch.Tensor, site: str) -> Conditioning:
        """What a text says whose tokens in `span` carry an additive `delta` (1, |span|, D).

        `site` is where: `output` adds to the encoder's last states, `input` to the token embeddings before it
        (arXiv 2501.00054 does not say which of the two it means).
        """
        if site == "output":
            said = self.encode(text)
            return replace(said, states=_add(said.states, span, delta))
        hook = self.text_encoder.get_input_embeddings().register_forward_hook(
            lambda module, inputs, embedded: _add(embedded, span, delta)
        )
        try:
            return Conditioning(self.text_encoder(self.tokens(text)).last_hidden_state)
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

    def predict(self, x: torch.Tensor, t: torch.Tensor, contexts: Conditioning) -> torch.Tensor:
        """Predicted noise of every latent under every context, in one pass, whatever the U-Net itself predicts.

        Args:
            x: latents (B, C, h, w).
            t: timesteps (B,).
            contexts: what K texts say.

        Returns: (K, B, C, h, w).
        """
        k, b = len(contexts), len(x)
        x, t = x.repeat(k, 1, 1, 1), t.repeat(k)
        return self.noise(x, t, contexts.each(b)).unflatten(0, (k, b))

    @torch.no_grad()
    def pool_latents(self, batch: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and standard deviation of the autoencoder's posterior for the pool, scaled, (N, C, h, w) each."""
        if self.pool is None:
            raise BenchmarkError("this method needs training images (POOL), but none were given: --pool")
        posteriors = [self.vae.encode(part.to(self.device)).latent_dist for part in self.pool.split(batch)]
        scale = self.vae.config.scaling_factor
        return torch.cat([p.mean for p in posteriors]) * scale, torch.cat([p.std for p in posteriors]) * scale

    # ── weights ──

    def train(self, group: str) -> list[nn.Parameter]:
        """The U-Net's weights of a group, ready to be trained beside what is already; their originals are kept.

        Raises `BenchmarkError` for a group that does not exist, or that neither the method's file nor a setting names:
        the definition of such a group would be no part of the model's cause.
        """
        if group not in GROUPS:
            raise BenchmarkError(f"there is no group of weights {group!r} (allowed: {', '.join(GROUPS)})")
        if group not in self.groups:
            raise BenchmarkError(
                f"the group of weights {group!r} must stand as a text in the method's file or settings"
            )
        chosen = {name: p for name, p in self.unet.named_parameters() if GROUPS[group](name)}
        self._original |= {name: p.detach().clone() for name, p in chosen.items()}
        self._weights |= chosen
        for parameter in chosen.values():
            parameter.requires_grad_(True)
            parameter.grad = None
        return list(chosen.values())

    def train_own(self, values: Mapping[str, torch.Tensor]) -> None:
        """Tensors of the method's own, by name, ready to be trained beside the weights of a group; `state` has them.

        What reads them must change nothing where they are zero: so they are in the original model.
        """
        for name, value in values.items():
            self.state[name] = self._weights[f"{OWN}{name}"] = nn.Parameter(value.to(self.device))
            self._original[f"{OWN}{name}"] = torch.zeros_like(value, device=self.device)

    @contextmanager
    def using(self, weights: dict[str, torch.Tensor], gradients: bool = False) -> Iterator[None]:
        """Within the block the model has the given weights, which take no gradients: pointers are swapped, not values.

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
        """Within the block the model is the frozen original; see `using`."""
        return self.using(self._original, gradients)

    def weights(self) -> dict[str, torch.Tensor]:
        """The weights in training, by name, without copying."""
        return {name: p.data for name, p in self._weights.items()}

    def training(self) -> list[nn.Parameter]:
        """What is in training."""
        return list(self._weights.values())

    def restore(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Copy values into what is in training. Raises `BenchmarkError` for a name or shape that is none."""
        diffusion.copy_into(self._weights, weights)

    def log(self, **row: float) -> None:
        self.trace.append(row)


def load(folder: str | Path, size: int | None = None) -> Workbench:
    """A model in a diffusers folder, in float32; see `diffusion.load`."""
    return diffusion.load(folder, size=size, model=Workbench)


def _add(states: torch.Tensor, span: slice, delta: torch.Tensor) -> torch.Tensor:
    """`states` with `delta` added on the span; rows outside are the same numbers."""
    return torch.cat([states[:, : span.start], states[:, span] + delta, states[:, span.stop :]], 1)
