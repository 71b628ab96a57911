"""Tables of a concept that several wordings ask for: the means, then a column per variant and a row per wording."""

from collections.abc import Iterator

import pandas as pd

from benchmark.plan.records import WHOLE
from benchmark.tables._paper import Details, means, number, printed

COLUMNS = [
    "experiment", "prompt_set", "concept", "asked", "wording", "variant", "checkpoint", "label", "role", "metric",
    "observer", "value", "ci_low", "ci_high", "n", "seeds",
]  # fmt: skip


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per erased concept, concept asked for, wording, variant, role and metric; `asked` `*` is the mean."""
    return scores.loc[scores.concept != WHOLE, COLUMNS].reset_index(drop=True)


def blocks(
    scores: pd.DataFrame, metric: str, what: str, details: Details | None = None
) -> Iterator[tuple[str, pd.DataFrame]]:
    """The means with intervals, then a metric of the erased concept by wording; `what` is what the metric counts."""
    yield from means(scores, details)
    own = (scores.prompt_set == scores.task) & (scores.concept != WHOLE) & (scores.asked != WHOLE)
    erased = printed(scores[own & (scores.metric == metric) & (scores.role == "erased")])
    for (_, concept), rows in erased.groupby(["experiment", "phrase"], sort=False):
        texts = rows.text.unique()
        if len(texts) == 1:
            continue  # it is in the means
        cells = rows.set_index(["text", "label"]).value
        columns = {label: [number(cells.get((text, label)), 1) for text in texts] for label in rows.label.unique()}
        heading = f"Erasing {concept}: {what}, in per cent, by the words that ask for it"
        yield heading, pd.DataFrame(columns, pd.Index(texts, name="asked for"))
