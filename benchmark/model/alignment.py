"""The one training loop behind every method that teaches a model to match a prediction.

    draw (x_t, t)  →  the anchor prepares itself  →  targets, without gradients  →  the student's pass  →  loss  →  step

What varies is data: where latents come from, what the anchor predicts, what is preserved, which weights are trained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from benchmark.errors import BenchmarkError
from benchmark.model.diffusion import Conditioning, join
from benchmark.model.workbench import Workbench

State = dict[str, Any]
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]  # x_t (B, C, h, w), t (B,), the noise in x_t if known


# ── where latents come from ──


class NoisedImages:
    """B images of the pool a step, in order, noised to timesteps uniform over all 1000. No U-Net passes."""

    def __init__(self, model: Workbench, batch: int):
        self.model, self.batch = model, batch
        self.mean, self.std = model.pool_latents()

    def __call__(self, step: int) -> Batch:
        model = self.model
        chosen = (step * self.batch + torch.arange(self.batch)) % len(self.mean)
        x0 = self.mean[chosen] + self.std[chosen] * model.randn(self.batch, *model.latent_shape)
        noise, t = model.randn(*x0.shape), model.randint(len(model.alphas), self.batch)
        return model.add_noise(x0, noise, t), t, noise


class PartialDenoise:
    """Noise that a model has denoised under a prompt for k of N DDIM steps, k uniform, and the timestep it is then at.

    What noise is left in such latents is not known. Every call draws anew, whatever the step of the method.

    Args:
        batch: B, latents per step of the method.
        guidance: classifier-free guidance while denoising.
        steps: N.
        weights: whose weights denoise: a function that returns them, or None for the student's own.
    """

    def __init__(
        self,
        model: Workbench,
        prompt: str,
        batch: int,
        guidance: float,
        steps: int,
        weights: Callable[[], dict[str, torch.Tensor]] | None = None,
    ):
        from diffusers.schedulers.scheduling_ddim import DDIMScheduler

        self.model, self.batch, self.guidance, self.weights = model, batch, guidance, weights or model.weights
        self.both = model.encode("", prompt)
        self.scheduler = DDIMScheduler.from_config(model.scheduler)
        self.scheduler.set_timesteps(steps)
        self.times = self.scheduler.timesteps.to(model.device)

    def __call__(self, step: int) -> Batch:
        model, times = self.model, self.scheduler.timesteps
        x = model.randn(self.batch, *model.latent_shape)
        k = int(model.randint(len(times), 1))
        with model.using(self.weights()):
            for t, time in zip(times[:k], self.times[:k], strict=True):
                blank, asked = model.predict(x, time.expand(self.batch), self.both)
                x = self.scheduler.step(blank + self.guidance * (asked - blank), t, x).prev_sample
        return x, self.times[k].expand(self.batch), None


# ── what is matched ──


class Anchor:
    """What the student's prediction for the concept is pulled to: a combination of predictions for some contexts.

    `source` says who predicts: `frozen` (the original weights) or `student` (its own, without gradients).
    """

    source = "frozen"

    def contexts(self) -> Conditioning:
        """What K texts say."""
        raise NotImplementedError

    def combine(self, predictions: torch.Tensor, noise: torch.Tensor | None) -> torch.Tensor:
        """From predictions (K, B, C, h, w) for the contexts to the target (B, C, h, w); by default the first."""
        return predictions[0]

    def prepare(self, x: torch.Tensor, t: torch.Tensor) -> None:
        """Adapt to the latents about to be used (adversarial anchors)."""

    def state_dict(self) -> State:
        return {}

    def load_state_dict(self, state: State) -> None:
        pass


class PromptAnchor(Anchor):
    """The prediction for another prompt."""

    def __init__(self, model: Workbench, prompt: str, source: str = "frozen"):
        self.said, self.source = model.encode(prompt), source

    def contexts(self) -> Conditioning:
        return self.said


class NoiseAnchor(PromptAnchor):
    """The noise that is in the latents: ordinary training on an anchor's images with the concept's prompt."""

    def combine(self, predictions: torch.Tensor, noise: torch.Tensor | None) -> torch.Tensor:
        if noise is None:
            raise BenchmarkError("NoiseAnchor needs latents whose noise is known: NoisedImages")
        return noise


class NegativeGuidance(Anchor):
    """eps(surrogate) - eta (eps(concept) - eps(surrogate)): away from the concept (ESD, Gandikota et al. 2023, eq. 7).

    `surrogate` is itself an anchor with one context: the empty prompt, or an adversarial one.
    """

    def __init__(self, model: Workbench, concept: str, surrogate: Anchor, eta: float):
        self.concept, self.surrogate, self.eta = model.encode(concept), surrogate, eta
        self.prepare = surrogate.prepare
        self.state_dict, self.load_state_dict = surrogate.state_dict, surrogate.load_state_dict

    def contexts(self) -> Conditioning:
        return join(self.surrogate.contexts(), self.concept)

    def combine(self, predictions: torch.Tensor, noise: torch.Tensor | None) -> torch.Tensor:
        surrogate, concept = predictions
        return surrogate - self.eta * (concept - surrogate)


# ── what is kept ──


@dataclass(frozen=True)
class Preserve:
    """A prompt whose prediction must stay the original's at the same (x_t, t), and the weight of that term."""

    prompt: str
    weight: float


class Average:
    """An exponential moving average of the weights in training: m_k = decay · m_{k-1} + (1 - decay) · w_k."""

    def __init__(self, decay: float):
        self.decay, self.mean = decay, {}

    def start(self, model: Workbench) -> None:
        self.mean = {name: value.clone() for name, value in model.weights().items()}

    def update(self, model: Workbench) -> None:
        for name, value in model.weights().items():
            self.mean[name].lerp_(value, 1 - self.decay)

    def weights(self) -> dict[str, torch.Tensor]:
        return self.mean


# ── the loop ──

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def align(
    model: Workbench,
    *,
    steps: int,
    lr: float,
    prompt: str,
    latents: Callable[[int], Batch],
    anchor: Anchor,
    preserve: Sequence[Preserve] = (),
    optimizer: str = "adam",
    weight_decay: float = 0.0,
    clip: float | None = None,
    accumulate_grads: bool = False,
    average: Average | None = None,
    before: Iterator[None] | None = None,
) -> Iterator[State]:
    """Teach what is in training to predict, for `prompt`, what the anchor says. Yields every step.

    In training is what the method has given to `model.train` and `model.train_own`.

        L = MSE(eps(x_t, t, prompt), target) + sum_i w_i MSE(eps(x_t, t, p_i), eps_0(x_t, t, p_i))

    Args:
        steps, lr, optimizer, weight_decay: of the optimizer over the weights in training; one step per draw of latents.
        prompt: the text whose prediction the student changes.
        latents: from the number of the step to a batch (x_t, t, noise).
        anchor: what is matched; see `Anchor`.
        preserve: prompts whose predictions must stay, each with the weight of its term.
        clip: the largest norm of the gradient, or None.
        accumulate_grads: never zero the gradients, so that the optimizer sees their running sum (AdvAnchor's release).
        average: if given, its weights end up in the model instead of the last ones.
        before: something to run to its end before the first step (AdvAnchor's sequential and cyclical strategies).

    Raises `BenchmarkError` for `clip` with `accumulate_grads`: clipping would shrink the gradients of earlier steps.
    """
    if accumulate_grads and clip is not None:
        raise BenchmarkError(
            f"clip: {clip:g} with accumulate_grads would clip the sum of all gradients; give one of the two"
        )
    weights = model.training()
    step_with = OPTIMIZERS[optimizer](weights, lr=lr, weight_decay=weight_decay)
    kept_texts = model.encode(*[p.prompt for p in preserve]) if preserve else None
    asked = model.encode(prompt)
    if kept_texts is not None:
        asked = join(asked, kept_texts)
    if average is not None:
        average.start(model)
    summed = weights if accumulate_grads else []  # whose gradients are part of the state
    start = _resume(model, step_with, anchor, average, summed)
    if before is not None and start == 0:
        yield from before

    for step in range(start, steps):
        x, t, noise = latents(step)
        anchor.prepare(x, t)
        target, kept = _targets(model, anchor, kept_texts, (x, t, noise))
        predicted = model.predict(x, t, asked)
        loss = (predicted[0] - target).square().mean()
        for term, now, then in zip(preserve, predicted[1:], kept, strict=True):
            loss = loss + term.weight * (now - then).square().mean()
        if not accumulate_grads:
            step_with.zero_grad(set_to_none=True)
        loss.backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(weights, clip)
        step_with.step()
        if average is not None:
            average.update(model)
        model.log(step=step + 1, loss=loss.item())
        yield _state(model, step + 1, step_with, anchor, average, summed)
    if average is not None:
        model.restore(average.weights())


@torch.no_grad()
def _targets(
    model: Workbench, anchor: Anchor, kept: Conditioning | None, batch: Batch
) -> tuple[torch.Tensor, torch.Tensor | tuple]:
    """The anchor's target and the originals of what is preserved: one pass if both are the frozen model's."""
    contexts, (x, t, noise) = anchor.contexts(), batch
    if anchor.source == "student":
        target = anchor.combine(model.predict(x, t, contexts), noise)
        if kept is None:
            return target, ()
        with model.original():
            return target, model.predict(x, t, kept)
    with model.original():
        predictions = model.predict(x, t, contexts if kept is None else join(contexts, kept))
    return anchor.combine(predictions[: len(contexts)], noise), predictions[len(contexts) :]


def _state(
    model: Workbench, step: int, optimizer: Any, anchor: Anchor, average: Average | None, summed: list[torch.Tensor]
) -> State:
    return {
        "step": step,
        "weights": model.weights(),
        "optimizer": optimizer.state_dict(),
        "anchor": anchor.state_dict(),
        "average": average.weights() if average else {},
        "gradients": [weight.grad for weight in summed],
        "generator": model.generator.get_state(),
    }


def _resume(
    model: Workbench, optimizer: Any, anchor: Anchor, average: Average | None, summed: list[torch.Tensor]
) -> int:
    """Restore what a killed run yielded last; returns the step to go on with."""
    state = model.resume
    if state is None:
        return 0
    model.restore(state["weights"])
    optimizer.load_state_dict(state["optimizer"])
    anchor.load_state_dict(state["anchor"])
    if average is not None:
        average.mean = {name: value.to(model.device) for name, value in state["average"].items()}
    for weight, gradient in zip(summed, state["gradients"], strict=True):
        weight.grad = gradient.to(weight.device, copy=True)
    model.generator.set_state(state["generator"])
    return state["step"]
