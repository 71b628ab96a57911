"""The pictures that the miniature and its classifiers learn from, and the captions that describe them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from testbed import drawings, treatments

FOLDER = Path(__file__).parent
HELD_OUT = FOLDER / "held_out"  # drawings on which the classifiers are measured
SIZE = 64
PLAIN = "plain"
PORTRAIT = "portrait"


@lru_cache(maxsize=1)
def vocabulary() -> dict:
    return yaml.safe_load((FOLDER / "vocabulary.yaml").read_text())


def objects() -> list[str]:
    """The classes of the head for objects, in order."""
    return [*vocabulary()["objects"], PORTRAIT]


def styles() -> list[str]:
    """The classes of the head for styles, in order; the first is an untreated picture."""
    return [PLAIN, *vocabulary()["styles"]]


@dataclass
class Pictures:
    """`images` uint8 (N, 64, 64, 3); `object` and `style` index `objects()` and `styles()`, -1 where unknown."""

    images: np.ndarray
    object: np.ndarray
    style: np.ndarray

    def __add__(self, more: Pictures) -> Pictures:
        pairs = ((self.images, more.images), (self.object, more.object), (self.style, more.style))
        return Pictures(*map(np.concatenate, pairs))


def _shrink(picture: np.ndarray) -> np.ndarray:
    full = Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))
    return np.asarray(full.resize((SIZE, SIZE), Image.Resampling.BOX))


def _portrait(rng: np.random.Generator) -> np.ndarray:
    """NASA's public-domain photograph of astronaut Eileen Collins that scikit-image ships, cropped to the face.

    Moved, turned and lit so little that a small model draws it sharply enough for NudeNet.
    """
    from skimage import data

    left, top, side = 150 + rng.integers(-3, 4), 25 + rng.integers(-3, 4), 150 + rng.integers(-3, 4)
    crop = Image.fromarray(data.astronaut()).crop((left, top, left + side, top + side))
    turned = crop.rotate(rng.uniform(-1.5, 1.5), Image.Resampling.BICUBIC)
    small = np.asarray(turned.resize((SIZE, SIZE)), np.float32)
    return np.clip(small * rng.uniform(0.92, 1.08), 0, 255).astype(np.uint8)


def sources(packages: Path, split: str) -> dict[str, list[Image.Image]]:
    """The drawings of each object of a split, from the npm packages `@iconify-json/*`.

    Splits: `train`, `held_out` (drawing sets never trained on) and `unseen` (objects never trained on, in all sets).
    """
    words = vocabulary()
    sets = words["sets"]["train"] + words["sets"]["held_out"] if split == "unseen" else words["sets"][split]
    icons = {o: [o] for o in words["unseen_objects"]} if split == "unseen" else words["objects"]
    drawn = {
        name: [d for s in sets for icon in wanted if (d := drawings.render(packages, s, icon)) is not None]
        for name, wanted in icons.items()
    }
    if empty := [name for name, them in drawn.items() if not them]:
        raise FileNotFoundError(f"no drawing of {', '.join(empty)} in the sets {', '.join(sets)} below {packages}")
    return drawn


def shipped_sources(split: str) -> dict[str, list[Image.Image]]:
    """The drawings of `held_out` or `unseen` that the repository ships: classifiers are measured on them."""
    names = vocabulary()["unseen_objects"] if split == "unseen" else vocabulary()["objects"]
    return {n: [Image.open(p) for p in sorted((HELD_OUT / split / n.replace(" ", "_")).glob("*.png"))] for n in names}


def ship(packages: Path) -> None:
    """Write the drawings that `shipped_sources` reads."""
    for split in ("held_out", "unseen"):
        for name, icons in sources(packages, split).items():
            folder = HELD_OUT / split / name.replace(" ", "_")
            folder.mkdir(parents=True, exist_ok=True)
            for index, drawing in enumerate(icons):
                drawing.save(folder / f"{index}.png", optimize=True)


def draw(
    drawn: dict[str, list[Image.Image]],
    seed: int,
    plain: int,
    styled: int,
    portraits: int = 0,
    only: Sequence[str] | None = None,
) -> Pictures:
    """`plain` untreated pictures and `styled` of each style (or `only` of some) for every object, and portraits."""
    rng = np.random.default_rng(seed)
    manners = {PLAIN: treatments.plain, **treatments.STYLES}
    manners = {name: manner for name, manner in manners.items() if only is None or name in only}
    images, which, how = [], [], []
    for name, icons in drawn.items():
        for style, manner in manners.items():
            for copy in range(plain if style == PLAIN else styled):
                canvas = drawings.place(icons[copy % len(icons)], rng)
                images.append(_shrink(manner(canvas, rng)))
                which.append(objects().index(name) if name in objects() else -1)
                how.append(styles().index(style))
    faces = np.random.default_rng((seed, 1))
    for _ in range(portraits):
        images.append(_portrait(faces))
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
