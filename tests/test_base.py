"""The base model is whole, and its parts belong together, before any job is spent on it."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import ROOT

from benchmark import base, diffusion, grid
from benchmark.errors import BenchmarkError
from classifiers import testbed_backbone


@pytest.fixture
def folder(tmp_path) -> Path:
    return Path(shutil.copytree(ROOT / "testbed/model", tmp_path / "model"))


def change(folder: Path, part: str, **values) -> None:
    path = folder / part / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_every_file_that_drawing_depends_on_is_hashed(folder):
    used = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {"model_index.json"}
    assert set(base.hashes(folder)) == used
    base.check_shapes(folder, 64)


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("unet/diffusion_pytorch_model.safetensors", "unet: there is no .safetensors file of weights"),
        ("scheduler/scheduler_config.json", "lacks scheduler/scheduler_config.json"),
        ("vae/config.json", "lacks vae/config.json"),
        ("tokenizer", "lacks tokenizer"),
    ],
)
def test_a_missing_file_is_named(folder, missing, named):
    path = folder / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(BenchmarkError, match=named):
        base.hashes(folder)


def test_what_was_cut_off_is_named(folder):
    path = folder / "unet/diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:1_000_000])
    with pytest.raises(BenchmarkError, match="unet/diffusion_pytorch_model.safetensors: is not whole"):
        base.hashes(folder)
    (folder / "vae/config.json").write_text('{"latent_channels": 4')
    with pytest.raises(BenchmarkError, match="a config.json cannot be read"):
        base.check_shapes(folder, 64)


@pytest.mark.parametrize(
    ("part", "values", "named"),
    [
        ("text_encoder", {"hidden_size": 768}, "cross_attention_dim, text_encoder: hidden_size: 128 and 768"),
        ("vae", {"latent_channels": 16}, "in_channels, vae: latent_channels: 4 and 16"),
        ("unet", {"in_channels": 9}, "unet: in_channels, vae"),
    ],
)
def test_parts_of_different_models_are_refused(folder, part, values, named):
    change(folder, part, **values)
    with pytest.raises(BenchmarkError, match=f"parts of different models: .*{named}"):
        base.check_shapes(folder, 64)


def test_a_model_that_predicts_no_noise_is_refused(folder):
    schedule = folder / "scheduler/scheduler_config.json"
    schedule.write_text(json.dumps(json.loads(schedule.read_text()) | {"prediction_type": "v_prediction"}))
    with pytest.raises(BenchmarkError, match="predicts v_prediction, but methods here match predicted noise"):
        base.check_shapes(folder, 64)


def test_a_size_that_the_autoencoder_cannot_halve_is_refused(folder):
    with pytest.raises(BenchmarkError, match="sampler.size: 66 is not a multiple of 4"):
        base.check_shapes(folder, 66)


def test_a_model_without_its_schedule_is_refused_when_loaded(folder):
    (folder / "scheduler/scheduler_config.json").unlink()
    with pytest.raises(BenchmarkError, match="model: cannot be loaded: .*scheduler_config.json"):
        diffusion.load(folder)


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"half of it")])
def test_a_judge_that_is_missing_or_cut_off_is_named(tmp_path, monkeypatch, damage):
    weights = Path(shutil.copy(testbed_backbone.WEIGHTS, tmp_path / "backbone.safetensors"))
    damage(weights)
    monkeypatch.setattr(testbed_backbone, "WEIGHTS", weights)
    with pytest.raises(BenchmarkError, match="backbone.safetensors: cannot be loaded .*make retrain"):
        testbed_backbone.load()


@pytest.mark.parametrize(
    ("label", "named"),
    [
        ("esd-x", "there is no label 'esd-x'; did you mean esd?"),
        ("esd@0", "'esd@0'"),
        ("esd@fast", "'esd@fast'"),
        ("scramble@50", "'scramble@50'"),
    ],
)
def test_a_pasted_label_that_the_suite_cannot_run_is_refused(label, named):
    suite = grid.load_suite("quick")
    grid.check_label(suite, "esd@25")
    with pytest.raises(BenchmarkError, match=named):
        grid.check_label(suite, label)


def test_a_pasted_concept_that_the_task_does_not_have_is_refused():
    with pytest.raises(BenchmarkError, match=r"task style: there is no concept 'church' \(allowed: ink, "):
        grid.load_task("style", "testbed").concept("church")
