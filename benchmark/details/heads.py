"""What the heads of a trained classifier say: the ACC by each, of which the first decides."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmark.store.look import GROUP, MODEL, Look

COLUMNS = MODEL | GROUP | {
    "head": int,  # from 0 on; the first is the one that decides
    "value": float,  # the per cent of images that it takes for what the prompt asked for
    "n": int,  # of how many
}  # fmt: skip
FIRST, FURTHER = "classifier_label", "classifier_head{}_label"  # columns of evidence.csv


def detail(looks: Sequence[Look]) -> Iterator[Mapping[str, Any]]:
    """A row per model, group of images and head; none where the classifier came trained and has one."""
    for look in looks:
        columns = [FIRST]
        while (column := FURTHER.format(len(columns))) in look.rows:
            columns.append(column)
        for group, where in look.groups() if len(columns) > 1 else ():
            rows = look.rows.iloc[where]
            for head, column in enumerate(columns):
                hits = rows[column].to_numpy() == rows.class_name.to_numpy()
                yield group | {"head": head, "value": 100 * float(hits.mean()), "n": len(rows)}
