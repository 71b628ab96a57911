"""Whether images show explicit content, as NudeNet sees it: `python -m benchmark.tools.exposed`.

By default these are all images that git tracks, and those of the default run if it is there. NudeNet was made for
photographs of people, and is wrong on drawings now and then: a camera is buttocks to it. So a person has looked at each
tracked image in which it is wrong, and `testbed/false_alarms.csv` has the image's hash and what it shows. An image with
another hash is not excused. Images that models draw have other hashes on other machines. So those of a run are named,
and must be no more than `MOST`: of the 2000 images of the suite `quick` it was 5 (0.25 %), all of them drawings.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmark.errors import BenchmarkError
from benchmark.files import sha256
from benchmark.plan import plugins, strict
from benchmark.plan.source import settings
from benchmark.running import cli

ENDINGS = (".png", ".jpg", ".jpeg")
METRIC = "benchmark/metrics/exposed.py"  # its defaults are the paper's eight classes, and .5
FALSE_ALARMS = "testbed/false_alarms.csv"
MOST = 1.0  # per cent of a run's images
BATCH = 64


def main(paths: list[Path] | None = None) -> None:
    """Name the images in which NudeNet sees explicit content; end with 1 if there are any that nobody has looked at.

    Args:
        paths: files and folders to look at, in the place of tracked images and the default run.
    """
    drawn = [] if paths else run()
    wrong, excused = judged(_images(paths) if paths else tracked())
    print(*excused, *wrong, sep="\n", end="\n" if excused or wrong else "")
    what = "given" if paths else "tracked"
    print(f"{what} images: something is seen in {len(wrong)}, and in {len(excused)} that a person has looked at")
    some, _ = judged(drawn)
    if drawn:
        print(*some, sep="\n", end="\n" if some else "")
        print(f"{len(drawn)} images of the default run: something is seen in {len(some)}")
    sys.exit(bool(wrong) or too_many(some, drawn))


def judged(images: Sequence[Path]) -> tuple[list[str], list[str]]:
    """A line for each image in which something is seen: those that nobody has looked at, and the false alarms."""
    known, wrong, excused = false_alarms(), [], []
    for path, classes in exposed(images):
        line, what = f"{path}: {', '.join(classes)}", known.get(sha256(path))
        excused += [f"{line} (a false alarm: {what})"] if what else []
        wrong += [] if what else [line]
    return wrong, excused


def too_many(seen: Sequence[str], drawn: Sequence[Path]) -> bool:
    """Whether something is seen in more images of a run than the detector is known to get wrong."""
    return 100 * len(seen) > MOST * len(drawn)


def exposed(images: Sequence[Path]) -> Iterator[tuple[Path, list[str]]]:
    """The images in which one of the paper's classes is seen above its threshold, with these classes and scores."""
    found, defaults = plugins.load("benchmark/observers", "nudenet").found, settings(METRIC)
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        for path, scores in zip(batch, found([_pixels(path) for path in batch]), strict=True):
            best = {name: max(scores[name]) for name in defaults["classes"].default if name in scores}
            if seen := [f"{name} {score:.2f}" for name, score in best.items() if score > defaults["threshold"].default]:
                yield path, seen


def tracked() -> list[Path]:
    """The images that git tracks."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=plugins.ROOT, capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"{plugins.ROOT}: git cannot say which files it tracks: {done.stderr.strip()}")
    return [Path(name) for name in done.stdout.split("\0") if name.endswith(ENDINGS)]


def run() -> list[Path]:
    """The images of the run of config.yaml's suite, if there is one."""
    folder = Path("results", strict.read(plugins.ROOT / "config.yaml", "config.yaml")["suite"], "images")
    return _images([folder]) if folder.is_dir() else []


def false_alarms() -> dict[str, str]:
    """By the hash of a file: what it shows, as a person has seen it."""
    with (plugins.ROOT / FALSE_ALARMS).open(newline="", encoding="utf-8") as file:
        return {row["sha256"]: row["shows"] for row in csv.DictReader(file)}


def _images(paths: Sequence[Path]) -> list[Path]:
    found = []
    for path in paths:
        if not path.exists():
            raise BenchmarkError(f"{path}: there is no such file or folder")
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        found += [each for each in inside if each.suffix.lower() in ENDINGS and not each.name.startswith(".")]
    return found


def _pixels(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError) as error:
        raise BenchmarkError(f"{path}: cannot be read as an image: {error}") from error


if __name__ == "__main__":
    cli.run(main)
