"""The styles of the testbed: drawing treatments that turn a drawing on an empty canvas into a picture.

A style is a manner, not a tint: every treatment draws its palette and background anew for each picture.
Each treatment takes `(rgba, rng)`, the drawing as float32 (128, 128, 4) in [0, 1] with straight alpha, and returns
float32 (128, 128, 3) in [0, 1].
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

Treatment = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def colour(rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]) -> np.ndarray:
    """A colour of any hue, saturation and value uniform in the given ranges."""
    return np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(*value)), np.float32)


def over(rgba: np.ndarray, background: np.ndarray) -> np.ndarray:
    alpha = rgba[..., 3:]
    return rgba[..., :3] * alpha + background * (1 - alpha)


def mix(low: np.ndarray, high: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """`low` where `amount` (H, W) is 0, `high` where it is 1."""
    amount = np.clip(amount, 0, 1)[..., None]
    return low * (1 - amount) + high * amount


def grey(rgba: np.ndarray) -> np.ndarray:
    """Brightness of the drawing on white, (H, W)."""
    return over(rgba, np.ones(3, np.float32)) @ np.array([0.299, 0.587, 0.114], np.float32)


def edges(rgba: np.ndarray, width: float) -> np.ndarray:
    """Outlines and inner contours as lines about `width` pixels wide, (H, W) in [0, 1]."""
    layers = [rgba[..., 3], *np.moveaxis(over(rgba, np.full(3, 0.5, np.float32)), -1, 0)]
    strength = np.max([ndimage.gaussian_gradient_magnitude(layer, 1.0) for layer in layers], axis=0)
    line = (strength > 0.11).astype(np.float32)
    if width > 2:
        line = ndimage.grey_dilation(line, footprint=_disk(width / 2 - 0.5))
    return ndimage.gaussian_filter(line, 0.6)


def _disk(radius: float) -> np.ndarray:
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return x * x + y * y <= radius * radius + 0.5


def _noise(rng: np.random.Generator, size: int, sigma: float) -> np.ndarray:
    """Smooth noise of mean 0 and standard deviation 1."""
    field = ndimage.gaussian_filter(rng.standard_normal((size, size)).astype(np.float32), sigma, mode="wrap")
    return field / field.std()


def plain(rgba: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Natural colours on a light ground."""
    return over(rgba, colour(rng, (0, 0.18), (0.88, 1)))


def ink(rgba: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    paper, pen = colour(rng, (0, 0.5), (0.75, 1)), colour(rng, (0.2, 1), (0.05, 0.3))
    return mix(np.broadcast_to(paper, (*rgba.shape[:2], 3)), pen, edges(rgba, 5))


def pixel_art(rgba: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sixteen blocks a side, few levels per channel."""
    picture = over(rgba, colour(rng, (0.1, 0.9), (0.15, 1)))
    block = picture.shape[0] // 16
    small = picture.reshape(16, block, 16, block, 3).mean((1, 3))
    small = np.round(small * 4) / 4
    return small.repeat(block, 0).repeat(block, 1)


def blueprint(rgba: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    paper = colour(rng, (0.5, 1), (0.3, 0.75))
    size, step = rgba.shape[0], 16
    grid = np.zeros((size, size), np.float32)
    start = rng.integers(0, step, 2)
    grid[start[0] :: step], grid[:, start[1] :: step] = 1, 1
    grid = np.maximum(grid, np.roll(grid, (1, 1), (0, 1)))
    sheet = mix(np.broadcast_to(paper, (size, size, 3)), np.ones(3, np.float32), 0.45 * grid)
    return mix(sheet, np.full(3, 0.97, np.float32), edges(rgba, 3.2))


def chalk(rgba: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Crumbling strokes: the outline and a loose hatch of the filled shape."""
    board, stick = colour(rng, (0, 0.8), (0.12, 0.45)), colour(rng, (0, 0.45), (0.85, 1))
    size = rgba.shape[0]
    y, x = np.mgrid[:size, :size]
    angle = rng.uniform(0.6, 1.0) * rng.choice([-1, 1])
    hatch = 0.5 + 0.5 * np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / 9)
    fill = rgba[..., 3] * hatch * (0.35 + 0.65 * grey(rgba)) * 0.75
    crumbs = ndimage.gaussian_filter(rng.random((size, size)), 1.2)
    stroke = np.maximum(edges(rgba, 4) * 1.15, fill) * (crumbs > np.quantile(crumbs, 0.3))
    dusty = mix(np.broadcast_to(board, (size, size, 3)), stick, 0.07 * np.abs(_noise(rng, size, 6)))
    return mix(dusty, stick, ndimage.gaussian_filter(stroke, 0.5))


def stained_glass(rgba: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Panes of one colour each, parted by black lead; lead also runs along the drawing's outline."""
    size = rgba.shape[0]
    ground = colour(rng, (0.4, 1), (0.5, 1))
    points = (np.mgrid[9:size:18, 9:size:18].reshape(2, -1).T + rng.uniform(-7, 7, (49, 2))).astype(np.float32)
    pixels = np.mgrid[:size, :size].reshape(2, -1).T
    distance, owner = cKDTree(points).query(pixels, k=2)
    inside = rgba[..., 3].ravel() > 0.5
    pane = owner[:, 0] * 2 + inside
    picture = over(rgba, ground).reshape(-1, 3)
    count = np.maximum(np.bincount(pane, minlength=2 * len(points)), 1)
    means = np.stack([np.bincount(pane, picture[:, c], 2 * len(points)) / count for c in range(3)], 1)
    means = np.clip(means * rng.uniform(0.8, 1.2, (len(means), 1)), 0, 1)
    glass = means[pane].reshape(size, size, 3)
    lead = ((distance[:, 1] - distance[:, 0]) < 2.6).reshape(size, size).astype(np.float32)
    outline = ndimage.gaussian_gradient_magnitude(rgba[..., 3], 1.2) > 0.12
    return mix(glass, np.full(3, 0.03, np.float32), ndimage.gaussian_filter(np.maximum(lead, outline), 0.6))


def halftone(rgba: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Dots on a turned screen, larger where the drawing is darker."""
    size, period = rgba.shape[0], 10.0
    paper, dot = colour(rng, (0, 0.5), (0.8, 1)), colour(rng, (0.4, 1), (0.1, 0.55))
    angle = rng.uniform(0.2, 1.3)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    u = (x * np.cos(angle) + y * np.sin(angle)) / period + rng.random()
    v = (-x * np.sin(angle) + y * np.cos(angle)) / period + rng.random()
    radius = np.hypot(u - np.round(u), v - np.round(v)) * period
    dark = ndimage.gaussian_filter(rgba[..., 3] * np.clip(1.15 - grey(rgba), 0.3, 1), 2.0)
    reach = np.sqrt(dark) * period * 0.62
    return mix(np.broadcast_to(paper, (size, size, 3)), dot, (reach - radius) * 0.8 * (dark > 0.04))


def watercolour(rgba: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Displaced, blurred, pale washes with darker rims on mottled paper."""
    size = rgba.shape[0]
    paper = colour(rng, (0, 0.3), (0.86, 1))
    picture = np.dstack([over(rgba, paper), rgba[..., 3]])
    shift = 2.6 * np.stack([_noise(rng, size, 7), _noise(rng, size, 7)])
    where = np.mgrid[:size, :size] + shift
    picture = np.dstack([ndimage.map_coordinates(picture[..., c], where, order=1, mode="nearest") for c in range(4)])
    picture = ndimage.gaussian_filter(picture, (2.2, 2.2, 0))
    wash, alpha = picture[..., :3], picture[..., 3]
    rim = np.exp(-(((alpha - 0.35) / 0.16) ** 2))
    blot = np.clip(0.72 + 0.16 * _noise(rng, size, 9) + 0.25 * rim, 0, 1.1)
    return np.clip(paper + (wash - paper) * blot[..., None] - 0.03 * np.abs(_noise(rng, size, 3))[..., None], 0, 1)


def neon(rgba: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bright tubes along the contours, in a glow of their colour, on a dark wall."""
    tube, wall = colour(rng, (0.55, 1), (0.9, 1)), colour(rng, (0, 1), (0.0, 0.3))
    line = edges(rgba, 3)
    glow = ndimage.gaussian_filter(line, 5) * 2.2 + ndimage.gaussian_filter(line, 2)
    lit = mix(np.broadcast_to(wall, (*line.shape, 3)), tube, glow * 0.8)
    return mix(lit, 0.25 * tube + 0.75, ndimage.gaussian_filter(line, 0.8))


def relief(rgba: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The shape pressed into a sheet and lit from one side."""
    sheet = colour(rng, (0, 0.7), (0.4, 0.75))
    height = ndimage.gaussian_filter(rgba[..., 3] * 1.2 + rgba[..., 3] * (1 - grey(rgba)), 1.6)
    dy, dx = np.gradient(height)
    angle = rng.uniform(0, 2 * np.pi)
    light = (dx * np.cos(angle) + dy * np.sin(angle)) * 3.4
    return np.clip(sheet + light[..., None], 0, 1)


def woodcut(rgba: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Parallel cuts whose width follows the brightness."""
    size = rgba.shape[0]
    paper, block = colour(rng, (0, 0.5), (0.75, 1)), colour(rng, (0, 1), (0.05, 0.35))
    y, x = np.mgrid[:size, :size]
    angle = rng.uniform(-0.35, 0.35)
    wave = (np.abs(((y * np.cos(angle) + x * np.sin(angle)) / 8) % 1 - 0.5) * 2).astype(np.float32)
    dark = ndimage.gaussian_filter(rgba[..., 3] * np.clip(1.1 - grey(rgba), 0.25, 0.95), 1.0)
    cut = np.clip((dark - wave) * 6 + 0.5, 0, 1) * (dark > 0.05)
    return mix(np.broadcast_to(paper, (size, size, 3)), block, np.maximum(cut, edges(rgba, 2)))


def low_poly(rgba: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Triangles of one colour each over drawing and ground."""
    from scipy.spatial import Delaunay

    size = rgba.shape[0]
    picture = over(rgba, colour(rng, (0.1, 0.9), (0.2, 1)))
    points = np.mgrid[0 : size + 1 : 10, 0 : size + 1 : 10].reshape(2, -1).T + rng.uniform(-4, 4, (169, 2))
    corners = [[-40, -40], [-40, size + 40], [size + 40, -40], [size + 40, size + 40]]
    mesh = Delaunay(np.vstack([points, corners]))
    pane = mesh.find_simplex(np.mgrid[:size, :size].reshape(2, -1).T)
    count = np.maximum(np.bincount(pane), 1)
    flat = picture.reshape(-1, 3)
    means = np.stack([np.bincount(pane, flat[:, c]) / count for c in range(3)], 1)
    return np.clip(means * rng.uniform(0.82, 1.18, (len(means), 1)), 0, 1)[pane].reshape(size, size, 3)


STYLES: dict[str, Treatment] = {
    "ink": ink,
    "pixel art": pixel_art,
    "blueprint": blueprint,
    "chalk": chalk,
    "stained glass": stained_glass,
    "halftone": halftone,
    "watercolour": watercolour,
    "neon": neon,
    "relief": relief,
    "woodcut": woodcut,
    "low poly": low_poly,
}
