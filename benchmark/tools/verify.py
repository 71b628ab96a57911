"""Checks what the documentation claims, one line each: `make verify`. Exits with 1 if anything does not hold."""

from __future__ import annotations

import functools
import importlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.plan import plugins
from benchmark.running import cli

ROOT = plugins.ROOT
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--cores", "all", "--dry-run", "--quiet", "rules"]


class Failed(Exception):
    """A claim that does not hold, and what holds instead."""


def main() -> None:
    """Check images against the stock pipeline, FID against two libraries, bad input, the paper's plan, what ships."""
    failures = 0
    for claim, check in CHECKS.items():
        began = time.monotonic()
        try:
            outcome, sign = check(), "ok"
        except Exception as error:  # whatever it is, the other claims are checked
            kind = "" if isinstance(error, Failed) else f"{type(error).__name__}: "
            outcome, sign, failures = f"{kind}{error}", "FAILED", failures + 1
        print(f"{sign:6} {claim}: {outcome} ({time.monotonic() - began:.1f} s)", flush=True)
    sys.exit(min(failures, 1))


def pipeline() -> str:
    """Images equal those of diffusers' StableDiffusionPipeline for the same noise, within one grey level."""
    from benchmark.model import diffusion, trial
    from benchmark.model.guidance import Shot
    from benchmark.plan.config import load_suite

    suite = load_suite("quick")
    model = diffusion.load(suite.base, size=suite.sampler.size)
    stock, worst = trial.stock(suite.base, model), 0
    texts, guidance = ("chalk", "a picture of a fish", "gas pump"), suite.sampler.guidance
    shots = [Shot(text, seed, 0, 1, guidance) for seed, text in enumerate(texts, 4)]
    for name in ("ddim", "lms", "dpm"):
        apart, pictures = trial.apart(model, stock, shots, replace(suite.sampler, scheduler=name))
        worst = max(worst, apart)
        if min(picture.std() for picture in pictures) < 5:
            raise Failed(f"a picture drawn with {name} is flat")
    if worst > 1:
        raise Failed(f"{worst} grey levels apart")
    return f"at most {worst} grey level apart with DDIM, LMS and DPM-Solver"


def fid() -> str:
    """The nuclear-norm FID equals the arithmetic of torch-fidelity and torchmetrics on the same features."""
    import torch
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torchmetrics.image.fid import _compute_fid

    distance = importlib.import_module("benchmark.metrics._frechet").distance
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((120, 96)) * np.linspace(0.1, 2, 96), rng.standard_normal((120, 96)) + 0.2
    ours = distance(x, y)
    a, b = (fid_features_to_statistics(torch.from_numpy(z)) for z in (x, y))
    fidelity = float(fid_statistics_to_metric(a, b, False)["frechet_inception_distance"])
    mu, cov = (lambda z: torch.from_numpy(z.mean(0)), lambda z: torch.from_numpy(np.cov(z, rowvar=False)))
    metrics = float(_compute_fid(mu(x), cov(x), mu(y), cov(y)))
    gap = max(abs(ours - fidelity), abs(ours - metrics)) / ours
    if gap > 1e-6:
        raise Failed(f"{ours:.6f}, torch-fidelity {fidelity:.6f}, torchmetrics {metrics:.6f}")
    return f"relative difference {gap:.0e}"


def bad_config() -> str:
    """Wrong configurations end in one line, exit code above 0, and plan nothing."""
    cases = ["suite=quik", "methods=[esdd]", "concepts=[chlak]", "methods=[]", "seeds=[zero]", "suit=quick"]
    for case in cases:
        done = subprocess.run([*SNAKEMAKE, "--config", case], cwd=ROOT, capture_output=True, text=True)
        errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
        if done.returncode == 0 or len(errors) != 1:
            raise Failed(f"--config {case}: exit {done.returncode}, {done.stderr.strip()[-200:]!r}")
    return f"{len(cases)} wrong configurations, one line each"


def bad_files() -> str:
    """Missing weights, a mixed-up model, a file in the way, a full disk: one line each, and nothing half-written."""
    from benchmark import base
    from benchmark.model import compatible

    with tempfile.TemporaryDirectory() as folder:
        model = Path(shutil.copytree(ROOT / "testbed/model", Path(folder, "model")))
        (model / "text_encoder/config.json").write_text('{"hidden_size": 768}')
        _refused("parts of different models", lambda: compatible.check(model))
        (model / "unet/diffusion_pytorch_model.safetensors").unlink()
        _refused("no .safetensors file of weights", lambda: base.hashes(model))
        record = [sys.executable, "-m", "benchmark.base", "--suite", "micro", "--out"]
        small = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (100, 100))  # in the place of a full disk
        for expected, out, sized in (
            ("cannot be written: File exists", f"{model}/model_index.json/base.json", None),
            ("cannot be written: File too large", f"{folder}/base.json", small),
        ):
            done = subprocess.run([*record, out], cwd=ROOT, capture_output=True, text=True, preexec_fn=sized)
            if done.returncode != 2 or expected not in done.stderr or len(done.stderr.splitlines()) != 1:
                raise Failed(f"exit {done.returncode}, {done.stderr.strip()[-200:]!r}")
        if left := [path.name for path in Path(folder).iterdir() if path != model]:
            raise Failed(f"{', '.join(left)} is left behind")
    return "4 refused"


def _refused(expected: str, act: Callable[[], object]) -> None:
    try:
        act()
    except BenchmarkError as error:
        if expected in str(error) and "\n" not in str(error):
            return
        raise Failed(f"{expected!r} is not in the message: {str(error)!r}") from error
    raise Failed(f"not refused: {expected}")


def paper() -> str:
    """The suite `paper` plans, by the rules that the testbed uses."""
    done = subprocess.run([*SNAKEMAKE, "--config", "suite=paper"], cwd=ROOT, capture_output=True, text=True)
    jobs = [line for line in done.stdout.splitlines() if line.startswith("total")]
    if done.returncode or not jobs:
        raise Failed((done.stdout + done.stderr).strip()[-300:])
    return f"{jobs[0].split()[-1]} jobs"


def sizes() -> str:
    """What ships stays small: at most 30 MB of weights, and no pickle."""
    files = [path for path in (ROOT / "testbed").rglob("*") if path.is_file() and ".retrain" not in path.parts]
    pickles = [path.name for path in files if path.suffix in (".bin", ".pt", ".pth", ".pkl", ".ckpt")]
    size = sum(path.stat().st_size for path in files if path.suffix == ".safetensors") / 2**20
    if pickles or size > 30:
        raise Failed(f"{size:.1f} MB of weights; pickles: {', '.join(pickles) or 'none'}")
    return f"{size:.1f} MB of weights, all safetensors"


def licences() -> str:
    """Every drawing set is attributed, and none is share-alike."""
    from testbed.retrain import LICENCES, PACKAGES

    rows = [row.split("|")[1:4] for row in (ROOT / "testbed/LICENSES.md").read_text().splitlines() if row[:2] == "| "]
    stated = {
        name.strip(): licence.strip().replace(" ", "-") for names, _, licence in rows for name in names.split(",")
    }
    if wrong := [name for name in PACKAGES if stated.get(name) not in LICENCES]:
        raise Failed(f"without attribution, or under another licence than {', '.join(LICENCES)}: {', '.join(wrong)}")
    return f"{len(PACKAGES)} sets attributed"


def explicit() -> str:
    """No tracked image, and none of the default run, shows explicit content as far as a detector can tell."""
    from benchmark.tools import exposed

    wrong, excused = exposed.judged(exposed.tracked())
    drawn = exposed.run()
    some, _ = exposed.judged(drawn)
    if wrong or exposed.too_many(some, drawn):
        raise Failed("; ".join([*wrong, *some]))
    of_run = f", {len(some)} in {len(drawn)} images of the default run" if drawn else "; the default run is not here"
    return f"false alarms: {len(excused)} in tracked images, which a person has looked at{of_run}"


CHECKS: dict[str, Callable[[], str]] = {
    (check.__doc__ or "").rstrip("."): check
    for check in (pipeline, fid, bad_config, bad_files, paper, sizes, licences, explicit)
}

if __name__ == "__main__":
    cli.run(main)
