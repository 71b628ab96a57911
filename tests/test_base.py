"""The base model is found, whole, and drawn once, before any job is spent on it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import ROOT, SUITE
from safetensors.torch import load_file, save_file

from benchmark import base
from benchmark.errors import BenchmarkError
from benchmark.model import compatible, diffusion, hub, trial
from benchmark.plan import config, plugins, variants
from benchmark.plan.records import Variant
from benchmark.running import devices
from classifiers import testbed_backbone


@pytest.fixture
def folder(tmp_path) -> Path:
    return Path(shutil.copytree(ROOT / "testbed/model", tmp_path / "model"))


def suite(folder: Path, **changes):
    micro = config.load_suite("micro")
    sampler = replace(micro.sampler, steps=2, **{k: v for k, v in changes.items() if k == "size"})
    return replace(micro, base=str(folder), sampler=sampler, **{k: v for k, v in changes.items() if k != "size"})


def test_every_file_that_drawing_depends_on_is_hashed(folder):
    used = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {"model_index.json"}
    assert set(base.hashes(folder)) == used


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("unet/diffusion_pytorch_model.safetensors", "unet: there is no .safetensors file of weights"),
        ("scheduler/scheduler_config.json", "lacks scheduler/scheduler_config.json$"),
        ("vae/config.json", "lacks vae/config.json$"),
        ("tokenizer", "lacks tokenizer$"),
        ("unet", "lacks unet/config.json$"),
        ("model_index.json", "lacks model_index.json$"),
    ],
)
def test_a_missing_file_is_named(folder, missing, named):
    path = folder / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(BenchmarkError, match=named):
        base.hashes(folder)


def test_retraining_is_advised_for_the_testbed_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(plugins, "ROOT", tmp_path)
    (tmp_path / "testbed/model").mkdir(parents=True)
    with pytest.raises(BenchmarkError, match="lacks model_index.json; `make retrain` rebuilds the testbed's"):
        base.hashes(tmp_path / "testbed/model")


def test_what_was_cut_off_is_named(folder):
    path = folder / "unet/diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:1_000_000])
    with pytest.raises(BenchmarkError, match="unet/diffusion_pytorch_model.safetensors: is not whole"):
        base.hashes(folder)


@pytest.mark.parametrize(
    ("given", "revision", "named"),
    [
        ("CompVis/stable-diffusion-v1-4", None, "no such folder; if it is a model of the Hub, give its `revision`"),
        ("/nowhere/model", None, "base: /nowhere/model: there is no such folder$"),
        ("./models/own", None, "there is no such folder$"),
        (str(ROOT / "testbed/model"), "133a221b", "revision: 133a221b: .* is a folder here"),
    ],
)
def test_a_base_that_is_not_there_is_told_as_what_it_looks_like(given, revision, named):
    with pytest.raises(BenchmarkError, match=named):
        base.find(suite(given, revision=revision))


def test_a_home_folder_is_found(small, folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    small("benchmark/suites/own.yaml", SUITE.replace("base: testbed/model", "base: ~/model"))
    assert base.find(config.load_suite("own")) == folder


def test_a_checkpoint_of_one_file_is_told_as_what_it_is(tmp_path):
    (tmp_path / "v1-5.ckpt").write_bytes(b"x")
    with pytest.raises(BenchmarkError, match="v1-5.ckpt: is a file, but a folder of diffusers is needed"):
        base.record(suite(tmp_path / "v1-5.ckpt"), tmp_path / "base.json")


def test_a_recorded_model_has_been_drawn_and_its_texts_read(folder, tmp_path, capfd):
    base.record(suite(folder), tmp_path / "results/base.json")
    printed = capfd.readouterr()
    assert "texts, none cut or equal to another" in printed.out
    assert f"a picture drawn on {devices.kind()} is at most " in printed.out and not printed.err
    assert json.loads((tmp_path / "results/base.json").read_text())["files"] == base.hashes(folder)
    base.record(suite(folder), tmp_path / "results/base.json")
    assert "was compared with the stock pipeline's before" in capfd.readouterr().out


def test_a_large_picture_is_left_to_the_first_job_that_draws(folder, tmp_path, capfd, monkeypatch):
    large = suite(folder, size=128)
    monkeypatch.setattr(trial, "check", lambda *_: pytest.fail("drawn without a GPU"))
    base.record(large, tmp_path / "base.json")
    assert "the first job that draws compares a picture of 128 px with the stock pipeline's" in capfd.readouterr().out
    assert not (tmp_path / "drawn.json").exists()
    monkeypatch.undo()
    loaded = base.Base(**json.loads((tmp_path / "base.json").read_text()))
    assert "a picture drawn on" in trial.once(loaded, large, tmp_path)
    assert "before" in trial.once(loaded, large, tmp_path)
    other = replace(large, sampler=replace(large.sampler, steps=1))
    assert "a picture drawn on" in trial.once(loaded, other, tmp_path), "another sampler draws again"


NO_TEXT = "is also that of the empty text"


@pytest.mark.parametrize(
    ("part", "change", "named"),
    [
        ("unet", lambda name, w: w * 0 if name.startswith("conv_out") else w, NO_TEXT),  # draws the noise it was given
        ("unet", lambda name, w: w * 0 if ".attn2." in name else w, NO_TEXT),
        ("text_encoder", lambda name, w: w * 0, NO_TEXT),
        ("vae", lambda name, w: w * 0 if name.startswith("decoder.conv_out") else w, "is flat"),
        ("vae", lambda name, w: w - 9 if name == "decoder.conv_out.bias" else w, "is (flat|nearly black)"),
        (
            "unet",
            lambda name, w: w.float() * 1e25 if name.endswith(("to_q.weight", "to_k.weight")) else w,
            "is not finite",
        ),
    ],
)
def test_a_picture_that_shows_nothing_or_not_its_text_is_refused(folder, tmp_path, part, change, named):
    (path,) = (folder / part).glob("*.safetensors")
    save_file({name: change(name, w) for name, w in load_file(path).items()}, path, metadata={"format": "pt"})
    with pytest.raises(BenchmarkError, match=f"the picture of 'ink picture' that this model draws {named}"):
        base.record(suite(folder), tmp_path / "base.json")
    assert not (tmp_path / "base.json").exists() and not (tmp_path / "drawn.json").exists()


def test_a_picture_that_differs_from_the_stock_pipelines_is_refused(folder, monkeypatch):
    model = diffusion.load(folder)
    stock = trial.stock(folder, model)
    stock.vae.register_to_config(scaling_factor=1.0)
    monkeypatch.setattr(trial, "stock", lambda *_: stock)
    with pytest.raises(BenchmarkError, match=r"is \d+ grey levels from that of diffusers' StableDiffusionPipeline"):
        trial.check(model, str(folder), "ink", suite(folder).sampler)


def test_a_picture_that_differs_when_drawn_again_is_refused(folder, monkeypatch):
    model = diffusion.load(folder)
    random = torch.Generator().manual_seed(0)
    model.unet.conv_out.register_forward_hook(lambda m, i, o: o + 0.3 * torch.randn(o.shape, generator=random))
    monkeypatch.setattr(trial, "ROUNDING", 255)
    with pytest.raises(BenchmarkError, match="differs when it is drawn again on cpu"):
        trial.check(model, str(folder), "ink", suite(folder).sampler)


@pytest.mark.parametrize("size", [66, 60])
def test_a_size_that_nobody_can_draw_is_refused(folder, size):
    with pytest.raises(BenchmarkError, match=f"sampler.size: {size} is not a multiple of [48]"):
        compatible.check_size(folder, size)
    with pytest.raises(BenchmarkError, match=f"sampler.size: {size} is not a multiple of [48]"):
        diffusion.load(folder, size=size)  # it may have been edited since the model was recorded


def test_a_size_that_is_not_the_models_own_is_said():
    assert compatible.check_size(ROOT / "testbed/model", 64) == []
    assert compatible.check_size(ROOT / "testbed/model", 32) == ["sampler.size: 32 pixels; the model's own size is 64"]


def test_networks_that_look_are_fetched_whenever_one_has_a_url(folder, tmp_path, monkeypatch):
    """A prompt set of the testbed may ask for a network that does not ship."""
    url, fetched = plugins.load("benchmark/observers", "alex_64").URL, []
    monkeypatch.setattr(hub, "fetch_file", lambda url: fetched.append(url) or tmp_path / "weights.pth")
    prompt_set = config.load_set("style", "testbed")
    monkeypatch.setattr(base, "load_set", lambda *_: replace(prompt_set, observers={"classifier": {}, "alex_64": {}}))
    base.record(suite(folder), tmp_path / "base.json")
    assert fetched == [url]


def test_every_shard_and_its_index_are_fetched_from_a_hub(tmp_path, monkeypatch):
    import huggingface_hub
    from huggingface_hub.utils import filter_repo_objects

    repository = [
        *("model_index.json", "README.md", "v1-5-pruned.safetensors", "scheduler/scheduler_config.json"),
        *("tokenizer/vocab.json", "tokenizer/merges.txt", "unet/config.json", "vae/config.json"),
        *("unet/diffusion_pytorch_model-00001-of-00002.safetensors", "text_encoder/config.json"),
        *("unet/diffusion_pytorch_model-00002-of-00002.safetensors", "safety_checker/model.safetensors"),
        *("unet/diffusion_pytorch_model.safetensors.index.json", "text_encoder/model.safetensors"),
        *("unet/diffusion_pytorch_model.fp16-00001-of-00001.safetensors", "text_encoder/model.fp16.safetensors"),
        *("unet/diffusion_pytorch_model.safetensors.index.fp16.json", "unet/diffusion_pytorch_model.bin"),
        *("vae/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.non_ema.safetensors"),
    ]
    wanted = set()

    def download(model, *, revision, allow_patterns, ignore_patterns):
        wanted.update(filter_repo_objects(repository, allow_patterns=allow_patterns, ignore_patterns=ignore_patterns))
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    hub.fetch_model("owner/name", "133a221b")
    unwanted = ("README", "v1-5", "safety_checker", ".fp16", ".bin", "non_ema")
    assert wanted == {name for name in repository if not any(part in name for part in unwanted)}


def test_a_model_without_its_schedule_is_refused_when_loaded(folder):
    (folder / "scheduler/scheduler_config.json").unlink()
    with pytest.raises(BenchmarkError, match="model: cannot be loaded: .*scheduler_config.json"):
        diffusion.load(folder)


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"half of it")])
def test_a_classifier_that_is_missing_or_cut_off_is_named(tmp_path, monkeypatch, damage):
    weights = Path(shutil.copy(testbed_backbone.WEIGHTS, tmp_path / "backbone.safetensors"))
    damage(weights)
    monkeypatch.setattr(testbed_backbone, "WEIGHTS", weights)
    with pytest.raises(BenchmarkError, match="backbone.safetensors: cannot be loaded .*make retrain"):
        testbed_backbone.load()


@pytest.mark.parametrize(
    ("variant", "named"),
    [
        ("esd-x", "--variant: there is no variant 'esd-x'; did you mean esd?"),
        ("esd@0", "esd@0: a checkpoint is written @1 to @99"),
        ("esd@fast", "esd@fast: a checkpoint is written @1 to @99"),
        ("scramble@50", "'scramble@50'"),
    ],
)
def test_a_pasted_variant_that_the_suite_cannot_run_is_refused(variant, named):
    suite = config.load_suite("quick")
    assert variants.parse(suite, "esd@25") == Variant("esd", 25)
    with pytest.raises(BenchmarkError, match=named):
        variants.parse(suite, variant)


def test_a_pasted_concept_that_the_task_does_not_have_is_refused():
    with pytest.raises(BenchmarkError, match=r"task style: there is no concept 'church' \(allowed: ink, "):
        config.load_task("style", "testbed").concept("church")
