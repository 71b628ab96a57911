"""Tables and figures from scores alone: `python -m benchmark.view`.

Each step has a module of its own: this one selects the numbers of each view, `summary` takes the means, `marks` and
`words` say whose they are, `notes` what to know of them, and `typeset` and `plot` write what a table or figure makes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import pandas as pd

from benchmark.errors import BenchmarkError
from benchmark.files import private
from benchmark.plan import config, least, plugins
from benchmark.plan.records import NOTHING, Erasure, Variant
from benchmark.plan.suite import Suite
from benchmark.running import cli
from benchmark.showing import plot, typeset
from benchmark.showing.marks import marks
from benchmark.showing.notes import notes
from benchmark.showing.summary import summarise
from benchmark.showing.words import worded
from benchmark.store import details
from benchmark.store.scores import read

UNMASKED = "unmasked"  # the folder of figures whose sensitive pictures are not masked


def main(
    suite: str, scores: Path, out: Path, view: list[str] | None = None, images: list[Path] | None = None,
    if_any: bool = False, lacking: list[str] | None = None, unmasked: bool = False,
) -> None:  # fmt: skip
    """Draw tables and figures from scores.csv.

    Args:
        suite: A file of benchmark/suites/.
        scores: The scores.csv.
        out: The folder to write to: tables become <view>.csv, .md, .tex and .html, figures <view>.csv, .svg and .png.
        view: tables/<name> or figures/<name>, one or several; none is nothing to do.
        images: The manifest.csv files of the images, for figures that show pictures.
        if_any: Say which views there is no number for and leave them as they are, instead of failing.
        lacking: What was asked for and is not in scores.csv since its jobs failed; every view says so below itself.
        unmasked: Show sensitive pictures as they were drawn. Only for figures that show pictures, which are then
            written to the folder `unmasked` in `out`, for their owner alone, and say in each file that they are so.
    """
    loaded, modules = config.load_suite(suite), {name: _module(name) for name in view or []}
    for name, module in modules.items():
        if unmasked and not getattr(module, "IMAGES", False):
            raise BenchmarkError(f"--view {name}: shows no picture, so nothing in it is masked; leave --unmasked out")
    numbers, left = read(scores, loaded), []
    out = out / UNMASKED if unmasked else out
    for name, module in modules.items():
        feeding = [key for key, experiment in loaded.experiments.items() if name in experiment.views]
        rows = numbers[numbers.experiment.isin(feeding)]
        shows, lone = getattr(module, "DETAILS", ()), getattr(module, "WITHOUT_DETAILS", False)
        lacks = _lacks(name, rows, loaded, scores, feeding)
        if not lacks and if_any and not lone and (missing := details.lacking(scores, shows)):
            lacks = f"{scores}: has no {missing} beside it, which {name} shows"
        if not lacks:
            means, lines = prepare(rows, loaded, lacking or [])
            shown = details.read(scores, shows, suite, lone)
            shown = {key: detail[detail.experiment.isin(feeding)] for key, detail in shown.items()}
            with private(out, unmasked):
                _write(loaded, module, means, shown, lines, images or [], out / name, unmasked)
            continue
        if not if_any:
            raise BenchmarkError(lacks)
        # Files of an earlier, wider run are not of this scores.csv, but not wrong: they stay, and a line says so.
        there = ", ".join(sorted(path.name for path in (out / name).parent.glob(f"{Path(name).name}.*")))
        print(f"{lacks}: left out" + (f"; {there} stays as an earlier scores.csv made it" if there else ""))
        left.append(name)
    if left:
        print(f"{len(modules) - len(left)} of {len(modules)} drawn; left out: {', '.join(left)}")


def _lacks(view: str, rows: pd.DataFrame, suite: Suite, scores: Path, feeding: list[str]) -> str:
    """Why a view cannot be drawn from `rows`, its numbers of a scores.csv; empty if it can."""
    if not feeding:
        return f"suite {suite.name}: no experiment of it shows {view}"
    if rows.empty:
        return f"{scores}: has no number for {view}, which shows {', '.join(feeding)}"
    why = _lacking(view, rows, suite)
    return f"{scores}: has too little for {view}, which {why}" if why else ""


def _lacking(view: str, rows: pd.DataFrame, suite: Suite) -> str:
    """What a view needs and these numbers do not have; nothing if they are of controls alone."""
    erased = rows[rows.concept != NOTHING]
    models = erased[["experiment", "task", "variant", "checkpoint", "concept", "erasing_seed"]].drop_duplicates()
    experiments = {
        key: [Erasure(m.task, Variant(m.variant, m.checkpoint), m.concept, m.erasing_seed) for m in own.itertuples()]
        for key, own in models.groupby("experiment")
    }
    return least.lacking(view, least.has(experiments, suite.budgets.erased)) if experiments else ""


def prepare(scores: pd.DataFrame, suite: Suite, lacking: Sequence[str] = ()) -> tuple[pd.DataFrame, list[str]]:
    """What a table or figure is given, a frame with the columns of `frames.MEANS`, and the lines below it.

    `scores` are the numbers of the experiments that it shows, with the columns of `scores.read`.
    """
    metrics = {name: plugins.load("benchmark/metrics", name) for name in scores.metric.unique()}
    sets = {name: config.load_set(name, suite.world) for name in scores.prompt_set.unique()}
    derived = [prompt_set.source.task for prompt_set in sets.values() if prompt_set.source.task]
    tasks = {name: config.load_task(name, suite.world) for name in (*scores.task.unique(), *derived)}
    marked = marks(suite, scores, metrics)
    erased = {name: experiment.concepts for name, experiment in suite.experiments.items()}
    means = worded(summarise(scores, metrics, tasks, erased), metrics, tasks, sets, marked)
    legend, *remarks = notes(suite, scores, means, lacking)
    return means, [legend, *marked.notes, *remarks]


def _module(view: str) -> ModuleType:
    kind, _, name = view.partition("/")
    if kind not in ("tables", "figures"):
        raise BenchmarkError(f"--view {view}: is neither tables/<name> nor figures/<name>")
    return plugins.load(f"benchmark/{kind}", name)


def _write(
    suite: Suite, module: ModuleType, means: pd.DataFrame, shown: Mapping[str, pd.DataFrame], lines: list[str],
    images: list[Path], out: Path, unmasked: bool,
) -> None:  # fmt: skip
    given = (means, shown) if shown else (means,)
    if hasattr(module, "table"):
        typeset.write_table(module, given, lines, out)
    else:
        pictures = plot.pictures(suite, images, unmasked) if getattr(module, "IMAGES", False) else ()
        plot.write_figure(module, (*given, *pictures), lines, out)


if __name__ == "__main__":
    cli.run(main)
