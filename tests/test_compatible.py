"""Files of a base model that are not known to be right are refused, told as what they are; the others draw alike."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from safetensors.torch import load_file, save_file

from benchmark.errors import BenchmarkError
from benchmark.model import compatible, diffusion, parts, trial
from benchmark.plan import grid

UNET = "unet/diffusion_pytorch_model.safetensors"
VAE = "vae/diffusion_pytorch_model.safetensors"
TEXT = "text_encoder/model.safetensors"


@pytest.fixture
def folder(tmp_path) -> Path:
    """A copy of the testbed's model. Weights are links, since only few tests write any."""
    copy = tmp_path / "model"
    shutil.copytree(ROOT / "testbed/model", copy, ignore=shutil.ignore_patterns("*.safetensors"))
    for path in (UNET, VAE, TEXT):
        (copy / path).symlink_to(ROOT / "testbed/model" / path)
    return copy


def edit(path: Path, drop=(), **values) -> None:
    kept = {key: value for key, value in json.loads(path.read_text()).items() if key not in drop}
    path.write_text(json.dumps(kept | values))


def rewrite(path: Path, change) -> None:
    """Replace a file of weights by what `change` makes of its tensors."""
    tensors = change(load_file(path))
    path.unlink()
    save_file(tensors, path, metadata={"format": "pt"})


def refused(folder: Path, named: str) -> None:
    with pytest.raises(BenchmarkError, match=named) as error:
        diffusion.load(folder)
    assert "\n" not in str(error.value)


def draws_alike(folder: Path) -> None:
    sampler = replace(grid.load_suite("micro").sampler, steps=2)
    trial.check(diffusion.load(folder, size=64), str(folder), "chalk", sampler)


@pytest.mark.parametrize(
    ("part", "values", "named"),
    [
        ("text_encoder", {"hidden_size": 768}, "cross_attention_dim, text_encoder: hidden_size: 128 and 768"),
        ("vae", {"latent_channels": 16}, "in_channels, vae: latent_channels: 4 and 16"),
        ("unet", {"in_channels": 9}, "unet: in_channels, vae: .* takes a picture and its mask beside the noise"),
        ("unet", {"in_channels": 8}, "unet: in_channels, vae: .* takes a picture to edit beside the noise"),
        ("unet", {"out_channels": 8}, "unet: in_channels, out_channels: 4 and 8"),
    ],
)
def test_parts_of_different_models_are_refused(folder, part, values, named):
    edit(folder / part / "config.json", **values)
    refused(folder, f"parts of different models: .*{named}")


@pytest.mark.parametrize(
    ("part", "values", "named"),
    [
        ("unet", {"time_cond_proj_dim": 64}, "time_cond_proj_dim: 64: it takes the guidance as a condition"),
        ("unet", {"class_embed_type": "timestep"}, "class_embed_type: timestep: it is conditioned on classes"),
        ("unet", {"num_class_embeds": 1000}, "num_class_embeds: 1000: it is conditioned on classes or noise levels"),
        ("unet", {"addition_embed_type": "text_time"}, "addition_embed_type: .* as Stable Diffusion XL does"),
        ("unet", {"encoder_hid_dim": 768}, "encoder_hid_dim: 768"),
        ("unet", {"attention_type": "gated"}, "attention_type: gated: it takes boxes as conditions"),
        ("unet", {"_class_name": "UNet3DConditionModel"}, "is of class UNet3DConditionModel"),
        ("unet", {"fancy_attention": True}, "unet/config.json: fancy_attention: True: there is no such key in diff"),
        ("unet", {"quantization_config": {"bits": 8}}, "unet: is quantized"),
        ("vae", {"_class_name": "VQModel"}, "vae/config.json: is of class VQModel"),
        ("vae", {"shift_factor": 0.1}, "shift_factor: 0.1: it shifts its latents"),
        ("vae", {"latents_mean": [0.0, 0.1, 0.0, 0.0]}, "latents_mean: .* shifts its latents"),
        ("text_encoder", {"model_type": "roberta_series"}, "text_encoder: is roberta_series, but only clip_text_model"),
        ("text_encoder", {"num_hidden_layers": 3}, "text_encoder: lacks 16 weights, "),
        ("text_encoder", {"num_hidden_layers": 1}, "text_encoder: has weights that its config.json knows nothing of"),
    ],
)
def test_a_network_that_is_not_understood_is_refused(folder, part, values, named):
    edit(folder / part / "config.json", **values)
    refused(folder, named)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"_class_name": "FlowMatchEulerDiscreteScheduler"}, "FlowMatchEulerDiscreteScheduler is no schedule of betas"),
        ({"_class_name": "LCMScheduler"}, "LCMScheduler is no schedule of betas"),
        ({"_class_name": "EDMEulerScheduler"}, "EDMEulerScheduler is no schedule of betas"),
        ({"_class_name": None}, "None is no schedule of betas"),
        ({"prediction_type": "sample"}, r"prediction_type: sample is not understood here \(allowed: epsilon, v_pred"),
        ({"rescale_betas_zero_snr": True}, "rescale_betas_zero_snr: True: it rescales its betas"),
        ({"use_flow_sigmas": True}, "use_flow_sigmas: True: it matches flows"),
        ({"beta_start": None}, "lacks beta_start: what noise"),
        ({"beta_schedule": None, "beta_end": None}, "lacks beta_end, beta_schedule"),
        ({"beta_schedule": "sigmoid"}, "beta_schedule: sigmoid is not understood here"),
        ({"beta_start": 0.02, "beta_end": 0.01}, "the betas do not rise between 0 and 1"),
        ({"trained_betas": [0.1, 0.2]}, "trained_betas: there are not 1000"),
        ({"num_train_timesteps": 500}, "num_train_timesteps: 500"),
        ({"timestep_spacing": "random"}, "timestep_spacing: random is not understood"),
        ({"snr_shift": 3.0}, "snr_shift: 3.0: there is no such key in diffusers"),
    ],
)
def test_a_schedule_that_is_not_understood_is_refused(folder, values, named):
    edit(folder / "scheduler/scheduler_config.json", **values)
    refused(folder, named)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"_class_name": "EulerAncestralDiscreteScheduler"}, "the betas of EulerAncestralDiscreteScheduler are used"),
        ({"algorithm_type": "sde-dpmsolver++", "use_karras_sigmas": True}, "algorithm_type: sde-.*, use_karras_sigmas"),
        ({"solver_order": 3, "final_sigmas_type": "sigma_min"}, "solver_order: 3, final_sigmas_type: sigma_min"),
        ({"lower_order_final": False, "euler_at_final": True}, "lower_order_final: False, euler_at_final: True"),
        ({"thresholding": True, "sample_max_value": 0.5}, "sample_max_value: 0.5, thresholding: True"),
    ],
)
def test_what_a_scheduler_says_of_drawing_is_overridden_by_the_suite_and_said(folder, values, said):
    plain = diffusion.load(folder).scheduler
    edit(folder / "scheduler/scheduler_config.json", **{"_class_name": "DPMSolverMultistepScheduler"} | values)
    assert any(re.search(said, note) for note in compatible.check(folder))
    assert diffusion.load(folder).scheduler == plain


def test_an_old_model_draws_as_the_stock_pipeline_does(folder):
    """As Stable Diffusion 1.4 is: PNDM, without what was invented later, and a safety checker that is not fetched."""
    edit(
        folder / "model_index.json",
        drop=("image_encoder", "requires_safety_checker"),
        _diffusers_version="0.2.2",
        feature_extractor=["transformers", "CLIPImageProcessor"],
        safety_checker=["stable_diffusion", "StableDiffusionSafetyChecker"],
        scheduler=["diffusers", "PNDMScheduler"],
    )
    (folder / "scheduler/scheduler_config.json").write_text(
        '{"_class_name": "PNDMScheduler", "_diffusers_version": "0.7.0", "beta_end": 0.012, "beta_schedule":'
        ' "scaled_linear", "beta_start": 0.00085, "num_train_timesteps": 1000, "set_alpha_to_one": false,'
        ' "skip_prk_steps": true, "steps_offset": 1, "trained_betas": null, "clip_sample": false}'
    )
    draws_alike(folder)


@pytest.mark.parametrize(
    ("index", "named"),
    [
        ({"_class_name": "StableDiffusionXLPipeline"}, "is a model of StableDiffusionXLPipeline"),
        ({"_class_name": "LatentConsistencyModelPipeline"}, "is a model of LatentConsistencyModelPipeline"),
        ({"text_encoder_2": ["transformers", "CLIPTextModel"]}, "text_encoder_2 is CLIPTextModel of transformers, but"),
        ({"unet": ["my_unet", "UNet2DConditionModel"]}, "unet is UNet2DConditionModel of my_unet, but"),
        ({"unet": ["diffusers", "UNetMotionModel"]}, "unet is UNetMotionModel of diffusers, but UNet2DConditionModel"),
        ({"text_encoder": [None, None]}, "text_encoder is None of None, but CLIPTextModel"),
        (
            {"text_encoder": ["transformers", "CLIPTextModelWithProjection"]},
            "text_encoder is CLIPTextModelWithProjection of transformers, but CLIPTextModel is needed",
        ),
        ({"tokenizer": None}, "model_index.json: does not name tokenizer"),
    ],
)
def test_another_pipeline_is_told_as_what_it_is(folder, index, named):
    edit(folder / "model_index.json", **index)
    refused(folder, named)


def test_a_folder_of_stable_diffusion_xl_is_told_as_what_it_is(folder):
    (folder / "text_encoder_2").mkdir()
    refused(folder, r"is a model with two text encoders, such as Stable Diffusion XL \(text_encoder_2/ is there\)")


@pytest.mark.parametrize(
    ("rename", "named"),
    [
        ("diffusion_pytorch_model.fp16.safetensors", "of the variant fp16 only .* variant='fp16'"),
        ("diffusion_pytorch_model.non_ema.safetensors", "of the variant non_ema only"),
        ("diffusion_pytorch_model.bin", "in diffusion_pytorch_model.bin only, but .safetensors files are read"),
        ("diffusion_flax_model.msgpack", "in diffusion_flax_model.msgpack only"),
        ("unet.safetensors", "unet/unet.safetensors: no model is read from a file of this name"),
        ("diffusion_pytorch_model-00001-of-00002.safetensors", "index.json: is missing; it says what the 1 shards"),
    ],
)
def test_weights_under_another_name_are_told_as_what_they_are(folder, rename, named):
    (folder / UNET).rename(folder / "unet" / rename)
    refused(folder, named)


@pytest.mark.parametrize("name", ["esd-chalk.safetensors", "pytorch_lora_weights.safetensors", "esd.pt", "x.ckpt"])
def test_a_stray_file_of_weights_is_refused(folder, name):
    (folder / "unet" / name).write_bytes(b"x")
    refused(folder, f"unet/{name}: no model is read from a file of this name; remove it")


def test_the_same_weights_in_other_formats_are_said_to_be_unused(folder):
    names = ["diffusion_pytorch_model.bin", "diffusion_pytorch_model.fp16.safetensors"]
    for name in names:
        (folder / "unet" / name).write_bytes(b"x")
    used, unused = parts.weight_files(folder, "unet")
    assert used == [folder / UNET] and sorted(unused) == names
    assert any(note.startswith("unet: not read: ") for note in compatible.check(folder))


def shard(folder: Path) -> None:
    tensors, weight_map = load_file(folder / UNET), {}
    for i, start in enumerate((0, 1), 1):
        name = f"diffusion_pytorch_model-0000{i}-of-00002.safetensors"
        part = {key: tensors[key] for key in sorted(tensors)[start::2]}
        save_file(part, folder / "unet" / name, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, name)
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "unet/diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))


def test_shards_are_read_and_each_is_needed(folder):
    shard(folder)
    refused(folder, "unet: has its weights whole .* and in shards")
    (folder / UNET).unlink()
    draws_alike(folder)
    (folder / "unet/diffusion_pytorch_model-00002-of-00002.safetensors").unlink()
    refused(folder, "00002-of-00002.safetensors: is missing; .*index.json names it")


@pytest.mark.parametrize(("path", "part"), [(UNET, "unet"), (VAE, "vae"), (TEXT, "text_encoder")])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_is_not_finite_is_named(folder, path, part, value):
    def damage(tensors):
        name = sorted(tensors)[-1]
        tensors[name] = tensors[name].clone()
        tensors[name].view(-1)[0] = value
        return tensors

    rewrite(folder / path, damage)
    refused(folder, rf"{part}: the weight \S+ is not finite in float32")


def test_weights_that_no_config_knows_are_refused(folder):
    rewrite(folder / UNET, lambda tensors: tensors | {"down_blocks.9.proj_in.weight": torch.zeros(4, 4)})
    refused(folder, "unet: has weights that its config.json knows nothing of: 1, down_blocks.9.proj_in.weight among")


def test_what_files_of_text_encoders_have_beside_it_is_no_fault(folder):
    """Old ones have positions and the prefix `text_model.`; those of whole CLIP models the other half."""

    def whole(tensors):
        kept = {f"text_model.{name}": tensor for name, tensor in tensors.items()}
        return kept | {
            "text_model.embeddings.position_ids": torch.arange(32)[None],
            "text_projection.weight": torch.zeros(128, 128),
            "vision_model.embeddings.class_embedding": torch.zeros(4),
            "logit_scale": torch.zeros(()),
        }

    rewrite(folder / TEXT, whole)
    draws_alike(folder)


def test_old_names_of_an_autoencoders_attention_are_read(folder):
    """As Stable Diffusion 1.4 has them."""
    edit(folder / "vae/config.json", mid_block_add_attention=True)
    random = torch.Generator().manual_seed(0)
    attention = {"group_norm.weight": (96,), "group_norm.bias": (96,)}
    for name in ("to_q", "to_k", "to_v", "to_out.0"):
        attention |= {f"{name}.weight": (96, 96), f"{name}.bias": (96,)}
    added = {
        f"{half}.mid_block.attentions.0.{name}": torch.randn(shape, generator=random) / 20
        for half in ("encoder", "decoder")
        for name, shape in attention.items()
    }
    rewrite(folder / VAE, lambda tensors: tensors | added)
    new = diffusion.load(folder).vae.state_dict()

    def rename(tensors):
        for name, old in {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}.items():
            tensors = {key.replace(f".{name}.", f".{old}."): tensor for key, tensor in tensors.items()}
        assert "decoder.mid_block.attentions.0.proj_attn.bias" in tensors
        return tensors

    rewrite(folder / VAE, rename)
    old = diffusion.load(folder).vae.state_dict()
    assert old.keys() == new.keys() and all(torch.equal(old[name], new[name]) for name in new)
    draws_alike(folder)


@pytest.mark.parametrize(
    ("names", "values", "named"),
    [
        (
            (),
            {"model_max_length": 77},
            "model_max_length in tokenizer_config.json is 77, but the text encoder reads 32",
        ),
        ((), {"model_max_length": 10**30}, "model_max_length in tokenizer_config.json is not set"),
        (("tokenizer_config.json",), {}, "model_max_length in tokenizer_config.json is not set"),
        (("tokenizer.json",), {}, "lacks its vocabulary: tokenizer.json, or vocab.json and merges.txt"),
    ],
)
def test_a_tokenizer_that_is_not_the_encoders_is_refused(folder, names, values, named):
    if values:
        edit(folder / "tokenizer/tokenizer_config.json", **values)
    for name in names:
        (folder / "tokenizer" / name).unlink()
    refused(folder, named)


@pytest.mark.parametrize("more", [True, False])
def test_a_tokenizer_of_another_vocabulary_is_refused(folder, more):
    path = folder / "tokenizer/tokenizer.json"
    whole = json.loads(path.read_text())
    if more:  # as textual inversion adds a token
        whole["added_tokens"].append(whole["added_tokens"][0] | {"id": 910, "content": "<mine>"})
    else:
        whole["model"] |= {"vocab": {"a": 0, "<|startoftext|>": 908, "<|endoftext|>": 909}, "merges": []}
    path.write_text(json.dumps(whole))
    refused(folder, r"tokenizer: has \d+ tokens, but the text encoder has 910")


@pytest.mark.parametrize("size", [None, 16, [16, 16], 64])
def test_the_size_of_what_is_learned_and_drawn_is_the_suites_whatever_the_file_says(folder, size):
    edit(folder / "unet/config.json", sample_size=size)
    assert diffusion.load(folder, size=32).latent_shape == (4, 8, 8)
    assert diffusion.load(folder).latent_shape == ((4, 64, 64) if size == 64 else (4, 16, 16))
    draws_alike(folder)
