"""Which classes images were taken for: of the images that ask for an erased concept, where they went."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmark.store.look import GROUP, MODEL, Look

COLUMNS = MODEL | GROUP | {
    "label": str,  # a class of the prompt set's classifier
    "images": int,  # how many images were taken for it
    "n": int,  # of how many
}  # fmt: skip


def detail(looks: Sequence[Look]) -> Iterator[Mapping[str, Any]]:
    """A row per model, group of images and class that some image was taken for, in the order of the classes' names."""
    for look in looks:
        if "classifier_label" not in look.rows:
            continue
        labels = look.rows.classifier_label.to_numpy(str)
        for group, where in look.groups():
            for label, images in zip(*np.unique(labels[where], return_counts=True), strict=True):
                yield group | {"label": label, "images": images, "n": len(where)}
