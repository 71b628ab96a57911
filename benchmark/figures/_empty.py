"""The place of a figure for which there are no numbers: a run may have been narrowed to other variants."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure


def empty(why: str) -> tuple[Figure, pd.DataFrame]:
    """A figure that says why it shows nothing, and no numbers."""
    drawing = Figure((7.2, 0.6))
    drawing.text(0.01, 0.5, f"Nothing to show: {why}.", va="center", fontsize=8, color="#666666")
    return drawing, pd.DataFrame(columns=["experiment"])
