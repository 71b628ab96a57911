"""How soon the similarity that AdvAnchor minimises falls below zero."""

from collections.abc import Iterator, Mapping

import pandas as pd

from benchmark.plan.records import END

CAPTION = (
    "Steps of AdvAnchor's inner loop, which stops when it sees a similarity below zero, at the latest after K steps: "
    "in the first loop, whose perturbation begins as it was initialised, and in the mean over all loops. Means over "
    "concepts and seeds"
)
DETAILS = ["inner_loops"]
KEYS = ["experiment", "variant"]


def table(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per experiment and variant: `first` and `mean` inner steps, `most` (K), and `crossed` in per cent."""
    rows = details["inner_loops"]
    means = rows[rows.checkpoint == END].groupby(KEYS, sort=False, as_index=False).agg(
        first=("first", "mean"), mean=("mean", "mean"), most=("most", "max"), crossed=("crossed", "mean"),
        models=("first", "size"),
    )  # fmt: skip
    names = scores[scores.checkpoint == END].drop_duplicates(KEYS)[[*KEYS, "title", "label"]]
    return names.merge(means, on=KEYS)


def blocks(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, pd.DataFrame]]:
    """For each experiment: a row per variant that has an inner loop; a dash if none has, as of one method alone."""
    found = table(scores, details)
    if found.empty:
        yield "No variant of this run has an inner loop", pd.DataFrame({"mean": "–"}, pd.Index(["–"], name="variant"))
    for _, rows in found.groupby("experiment", sort=False):
        shown = pd.DataFrame(
            {
                "variant": rows.label,
                "first loop": rows["first"].map("{:.1f}".format),
                "mean": rows["mean"].map("{:.2f}".format),
                "K": rows.most,
                "stopped early, %": rows.crossed.map("{:.0f}".format),
                "models": rows.models,
            }
        )
        yield rows.title.iloc[0], shown.set_index("variant")
