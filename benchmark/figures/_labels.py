"""Labels beside the points that they name, where they cover neither points nor each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

DISTANCES = (7, 11, 16, 22, 29, 37, 46, 56)  # points
DIRECTIONS = np.deg2rad(np.arange(0, 360, 15))
MARKER = 4.0  # half the size of a marker, in points
SWEEPS = 6


def label(axes: Axes, xs: Sequence[float], ys: Sequence[float], texts: Sequence[str], size: float = 8) -> None:
    """Write each text near its point, with a thin line to it where it is not beside it.

    Limits and place of the axes must be final. Each label in turn takes the cheapest of many places around its point,
    a few times over, since the first ones cannot know of the later ones. Nothing is random.
    """
    scale = 72 / axes.figure.dpi
    points = axes.transData.transform(np.column_stack([xs, ys])) * scale
    frame = axes.transAxes.transform([[0, 0], [1, 1]]) * scale
    halves = [_half(text, size) for text in texts]
    chosen: list[np.ndarray | None] = [None] * len(texts)
    for _ in range(SWEEPS):
        for i, half in enumerate(halves):
            others = [(place, halves[j]) for j, place in enumerate(chosen) if j != i and place is not None]
            places = [points[i] + _offset(d, a, half) for d in DISTANCES for a in DIRECTIONS]
            costs = [_cost(place, half, points, i, others, frame) for place in places]
            chosen[i] = places[int(np.argmin(costs))]
    for point, place, half, text in zip(points, chosen, halves, texts, strict=True):
        edge = np.clip(point, place - half, place + half)
        if np.hypot(*(edge - point)) > MARKER + 5:
            start = point + (edge - point) * MARKER / np.hypot(*(edge - point))
            line = axes.transData.inverted().transform(np.array([start, edge]) / scale)
            axes.plot(*line.T, color="#999999", linewidth=0.5, zorder=1, clip_on=False)
        spot = axes.transData.inverted().transform(place / scale)
        axes.text(*spot, text, fontsize=size, ha="center", va="center", zorder=5)


def _half(text: str, size: float) -> np.ndarray:
    """Half the width and height of a text, in points, with a little air."""
    box = TextPath((0, 0), text, prop=FontProperties(size=size)).get_extents()
    return np.array([box.width / 2 + 1.5, size * 0.55])


def _offset(distance: float, angle: float, half: np.ndarray) -> np.ndarray:
    """From a point to the centre of a label that lies `distance` beyond it."""
    direction = np.array([np.cos(angle), np.sin(angle)])
    return direction * (distance + np.min(half / np.maximum(np.abs(direction), 1e-9)))


def _cost(
    place: np.ndarray,
    half: np.ndarray,
    points: np.ndarray,
    own: int,
    others: list[tuple[np.ndarray, np.ndarray]],
    frame: np.ndarray,
) -> float:
    """Points and labels covered, lines across other points and labels, distance, and what sticks out of the axes."""
    edge = np.clip(points[own], place - half, place + half)
    cost = np.hypot(*(edge - points[own])) * 0.4
    cost += np.maximum(frame[0] + 2 - (place - half), 0).sum() * 40
    cost += np.maximum((place + half) - (frame[1] + [60, 6]), 0).sum() * 40
    for j, point in enumerate(points):
        cost += 30 * _overlap(place, half, point, np.array([MARKER + 1, MARKER + 1]))
        if j != own and _distance(point, points[own], edge) < MARKER + 1:
            cost += 25
    for other, other_half in others:
        cost += 30 * _overlap(place, half, other, other_half)
        steps = points[own] + np.linspace(0.2, 0.95, 6)[:, None] * (edge - points[own])
        cost += 20 * np.any(np.all(np.abs(steps - other) < other_half, 1))
    return cost


def _overlap(a: np.ndarray, half_a: np.ndarray, b: np.ndarray, half_b: np.ndarray) -> float:
    """The length of the diagonal of what two boxes share."""
    shared = np.minimum(a + half_a, b + half_b) - np.maximum(a - half_a, b - half_b)
    return float(np.hypot(*shared)) if (shared > 0).all() else 0.0


def _distance(point: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """From a point to a segment."""
    along = end - start
    t = np.clip((point - start) @ along / max(along @ along, 1e-9), 0, 1)
    return float(np.hypot(*(point - start - t * along)))
