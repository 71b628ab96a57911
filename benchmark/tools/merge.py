"""Parts of a suite that were run apart, each a scores.csv, as one: `python -m benchmark.tools.merge`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmark.errors import BenchmarkError
from benchmark.files import write_atomically
from benchmark.plan.config import load_suite
from benchmark.plan.plugins import names
from benchmark.plan.records import NOTHING, Variant
from benchmark.running import cli
from benchmark.store import details, look, scores

CONDITIONS = ["variant", "prompt_set", "metric", "observer"]  # whose numbers must all have one version


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
    for name in names("benchmark/details"):
        _details(name, parts, out, suite)


def _with(merged: pd.DataFrame, part: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The numbers so far and those of one more part."""
    both = merged.merge(part, on=list(scores.IDENTITY), suffixes=("", "_more"))
    for row in both[both.concept != NOTHING].itertuples():
        what = f"{Variant(row.variant, row.checkpoint)}, {row.concept} erased with erasing seed {row.erasing_seed}"
        raise BenchmarkError(f"{path}: has numbers of {what}, experiment {row.experiment}, as an earlier part has")
    versions = pd.concat([merged, part]).groupby(CONDITIONS).version.unique()
    for key, found in versions.items():
        if len(found) > 1:
            what = f"version {found[-1]} of {key[2]} for {key[0]} on prompt set {key[1]}"
            raise BenchmarkError(
                f"{path}: has {what}, and an earlier part has {found[0]}: they were measured differently"
            )
    if len(both):
        gap = ((both.value - both.value_more).abs() / both.value.abs().clip(lower=1e-9)).max()
        print(f"{path}: {len(both)} numbers of controls are taken from earlier parts; they differ by {gap:.1%} at most")
    known = merged.set_index(list(scores.IDENTITY)).index
    return pd.concat([merged, part[~part.set_index(list(scores.IDENTITY)).index.isin(known)]], ignore_index=True)


def _details(name: str, parts: list[Path], out: Path, suite: str) -> None:
    """A detail of all parts that have it."""
    merged = pd.DataFrame()
    for path in parts:
        if not details.path(path, name).exists():
            continue
        part = details.read(path, [name], suite)[name]
        models = [column for column in ("experiment", *look.MODEL) if column in part]
        known = merged.set_index(models).index if len(merged) else []
        merged = pd.concat([merged, part[~part.set_index(models).index.isin(known)]], ignore_index=True)
    if len(merged):
        details.save(details.path(out, name), merged)


def _devices(rows: pd.DataFrame) -> str:
    counts = rows.device.replace("", "a device that is not said").value_counts()
    return ", ".join(f"{device} ({count})" for device, count in counts.items())


if __name__ == "__main__":
    cli.run(main)
