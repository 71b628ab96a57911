"""How unlike a concept and what a method puts in its place are: FID between the original model's images of both.

AdvAnchor's first measure of an anchor (its Figure 3). An anchor's images come from the noise of its concept's.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.metrics._frechet import paired
from benchmark.store.look import Look

COLUMNS = {
    "task": str,
    "concept": str,
    "anchor": str,  # its name in the task's file
    "text": str,  # what asks for the concept
    "anchor_text": str,  # what asks for the anchor
    "observer": str,  # whose features they are
    "distance": float,  # FID
    "distance_low": float,  # of its 95 % interval
    "distance_high": float,
    "images": int,  # of each of the two
}
KIND = "anchors"  # of prompt sets whose rows ask for concepts and, with an anchor's name as wording, for anchors
NOISE = ["noise_seed", "index"]


def detail(looks: Sequence[Look]) -> Iterator[Mapping[str, Any]]:
    """A row per concept, anchor and observer with features."""
    for look in looks:
        if look.prompt_set.source.kind != KIND:
            continue
        observers = [name for name in look.prompt_set.observers if f"{name}_features" in look.rows]
        features = {name: look.features(name)[0] for name in observers}
        for (concept, anchor, role), there in look.places.items():
            if not anchor:
                continue
            here = look.places[concept, "", role]
            own, others = look.rows.iloc[here], look.rows.iloc[there]
            if not np.array_equal(own[NOISE], others[NOISE]):
                raise BenchmarkError(
                    f"prompt set {look.prompt_set.name}: {concept} and {anchor} have not the same noise"
                )
            for name in observers:
                value, n, low, high = paired(features[name][here], features[name][there], own.unit.to_numpy())
                yield {
                    "task": look.erasure.task, "concept": concept, "anchor": anchor, "text": own.text.iloc[0],
                    "anchor_text": others.text.iloc[0], "observer": name, "distance": value, "distance_low": low,
                    "distance_high": high, "images": n,
                }  # fmt: skip
