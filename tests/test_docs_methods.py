"""The methods that the pages show, saved as the files that these name: they pass the tests of methods, and erase."""

import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pages
import pytest
import torch
import yaml
from conftest import ROOT, forget
from safetensors.torch import load_file, save_file

from benchmark import adopt, base
from benchmark.model import workbench
from benchmark.plan import plugins

METHODS = {Path(block.file).stem: block for block in pages.methods()}
ELSEWHERE = next(name for name, block in METHODS.items() if "ADOPTS" in block.text)
ODD = {  # what CONTRIBUTING.md allows, and the shipped methods do not need
    "bare": '''"""A control with nothing but this."""

CONTROL = True


def erase(model, request, settings):
    for weight in model.train("xattn"):
        weight.data.zero_()
''',
    "silent": '''"""Yields None, and is run again from the start."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    steps: int = 2


def erase(model, request, settings):
    for _ in range(settings.steps):
        model.train("xattn")[0].data.mul_(0.5)
        yield None
''',
}


def python(folder, *arguments):
    end = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True)
    return end.returncode, end.stdout + end.stderr


def test_each_has_a_name_of_its_own():
    assert len(METHODS) == len(pages.methods()) >= 3 and not any(
        (ROOT / f"methods/{name}.py").exists() for name in METHODS
    )


def test_they_and_what_else_the_pages_allow_pass_the_tests_of_methods(clone):
    for name, text in ODD.items():
        (clone / f"methods/{name}.py").write_text(text)
    names = [name for name in (*METHODS, *ODD) if name != ELSEWHERE]  # there is nothing to erase in it
    tests = [f"tests/test_{name}.py" for name in ("methods", "layers", "contracts")]
    chosen = " or ".join([*(f"[{name}" for name in names), "plugins_import", "core", "listed"])
    code, said = python(clone, "-m", "pytest", "-p", "no:cacheprovider", *tests, "-k", chosen, "--verbose")
    assert code == 0, said
    assert int(re.search(r"(\d+) passed", said)[1]) > 4 * len(names)
    code, said = python(clone, "-m", "ruff", "check", "methods")
    assert code == 0, said


@pytest.fixture
def model():
    model = workbench.load(ROOT / "testbed/model")
    return model


def test_weights_that_were_erased_elsewhere_are_a_variant_of_a_suite(clone, model):
    """A whole U-Net in half precision, as diffusers saves it, and a few tensors of another one: erased for real."""
    entries = [b for page in pages.pages() for b in pages.blocks(page) if b.language == "yaml" and ELSEWHERE in b.text]
    ((label, settings),) = yaml.safe_load(entries[0].text)["settings"].items()
    erased = {}
    for concept, dtype, part in (("chalk", torch.float16, ""), ("ink", torch.float32, ".attn2.to_v")):
        model.unet.to(dtype)
        changed = {
            name: weight.data.mul_(0.5) for name, weight in model.unet.named_parameters() if ".attn2.to_v" in name
        }
        path = clone / settings["weights"].replace("{concept}", concept)
        model.unet.save_pretrained(path.parent)
        if part:
            save_file({name: weight for name, weight in load_file(path).items() if part in name}, path)
        erased[concept] = {name: weight.float().clone() for name, weight in changed.items()}
        settings["sha256"][concept] = sha256(path.read_bytes()).hexdigest()
    suite = yaml.safe_load((clone / "benchmark/suites/micro.yaml").read_text())
    suite["settings"][label] = settings
    suite["experiments"]["style"] |= {"methods": ["original", label], "concepts": ["chalk", "ink"]}
    (clone / "benchmark/suites/pasted.yaml").write_text(yaml.safe_dump(suite))

    code, said = python(clone, "-m", "snakemake", "--dry-run", "--cores", "1", "--config", "suite=pasted")
    assert code == 0 and f"/style/{label}/" in said, said
    code, said = python(clone, "-m", "benchmark.base", "--suite", "pasted", "--out", "results/pasted/base.json")
    assert code == 0, said
    adopt = ["-m", "benchmark.adopt", "--suite", "pasted", "--task", "style", "--variant", label]
    code, said = python(clone, *adopt, "--concepts", "chalk", "ink", "--out", "results/pasted/models")
    assert code == 0, said
    for concept, weights in erased.items():
        delta = load_file(clone / f"results/pasted/models/{concept}/delta.safetensors")
        assert delta.keys() == {f"unet.{name}" for name in weights}
        assert all(torch.equal(delta[f"unet.{name}"], weight) for name, weight in weights.items())
    code, said = python(clone, *adopt, "--concepts", "pixel_art", "--out", "results/pasted/others")
    assert code == 2 and "error: sha256: the suite's settings give no hash of " in said and "concept pixel_art" in said


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_weights_of_any_precision_are_adopted_as_they_are(clone, model, monkeypatch, dtype):
    """Through the runner, in this process: what is saved is what the file says, in float32."""
    name, weight = next((n, w) for n, w in model.copy().items() if ".attn2." in n)
    path = clone / "weights/chalk.safetensors"
    path.parent.mkdir()
    save_file({name.removeprefix("unet."): (weight + 1).to(dtype)}, path)
    (clone / "methods/theirs.py").write_text(METHODS[ELSEWHERE].text)
    suite = yaml.safe_load((clone / "benchmark/suites/micro.yaml").read_text())
    suite["settings"]["theirs"] = {"sha256": {"chalk": sha256(path.read_bytes()).hexdigest()}}
    (clone / "benchmark/suites/pasted.yaml").write_text(yaml.safe_dump(suite))
    monkeypatch.setattr(plugins, "ROOT", clone)
    monkeypatch.chdir(clone)
    forget()
    base.main("pasted", clone / "results/pasted/base.json")
    adopt.main("pasted", "style", "theirs", ["chalk"], clone / "models")
    delta = load_file(clone / "models/chalk/delta.safetensors")
    assert delta.keys() == {name} and torch.equal(delta[name], (weight + 1).to(dtype).float())
    forget()
