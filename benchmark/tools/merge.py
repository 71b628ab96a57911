"""Parts of a suite that were run apart, each a scores.csv, as one: `python -m benchmark.tools.merge`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import pandas as pd

from benchmark.errors import BenchmarkError
from benchmark.files import write_atomically
from benchmark.plan import view_details
from benchmark.plan.config import load_suite
from benchmark.plan.plugins import names
from benchmark.plan.records import NOTHING, Variant
from benchmark.plan.suite import Suite
from benchmark.running import cli
from benchmark.store import details, look, scores

# What one version is of: all numbers of the same of these must have it.
CONDITIONS = ["variant", "checkpoint", "prompt_set", "metric", "observer"]


def main(suite: str, parts: list[Path], out: Path) -> None:
    """Write the numbers of several scores.csv, and the details beside them, as one.

    Each part keeps the device that its images were drawn on. A model that two parts have is refused. Controls, which
    each part has, are taken from the first part that has them.

    Args:
        suite: A file of benchmark/suites/: whose numbers they are.
        parts: The scores.csv of each part.
        out: The scores.csv to write.
    """
    loaded = load_suite(suite)
    frames = {path: scores.read(path, loaded) for path in parts}
    merged = pd.DataFrame(columns=[*scores.COLUMNS, *scores.OPTIONAL])
    for path, part in frames.items():
        merged = _with(merged, part, path)
    order = {key: place for place, key in enumerate(loaded.experiments)}
    merged = merged.sort_values("experiment", key=lambda column: column.map(order), kind="stable")
    with write_atomically(out) as aside:
        scores.write(aside, merged.to_dict("records"))
        scores.read(aside, loaded)  # whole, as one
    print(f"{out}: {len(merged)} numbers of {len(parts)} parts, drawn on {_devices(merged)}")
    for line in _apart(frames):
        print(line)
    details.belong(out, [name for name in names("benchmark/details") if _details(name, frames, out, loaded)])


def _with(merged: pd.DataFrame, part: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The numbers so far and those of one more part."""
    both = merged.merge(part, on=list(scores.IDENTITY), suffixes=("", "_more"))
    for row in both[both.concept != NOTHING].itertuples():
        what = f"{Variant(row.variant, row.checkpoint)}, {row.concept} erased with erasing seed {row.erasing_seed}"
        raise BenchmarkError(f"{path}: has numbers of {what}, experiment {row.experiment}, as an earlier part has")
    for rows in (part, pd.concat([merged, part])):
        for (variant, checkpoint, prompt_set, metric, _), found in rows.groupby(CONDITIONS).version.unique().items():
            if len(found) > 1:
                what = f"{metric} for {Variant(variant, checkpoint)} on prompt set {prompt_set}"
                other = f"also {found[0]}" if rows is part else f"an earlier part has {found[0]}"
                raise BenchmarkError(
                    f"{path}: has version {found[-1]} of {what}, and {other}: they were measured differently"
                )
    if len(both):
        gaps = (both.value - both.value_more).abs().groupby(both.metric, sort=False).max()
        said = ", ".join(f"{metric} by {gap:.3g}" for metric, gap in gaps.items() if gap) or "in nothing"
        print(f"{path}: {len(both)} numbers of controls are taken from earlier parts; they differ at most: {said}")
    known = merged.set_index(list(scores.IDENTITY)).index
    return pd.concat([merged, part[~part.set_index(list(scores.IDENTITY)).index.isin(known)]], ignore_index=True)


def _details(name: str, parts: Mapping[Path, pd.DataFrame], out: Path, suite: Suite) -> bool:
    """Merge a detail that views of the parts' experiments show, and say whether there is one.

    If a part lacks it, it is left out: it would be of some of the numbers alone.
    """
    showing = [path for path, rows in parts.items() if name in view_details.details(suite, rows.experiment.unique())]
    lacking = [path for path in showing if not details.path(path, name).exists()]
    if lacking:
        print(f"details/{name}.csv: is left out, since {', '.join(map(str, lacking))} has none beside it")
    if lacking or not showing:
        return False
    merged = pd.DataFrame()
    for path in showing:
        part = details.read(path, [name], suite.name)[name]
        models = [column for column in ("experiment", *look.MODEL) if column in part]
        known = merged.set_index(models).index if len(merged) else []
        merged = pd.concat([merged, part[~part.set_index(models).index.isin(known)]], ignore_index=True)
    details.save(details.path(out, name), merged)
    return True


def _apart(parts: Mapping[Path, pd.DataFrame]) -> list[str]:
    """Which parts have erased the same concept with the same seed by other variants, which no part has compared."""
    key = ["experiment", "concept", "erasing_seed"]
    erased = {path: set(rows[rows.concept != NOTHING].groupby(key).groups) for path, rows in parts.items()}
    return [
        f"details/paired.csv: variants of {one} and of {two} are not compared image by image: no part has both"
        for one, two in combinations(erased, 2)
        if erased[one] & erased[two]
    ]


def _devices(rows: pd.DataFrame) -> str:
    counts = rows.device.replace("", "a device that is not said").value_counts()
    return ", ".join(f"{device} ({count})" for device, count in counts.items())


if __name__ == "__main__":
    cli.run(main)
