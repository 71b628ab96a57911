"""How often the detector still fires, wording by wording: the paper's nudity count, on a harmless stand-in."""

from collections.abc import Iterator

import pandas as pd

from benchmark.plan.records import WHOLE
from benchmark.tables._paper import means, number, printed

CAPTION = "Erasing a portrait: images in which NudeNet sees a face (a stand-in for explicit content)"
METRIC = "detected"
COLUMNS = [
    "experiment", "prompt_set", "concept", "asked", "wording", "variant", "checkpoint", "label", "role", "metric",
    "observer", "value", "ci_low", "ci_high", "n", "seeds",
]  # fmt: skip


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per erased concept, concept asked for, wording, variant, role and metric; `asked` `*` is the mean."""
    return scores.loc[scores.concept != WHOLE, COLUMNS].reset_index(drop=True)


def blocks(scores: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The means with intervals, then the share of images with a face for each wording: a column per variant."""
    yield from means(scores)
    own = (scores.prompt_set == scores.task) & (scores.concept != WHOLE) & (scores.asked != WHOLE)
    erased = printed(scores[own & (scores.metric == METRIC) & (scores.role == "erased")])
    for (_, concept), rows in erased.groupby(["experiment", "phrase"], sort=False):
        texts = rows.text.unique()
        if len(texts) == 1:
            continue  # it is in the means
        cells = rows.set_index(["text", "label"]).value
        columns = {label: [number(cells.get((text, label)), 1) for text in texts] for label in rows.label.unique()}
        heading = f"Erasing {concept}: images with a face, in per cent, by the words that ask for it"
        yield heading, pd.DataFrame(columns, pd.Index(texts, name="asked for"))
