"""FID of all retained images together, which is another number than the mean of one FID for each retained concept.

FID grows as images get fewer, so that of many images is the lower one. The paper does not say which of both its tables
print (docs/ambiguities.md, 2).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmark.metrics._frechet import paired
from benchmark.plan.records import NOTHING, WHOLE
from benchmark.store.look import MODEL, Look

COLUMNS = MODEL | {
    "without": str,  # the concept that the model has lost or, of a control, that models beside it have
    "observer": str,  # whose features they are
    "fid": float,
    "fid_low": float,  # of its 95 % interval
    "fid_high": float,
    "images": int,
}


def detail(looks: Sequence[Look]) -> Iterator[Mapping[str, Any]]:
    """A row per model, lost concept and observer that the metric `fid` reads; of sets that are scored by concept."""
    for look in looks:
        retained = {asked: [] for asked, _, role in look.places if role == "retained" and asked != WHOLE}
        for (asked, _, role), where in look.places.items():
            if role == "retained" and asked in retained:
                retained[asked].append(where)
        lost = [look.erasure.concept]
        if lost == [NOTHING]:
            lost = [asked for asked, _, role in look.places if role == "erased"]
        for observer in (m.observer for m in look.prompt_set.measures if m.metric == "fid" and retained):
            images, references = look.features(observer)
            for concept in dict.fromkeys(lost):
                kept = [where for asked, places in retained.items() if asked != concept for where in places]
                if not kept:
                    continue
                here = np.concatenate(kept)
                units = look.rows.unit.to_numpy()[here]
                fid, n, low, high = paired(images[here], references[here], units)
                yield look.identity | {
                    "without": concept, "observer": observer, "fid": fid, "fid_low": low, "fid_high": high, "images": n,
                }  # fmt: skip
