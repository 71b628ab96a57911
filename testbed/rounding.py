"""Whether rounding decides what AdvAnchor does: `python -m testbed.rounding`.

At delta = 0 the similarity is at its maximum and has no gradient. Delta begins so close to 0 that its gradient in
float32 may be more rounding than slope, and Adam takes a whole step along it, however small it is. Two things are
measured: how the first gradient differs from that in float64, and how the erased weights differ if the contrast of the
training pictures is raised by a millionth.
"""

from __future__ import annotations

import itertools
from typing import Any

import pandas as pd
import torch

from benchmark.files import write_atomically
from benchmark.model import workbench
from benchmark.model.adversarial import AdversarialAnchor
from benchmark.model.alignment import NoisedImages
from benchmark.plan import variants
from benchmark.plan.config import load_suite
from benchmark.plan.records import Templates, Variant
from benchmark.running import cli
from testbed import pilot

CONCEPTS = ("woodcut", "low poly")  # reserved
STARTS = (1e-7, 1e-5, 1e-3)
VARIANTS = ("abconcept", "advanchor-l1", "advanchor-l2", "advanchor-l2-dot")  # the first has no delta
TEMPLATES = Templates("{c} picture", "picture")
STRETCHED = 1 + 1e-6


def main(batch: int = 8) -> None:
    """Write docs/rounding_gradients.csv and docs/rounding_weights.csv.

    Args:
        batch: latents over which a gradient is averaged.
    """
    model, _, _ = pilot.loaded()
    gradients, weights = [], []
    for concept in CONCEPTS:
        model.pool = pilot.pool(concept)
        gradients += _gradients(model, concept, batch)
        weights += _weights(concept)
    for name, rows in (("gradients", gradients), ("weights", weights)):
        frame = pd.DataFrame(rows)
        with write_atomically(pilot.DOCS / f"rounding_{name}.csv") as aside:
            frame.to_csv(aside, index=False, float_format="%.3g", lineterminator="\n")
        print(frame.to_string(index=False, float_format="%.3g"))


def _gradients(model: workbench.Workbench, concept: str, batch: int) -> list[dict[str, Any]]:
    """Per loss, similarity, site and start: the cosine of the first gradients in float32 and float64; both norms."""
    model.generator = torch.Generator().manual_seed(0)
    x, t, _ = NoisedImages(model, batch)(0)
    gradients = {}
    for kind in (torch.float32, torch.float64):
        _cast(model, kind)
        for case in itertools.product(("l1", "l2"), ("cosine", "dot"), ("input", "output"), STARTS):
            gradients[kind, case] = _gradient(model, concept, x.to(kind), t, *case).double()
    _cast(model, torch.float32)
    rows = []
    for kind, case in gradients:
        if kind == torch.float64:
            exact, rounded = gradients[kind, case], gradients[torch.float32, case]
            cosine = torch.cosine_similarity(exact, rounded, 0).item()
            numbers = {"cosine": cosine, "norm": exact.norm().item(), "norm_float32": rounded.norm().item()}
            rows.append(
                {"concept": concept, **dict(zip(("loss", "similarity", "site", "start"), case, strict=True))} | numbers
            )
    return rows


def _weights(concept: str) -> list[dict[str, Any]]:
    """How far weights end from those of stretched pictures, relative to how far erasing moved them."""
    suite, pictures, (model, clean, _) = load_suite("testbed"), pilot.pool(concept), pilot.loaded()
    rows = []
    for variant in VARIANTS:
        values = variants.settings(suite, Variant(variant))
        for start in STARTS if "delta_init" in values else (None,):
            settings = values | ({"delta_init": start} if start else {})
            ends = []
            for factor in (1, STRETCHED):
                for _ in pilot.erasing(variant, concept, settings, TEMPLATES, pictures * factor):
                    pass
                moved = [(w - clean[f"unet.{name}"]).detach().flatten() for name, w in model.unet.named_parameters()]
                ends.append(torch.cat(moved))
            apart = ((ends[0] - ends[1]).norm() / ends[0].norm()).item()
            rows.append({"concept": concept, "variant": variant, "start": start, "difference": apart})
    model.set_state(clean)
    return rows


def _gradient(
    model: workbench.Workbench,
    concept: str,
    x: torch.Tensor,
    t: torch.Tensor,
    loss: str,
    similarity: str,
    site: str,
    start: float,
) -> torch.Tensor:
    """The gradient of L_adv for a delta of noise whose standard deviation is `start`, flat."""
    model.generator = torch.Generator().manual_seed(1)
    prompt, blank = TEMPLATES.target.format(c=concept), TEMPLATES.blank
    anchor = AdversarialAnchor(
        model,
        prompt=prompt,
        span=model.span(prompt, concept),
        references=[prompt],
        weights=[1.0],
        blank=blank,
        loss=loss,
        similarity=similarity,
        site=site,
        lr=0.0,
        inner_steps=0,
        init=start,
    )
    delta = anchor.delta.to(x.dtype).requires_grad_(True)
    fixed = anchor.fixed(x, t)
    with model.original(gradients=True):
        (gradient,) = torch.autograd.grad(anchor.similarity(delta, x, t, *fixed), delta)
    return gradient.flatten()


def _cast(model: workbench.Workbench, kind: torch.dtype) -> None:
    """The model in another precision; what was encoded before is forgotten."""
    for part in (model.unet, model.text_encoder):
        part._apply(lambda tensor: tensor.to(kind) if tensor.is_floating_point() else tensor)
    model.train("xattn")
    model._encoded.clear()


if __name__ == "__main__":
    cli.run(main)
