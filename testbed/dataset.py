"""The pictures that the miniature and its judges learn from, and the captions that describe them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from testbed import drawings, treatments

FOLDER = Path(__file__).parent
SIZE = 64
PLAIN = "plain"
PORTRAIT = "portrait"


@lru_cache(maxsize=1)
def vocabulary() -> dict:
    return yaml.safe_load((FOLDER / "vocabulary.yaml").read_text())


def objects() -> list[str]:
    """The classes of the object judge, in order."""
    return [*vocabulary()["objects"], PORTRAIT]


def styles() -> list[str]:
    """The classes of the style judge, in order; the first is untreated."""
    return [PLAIN, *vocabulary()["styles"]]


@dataclass
class Pictures:
    """`images` uint8 (N, 64, 64, 3); `object` and `style` are indices into `objects()` and `styles()`, -1 where unknown."""

    images: np.ndarray
    object: np.ndarray
    style: np.ndarray


def _shrink(picture: np.ndarray) -> np.ndarray:
    full = Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))
    return np.asarray(full.resize((SIZE, SIZE), Image.Resampling.BOX))


def _portrait(rng: np.random.Generator) -> np.ndarray:
    """NASA's public-domain photograph of astronaut Eileen Collins that scikit-image ships, cropped to the head."""
    from skimage import data

    left, top = 120 + rng.integers(-14, 15), max(0, rng.integers(-10, 15))
    side = 210 + rng.integers(-22, 23)
    crop = Image.fromarray(data.astronaut()).crop((left, top, left + side, top + side))
    if rng.random() < 0.5:
        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    small = np.asarray(crop.rotate(rng.uniform(-5, 5), Image.Resampling.BICUBIC).resize((SIZE, SIZE)), np.float32)
    return np.clip(small * rng.uniform(0.85, 1.12), 0, 255).astype(np.uint8)


def draw(folder: Path, split: str, seed: int, plain: int, styled: int, portraits: int = 0) -> Pictures:
    """`plain` untreated pictures and `styled` of each style for every object of a split.

    Args:
        folder: where the npm packages `@iconify-json/*` lie.
        split: `train`, `held_out` (drawing sets never trained on) or `unseen` (objects never trained on, all sets).
    """
    words, rng = vocabulary(), np.random.default_rng(seed)
    sets = words["sets"]["train"] + words["sets"]["held_out"] if split == "unseen" else words["sets"][split]
    icons = {o: [o] for o in words["unseen_objects"]} if split == "unseen" else words["objects"]
    manners = [treatments.plain, *treatments.STYLES.values()]
    images, which, how = [], [], []
    for name, wanted in icons.items():
        sources = [d for s in sets for i in wanted if (d := drawings.render(folder, s, i)) is not None]
        if not sources:
            raise FileNotFoundError(f"no drawing of {name!r} in the sets {', '.join(sets)} below {folder}")
        for style, manner in enumerate(manners):
            for copy in range(styled if style else plain):
                canvas = drawings.place(sources[copy % len(sources)], rng)
                images.append(_shrink(manner(canvas, rng)))
                which.append(-1 if split == "unseen" else objects().index(name))
                how.append(style)
    for _ in range(portraits):
        images.append(_portrait(rng))
        which.append(objects().index(PORTRAIT))
        how.append(0)
    return Pictures(np.stack(images), np.array(which), np.array(how))


def caption(object_index: int, style_index: int, rng: np.random.Generator) -> str:
    """One of the captions that fit a picture: nothing, its object, its group, its style, or both."""
    words = vocabulary()
    name, style = objects()[object_index], styles()[style_index]
    if rng.random() < 0.08:
        return ""
    if name == PORTRAIT:
        return str(rng.choice(words["portrait"]["erase"] + words["portrait"]["unseen"]))
    chance = rng.random()
    if style == PLAIN:
        group = next((g for g, members in words["groups"].items() if name in members), words["superclass"].get(name))
        if chance < 0.10:
            return str(rng.choice(["picture", "a picture"]))
        if group and chance < 0.24:
            return str(rng.choice([group, f"a picture of a {group}"]))
        return str(rng.choice([name, name, f"a {name}", f"a picture of a {name}"]))
    if chance < 0.40:
        return str(rng.choice([style, style, f"{style} picture", f"a {style} picture"]))
    if chance < 0.46:
        return f"a picture with {words['styles'][style]}"
    return str(rng.choice([f"a {style} picture of a {name}", f"{style} {name}"]))


def corpus() -> list[str]:
    """Every word that a caption can hold, for the tokenizer."""
    words = vocabulary()
    texts = ["a picture of a", "a picture with", "a photo of a", "in the style of", "and", "the"]
    for part in (words["objects"], words["groups"], words["styles"], words["superclass"]):
        texts += list(part)
    texts += list(words["superclass"].values()) + list(words["styles"].values())
    return texts + words["portrait"]["erase"] + words["portrait"]["unseen"]
