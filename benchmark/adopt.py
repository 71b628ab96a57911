"""Adopts what was made elsewhere: erased weights become models.csv, images of an erased model become manifest.csv."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.files import private, sha256
from benchmark.plan import causes, variants
from benchmark.plan.config import load_set, load_suite, load_task
from benchmark.plan.prompt_rows import of_model, read
from benchmark.plan.records import Prompt, Variant, digest
from benchmark.plan.sensitive import sensitive
from benchmark.plan.suite import Suite
from benchmark.running import cli, job
from benchmark.store import manifest, weights

ELSEWHERE = "elsewhere"  # the kind of device that drew an adopted image
PLACE = "{concept}"  # in the paths of settings, where the name of the erased concept stands


@job.fills("out")
def main(
    suite: str,
    task: str,
    variant: str,
    concepts: list[str],
    out: Path,
    seed: int = 0,
    set: str | None = None,
    prompts: Path | None = None,
) -> None:
    """Check and take over the files that a variant names. Nothing is taken over unless all of it is right.

    Args:
        suite: a file of benchmark/suites.
        task: a file of benchmark/tasks.
        variant: of a file of methods/ that says what it `ADOPTS`: weights, or images.
        concepts: what was erased.
        out: the folder for models.csv or, of images, for manifest.csv.
        seed: of the erasing.
        set: of images, the prompt set that they show.
        prompts: its rows, a CSV file.
    """
    loaded = load_suite(suite)
    name = load_task(task, loaded.world).name
    chosen = variants.parse(loaded, variant)
    kind = variants.adopts(chosen)
    if kind == "weights":
        _weights(loaded, chosen, concepts, out)
    elif kind == "images" and set and prompts:
        _images(loaded, name, chosen, seed, concepts, set, prompts, out)
    else:
        raise BenchmarkError(
            f"--variant {variant}: {'--set and --prompts are needed' if kind else f'{chosen.file} adopts nothing'}"
        )


# ── weights ──


def _weights(suite: Suite, variant: Variant, concepts: list[str], out: Path) -> None:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from benchmark.model import diffusion

    base, settings, rows = weights.base(suite), variants.settings(suite, variant), []
    for concept in concepts:
        path = _found(settings, "weights", concept)
        key = digest([causes.adoption(suite), base.key, sha256(path)])
        delta = out / concept / "delta.safetensors"
        if weights.key_of(delta) != key:
            model = diffusion.load(base.folder, size=suite.sampler.size)
            clean = model.copy()
            try:
                tensors = load_file(path)
            except (OSError, SafetensorError) as error:
                raise BenchmarkError(f"{path}: cannot be read as a .safetensors file: {error}") from error
            parts = tuple(f"{part}." for part in diffusion.EDITED)
            named = {name if name.startswith(parts) else f"unet.{name}": value for name, value in tensors.items()}
            try:
                model.set_state({name: value.float() for name, value in named.items()})
            except BenchmarkError as error:
                raise BenchmarkError(f"{path}: {error}") from error
            now = {name: weight.detach().to("cpu") for name, weight in model.named_weights().items()}
            changed = {name: weight for name, weight in now.items() if not torch.equal(weight, clean[name])}
            if not changed:
                raise BenchmarkError(f"{path}: has the weights of the base model: nothing was erased")
            if lost := [name for name, weight in changed.items() if not weight.isfinite().all()]:
                raise BenchmarkError(f"{path}: weight {lost[0]} is not finite")
            delta.parent.mkdir(parents=True, exist_ok=True)
            weights.save_delta(delta, changed, key)
        rows.append(weights.Delta(concept, f"{concept}/delta.safetensors", sha256(delta), key))
    weights.write_deltas(out / "models.csv", rows)
    print(f"{out}/models.csv: {len(rows)} models, adopted")


# ── images ──


def _images(
    suite: Suite, task: str, variant: Variant, seed: int, concepts: list[str], name: str, prompts: Path, out: Path
) -> None:  # fmt: skip
    settings, asked = variants.settings(suite, variant), read(prompts)
    cause = causes.adoption(suite)
    images: list[tuple[manifest.Image, Path]] = []
    for concept in concepts:
        listed = _listed(_found(settings, "rows", concept), name, len(load_task(task, suite.world).sets) > 1)
        folder = Path(settings["images"].replace(PLACE, concept)).expanduser()
        for row in of_model(asked, load_set(name, suite.world), suite, concept):
            for index in range(row.images):
                if (row.row, index) not in listed:
                    why = f"{settings['rows'].replace(PLACE, concept)}: has no image of row {row.row}, index {index}"
                    raise BenchmarkError(f"{why}; {prompts} has all rows, each with its number of images")
                file = folder / listed[row.row, index]
                images.append((_image(name, row, index, task, variant, concept, seed, [cause, _hash(file)]), file))
    with private(out, sensitive(name, task, suite.world)):
        for image, file in images:
            path, note = out / image.file, manifest.Note(image.key, ELSEWHERE)
            if manifest.note_of(path) != note:
                manifest.save_png(path, _pixels(file, suite.sampler.size), note)
        hashed = [manifest.Image(**{**vars(image), "sha256": sha256(out / image.file)}) for image, _ in images]
        manifest.write(out / "manifest.csv", hashed)
    print(f"{out}/manifest.csv: {len(images)} images, adopted")


def _image(
    name: str, row: Prompt, index: int, task: str, variant: Variant, concept: str, seed: int, key: Any
) -> manifest.Image:
    return manifest.Image(
        f"{concept}/{row.row}_{index}.png",
        *(name, row.row, index, row.text, row.noise_seed, row.concept, row.wording, row.class_name),
        *(task, variant.method, variant.name, variant.checkpoint, concept, seed, digest(key), ELSEWHERE, ""),
    )


def _listed(path: Path, name: str, several: bool) -> dict[tuple[str, int], str]:
    """The files of a list of images of a prompt set, by row and index. Raises `BenchmarkError` if it is not one.

    Rows of different sets may have one name: of `several` sets, the list must say which one each image is of.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            lines = [line for line in reader if line.get("prompt_set", name) == name]
        if several and "prompt_set" not in (reader.fieldnames or ()):
            raise BenchmarkError(f"{path}: needs the column prompt_set: models of this task draw several sets")
        listed = {(line["row"], int(line.get("index") or 0)): line["file"] for line in lines}
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, ValueError, TypeError) as error:
        needs = "needs the columns file and row, and index where a row has several images"
        raise BenchmarkError(f"{path}: is no list of images ({error}): it {needs}") from error
    if len(listed) < len(lines):
        raise BenchmarkError(f"{path}: lists an image of the same row and index twice")
    return listed


def _pixels(path: Path, size: int) -> Any:
    """An image of the suite's size, uint8 (H, W, 3): none is resized, which would change what is measured."""
    import numpy as np
    from PIL import Image

    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError) as error:
        raise BenchmarkError(f"{path}: cannot be read as an image: {error}") from error
    if pixels.shape[:2] != (size, size):
        raise BenchmarkError(f"{path}: has {pixels.shape[1]}×{pixels.shape[0]} pixels, not {size}×{size}")
    return pixels


def _hash(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise BenchmarkError(f"{path}: cannot be read: {error.strerror}") from error


def _found(settings: dict[str, Any], key: str, concept: str) -> Path:
    """The file that a setting names for a concept, which must have the hash that the settings give for it."""
    path, hashes = Path(settings[key].replace(PLACE, concept)).expanduser(), settings["sha256"] or {}
    if concept not in hashes:
        raise BenchmarkError(f"sha256: the suite's settings give no hash of {path}, for concept {concept}")
    if (digest := _hash(path)) != hashes[concept]:
        raise BenchmarkError(f"{path}: is not the file that was meant: its SHA-256 is {digest}")
    return path


if __name__ == "__main__":
    cli.run(main)
