"""Seeded images: noise that depends on the prompt row alone, and a sampler that packs rows into full batches.

The sampler knows neither guidance nor what the U-Net predicts: `benchmark.model.guidance` and `Diffusion.noise` do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmark.errors import BenchmarkError
from benchmark.model import compatible
from benchmark.model.diffusion import PRECISIONS, Diffusion, join
from benchmark.model.guidance import Batch, ClassifierFree, Shot
from benchmark.plan.records import Sampler

if TYPE_CHECKING:
    from benchmark.plan.protocols import Guidance


def noise(seed: int, images: int, shape: tuple[int, int, int]) -> torch.Tensor:
    """One float32 draw on the CPU for a whole prompt row, (images, C, h, w): image j is slice j on any device."""
    return torch.randn((images, *shape), generator=torch.Generator().manual_seed(seed))


def scheduler(sampler: Sampler, config: dict) -> Any:
    """A fresh diffusers scheduler with the base model's noise schedule."""
    if sampler.scheduler == "lms":
        from diffusers.schedulers.scheduling_lms_discrete import LMSDiscreteScheduler as Kind
    elif sampler.scheduler == "dpm":
        from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler as Kind
    else:
        from diffusers.schedulers.scheduling_ddim import DDIMScheduler as Kind
    return Kind.from_config(config)


@torch.no_grad()
def draw(
    model: Diffusion, shots: Sequence[Shot], sampler: Sampler, guidance: Guidance | None = None
) -> Iterator[np.ndarray]:
    """The images of `shots`, in order, uint8 (H, W, 3); without `guidance` it is classifier-free.

    Every batch has the same shape (the last is padded with its own last shot), since the shape changes rounding: so an
    image has the same bytes whatever is drawn beside it. All predictions of a step share one pass. What a guidance
    remembers in its attributes while a batch is drawn is forgotten with it.
    """
    guidance = guidance or ClassifierFree(model)
    steps = scheduler(sampler, model.scheduler)
    dtype = PRECISIONS[sampler.precision]
    shape = (model.latent_shape[0], *[sampler.size // compatible.reduction(model.vae.config)] * 2)
    for start in range(0, len(shots), sampler.batch):
        batch = list(shots[start : start + sampler.batch])
        padded = (*batch, *[batch[-1]] * (sampler.batch - len(batch)))
        before = dict(vars(guidance))
        contexts = list(guidance.contexts(Batch(padded, sampler.steps, model.device)))
        k, told = len(contexts), join(*contexts)
        if len(told) != k * len(padded):
            raise BenchmarkError(
                f"{type(guidance).__name__}.contexts: {len(told)} texts in {k} contexts, not {len(padded)} in each"
            )
        x = torch.stack([noise(shot.noise_seed, shot.images, shape)[shot.index] for shot in padded])
        steps.set_timesteps(sampler.steps)
        times = steps.timesteps.to(model.device)  # all at once: copied one by one, the GPU would wait at each step
        x = (x * steps.init_noise_sigma).to(model.device, dtype)
        for step, (t, time) in enumerate(zip(steps.timesteps, times, strict=True)):
            latents = torch.cat([steps.scale_model_input(x, t)] * k)
            predictions = model.noise(latents, time, told).unflatten(0, (k, len(padded)))
            x = steps.step(guidance.combine(predictions, step), t, x).prev_sample
        vars(guidance).clear()
        vars(guidance).update(before)
        yield from decode(model, x)[: len(batch)]


class NotFinite(BenchmarkError):
    """A picture has no numbers: a NaN would come out black, and be scored."""


@torch.no_grad()
def decode(model: Diffusion, latents: torch.Tensor) -> np.ndarray:
    """Latents (N, C, h, w) to pictures, uint8 (N, H, W, 3), rounded as diffusers' pipelines round.

    Raises `NotFinite` for one that is not.
    """
    pictures = model.vae.decode(latents / model.vae.config.scaling_factor).sample
    if not pictures.isfinite().all():
        raise NotFinite(
            "the model draws no finite picture; a lower learning rate or sampler.precision float32 may help"
        )
    pictures = (pictures / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).float().cpu().numpy()
    return (pictures * 255).round().astype(np.uint8)
