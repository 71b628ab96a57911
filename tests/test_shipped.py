"""The testbed as it ships: any library that loads it gets one precision, and a retraining would write it so again."""

import shutil

import pytest
import torch
from conftest import ROOT
from diffusers import DiffusionPipeline, StableDiffusionPipeline

from classifiers import testbed_backbone
from testbed import retrain

MODEL = ROOT / "testbed/model"
NETWORKS = ("unet", "vae", "text_encoder")


@pytest.mark.parametrize("kind", [StableDiffusionPipeline, DiffusionPipeline])
@pytest.mark.parametrize("asked", [{}, {"dtype": torch.float32}, {"dtype": torch.bfloat16}])
def test_the_stock_pipeline_draws_with_it_whether_or_not_a_precision_is_asked_for(kind, asked):
    pipe = kind.from_pretrained(MODEL, safety_checker=None, **asked)
    pipe.set_progress_bar_config(disable=True)
    assert {getattr(pipe, name).dtype for name in NETWORKS} == {asked.get("dtype", torch.float32)}
    assert pipe("chalk", num_inference_steps=1).images[0].size == (64, 64)


def test_a_retraining_writes_the_files_that_ship(tmp_path, monkeypatch):
    pipe = StableDiffusionPipeline.from_pretrained(MODEL, safety_checker=None, dtype=torch.float32)
    monkeypatch.setattr(retrain, "FOLDER", tmp_path)
    networks = pipe.vae, pipe.unet, pipe.text_encoder, pipe.tokenizer
    retrain.export(tmp_path / "work", testbed_backbone.load(), *networks)
    shutil.rmtree(tmp_path / "work")
    written = sorted(tmp_path.rglob("*.safetensors"))
    assert len(written) == len(NETWORKS) + 1
    for path in written:
        assert path.read_bytes() == (ROOT / "testbed" / path.relative_to(tmp_path)).read_bytes(), path.name
