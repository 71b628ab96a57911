"""Made-up scores and claims about them: what the tests of claims share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmark import claims
from benchmark.plan.config import load_suite
from benchmark.showing.effects import PAIRED, Numbers
from benchmark.showing.judging import judge
from benchmark.store.claimed import Claim, Claims, Part

L1, L2 = "advanchor-l1", "advanchor-l2"
STYLES = [f"style{place}" for place in range(9)]
SUITE = load_suite("testbed")


def gaps(dice, truth, concepts=9, seeds=3, spread=3.0, training=2.0, images=1.0, shared=False):
    """Differences of two variants; the deviations are of concepts, of trainings, and of the images' chance."""
    noise = np.full(concepts, dice.normal(0, images)) if shared else dice.normal(0, images, concepts)
    of_concept = truth + dice.normal(0, spread, concepts) + noise
    values = of_concept[:, None] + dice.normal(0, training, (concepts, seeds))
    index = pd.MultiIndex.from_product([range(concepts), range(seeds)], names=["concept", "erasing_seed"])
    return pd.DataFrame({"value": values.ravel(), "se": images, "errors": PAIRED}, index)


def scored(dice, levels, concepts=STYLES, seeds=(0, 1, 2), spread=4.0, task="style"):
    """Scores of variants: `levels` has for each its erased ACC and its retained FID."""
    rows = []
    hard = dice.normal(0, spread, (len(concepts), 2))
    for variant, pair in levels.items():
        own = dice.normal(0, spread / 2, (len(concepts), 2))
        for place, concept in enumerate(concepts):
            for seed in seeds:
                for side, (role, metric) in enumerate((("erased", "accuracy"), ("retained", "fid"))):
                    value = pair[side] + hard[place, side] + own[place, side] + dice.normal(0, 2)
                    rows.append(
                        (task, variant, concept, seed, "style", concept if side == 0 else "dog", role, metric, value)
                    )
    names = ["task", "variant", "concept", "erasing_seed", "prompt_set", "asked", "role", "metric", "value"]
    frame = pd.DataFrame(rows, columns=names).assign(checkpoint=100, wording="", observer="eye")
    return frame.assign(ci_low=frame.value - 2, ci_high=frame.value + 2)


def of(*parts, tasks=("style",)):
    return Claim("a claim", "here", "a little", parts, tasks)


def two(role, metric, first, second, least=2.0, kind="better"):
    return Part("a comparison", role, {metric: least}, kind, ((first, second),))


DECLARED = Claims(
    0.05,
    {
        "erases": of(two("erased", "accuracy", L1, L2), two("erased", "accuracy", L1, "esd")),
        "retains": of(two("retained", "fid", L2, L1)),
        "alike": of(two("erased", "accuracy", "sdd", "esd", 6.0, "alike")),
        "converse": of(two("retained", "fid", L1, L2)),
    },
)


def verdicts(scores, details=None, declared=DECLARED):
    return {each.key: each for each in judge(declared, SUITE, Numbers(scores, details or {}, claims.directions))}
