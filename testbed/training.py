"""The three resumable trainings behind the testbed: classifiers, autoencoder, and text encoder with U-Net."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmark.store import checkpoint
from classifiers.testbed_backbone import Backbone
from testbed import dataset, tokenizer
from testbed.augmentation import disturb, move
from testbed.dataset import Pictures

CHECKPOINT_SECONDS = 300


class Loop:
    """A resumable training: calls `step(index)` until `steps`, saves `state` every five minutes, prints the loss.

    Random draws come from `rng` and torch's global generator, both seeded by (seed, index), so that a resumed training
    sees the batches that the interrupted one would have seen.
    """

    def __init__(
        self, name: str, folder: Path, steps: int, state: dict[str, nn.Module | torch.optim.Optimizer], seed: int
    ):
        self.path, self.name, self.steps, self.state, self.seed = folder / f"{name}.ckpt", name, steps, state, seed
        self.start = 0
        if saved := checkpoint.read(self.path, name, "training"):
            self.start = saved.pop("step")
            for key, value in saved.items():
                state[key].load_state_dict(value)
            print(f"{name}: resumed at step {self.start} of {steps}", flush=True)

    def run(self, step: Callable[[int, np.random.Generator], torch.Tensor]) -> None:
        began = saved = time.monotonic()
        recent = []
        for index in range(self.start, self.steps):
            torch.manual_seed(self.seed * 1_000_003 + index)
            recent.append(step(index, np.random.default_rng((self.seed, index))).item())
            if (index + 1) % 50 == 0:
                pace = (time.monotonic() - began) / (index + 1 - self.start)
                left = pace * (self.steps - index - 1) / 60
                print(
                    f"{self.name} {index + 1}/{self.steps} loss {np.mean(recent):.4f}, {pace:.3f} s, {left:.0f} min",
                    flush=True,
                )
                recent = []
            if time.monotonic() - saved > CHECKPOINT_SECONDS or index + 1 == self.steps:
                self._save(index + 1)
                saved = time.monotonic()

    def _save(self, step: int) -> None:
        state = {key: value.state_dict() for key, value in self.state.items()}
        checkpoint.write(self.path, {"key": self.name, "step": step, **state})


def images(pictures: Pictures, index: np.ndarray) -> torch.Tensor:
    """Float images in [0, 1], (N, 3, 64, 64), channels last in memory."""
    batch = torch.from_numpy(pictures.images[index]).permute(0, 3, 1, 2)
    return batch.float().div(255).contiguous(memory_format=torch.channels_last)


def cosine(step: int, steps: int, peak: float, warm: int = 200, floor: float = 0.02) -> float:
    rise = min(1.0, (step + 1) / warm)
    return peak * rise * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * step / steps)))


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


@cache
def _has_bfloat16() -> bool:
    """Whether the processor computes in bfloat16; one that imitates it takes twice as long as in float32."""
    information = Path("/proc/cpuinfo")
    return information.exists() and bool({"avx512_bf16", "amx_bf16"} & set(information.read_text().split()))


def autocast() -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16, enabled=_has_bfloat16())


def train_classifiers(pictures: Pictures, folder: Path, steps: int, batch: int = 64) -> Backbone:
    """The backbone with both heads, on real pictures. Those of unknown style (-1) teach objects only."""
    torch.manual_seed(1)
    net = Backbone(len(dataset.objects()), len(dataset.styles())).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.05)
    loop = Loop("classifiers", folder, steps, {"net": net, "optimizer": optimizer}, seed=1)

    def step(index: int, rng: np.random.Generator) -> torch.Tensor:
        chosen = rng.integers(0, len(pictures.images), batch)
        set_rate(optimizer, cosine(index, steps, 2e-3))
        x, moved = move(images(pictures, chosen))
        style = torch.from_numpy(pictures.style[chosen]).masked_fill(moved, -1)
        with autocast():
            what, how = net(disturb(x))
        loss = F.cross_entropy(what.float(), torch.from_numpy(pictures.object[chosen]), label_smoothing=0.05)
        loss = loss + F.cross_entropy(how.float(), style, label_smoothing=0.05, ignore_index=-1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach()

    net.train()
    loop.run(step)
    return net.eval()


def build_autoencoder():
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(32, 64, 96),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        mid_block_add_attention=False,
        sample_size=dataset.SIZE,
    )


def train_autoencoder(pictures: Pictures, backbone: Backbone, folder: Path, steps: int, batch: int = 48):
    """Trained on the differences between picture and reconstruction in pixels, in their slopes and in the classifiers'
    maps, and on a small KL term.
    """
    torch.manual_seed(2)
    net = build_autoencoder().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.0, betas=(0.9, 0.99))
    loop = Loop("autoencoder", folder, steps, {"net": net, "optimizer": optimizer}, seed=2)
    backbone.requires_grad_(False)

    def slopes(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x[..., 1:, :] - x[..., :-1, :], x[..., 1:] - x[..., :-1]

    def step(index: int, rng: np.random.Generator) -> torch.Tensor:
        x = images(pictures, rng.integers(0, len(pictures.images), batch)) * 2 - 1
        set_rate(optimizer, cosine(index, steps, 2e-3))
        with autocast():
            posterior = net.encode(x).latent_dist
            z = posterior.mean + torch.exp(0.5 * posterior.logvar) * torch.randn_like(posterior.mean)
            y = net.decode(z).sample
            real, made = backbone.maps((x + 1) / 2)[:3], backbone.maps((y + 1) / 2)[:3]
        y = y.float()
        loss = F.l1_loss(y, x) + sum(F.l1_loss(a, b) for a, b in zip(slopes(y), slopes(x), strict=True))
        loss = loss + 0.05 * sum(F.l1_loss(a.float(), b.float()) for a, b in zip(made, real, strict=True))
        loss = loss + 2 * F.l1_loss(F.avg_pool2d(y, 4), F.avg_pool2d(x, 4))  # else hues collapse to orange and blue
        loss = loss + 1e-6 * posterior.kl().float().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        return loss.detach()

    loop.run(step)
    net.eval().requires_grad_(False)
    with torch.no_grad(), autocast():
        sample = torch.cat(
            [
                net.encode(images(pictures, c) * 2 - 1).latent_dist.mean.float()
                for c in np.array_split(np.random.default_rng(2).permutation(len(pictures.images))[:2048], 32)
            ]
        )
    net.register_to_config(scaling_factor=round(1 / sample.std().item(), 5))
    return net


@torch.no_grad()
def latents(pictures: Pictures, autoencoder) -> torch.Tensor:
    """Posterior means, scaled, (N, 4, 16, 16), as float16."""
    parts = np.array_split(np.arange(len(pictures.images)), len(pictures.images) // 128 + 1)
    with autocast():
        z = [autoencoder.encode(images(pictures, part) * 2 - 1).latent_dist.mean.half() for part in parts]
    return torch.cat(z) * autoencoder.config.scaling_factor


def build_unet(text_width: int):
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=dataset.SIZE // 4,
        in_channels=4,
        out_channels=4,
        block_out_channels=(48, 96, 144),
        down_block_types=("CrossAttnDownBlock2D",) * 3,
        up_block_types=("CrossAttnUpBlock2D",) * 3,
        layers_per_block=1,
        attention_head_dim=(2, 4, 6),
        norm_num_groups=8,
        cross_attention_dim=text_width,
    )


def build_text_encoder(vocabulary_size: int, end_id: int, start_id: int):
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary_size,
            hidden_size=128,
            intermediate_size=384,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=tokenizer.LENGTH,
            eos_token_id=end_id,
            bos_token_id=start_id,
            pad_token_id=end_id,
            projection_dim=128,
        )
    )


class Kinds:
    """Draws pictures so that untreated ones, which carry the names, are seen as often as they need."""

    def __init__(self, pictures: Pictures):
        portrait = pictures.object == dataset.objects().index(dataset.PORTRAIT)
        plain = (pictures.style == 0) & ~portrait
        self.members = [np.flatnonzero(m) for m in (plain, ~plain & ~portrait, portrait)]
        self.shares = (0.32, 0.53, 0.15)

    def choose(self, n: int, rng: np.random.Generator) -> np.ndarray:
        kinds = rng.choice(3, n, p=self.shares)
        return np.array([rng.choice(self.members[k]) for k in kinds])


def train_unet(
    pictures: Pictures, z: torch.Tensor, words, folder: Path, steps: int, batch: int = 48, peak: float = 1e-3
):
    """Noise prediction with min-SNR weights (Hang et al. 2023, gamma 5); text encoder and U-Net together; EMA weights.

    Returns: (U-Net, text encoder) with their averaged weights.
    """
    from diffusers import DDIMScheduler

    torch.manual_seed(3)
    text = build_text_encoder(len(words), words.eos_token_id, words.bos_token_id)
    unet = build_unet(text.config.hidden_size).to(memory_format=torch.channels_last)
    both = nn.ModuleDict({"unet": unet, "text": text})
    average = torch.optim.swa_utils.AveragedModel(
        both, avg_fn=lambda mean, new, n: mean.lerp(new, 1 - min(0.998, (1 + float(n)) / (10 + float(n))))
    )
    optimizer = torch.optim.AdamW(both.parameters(), peak, weight_decay=0.01, betas=(0.9, 0.99))
    loop = Loop("unet", folder, steps, {"both": both, "average": average, "optimizer": optimizer}, seed=3)
    noise_levels = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear").alphas_cumprod
    kinds = Kinds(pictures)

    def step(index: int, rng: np.random.Generator) -> torch.Tensor:
        chosen = kinds.choose(batch, rng)
        texts = [dataset.caption(pictures.object[i], pictures.style[i], rng) for i in chosen]
        ids = words(texts, padding="max_length", max_length=tokenizer.LENGTH, return_tensors="pt").input_ids
        x = z[chosen].float()
        t = torch.from_numpy(rng.integers(0, 1000, batch))
        alpha = noise_levels[t].view(-1, 1, 1, 1)
        noise = torch.randn_like(x)
        noisy = (alpha.sqrt() * x + (1 - alpha).sqrt() * noise).contiguous(memory_format=torch.channels_last)
        set_rate(optimizer, cosine(index, steps, peak))
        with autocast(), sdpa_kernel(SDPBackend.MATH):  # fused attention is slow backwards in bfloat16
            made = unet(noisy, t, text(ids).last_hidden_state).sample
        snr = (alpha / (1 - alpha)).flatten()
        weight = torch.minimum(snr, torch.tensor(5.0)) / snr
        loss = (weight * (made.float() - noise).square().mean((1, 2, 3))).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(both)
        return loss.detach()

    loop.run(step)
    return average.module["unet"].eval(), average.module["text"].eval()
