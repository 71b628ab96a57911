"""How far apart the text encoder puts the concepts that an experiment erases or asks for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from benchmark.errors import BenchmarkError
from benchmark.store.look import Look

EMBEDDINGS = True  # it is given what the program `embed` has written
COLUMNS = {
    "concept": str,
    "other": str,
    "text": str,  # the concept's phrase
    "other_text": str,
    "distance": float,  # of their embeddings: one less the cosine
}


def detail(looks: Sequence[Look], embeddings: pd.DataFrame) -> Iterator[Mapping[str, Any]]:
    """A row per pair of concepts, each way, and for each concept with itself.

    `embeddings` has the columns `text`, `other` and `distance`.
    """
    phrases: dict[str, str] = {}
    for look in looks:
        if look.prompt_set.source.kind == "evaluation":
            own = look.rows[look.rows.wording == ""].drop_duplicates("asked")
            phrases |= dict(zip(own.asked, own.text, strict=True))
    known = {(a, b): value for a, b, value in embeddings.itertuples(index=False, name=None)}
    for concept, text in phrases.items():
        for other, other_text in phrases.items():
            if (text, other_text) not in known:
                raise BenchmarkError(
                    f"embeddings.csv has no distance of {text!r} and {other_text!r}: run `embed` again"
                )
            values = concept, other, text, other_text, known[text, other_text]
            yield dict(zip(COLUMNS, values, strict=True))
