"""Adversarial anchors: a concept's prompt with a universal additive perturbation on the concept's tokens.

AdvAnchor (arXiv 2501.00054), equations 2 and 3. `delta` is learned so that the frozen model's prediction for the anchor
differs from that for the concept; the student is then taught to predict the former for the latter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from benchmark.model.alignment import Anchor, Batch, State
from benchmark.model.diffusion import Conditioning, join
from benchmark.model.workbench import Workbench


class AdversarialAnchor(Anchor):
    """The frozen model's prediction for `prompt` with `delta` on the tokens in `span`.

    Args:
        prompt: the text that is perturbed.
        span: the positions of the concept's tokens in it.
        references: the texts whose predictions delta must lead away from: the concept's prompt, attributes' prompts.
        weights: the weight of each reference; the similarity is their weighted sum.
        blank: the concept-free prompt; its prediction is subtracted from both sides if `loss` is `l2`.
        loss: `l1` compares raw predictions (L_adv1), `l2` the changes from the blank prompt (L_adv2).
        similarity: `cosine` (the paper) or `dot`, the mean product (the release); per image, then averaged.
        site: where delta is added, `input` or `output`; see `Workbench.encode_perturbed`.
        lr: delta's learning rate, of an Adam that begins anew with each input.
        inner_steps: K, the most steps of delta per input; it stops earlier once the similarity is below 0.
        init: the standard deviation of the noise that delta begins as.
        accumulate_grads: sum delta's gradients over the steps of an input instead of zeroing them (the release).

    Attributes:
        delta: (1, |span|, D). learning: whether `prepare` still adapts it. inputs: how many it has seen.
    """

    def __init__(
        self,
        model: Workbench,
        *,
        prompt: str,
        span: slice,
        references: Sequence[str],
        weights: Sequence[float],
        blank: str,
        loss: str,
        similarity: str,
        site: str,
        lr: float,
        inner_steps: int,
        init: float,
        accumulate_grads: bool = False,
    ):
        self.model, self.prompt, self.span, self.site = model, prompt, span, site
        self.references = model.encode(*references)
        self.weights = torch.tensor(weights, device=model.device)
        self.blank = model.encode(blank) if loss == "l2" else None
        self.cosine, self.lr, self.inner_steps = similarity == "cosine", lr, inner_steps
        self.accumulate_grads, self.learning, self.inputs = accumulate_grads, True, 0
        width = self.references.states.shape[-1]
        self.delta = init * model.randn(1, span.stop - span.start, width)

    def contexts(self) -> Conditioning:
        return self.model.encode_perturbed(self.prompt, self.span, self.delta, self.site)

    def prepare(self, x: torch.Tensor, t: torch.Tensor) -> None:
        if self.learning:
            self.adapt(x, t, self.inner_steps)

    def adapt(self, x: torch.Tensor, t: torch.Tensor, most: int) -> None:
        """At most `most` Adam steps of delta down the similarity at (x_t, t); none once it is below 0."""
        model, delta = self.model, self.delta.clone().requires_grad_(True)
        optimizer = torch.optim.Adam([delta], lr=self.lr)
        fixed = self.fixed(x, t)
        delta.grad = torch.zeros_like(delta)
        used = 0
        self.inputs += 1
        for _ in range(most):
            with model.original(gradients=True):
                loss = self.similarity(delta, x, t, *fixed)
                value = loss.item()
                model.log(input=self.inputs, inner_step=used, l_adv=value)
                if value < 0:
                    break
                (gradient,) = torch.autograd.grad(loss, delta)
            delta.grad = delta.grad + gradient if self.accumulate_grads else gradient
            optimizer.step()
            used += 1
        self.delta = delta.detach()
        model.log(input=self.inputs, inner_steps=used, delta_norm=self.delta.norm().item())

    def fixed(self, x: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What delta does not change: the references' predictions (R, B, C, h, w) and the base that both sides lose."""
        with self.model.original():
            if self.blank is None:
                targets = self.model.predict(x, t, self.references)
                return targets, torch.zeros_like(targets[0])
            *targets, base = self.model.predict(x, t, join(self.references, self.blank))
        return torch.stack(targets) - base, base

    def similarity(
        self, delta: torch.Tensor, x: torch.Tensor, t: torch.Tensor, targets: torch.Tensor, base: torch.Tensor
    ) -> torch.Tensor:
        """L_adv of a delta at (x_t, t), against what `fixed` gives there; the frozen weights must be in place."""
        anchor = self.model.encode_perturbed(self.prompt, self.span, delta, self.site)
        return self._similarity(self.model.predict(x, t, anchor)[0] - base, targets)

    def _similarity(self, anchor: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
        """Weighted over the references (R, B, C, h, w): the batch mean of the cosine or of the mean product."""
        a, r = anchor.flatten(1), references.flatten(2)
        each = torch.cosine_similarity(a[None], r, dim=2) if self.cosine else (a[None] * r).mean(2)
        return (self.weights * each.mean(1)).sum()

    def state_dict(self) -> State:
        return {"delta": self.delta, "learning": self.learning, "inputs": self.inputs}

    def load_state_dict(self, state: State) -> None:
        self.delta = state["delta"].to(self.model.device)
        self.learning, self.inputs = state["learning"], state["inputs"]


def in_place_of_a_prompt(
    model: Workbench, phrase: str, *, site: str, lr: float, inner_steps: int, init: float
) -> AdversarialAnchor:
    """The anchor of a bare phrase with L_adv1, for methods that else pull to another prompt (ESD, SDD)."""
    return AdversarialAnchor(
        model,
        prompt=phrase,
        span=model.span(phrase, phrase),
        references=[phrase],
        weights=[1.0],
        blank="",
        loss="l1",
        similarity="cosine",
        site=site,
        lr=lr,
        inner_steps=inner_steps,
        init=init,
    )


def sequential(anchor: AdversarialAnchor, inputs: Iterator[Batch]) -> Iterator[None]:
    """Delta first, on every input with all its steps; then it stays as it is."""
    for x, t, _ in inputs:
        anchor.prepare(x, t)
        yield
    anchor.learning = False


def cyclical(anchor: AdversarialAnchor, inputs: Iterator[Batch]) -> Iterator[None]:
    """Delta first, one step per input, again and again; then it stays as it is."""
    for x, t, _ in inputs:
        anchor.adapt(x, t, 1)
        yield
    anchor.learning = False
