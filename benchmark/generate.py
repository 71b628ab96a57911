"""Draws the seeded images of one part: what models are evaluated on, and what judges and methods learn from."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmark import causes, cli, devices, grid, job, manifest, sampling, trial, variants, weights
from benchmark.errors import BenchmarkError
from benchmark.files import sha256
from benchmark.records import Prompt, Task, Variant, digest
from benchmark.suite import Suite


@dataclass(frozen=True)
class _Wanted:
    """An image that must exist: its row but for the hash, and what to draw."""

    image: manifest.Image
    shot: sampling.Shot


@job.fills("out")
def main(
    suite: str,
    task: str,
    method: str,
    out: Path,
    set: str = "evaluation",
    seed: int = 0,
    models: Path | None = None,
    concepts: list[str] | None = None,
) -> None:
    """Draw the images that are not there yet and write manifest.csv.

    Args:
        suite: a file of benchmark/suites.
        task: a file of benchmark/tasks.
        method: the label whose models draw.
        out: the folder of the images and of manifest.csv.
        set: evaluation, train (for the task's judge), or pool:concept and pool:anchor (for methods).
        seed: of the erasing, by which the models came to be.
        models: the models.csv of the erased models; without it the base model draws.
        concepts: the erased concepts, or those of a pool.
    """
    loaded = grid.load_suite(suite)
    subject = grid.load_task(task, loaded.world)
    grid.check_label(loaded, method)
    if models is None and method != grid.ORIGINAL:
        raise BenchmarkError(
            f"--models: models.csv of {method} is needed; the base model draws for {grid.ORIGINAL} only"
        )
    concepts = concepts or [grid.NOTHING]
    base = weights.base(loaded)
    deltas = weights.deltas(models) if models else {grid.NOTHING: None}
    erased = concepts if set == "evaluation" else [grid.NOTHING]
    for concept in erased:
        if concept not in deltas:
            where, there = models or "without --models", ", ".join(deltas)
            raise BenchmarkError(f"{where}: there is no model that has lost {concept!r} (there are: {there})")

    drawing = digest(causes.drawing(loaded))
    rows: list[_Wanted] = []
    for concept in erased:
        model = digest([base.key, deltas[concept].sha256 if deltas[concept] else None])
        for prompt in _prompts(loaded, subject, set, concept, concepts):
            for index in range(prompt.images):
                key = digest([drawing, model, prompt.text, prompt.seed, prompt.images, index])
                name = f"{concept}/{prompt.probe}/{prompt.seed}_{index}.png"
                image = manifest.Image(
                    name, task, method, seed, concept, prompt.probe, prompt.text, prompt.seed, index, key, "", ""
                )
                rows.append(_Wanted(image, sampling.Shot(prompt.text, prompt.seed, index, prompt.images)))

    notes = {row.image.file: manifest.note_of(out / row.image.file) for row in rows}
    missing = [row for row in rows if not (note := notes[row.image.file]) or note.key != row.image.key]
    device = ""
    if missing:
        print(trial.once(base, loaded, subject, Path(loaded.folder)))  # a text may be new; the picture may be due
        device = _draw(base, loaded.sampler, deltas, missing, out, f"draw {task} {method} {set}")
        notes |= {row.image.file: manifest.Note(row.image.key, device) for row in missing}
    manifest.write(out / "manifest.csv", (_hashed(row.image, notes[row.image.file], out) for row in rows))
    counts = f"{len(rows)} images, {len(missing)} drawn, {len(rows) - len(missing)} kept"
    print(f"{out}/manifest.csv: {counts}{f'; drawn on {device}' if device else ''}")


def _prompts(suite: grid.Suite, task, set: str, erased: str, concepts: list[str]) -> tuple[Prompt, ...]:
    if set == "evaluation":
        return grid.prompts(task, suite, None if erased == grid.NOTHING else erased)
    if set == "train":
        return grid.train_prompts(task.judge, suite)
    kind = set.removeprefix("pool:")
    if kind in grid.POOLS and set.startswith("pool:"):
        return grid.pool_prompts(task, suite, kind, tuple(concepts))
    raise BenchmarkError(f"--set {set}: allowed are evaluation, train, pool:concept, pool:anchor")


def _draw(
    suite: Suite, task: Task | None, variant: Variant, base: weights.Base, deltas, rows: list[_Wanted], out: Path,
    label: str,
) -> str:  # fmt: skip
    """Model by model, in full batches; PNGs are encoded beside the drawing. Returns the kind of device that drew."""
    import torch

    torch.set_num_threads(suite.sampler.threads)
    device = devices.kind()
    with ThreadPoolExecutor(1) as encoder:
        drawn = cli.progress(_images(suite, task, variant, base, deltas, rows), len(rows), label)
        saved = [
            encoder.submit(manifest.save_png, out / row.image.file, pixels, manifest.Note(row.image.key, device))
            for row, pixels in drawn
        ]
        for done in saved:
            done.result()
    return device


def _images(
    suite: Suite, task: Task | None, variant: Variant, base: weights.Base, deltas, rows: list[_Wanted]
) -> Iterator[tuple[_Wanted, Any]]:
    """The images of each model, which is drawn by a pipeline of its own, as new: what a method adds is in no other."""
    from benchmark import apply, diffusion

    for concept in dict.fromkeys(row.image.concept for row in rows):
        asked = [row for row in rows if row.image.concept == concept]
        pipeline = diffusion.load(base.folder, suite.sampler.precision, suite.sampler.size)
        try:
            with ExitStack() as stack:
                guidance = None
                if deltas[concept]:
                    request, saved = (
                        causes.request(suite, task, variant, (concept,)),
                        weights.read_delta(deltas[concept]),
                    )
                    values = variants.settings(suite, variant)
                    guidance = stack.enter_context(apply.applied(pipeline, variant.method, request, values, saved))
                drawn = sampling.draw(pipeline, [row.shot for row in asked], suite.sampler, guidance)
                yield from zip(asked, drawn, strict=True)
        except BenchmarkError as error:
            raise BenchmarkError(f"{variant}, erased {concept}: {error}") from error


def _hashed(image: manifest.Image, note: manifest.Note, out: Path) -> manifest.Image:
    return replace(image, device=note.device, sha256=sha256(out / image.file))


if __name__ == "__main__":
    cli.run(main)
