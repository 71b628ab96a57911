"""The lines below every table and figure: what its numbers are of, and which of them say less than they seem to."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from benchmark.plan.config import load_set
from benchmark.plan.records import NOTHING, ORIGINAL, WHOLE, Variant
from benchmark.plan.suite import Suite

FLAT = "flat"  # the metric that counts pictures without content
ROLES = ("erased", "retained")


def notes(suite: Suite, scores: pd.DataFrame, means: pd.DataFrame, lacking: Sequence[str] = ()) -> list[str]:
    """A line each; `scores` has the columns of `scores.read`, `means` those of `frames.MEANS`.

    `lacking` is what was asked for and is not in the scores since its job failed.
    """
    lines = [_legend(suite, scores), *_flat(means), *_seeds(means), *_absent(suite, scores), *_partly(scores)]
    if suite.ungated:
        lines.append(f"The suite's gate stops no run ({suite.ungated}): the original may not be what was expected.")
    if lacking:
        lines.append(f"Not complete. Missing, since a job failed: {', '.join(lacking)}.")
    return lines


def _absent(suite: Suite, scores: pd.DataFrame) -> list[str]:
    """What the suite measures and the scores do not have: a file from elsewhere may have lost it, or be older."""
    lines = []
    titles = scores.groupby("experiment", sort=False).method.agg(lambda methods: ORIGINAL in set(methods))
    if lost := [name for name, there in titles.items() if not there]:
        lines.append(f"The scores have no number of the original model, of experiment {', '.join(lost)}.")
    found = set(scores[["prompt_set", "metric", "observer"]].itertuples(index=False, name=None))
    sets = {name: load_set(name, suite.world).measures for name in scores.prompt_set.unique()}
    for name, measures in sets.items():
        if lost := [m.name for m in measures if (name, m.metric, m.observer) not in found]:
            lines.append(f"The scores have no {', '.join(lost)}, which prompt set {name} measures.")
    return lines


def _partly(scores: pd.DataFrame) -> list[str]:
    """Whose numbers lack a concept that others beside it have erased: its means are missing, but not its details."""
    lines = []
    for experiment, rows in scores[scores.concept != NOTHING].groupby("experiment", sort=False):
        concepts = list(dict.fromkeys(rows.concept))
        for (variant, checkpoint), own in rows.groupby(["variant", "checkpoint"], sort=False):
            there = set(zip(own.concept, own.erasing_seed, strict=True))
            lost = [c for c in concepts if not all((c, seed) in there for seed in own.erasing_seed.unique())]
            if lost:
                of = f"{Variant(variant, checkpoint)} has no numbers of {', '.join(lost)}"
                what = "with one seed at least; what is computed from details is of the others"
                lines.append(f"Not complete ({experiment}): {of}, {what}.")
    return lines


def _legend(suite: Suite, scores: pd.DataFrame) -> str:
    """Suite, images, erasing seeds, observers."""
    sets: dict[str, list[str]] = {}
    for name, rows in scores.groupby("prompt_set", sort=False):
        sets.setdefault(_images(rows), []).append(name)
    images = "; ".join(f"{text} (prompt set {', '.join(names)})" for text, names in sets.items())
    seeds = sorted(scores.erasing_seed[scores.concept != NOTHING].unique())
    trained = f" Erasing seeds: {', '.join(map(str, seeds))}." if seeds else ""
    measures = scores[["observer", "metric"]].drop_duplicates().groupby("observer", sort=False).metric
    observers = ", ".join(f"{observer} ({', '.join(metrics)})" for observer, metrics in measures)
    return f"Suite {suite.name} ({suite.title}). Images behind a number: {images}.{trained} Observers: {observers}."


def _images(scores: pd.DataFrame) -> str:
    """How many images the numbers of one prompt set are of."""
    if (scores.asked == WHOLE).all():
        return f"{_span(scores.n)} of the set as a whole"
    counts = {role: scores.n[scores.role == role] for role in ROLES}
    wordings = scores.groupby("asked").wording.nunique().max()
    each = f" in each of {wordings} wordings, whose mean is taken" if wordings > 1 else ""
    of_roles = [
        f"{_span(n)} of {'an' if role == 'erased' else 'a'} {role} concept{each if role == 'erased' else ''}"
        for role, n in counts.items()
        if len(n)
    ]
    first = scores.n[scores.role == "baseline"]
    other = len(first) and any(_span(first) != _span(n) for n in counts.values() if len(n))
    originals = f", {_span(first)} of each for the original" if other and of_roles else ""
    return ", ".join(of_roles) + originals or f"{_span(scores.n)} of each concept"


def _span(numbers: pd.Series) -> str:
    return "–".join(dict.fromkeys((str(numbers.min()), str(numbers.max()))))


def _flat(means: pd.DataFrame) -> list[str]:
    """Whose images are partly of one colour: such an image shows neither the erased concept nor anything else."""
    overall = means[(means.concept == WHOLE) & (means.asked == WHOLE) & (means.metric == FLAT) & (means.value > 0)]
    lines = []
    for title, rows in overall.groupby("title", sort=False):
        shares = []
        groups = rows.sort_values("role", kind="stable").groupby(["prompt_set", "role"], sort=False)  # erased first
        for (name, role), group in groups:
            where = "" if name == group.task.iloc[0] else f" on prompt set {name}"
            listed = ", ".join(f"{row.label} {_share(row.value)} %" for row in group.itertuples())
            shares.append(f"of {role} concepts{where}, {listed}")
        lines.append(f"Images of a single colour ({title}): {'; '.join(shares)}.")
    return lines


def _share(value: float) -> str:
    return f"{value:.1f}" if value >= 0.05 else "below 0.1"


def _seeds(means: pd.DataFrame) -> list[str]:
    """Which variants were trained with fewer seeds than others beside them."""
    lines = []
    trained = means[~means.control].drop_duplicates(["title", "label"])
    for title, rows in trained.groupby("title", sort=False):
        fewer = rows[rows.seeds < rows.seeds.max()]
        if len(fewer):
            named = ", ".join(f"{row.label} {row.seeds} of {rows.seeds.max()}" for row in fewer.itertuples())
            what = "their intervals include less or nothing of the seed-to-seed variation"
            lines.append(f"Fewer erasing seeds ({title}): {named}; {what}.")
    if (trained.seeds > 1).any():
        lines.append("Means over several erasing seeds also include the seed-to-seed variation (Student's t).")
    return lines
