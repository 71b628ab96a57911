"""Tables and figures from scores alone: `python -m benchmark.view`."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

from benchmark import cli, config, evidence, eyes, manifest, plugins
from benchmark.errors import BenchmarkError
from benchmark.files import write_atomically
from benchmark.score import COLUMNS, IDENTITY
from benchmark.source import literal
from benchmark.summary import MEAN, summarise

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": "#333333",
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "text.color": "#222222",
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "svg.hashsalt": "benchmark",  # the same figure is the same file
}


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
        if_any: Say which views there is no number for and leave them out, instead of failing.
        lacking: What was asked for and is not in scores.csv since its jobs failed; every view says so below itself.
    """
    loaded = config.load_suite(suite)
    found = read(scores)
    if strange := set(found.suite) - {suite}:
        raise BenchmarkError(f"{scores}: has numbers of suite {', '.join(sorted(strange))}, not of {suite}")
    if strange := set(found.experiment) - set(loaded.experiments):
        raise BenchmarkError(
            plugins.unknown(f"{scores}: suite {suite}", min(strange), loaded.experiments, "experiment")
        )
    for name, module in {name: _module(name) for name in view or []}.items():
        feeding = [key for key, experiment in loaded.experiments.items() if name in experiment.views]
        rows = found[found.experiment.isin(feeding)]
        if len(rows):
            _draw(loaded, name, module, rows, images or [], out / name, lacking or [])
            continue
        lacks = f"{scores}: has no number for {name}, which shows {', '.join(feeding) or 'no experiment'}"
        if not if_any:
            raise BenchmarkError(lacks)
        print(f"{lacks}: left out")
        for suffix in (".csv", ".md", ".tex", ".svg", ".png"):  # what an earlier scores.csv made is not of this one
            (out / f"{name}{suffix}").unlink(missing_ok=True)


def _module(view: str) -> ModuleType:
    kind, _, name = view.partition("/")
    if kind not in ("tables", "figures"):
        raise BenchmarkError(f"--view {view}: is neither tables/<name> nor figures/<name>")
    return plugins.load(f"benchmark/{kind}", name)


def _draw(
    suite: config.Suite, view: str, module: ModuleType, scores: pd.DataFrame, images: list[Path], out: Path,
    lacking: list[str],
) -> None:  # fmt: skip
    rows = complete(scores, suite.world)
    notes = [legend(suite, scores), *remarks(rows)]
    if lacking:
        notes.append(f"Not complete. Asked for, but left out since a job failed: {', '.join(lacking)}.")
    if view.startswith("tables/"):
        write_table(module, rows, notes, out)
    else:
        shown = pictures(suite, images) if getattr(module, "IMAGES", False) else ()
        write_figure(module, rows, notes, out, shown)


def read(path: Path) -> pd.DataFrame:
    """A scores.csv. Raises `BenchmarkError` if it is not whole; an interval may be unknown, a number may not."""
    try:
        scores = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"{path}: cannot be read: {error}") from error
    for column in COLUMNS:
        if column not in scores:
            raise BenchmarkError(f"{path}: has no column {column}")
    for column in ("seed", "value", "n", "ci_low", "ci_high"):
        scores[column] = pd.to_numeric(scores[column], errors="coerce")
    unknown = ~np.isfinite(scores[["seed", "value", "n"]].to_numpy(float)).all(1)
    twice = scores.duplicated(list(IDENTITY))
    for wrong, what in ((unknown, "lacks a number"), (twice, "gives a number again")):
        if wrong.any():
            raise BenchmarkError(f"{path}: line {int(np.argmax(wrong)) + 2} {what}")
    return scores.astype({"seed": int, "n": int})


def complete(scores: pd.DataFrame, world: str) -> pd.DataFrame:
    """All means (see `summarise`), with what views say of them.

    That is `label` for the method, `phrase` for the concept and `asked` for the probe, the task's `title`, and the
    `direction`, `up` or `down`, in which a number is better.
    """
    metrics = {name: plugins.load("benchmark/metrics", eyes.metric(name)[0]) for name in scores.metric.unique()}
    tasks = {name: config.load_task(name, world) for name in scores.task.unique()}
    phrases = {
        (task.name, probe): phrase
        for task in tasks.values()
        for concept in task.concepts
        for probe, phrase in concept.probes.items()
    }
    phrases |= {(name, MEAN): "Avg" for name in tasks}
    named = pd.concat([scores[["task", "probe"]], scores[["task", "concept"]].set_axis(["task", "probe"], axis=1)])
    for key in named.drop_duplicates().itertuples(index=False, name=None):
        if key not in phrases and key[1] != config.NOTHING:
            raise BenchmarkError(f"these scores have a concept {key[1]} that task {key[0]} does not have")
    rows = summarise(scores, metrics)
    return rows.assign(
        label=[method + ("*" if note(method) else "") for method in rows.method],
        phrase=[phrases[key] for key in zip(rows.task, rows.concept, strict=True)],
        asked=[phrases[key] for key in zip(rows.task, rows.probe, strict=True)],
        title=[tasks[name].title for name in rows.task],
        direction=[metrics[metric].DIRECTION[role] for metric, role in zip(rows.metric, rows.role, strict=True)],
    )


def note(method: str) -> str | None:
    """What a reader must know of a method, if its file says so as `NOTE`: such methods are starred."""
    file = config.module(method)
    return literal(file, "NOTE") if (plugins.ROOT / file).exists() else None


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
    """What stars mean, and which numbers could pass for more than they are: flat pictures, fewer seeds than others."""
    methods = dict.fromkeys(method.partition("@")[0] for method in rows.method)
    said = [f"{method}*: {note(method)}." for method in methods if note(method)]
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


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def write_table(module: ModuleType, rows: pd.DataFrame, notes: list[str], out: Path) -> None:
    """The numbers as CSV; as Markdown and LaTeX the table's `blocks` or, if it has none, the same numbers."""
    frame = module.table(rows)
    with write_atomically(out.with_name(f"{out.name}.csv")) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
    blocks = list(module.blocks(rows)) if hasattr(module, "blocks") else [("", frame.set_index(frame.columns[0]))]
    for suffix, form in (("md", markdown), ("tex", latex)):
        with write_atomically(out.with_name(f"{out.name}.{suffix}")) as temporary:
            temporary.write_text(form(module.CAPTION, blocks, notes), encoding="utf-8")


def markdown(caption: str, blocks: Iterable[tuple[str, pd.DataFrame]], notes: Iterable[str]) -> str:
    """Tables that read well in a terminal too."""
    lines = [f"## {caption}", ""]
    for heading, block in blocks:
        table = [[str(cell).replace("|", "\\|") for cell in row] for row in _rows(block)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        rules = [f":{'-' * (widths[0] - 1)}", *(f"{'-' * (width - 1)}:" for width in widths[1:])]
        lines += [f"**{heading}**", ""] if heading else []
        for row in (table[0], rules, *table[1:]):
            lines.append(f"| {' | '.join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])} |")
        lines.append("")
    return "\n\n".join(["\n".join(lines).rstrip(), *notes]) + "\n"


def latex(caption: str, blocks: Iterable[tuple[str, pd.DataFrame]], notes: Iterable[str]) -> str:
    """A `table*` for documents that load booktabs."""
    lines = [r"% needs \usepackage{booktabs}", r"\begin{table*}", r"\centering\scriptsize\setlength{\tabcolsep}{3pt}"]
    lines.append(rf"\caption{{{escaped(' '.join([f'{caption}.', *notes]))}}}")
    for heading, block in blocks:
        lines += [rf"\par\medskip\textbf{{{escaped(heading)}}}\par\smallskip"] if heading else []
        head, *body = (rf"{' & '.join(map(escaped, row))} \\" for row in _rows(block))
        lines += [rf"\begin{{tabular}}{{l{'r' * block.shape[1]}}}", r"\toprule", head, r"\midrule", *body]
        lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*lines, r"\end{table*}"]) + "\n"


def _rows(block: pd.DataFrame) -> list[list[object]]:
    """A block as it is printed: its heading and its rows."""
    return [[block.index.name or "", *block.columns], *block.reset_index().to_numpy().tolist()]


def escaped(text: object) -> str:
    """A text as LaTeX wants it."""
    signs = {sign: f"\\{sign}" for sign in "&%$#_{}"} | {"↑": r"$\uparrow$", "↓": r"$\downarrow$", "–": "--"}
    signs |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(signs.get(letter, letter) for letter in str(text))


# ── figures ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def write_figure(module: ModuleType, rows: pd.DataFrame, notes: list[str], out: Path, shown: Iterable[object]) -> None:
    """What a figure shows as CSV, and the figure as SVG and PNG with its caption below it."""
    from matplotlib import rc_context

    with rc_context(STYLE):
        figure, plotted = module.figure(rows, *shown)
        lines = textwrap.wrap(" ".join([f"{module.CAPTION}.", *notes]), int(figure.get_figwidth() * 21))
        below = -0.1 / figure.get_figheight()
        figure.text(0.01, below, "\n".join(lines), va="top", fontsize=6.5, color="#666666", linespacing=1.4)
        with write_atomically(out.with_name(f"{out.name}.csv")) as temporary:
            plotted.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
        for suffix, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
            with write_atomically(out.with_name(f"{out.name}.{suffix}")) as temporary:
                figure.savefig(temporary, dpi=200, bbox_inches="tight", pad_inches=0.12, metadata=metadata)


def pictures(suite: config.Suite, paths: list[Path]) -> tuple[pd.DataFrame, Callable[[pd.Series], np.ndarray]]:
    """All images that there are, one per row, and how to open one: those of sensitive tasks are masked."""
    if not paths:
        raise BenchmarkError("this figure shows pictures: it needs --images")
    found = pd.concat([evidence.read(path).assign(folder=path.parent) for path in paths], ignore_index=True)
    sensitive = {name for name in found.task.unique() if config.load_task(name, suite.world).sensitive}

    def open_picture(row: pd.Series) -> np.ndarray:
        picture = manifest.picture(row.folder / row.file, row.sha256)
        return mosaic(picture) if row.task in sensitive else picture

    return found, open_picture


def mosaic(picture: np.ndarray, tiles: int = 8) -> np.ndarray:
    """The picture as so few tiles that it shows nothing."""
    down, across = (np.arange(size) * tiles // size for size in picture.shape[:2])
    means = np.array([[picture[down == i][:, across == j].mean((0, 1)) for j in range(tiles)] for i in range(tiles)])
    return means.astype(np.uint8)[down][:, across]


if __name__ == "__main__":
    cli.run(main)
