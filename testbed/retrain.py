"""Rebuilds everything that the testbed ships, from the npm packages to the weights: `make retrain`.

Fetches the drawings with npm, draws the pictures, trains classifiers, autoencoder and U-Net with fixed seeds, and
writes `testbed/model` and `testbed/classifiers`. Needs two hours alone on two fast cores; a killed run resumes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmark.running import cli
from testbed import dataset, tokenizer, training
from testbed.dataset import Pictures

FOLDER = Path(__file__).parent
PACKAGES = {
    "noto": "1.2.9",
    "noto-v1": "1.2.5",
    "twemoji": "1.2.5",
    "fluent-emoji": "1.2.7",
    "fluent-emoji-flat": "1.2.6",
    "emojione": "1.2.3",
    "fxemoji": "1.2.2",
}
LICENCES = ("Apache-2.0", "MIT", "CC-BY-4.0")  # none asks that what is made of it be shared alike
# The shipped weights were trained for so many steps, but in several sittings, between which the augmentation of the
# classifiers' pictures, the portraits and their share were improved. A run from scratch has the final ones throughout.
STEPS = {"classifiers": 20000, "autoencoder": 1500, "unet": 9500}
COARSE = ("pixel art", "low poly")  # styles in which objects are hardest to tell: classifiers see more pictures of them
SCHEDULER = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}


def fetch(work: Path) -> Path:
    """The icon packages below `work`, at their pinned versions; returns the folder that holds them."""
    packages = work / "npm" / "node_modules" / "@iconify-json"
    missing = [name for name in PACKAGES if not (packages / name / "icons.json").exists()]
    if missing:
        if shutil.which("npm") is None:
            sys.exit("error: npm is needed to fetch the drawings; install Node.js and run `make retrain` again")
        (work / "npm").mkdir(parents=True, exist_ok=True)
        wanted = [f"@iconify-json/{name}@{PACKAGES[name]}" for name in missing]
        subprocess.run(
            ["npm", "install", "--ignore-scripts", "--no-fund", "--prefix", work / "npm", *wanted], check=True
        )
    for name in PACKAGES:
        licence = json.loads((packages / name / "info.json").read_text())["license"]["spdx"]
        if licence not in LICENCES:
            sys.exit(f"error: the drawings of {name} are under {licence} (allowed: {', '.join(LICENCES)})")
    return packages


def pictures(kept: Path, draw: Callable[[], Pictures]) -> Pictures:
    """Pictures to train on, drawn once and kept as a file."""
    if not kept.exists():
        drawn = draw()
        np.savez(kept.with_suffix(".partial.npz"), images=drawn.images, object=drawn.object, style=drawn.style)
        kept.with_suffix(".partial.npz").rename(kept)
    loaded = np.load(kept)
    return Pictures(loaded["images"], loaded["object"], loaded["style"])


def export(work: Path, backbone, autoencoder, unet, text, words) -> None:
    """Writes the shipped folders whole: a diffusers pipeline and the classifiers, all numbers in half precision.

    The text encoder's file holds float32 all the same: where no precision is asked for, transformers takes the file's,
    diffusers takes float32, and the two have to agree.
    """
    from diffusers import DDIMScheduler, StableDiffusionPipeline
    from safetensors.torch import save_file

    aside = work / "model"
    shutil.rmtree(aside, ignore_errors=True)
    words.backend_tokenizer.no_padding()  # how training padded last is not part of it
    pipeline = StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=text,
        tokenizer=words,
        unet=unet,
        scheduler=DDIMScheduler(**SCHEDULER),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.to(torch.float16)
    pipeline.text_encoder.to(torch.float32)
    pipeline.save_pretrained(aside)
    for file in aside.rglob("*"):
        file.chmod(0o755 if file.is_dir() else 0o644)
    model = FOLDER / "model"
    shutil.rmtree(model, ignore_errors=True)
    shutil.copytree(aside, model)
    (FOLDER / "classifiers").mkdir(exist_ok=True)
    state = {k: v.half().contiguous() if v.is_floating_point() else v for k, v in backbone.state_dict().items()}
    save_file(state, FOLDER / "classifiers" / "backbone.safetensors")
    (FOLDER / "classifiers" / "classes.json").write_text(
        json.dumps({"objects": dataset.objects(), "styles": dataset.styles()}, indent=1) + "\n"
    )


def main(work: Path = FOLDER / ".retrain", threads: int = 2) -> None:
    """Rebuild what the testbed ships, from the npm packages to the weights; a killed run resumes.

    Args:
        work: where checkpoints and drawings are kept meanwhile.
        threads: of the training, which is the only one on the machine.
    """
    torch.set_num_threads(threads)
    work.mkdir(parents=True, exist_ok=True)
    packages = fetch(work)
    dataset.ship(packages)
    drawings = dataset.sources(packages, "train")
    train = pictures(work / "train.npz", lambda: dataset.draw(drawings, 1, plain=150, styled=55, portraits=1200))
    coarse = pictures(work / "coarse.npz", lambda: dataset.draw(drawings, 4, plain=0, styled=150, only=COARSE))
    print(f"{len(train.images)} pictures, {len(coarse.images)} more for the classifiers", flush=True)
    coarse.style[:] = -1  # else these two styles are seen where there is none
    backbone = training.train_classifiers(train + coarse, work, STEPS["classifiers"])
    autoencoder = training.train_autoencoder(train, backbone, work, STEPS["autoencoder"])
    words = tokenizer.build(dataset.corpus(), dataset.vocabulary()["two_token_words"])
    unet, text = training.train_unet(train, training.latents(train, autoencoder), words, work, STEPS["unet"])
    export(work, backbone, autoencoder, unet, text, words)


if __name__ == "__main__":
    cli.run(main)
