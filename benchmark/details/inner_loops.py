"""How soon AdvAnchor's inner loop sees that the similarity which it minimises is below zero, at which it stops.

It looks before each step, and not after the last one.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from benchmark.store.look import MODEL, Look

TRACES = True
COLUMNS = {name: kind for name, kind in MODEL.items() if name != "prompt_set"} | {
    "inputs": int,  # how many inner loops there were: one for each noisy image that the method trains on
    "first": float,  # how many inner steps the first loop took, whose delta begins as it was initialised
    "mean": float,  # the mean over all loops, whose deltas begin where the one before has ended
    "most": int,  # K, after which a loop stops in any case
    "crossed": float,  # per cent of the loops that stopped early: they saw a similarity below zero
}
NOTES = {"input", "inner_step", "l_adv", "inner_steps"}  # of methods that have an inner loop


def detail(looks: Sequence[Look], traces: pd.DataFrame) -> Iterator[Mapping[str, Any]]:
    """A row per model that has an inner loop."""
    if not NOTES <= set(traces):
        return
    model = [name for name in COLUMNS if name in MODEL]
    settings = {tuple(look.identity[name] for name in model): look.settings for look in looks}
    for key, rows in traces[traces.input.notna()].groupby(model, sort=False):
        if key not in settings:  # another experiment shows it
            continue
        named, chosen = dict(zip(model, key, strict=True)), settings[key]
        # The similarity is noted before each step, and `inner_steps`, how many were made, at the end of a loop.
        loops = rows.sort_values(["input", "inner_step"]).groupby("input", sort=True)
        ends = loops.agg(steps=("inner_steps", "max"), similarity=("l_adv", "last"))
        yield named | {
            "inputs": len(ends), "first": float(ends.steps.iloc[0]), "mean": float(ends.steps.mean()),
            "most": chosen["inner_steps"], "crossed": 100 * float((ends.similarity < 0).mean()),
        }  # fmt: skip
