"""One picture, drawn before any other: it must be what diffusers' own pipeline draws from the same files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.files import write_atomically
from benchmark.plan import config, texts
from benchmark.plan.config import load_task
from benchmark.plan.records import Sampler, digest
from benchmark.plan.suite import Suite
from benchmark.running import devices
from benchmark.store import weights
from benchmark.store.manifest import ROUNDING

if TYPE_CHECKING:
    from benchmark.model.diffusion import Diffusion
    from benchmark.model.guidance import Shot

FLAT = 4.0  # the standard deviation over space, in grey levels, below which a picture has nothing in it
BLACK = 10.0  # the mean, in grey levels, below which a picture is nearly black


def once(base: weights.Base, suite: Suite, folder: Path, model: Diffusion | None = None) -> str:
    """Read all texts, and draw the picture unless that was done for this model and sampler; returns what came of it.

    `folder` is where a file says that it was done. `model` is the base model in float32, if it is loaded already.
    Raises `BenchmarkError` for a model that does not draw what it should.
    """
    import torch

    from benchmark.model import diffusion

    done, key = folder / "drawn.json", digest([base.key, suite.sampler])
    said = read_texts(suite, model.tokenizer if model else diffusion.load_tokenizer(base.folder))
    if done.exists() and key in done.read_text():
        return f"{said}; a picture was compared with the stock pipeline's before"
    torch.set_num_threads(suite.sampler.threads)
    model = model or diffusion.load(base.folder, size=suite.sampler.size)
    task = load_task(next(iter(suite.experiments.values())).task, suite.world)
    levels = check(model, base.folder, task.templates.of(task.concepts[0]), suite.sampler)
    with write_atomically(done) as aside:
        aside.write_text(json.dumps({"key": key, "grey_levels": levels, "device": devices.kind()}) + "\n")
    return f"{said}; a picture drawn on {devices.kind()} is at most {levels} grey levels from the stock pipeline's"


def read_texts(suite: Suite, tokenizer: Any) -> str:
    """Read all texts of a suite with the base model's tokenizer; an error for one that is cut, or equal to another."""
    return f"{texts.check(config.all_texts(suite), tokenizer)} texts, none cut or equal to another"


def postponed(suite: Suite) -> bool:
    """Whether drawing one picture is left to the first job that draws: large ones take minutes without a GPU."""
    return not suite.small and devices.device().type == "cpu"


def check(model: Diffusion, folder: str, text: str, sampler: Sampler) -> int:
    """Grey levels between the picture of a text and the stock pipeline's, if they may be.

    Drawn alone, and in float32 whatever the suite's precision: what is looked for are files that are read in another
    way, and not rounding. Raises `BenchmarkError` for a picture that differs, is empty, differs when drawn again, or is
    the same without the text.
    """
    from benchmark.model.guidance import Shot
    from benchmark.model.sampling import NotFinite, draw

    sampler, shots = replace(sampler, precision="float32", batch=1), [Shot(text, 0, 0, 1, sampler.guidance)]
    try:
        levels, (picture,) = apart(model, stock(folder, model), shots, sampler)
    except NotFinite as error:
        raise BenchmarkError(f"{folder}: the picture of {text!r} that this model draws is not finite: its files hold"
                             " numbers that do not belong together") from error  # fmt: skip
    (again,), (blank,) = draw(model, shots, sampler), draw(model, [replace(shots[0], text="")], sampler)
    spread, mean = picture.std((0, 1), dtype=np.float64).max(), picture.mean()
    drawn = f"{folder}: the picture of {text!r} that this model draws"
    if spread < FLAT or mean < BLACK:
        looks = (
            f"is flat (spread {spread:.1f} of 255)" if spread < FLAT else f"is nearly black (mean {mean:.1f} of 255)"
        )
        raise BenchmarkError(f"{drawn} {looks}: its weights do not belong together, or to the betas of its scheduler")
    if levels > ROUNDING:
        raise BenchmarkError(
            f"{drawn} is {levels} grey levels from that of diffusers' StableDiffusionPipeline (allowed: {ROUNDING}):"
            " its files mean something that this benchmark does not understand"
        )
    if not np.array_equal(picture, again):
        raise BenchmarkError(f"{drawn} differs when it is drawn again on {devices.kind()}: nothing would repeat there")
    if np.array_equal(picture, blank):
        raise BenchmarkError(f"{drawn} is also that of the empty text: no text changes what is drawn")
    return levels


def stock(folder: str | Path, model: Diffusion) -> Any:
    """diffusers' own pipeline of a folder, in float32, on the device of `model`."""
    import torch
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    from benchmark.model import diffusion

    given = dict.fromkeys(("safety_checker", "feature_extractor", "image_encoder"))  # None: they are not loaded
    given |= {"requires_safety_checker": False, "scheduler": DDIMScheduler.from_config(_stock_schedule(model))}
    pipeline = StableDiffusionPipeline.from_pretrained(folder, **given, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.to(model.device)
    diffusion.arrange(pipeline.unet)  # as ours, so that rounding is alike on GPUs, too
    return pipeline


def _stock_schedule(model: Diffusion) -> dict[str, Any]:
    """The schedule of a scheduler that is given what the U-Net predicts, which may not be noise."""
    return model.scheduler | {"prediction_type": model.predicts}


def apart(model: Diffusion, pipeline: Any, shots: Sequence[Shot], sampler: Sampler) -> tuple[int, list[np.ndarray]]:
    """Grey levels between our pictures and the stock pipeline's for the same noise and texts, at most; and ours."""
    import torch

    from benchmark.model import sampling

    ours = list(sampling.draw(model, shots, sampler))
    noise = [sampling.noise(s.noise_seed, s.images, model.latent_shape)[s.index : s.index + 1] for s in shots]
    pipeline.scheduler = sampling.scheduler(sampler, _stock_schedule(model))
    theirs = pipeline(
        [shot.text for shot in shots],
        latents=torch.cat(noise).to(model.device),
        num_inference_steps=sampler.steps,
        guidance_scale=sampler.guidance,
        height=sampler.size,
        width=sampler.size,
        output_type="np",
    ).images
    return int(np.abs(np.stack(ours).astype(int) - (theirs * 255).round().astype(int)).max()), ours
