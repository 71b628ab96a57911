"""Where the images of an erased concept went: which classes the classifier took them for."""

from collections.abc import Iterator, Mapping

import pandas as pd

from benchmark.plan.records import WHOLE

CAPTION = "Where the images of an erased concept went"
DETAILS = ["labels"]
COMMON = 5.0  # per cent: classes that no variant reaches are one column
OTHERS = "other classes"
ASKED = ["experiment", "prompt_set", "asked", "wording"]  # for what the images were drawn
VARIANT = ["variant", "checkpoint"]


def table(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per erased concept, wording, variant and class; `share` is in per cent of the images of all erasing seeds.

    Controls are shown beside the variants that erased a concept, on the images that ask for it.
    """
    labels = details["labels"]
    erased = scores.loc[(scores.role == "erased") & (scores.asked != WHOLE), ASKED].drop_duplicates()
    rows = labels[labels.role != "retained"].merge(erased, on=ASKED)
    counts = rows.groupby([*ASKED, *VARIANT, "label"], sort=False, as_index=False).images.sum()
    of = rows.drop_duplicates([*ASKED, *VARIANT, "erasing_seed"]).groupby([*ASKED, *VARIANT], as_index=False).n.sum()
    shares = counts.merge(of, on=[*ASKED, *VARIANT])
    return shares.assign(share=100 * shares.images / shares.n)


def blocks(scores: pd.DataFrame, details: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, pd.DataFrame]]:
    """For each concept and wording that was asked for: a row per variant, a column per class, in per cent."""
    texts = scores.drop_duplicates(ASKED).set_index(ASKED)
    for asked, rows in table(scores, details).groupby(ASKED, sort=False):
        own = scores[scores.experiment == asked[0]]
        names = own.drop_duplicates(VARIANT).set_index(VARIANT).label
        wide = rows.pivot_table(index=VARIANT, columns="label", values="share", sort=False, fill_value=0)
        wide = wide.loc[[variant for variant in names.index if variant in wide.index]]
        often = wide.max()[wide.max() >= COMMON].sort_values(ascending=False).index
        rare = wide.drop(columns=often).sum(axis=1)
        shown = wide[often].assign(**{OTHERS: rare} if rare.any() else {})
        shown.index = pd.Index(names[wide.index], name="variant")
        heading = f"{texts.title[asked]}: images of “{texts.text[asked]}”, in per cent"
        yield heading, shown.map("{:.0f}".format).rename_axis(columns=None)
