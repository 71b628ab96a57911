"""Tables as CSV, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pandas as pd

from benchmark.files import write_atomically


def write_table(module: ModuleType, means: pd.DataFrame, notes: list[str], out: Path) -> None:
    """The numbers as CSV; as Markdown and LaTeX the table's `blocks` or, if it has none, the same numbers.

    `means` has the columns of `frames.MEANS`.
    """
    frame = module.table(means)
    with write_atomically(out.with_name(f"{out.name}.csv")) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
    blocks = list(module.blocks(means)) if hasattr(module, "blocks") else [("", frame.set_index(frame.columns[0]))]
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
    signs |= {"†": r"$\dagger$", "‡": r"$\ddagger$", "§": r"\S{}"}
    signs |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(signs.get(letter, letter) for letter in str(text))
