"""How far the heads of a trained classifier differ in the ACC that a table prints: the least and the most of them.

A classifier's head is trained with several seeds, and the first decides. The spread among the heads says how much of an
ACC is chance of that training. No interval has it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from benchmark.plan.records import NOTHING, ORIGINAL, WHOLE

COLUMNS = ["heads_low", "heads_high"]
ERASED = ["experiment", "prompt_set", "variant", "checkpoint", "role", "concept"]
SEEN = ["experiment", "prompt_set", "variant", "checkpoint", "its_role", "its_concept", "asked", "wording"]


def beside(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame] | None) -> pd.DataFrame:
    """`scores` (`frames.MEANS`) with `COLUMNS` beside each mean of ACC over what was asked, and NaN beside others.

    Without details it is returned as it is, and so it is if no classifier has several heads.
    """
    if not details or details["heads"].empty:
        return scores
    heads = details["heads"].rename(columns={"role": "its_role", "concept": "its_concept", "value": "share"})
    asked = scores[(scores.metric == "accuracy") & (scores.asked != WHOLE) & (scores.concept != WHOLE)]
    asked = asked.assign(
        its_concept=asked.concept.where(~asked.control, NOTHING),
        its_role=asked.role.where(asked.variant != ORIGINAL, "baseline"),
    )[[*SEEN, "role", "concept"]]
    each = asked.merge(heads[[*SEEN, "head", "share"]], on=SEEN)
    for key in ([*ERASED, "asked", "head"], [*ERASED, "head"]):  # over wordings, then over concepts, as the ACC is
        each = each.groupby(key, as_index=False).share.mean()
    over = each.groupby([*ERASED[:-1], "head"], as_index=False).share.mean().assign(concept=WHOLE)
    spread = pd.concat([each, over]).groupby(ERASED).share.agg(["min", "max"]).set_axis(COLUMNS, axis=1)
    found = scores.merge(spread.reset_index(), on=ERASED, how="left")
    shown = (found.metric == "accuracy") & (found.asked == WHOLE) & found.value.notna()
    return found.assign(**{column: found[column].where(shown, np.nan) for column in COLUMNS})
