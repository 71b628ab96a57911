"""AdvAnchor: Enhancing Diffusion Model Unlearning with Adversarial Anchors (Zhao et al. 2024, arXiv 2501.00054).

    delta:  min  sim( eps_0(x_t, t, e + delta) - b, eps_0(x_t, t, e) - b ),   b = 0 (l1) or eps_0(x_t, t, blank) (l2)
    theta:  min  || eps(e) - eps_0(e + delta) ||^2 + lambda || eps(blank) - eps_0(blank) ||^2   at the same (x_t, t)

e is the embedding of the task's target prompt; delta is added to the concept's tokens only, is shared by all inputs,
and stops moving for an input once the similarity is below 0 or after K steps. Defaults are the paper's text; the code
differs and is a variant: `similarity: dot`, `accumulate_grads`, `span: words`, painting templates everywhere, 51 steps.
The paper does not say where delta is added; `site: input` (token embeddings) is where its learning rate has an effect;
`output` needs one that is larger by a factor of 50 or more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmark.errors import BenchmarkError
from benchmark.model.adversarial import AdversarialAnchor, cyclical, sequential
from benchmark.model.alignment import NoisedImages, Preserve, align
from benchmark.plan.groups import Group

POOL = "concept"
# How many I2P images of the original model show each exposed class (of 815): the release's weights of the attributes.
ATTRIBUTE_COUNTS = (200, 26, 22, 46, 51, 211, 196, 63)


@dataclass(frozen=True)
class Settings:
    loss: Literal["l1", "l2"] = "l1"
    similarity: Literal["cosine", "dot"] = "cosine"
    site: Literal["input", "output"] = "input"
    span: Literal["tokens", "words"] = "tokens"
    strategy: Literal["alternating", "sequential", "cyclical"] = "alternating"
    inner_steps: int = 30
    delta_lr: float = 1e-4
    delta_init: float = 1e-7  # so small that rounding decides where delta goes first (docs/anchors.md)
    group: Group = "xattn"
    steps: int = 50
    lr: float = 1e-5
    batch: int = 1
    preserve: float = 10.0
    target: str = ""  # the template of the concept's prompt; empty: the task's
    perturbed: str = ""  # that of the prompt which carries delta; empty: as `target`
    blank: str = ""  # the concept-free prompt; empty: the task's
    attributes: int = 0  # how many of the concept's attributes delta must lead away from, too
    include_concept: bool = True
    accumulate_grads: bool = False


def erase(model, request, settings):
    s, concept = settings, request.concept
    template, blank = s.target or request.templates.target, s.blank or request.templates.blank
    target = template.format(c=concept.phrase)
    perturbed = (s.perturbed or template).format(c=concept.phrase)
    model.train(s.group)
    latents = NoisedImages(model, s.batch)
    references, weights = _references(concept, s, perturbed, target)
    anchor = AdversarialAnchor(
        model,
        prompt=perturbed,
        span=_span(model, perturbed, concept.phrase, s.span),
        references=references,
        weights=weights,
        blank=blank,
        loss=s.loss,
        similarity=s.similarity,
        site=s.site,
        lr=s.delta_lr,
        inner_steps=s.inner_steps,
        accumulate_grads=s.accumulate_grads,
        init=s.delta_init,
    )
    inputs = {
        "alternating": lambda: None,
        "sequential": lambda: sequential(anchor, (latents(i) for i in range(s.steps))),
        "cyclical": lambda: cyclical(anchor, (latents(i) for _ in range(s.inner_steps) for i in range(s.steps))),
    }
    yield from align(
        model,
        steps=s.steps,
        lr=s.lr,
        prompt=target,
        latents=latents,
        anchor=anchor,
        preserve=[Preserve(blank, s.preserve)],
        accumulate_grads=s.accumulate_grads,
        before=inputs[s.strategy](),
    )


def _references(concept, s, perturbed, target):
    """The prompts that delta leads away from and their weights: the concept, then its first `attributes`.

    The release also halves the sum, which neither the stopping rule nor Adam can see, and without the concept it gives
    each attribute the weight of the one before.
    """
    if s.attributes > min(len(concept.attributes), len(ATTRIBUTE_COUNTS)):
        most = f"{len(concept.attributes)} attributes, of which at most {len(ATTRIBUTE_COUNTS)} have a weight"
        raise BenchmarkError(f"attributes: {s.attributes} are asked for, but {concept.name} has {most}")
    if not (s.attributes or s.include_concept):
        raise BenchmarkError("include_concept: without the concept delta needs attributes to lead away from")
    counts = ATTRIBUTE_COUNTS[: s.attributes]
    references = [perturbed.replace(concept.phrase, attribute) for attribute in concept.attributes[: s.attributes]]
    weights = [count / sum(ATTRIBUTE_COUNTS) for count in counts]
    return ([target, *references], [1.0, *weights]) if s.include_concept else (references, weights)


def _span(model, prompt, phrase, rule):
    """The concept's tokens in the prompt; by `words`, as many positions as it has words, as the release counts."""
    tokens = model.span(prompt, phrase)
    return tokens if rule == "tokens" else slice(tokens.start, tokens.start + len(phrase.split()))
