"""Tables and figures from scores alone: `python -m benchmark.view`."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pandas as pd

from benchmark import cli, config, eyes, plot, plugins, typeset
from benchmark.errors import BenchmarkError
from benchmark.marks import Marks, marks
from benchmark.scores import read
from benchmark.summary import MEAN, summarise


def main(
    suite: str, scores: Path, out: Path, view: list[str] | None = None, images: list[Path] | None = None,
    if_any: bool = False, lacking: list[str] | None = None,
) -> None:  # fmt: skip
    """Draw tables and figures from scores.csv.

    Args:
        suite: A file of benchmark/suites/.
        scores: The scores.csv.
        out: The folder to write to: tables become <view>.csv, .md and .tex, figures <view>.csv, .svg and .png.
        view: tables/<name> or figures/<name>, one or several; none is nothing to do.
        images: The manifest.csv of each part, for figures that show pictures.
        if_any: Say which views there is no number for and leave them as they are, instead of failing.
        lacking: What was asked for and is not in scores.csv since its jobs failed; every view says so below itself.
    """
    loaded = config.load_suite(suite)
    found = read(scores, loaded)
    for name, module in {name: _module(name) for name in view or []}.items():
        feeding = [key for key, experiment in loaded.experiments.items() if name in experiment.views]
        rows = found[found.experiment.isin(feeding)]
        if len(rows):
            _draw(loaded, name, module, rows, images or [], out / name, lacking or [])
            continue
        lacks = f"{scores}: has no number for {name}, which shows {', '.join(feeding) or 'no experiment'}"
        if not if_any:
            raise BenchmarkError(lacks)
        # What a wider run made is not of this scores.csv, but it is not wrong either: it stays, and that is said.
        there = ", ".join(sorted(path.name for path in (out / name).parent.glob(f"{Path(name).name}.*")))
        print(f"{lacks}: left out" + (f"; {there} stays as an earlier scores.csv made it" if there else ""))


def _module(view: str) -> ModuleType:
    kind, _, name = view.partition("/")
    if kind not in ("tables", "figures"):
        raise BenchmarkError(f"--view {view}: is neither tables/<name> nor figures/<name>")
    return plugins.load(f"benchmark/{kind}", name)


def _draw(
    suite: config.Suite, view: str, module: ModuleType, scores: pd.DataFrame, images: list[Path], out: Path,
    lacking: list[str],
) -> None:  # fmt: skip
    found = marks(suite, scores, _metrics(scores))
    rows = complete(scores, suite, found)
    notes = [legend(suite, scores), *found.notes, *remarks(rows)]
    if lacking:
        notes.append(f"Not complete. Asked for, but left out since a job failed: {', '.join(lacking)}.")
    if view.startswith("tables/"):
        typeset.write_table(module, rows, notes, out)
    else:
        shown = plot.pictures(suite, images) if getattr(module, "IMAGES", False) else ()
        plot.write_figure(module, rows, notes, out, shown)


def _metrics(scores: pd.DataFrame) -> dict[str, ModuleType]:
    return {name: plugins.load("benchmark/metrics", eyes.metric(name)[0]) for name in scores.metric.unique()}


def complete(scores: pd.DataFrame, suite: config.Suite, found: Marks | None = None) -> pd.DataFrame:
    """All means (see `summarise`), with what views say of them.

    That is `label` for the method, with its marks, `phrase` for the concept and `asked` for the probe, the task's
    `title`, and the `direction`, `up` or `down`, in which a number is better.
    """
    metrics = _metrics(scores)
    tasks = {name: config.load_task(name, suite.world) for name in scores.task.unique()}
    phrases = {
        (task.name, probe): phrase
        for task in tasks.values()
        for concept in task.concepts
        for probe, phrase in concept.probes.items()
    }
    phrases |= {(name, MEAN): "Avg" for name in tasks}
    rows = summarise(scores, metrics, {name: experiment.concepts for name, experiment in suite.experiments.items()})
    signs = (found or marks(suite, scores, metrics)).signs
    return rows.assign(
        label=[
            method + signs[experiment, method] for experiment, method in zip(rows.experiment, rows.method, strict=True)
        ],
        phrase=[phrases[key] for key in zip(rows.task, rows.concept, strict=True)],
        asked=[phrases[key] for key in zip(rows.task, rows.probe, strict=True)],
        title=[tasks[name].title for name in rows.task],
        direction=[metrics[metric].DIRECTION[role] for metric, role in zip(rows.metric, rows.role, strict=True)],
    )


def legend(suite: config.Suite, scores: pd.DataFrame) -> str:
    """What every view says of its numbers: suite, images, seeds, eyes."""
    counts = {role: sorted(scores.n[scores.role == role].unique()) for role in ("erased", "retained")}
    spans = {role: "–".join(dict.fromkeys((str(n[0]), str(n[-1])))) for role, n in counts.items() if n}
    drawn = ", ".join(f"{span} of each {role} concept" for role, span in spans.items())
    seeds = scores.seed[scores.concept != config.NOTHING].nunique() or 1
    eyes = dict.fromkeys(eye for name, eye in map(_named, scores.metric.unique()) if name)
    return (
        f"Suite {suite.name} ({suite.title}). Images: {drawn or f'{scores.n.max()} of each concept'}; "
        f"{seeds} seed{'s' if seeds > 1 else ''} of the erasing. Distances as seen by: {', '.join(eyes) or 'none'}."
    )


def _named(metric: str) -> tuple[bool, str]:
    """Whether a metric is named with its eye, and the eye."""
    module, eye = eyes.metric(metric)
    return module != metric, eye


def remarks(rows: pd.DataFrame) -> list[str]:
    """Which numbers could pass for more than they are: those of flat pictures, and of fewer seeds than others."""
    said = []
    means = rows[(rows.concept == MEAN) & (rows.probe == MEAN)]
    for title, flat in means[(means.metric == "degenerate") & (means.value > 0)].groupby("title", sort=False):
        shares = ", ".join(f"{row.label} {row.value:.1f} % of {row.role} ones" for row in flat.itertuples())
        said.append(f"Flat pictures ({title}): {shares}.")
    for title, each in means[~means.control].drop_duplicates(["title", "label"]).groupby("title", sort=False):
        fewer = each[each.seeds < each.seeds.max()]
        if len(fewer):
            named = ", ".join(f"{row.label} {row.seeds}" for row in fewer.itertuples())
            said.append(f"Fewer seeds ({title}): {named}; their intervals leave out some of what seeds leave open.")
    return said


if __name__ == "__main__":
    cli.run(main)
