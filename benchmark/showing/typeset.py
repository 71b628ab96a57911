"""Tables as CSV, Markdown, LaTeX and HTML."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from benchmark.errors import BenchmarkError
from benchmark.files import write_atomically


def write_table(module: ModuleType, given: Sequence[Any], notes: list[str], out: Path) -> None:
    """The numbers as CSV; as Markdown, LaTeX and HTML the table's `blocks` or, if it has none, the same numbers.

    `given` is what the table's functions are given: means with the columns of `frames.MEANS`, and details if it shows
    some. Raises `BenchmarkError` if there is nothing to show.
    """
    frame = module.table(*given)
    blocks = list(module.blocks(*given)) if hasattr(module, "blocks") else [("", frame.set_index(frame.columns[0]))]
    if not any(len(block) for _, block in blocks):
        raise BenchmarkError("none of the numbers that this table shows is among the scores")
    with write_atomically(out.with_name(f"{out.name}.csv")) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
    for suffix, form in (("md", markdown), ("tex", latex), ("html", html)):
        with write_atomically(out.with_name(f"{out.name}.{suffix}")) as temporary:
            temporary.write_text(form(module.CAPTION, blocks, notes), encoding="utf-8")


def markdown(caption: str, blocks: Iterable[tuple[str, pd.DataFrame]], notes: Iterable[str]) -> str:
    """Tables that read well in a terminal, too."""
    parts = [f"## {caption}"]
    for heading, block in blocks:
        parts += [f"**{heading}**"] if heading else []
        parts.append(grid(block))
    return "\n\n".join([*parts, *notes]) + "\n"


def grid(block: pd.DataFrame) -> str:
    """One table in Markdown, its index as the first column."""
    cells = _cells(block, lambda text: str(text).replace("|", "\\|"))
    sides = ("left", *["right"] * block.shape[1])
    return cells.to_markdown(index=False, colalign=sides, disable_numparse=True)


def latex(caption: str, blocks: Iterable[tuple[str, pd.DataFrame]], notes: Iterable[str]) -> str:
    """A `table*` for documents that load booktabs."""
    lines = [r"% needs \usepackage{booktabs}", r"\begin{table*}", r"\centering\scriptsize\setlength{\tabcolsep}{3pt}"]
    lines.append(rf"\caption{{{escaped(' '.join([f'{caption}.', *notes]))}}}")
    for heading, block in blocks:
        lines += [rf"\par\medskip\textbf{{{escaped(heading)}}}\par\smallskip"] if heading else []
        columns = f"l{'r' * block.shape[1]}"
        lines.append(_cells(block, escaped).to_latex(index=False, column_format=columns).rstrip())
    return "\n".join([*lines, r"\end{table*}"]) + "\n"


STYLE = """
body {font: 14px/1.4 sans-serif; margin: 1.5em} table {border-collapse: collapse; margin-bottom: 1.5em}
th, td {padding: .25em .8em; text-align: right; white-space: nowrap} tbody tr:nth-child(even) {background: #f3f3f3}
th {border-bottom: 1px solid #888} th:first-child, td:first-child {text-align: left} .note {color: #555; margin: .3em 0}
"""


def html(caption: str, blocks: Iterable[tuple[str, pd.DataFrame]], notes: Iterable[str]) -> str:
    """A page by itself, which Snakemake's report shows."""
    title = escape(caption)
    parts = ['<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">', f"<title>{title}</title>"]
    parts += [f"<style>{STYLE}</style>", f"<h2>{title}</h2>"]
    for heading, block in blocks:
        parts += [f"<h3>{escape(heading)}</h3>"] if heading else []
        parts.append(_cells(block, str).to_html(index=False, border=0))
    return "\n".join([*parts, *(f'<p class="note">{escape(note)}</p>' for note in notes), "</html>"]) + "\n"


def _cells(block: pd.DataFrame, form: Callable[[object], str]) -> pd.DataFrame:
    """A block as texts, its index as the first column."""
    return block.rename_axis(block.index.name or "").reset_index().map(form).rename(columns=form)


def escaped(text: object) -> str:
    """A text as LaTeX wants it."""
    signs = {sign: f"\\{sign}" for sign in "&%$#_{}"} | {"↑": r"$\uparrow$", "↓": r"$\downarrow$", "–": "--"}
    signs |= {"†": r"$\dagger$", "‡": r"$\ddagger$", "§": r"\S{}"}
    signs |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    signs |= {sign: f"${sign}$" for sign in "<>|"} | {"τ": r"$\tau$", "ρ": r"$\rho$", "δ": r"$\delta$", "−": "$-$"}
    signs |= {"±": r"$\pm$", "≥": r"$\geq$", "≤": r"$\leq$", "“": "``", "”": "''", "…": r"\ldots{}"}
    return "".join(signs.get(letter, letter) for letter in str(text))
