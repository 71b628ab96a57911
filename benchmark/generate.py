"""Draws the seeded images of one prompt set by the models of one shard, or by the original model."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.files import private, sha256
from benchmark.model import sampling, trial
from benchmark.plan import causes, texts, variants
from benchmark.plan.config import load_set, load_suite, load_task
from benchmark.plan.prompt_rows import of_model, read
from benchmark.plan.records import NOTHING, ORIGINAL, Task, Variant, digest
from benchmark.plan.sensitive import sensitive
from benchmark.plan.suite import Suite
from benchmark.running import cli, devices, job
from benchmark.store import manifest, weights


@dataclass(frozen=True)
class _Wanted:
    """An image that must exist: its row but for the hash, and what to draw."""

    image: manifest.Image
    shot: sampling.Shot


@job.fills("out")
def main(
    suite: str,
    set: str,
    prompts: Path,
    out: Path,
    variant: str = ORIGINAL,
    task: str | None = None,
    seed: int = 0,
    concepts: list[str] | None = None,
    models: Path | None = None,
) -> None:
    """Draw the images of a prompt set that are not there yet, and write manifest.csv.

    Args:
        suite: a file of benchmark/suites.
        set: the prompt set: the name of a task, a file of benchmark/prompt_sets, or what a classifier or method needs.
        prompts: its rows, a CSV file.
        out: the folder of the images and of manifest.csv.
        variant: whose models draw; the original model draws what tasks, classifiers and methods have in common.
        task: a file of benchmark/tasks: what was erased is of it.
        seed: of the erasing, by which the models came to be.
        concepts: the erased concepts.
        models: the models.csv of the erased models; without it the base model draws.
    """
    loaded, name = load_suite(suite), set
    chosen = variants.parse(loaded, variant)
    if chosen.name != ORIGINAL and not (models and task and concepts):
        raise BenchmarkError(
            f"--models, --task, --concepts: {variant} needs them; the base model draws for original only"
        )
    subject = load_task(task, loaded.world) if task else None
    base = weights.base(loaded)
    deltas = weights.deltas(models) if models else {NOTHING: None}
    erased = concepts or [NOTHING]
    for concept in erased:
        if concept not in deltas:
            where, there = models or "without --models", ", ".join(deltas)
            raise BenchmarkError(f"{where}: there is no model that has lost {concept!r} (there are: {there})")

    drawing, asked = digest(causes.drawing(loaded)), read(prompts)
    wanted: list[_Wanted] = []
    for concept in erased:
        model = digest([base.key, deltas[concept].sha256 if deltas[concept] else None])
        drawn = of_model(asked, load_set(name, loaded.world), loaded, concept) if subject else asked
        for prompt in drawn:
            guidance = loaded.sampler.guidance if prompt.guidance is None else prompt.guidance
            for index in range(prompt.images):
                what = (prompt.text, prompt.noise_seed, index, prompt.images, guidance)
                wanted.append(
                    _Wanted(
                        manifest.Image(
                            f"{concept}/{prompt.row}_{index}.png",
                            *(name, prompt.row, index, prompt.text, prompt.noise_seed),
                            *(prompt.concept, prompt.wording, prompt.class_name),
                            *(subject.name if subject else NOTHING, chosen.method, chosen.name, chosen.checkpoint),
                            *(concept, seed, digest([drawing, model, *what]), "", ""),
                        ),
                        sampling.Shot(*what),
                    )
                )

    with private(out, sensitive(name, task or NOTHING, loaded.world)):
        notes = {row.image.file: manifest.note_of(out / row.image.file) for row in wanted}
        missing = [row for row in wanted if not (note := notes[row.image.file]) or note.key != row.image.key]
        device = ""
        if missing:
            print(trial.once(base, loaded, Path(loaded.folder)))  # a text may be new; the picture may be due
            _report_cut(prompts, base.folder, dict.fromkeys(row.image.text for row in wanted))
            label = f"draw {name} by {'/'.join(filter(None, (task, variant)))}"
            device = _draw(loaded, subject, chosen, base, deltas, missing, out, label)
            notes |= {row.image.file: manifest.Note(row.image.key, device) for row in missing}
        manifest.write(out / "manifest.csv", (_hashed(row.image, notes[row.image.file], out) for row in wanted))
    counts = f"{len(wanted)} images, {len(missing)} drawn, {len(wanted) - len(missing)} kept"
    print(f"{out}/manifest.csv: {counts}{f'; drawn on {device}' if device else ''}")


def _report_cut(prompts: Path, folder: str, drawn: Collection[str]) -> None:
    """Say how many texts the text encoder reads in part only: those of a set that is a file may be so long."""
    from benchmark.model import diffusion

    if cut := texts.cut(drawn, diffusion.load_tokenizer(folder)):
        print(f"{prompts}: {cut} of {len(drawn)} texts are longer than the text encoder reads: their ends are cut off")


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
    from benchmark.model import apply, diffusion

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
