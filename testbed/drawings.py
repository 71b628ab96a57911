"""Emoji of the npm packages `@iconify-json/*` as RGBA pictures, and how one is placed on a canvas."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

CANVAS = 128  # pixels at which a drawing is treated; pictures are reduced to 64 afterwards


@cache
def icon_set(folder: Path, name: str) -> dict:
    return json.loads((folder / name / "icons.json").read_text())


def svg(folder: Path, set_name: str, icon: str) -> str | None:
    """The SVG of an icon, None where the set does not have it."""
    icons = icon_set(folder, set_name)
    alias = icons.get("aliases", {}).get(icon, {}).get("parent")
    picture = icons["icons"].get(icon) or icons["icons"].get(alias)
    if picture is None:
        return None
    width, height = (picture.get(k, icons.get(k, 16)) for k in ("width", "height"))
    left, top = (picture.get(k, icons.get(k, 0)) for k in ("left", "top"))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{left} {top} {width} {height}" width="{width}" height="{height}">{picture["body"]}</svg>'
    )


@cache
def render(folder: Path, set_name: str, icon: str) -> Image.Image | None:
    """The icon at `CANVAS` pixels, RGBA, None where the set does not have it."""
    import resvg_py

    source = svg(folder, set_name, icon)
    if source is None:
        return None
    png = resvg_py.svg_to_bytes(svg_string=source, width=CANVAS, height=CANVAS)
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def place(drawing: Image.Image, rng: np.random.Generator) -> np.ndarray:
    """The drawing turned, scaled, shifted and perhaps mirrored on an empty canvas: float32 RGBA in [0, 1]."""
    if rng.random() < 0.5:
        drawing = drawing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    size = int(CANVAS * rng.uniform(0.70, 0.88))
    turned = drawing.resize((size, size), Image.Resampling.LANCZOS).rotate(
        rng.uniform(-10, 10), Image.Resampling.BICUBIC, expand=True
    )
    spare = CANVAS - np.array(turned.size)
    shift = spare / 2 + rng.uniform(-0.05, 0.05, 2) * CANVAS
    canvas = Image.new("RGBA", (CANVAS, CANVAS), (0, 0, 0, 0))
    canvas.paste(turned, tuple(int(v) for v in shift))
    return np.asarray(canvas, np.float32) / 255
