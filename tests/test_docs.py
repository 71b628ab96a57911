"""The examples of the documentation run as they stand there."""

import io
import re
from hashlib import file_digest

import pytest
import torch
from conftest import ROOT
from safetensors.torch import load_file, save_file

from benchmark import grid, workbench
from benchmark.errors import BenchmarkError

TASK = grid.load_task("style", "testbed")
CONCEPT = TASK.concept("chalk")


def example(path: str, with_line: str) -> str:
    """The Python block of a page that has a certain line in it."""
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / path).read_text(), re.DOTALL | re.MULTILINE)
    return next(block for block in blocks if with_line in block)


@pytest.fixture
def model():
    model = workbench.load(ROOT / "testbed/model")
    model.templates = TASK.templates
    model.pool = torch.rand((4, 3, 64, 64), generator=torch.Generator().manual_seed(1)) * 2 - 1
    return model


def test_the_readmes_method_erases(model):
    names: dict = {"__name__": "mine"}
    exec(example("README.md", "def erase"), names)
    before = model.copy()
    assert len(list(names["erase"](model, CONCEPT, names["Settings"](steps=2)))) == 2
    changed = [name for name, weight in model.copy().items() if not torch.equal(weight, before[name])]
    assert changed and all(".attn2." in name for name in changed)


def test_a_loop_of_its_own_is_resumed_as_the_page_says(model):
    train = """        x, noise = model.randn(2, *model.latent_shape), model.randn(2, *model.latent_shape)
        t = model.randint(1000, 2)
        said = model.predict(model.add_noise(x, noise, t), t, model.encode(concept.phrase))[0]
        optimizer.zero_grad()
        (said - noise).square().mean().backward()
        optimizer.step()
"""
    names: dict = {"torch": torch}
    exec(example("CONTRIBUTING.md", "model.resume").replace("        ...\n", train), names)
    settings, clean = type("Settings", (), {"lr": 1e-3, "steps": 3}), model.copy()
    for step, state in enumerate(names["erase"](model, CONCEPT, settings), 1):
        if step == 1:
            saved = io.BytesIO()
            torch.save(state, saved)
    whole = model.copy()
    model.set_weights(clean)
    model.generator = torch.Generator().manual_seed(7)
    saved.seek(0)
    model.resume = torch.load(saved, weights_only=True)
    assert [state["step"] for state in names["erase"](model, CONCEPT, settings)] == [2, 3]
    assert all(torch.equal(weight, whole[name]) for name, weight in model.copy().items())


def test_weights_that_were_erased_elsewhere_are_loaded_if_they_are_those_that_were_meant(model, tmp_path):
    def sha256(path):
        with open(path, "rb") as file:
            return file_digest(file, "sha256").hexdigest()

    name, weight = next((n, w) for n, w in model.copy().items() if ".attn2." in n)
    save_file({name: weight + 1}, tmp_path / "chalk.safetensors")
    names = {"__name__": "mine", "sha256": sha256, "load_file": load_file, "BenchmarkError": BenchmarkError}
    exec("from dataclasses import dataclass\n" + example("CONTRIBUTING.md", "sha256: str"), names)
    with pytest.raises(BenchmarkError, match="is not the file that was meant"):
        names["erase"](model, CONCEPT, names["Settings"](folder=str(tmp_path), sha256="another"))
    meant = names["Settings"](folder=str(tmp_path), sha256=sha256(tmp_path / "chalk.safetensors"))
    names["erase"](model, CONCEPT, meant)
    assert torch.equal(model.copy()[name], weight + 1)


def test_an_erased_model_is_loaded_into_the_pipeline_of_diffusers(model, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    name, weight = next((n, w) for n, w in model.copy().items() if ".attn2." in n)
    save_file({name: weight + 1}, tmp_path / "delta.safetensors")
    names: dict = {}
    code = example("results/README.md", "StableDiffusionPipeline")
    exec(re.sub(r'"results/[^"]*"', repr(str(tmp_path / "delta.safetensors")), code), names)
    assert torch.equal(dict(names["pipe"].unet.named_parameters())[name], weight + 1)
