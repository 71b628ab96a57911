"""The toolkit and the sampler against stock diffusers, on the shipped miniature."""

import json
import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from transformers import CLIPTokenizer

from benchmark.errors import BenchmarkError
from benchmark.model import sampling, workbench
from benchmark.model.diffusion import Conditioning
from benchmark.plan.groups import GROUPS, Group
from benchmark.plan.records import Sampler

FOLDER = "testbed/model"
ROWS = [("chalk", 7, 0, 2), ("chalk", 7, 1, 2), ("a picture of a fish", 9, 0, 1), ("", 11, 2, 3), ("gas pump", 4, 0, 1)]
SHOTS = [sampling.Shot(*row, 5.0) for row in ROWS]


def sampler(**changes):
    return Sampler(
        **{
            "scheduler": "ddim",
            "steps": 4,
            "guidance": 5.0,
            "size": 64,
            "precision": "float32",
            "batch": 4,
            "threads": 1,
        }
        | changes
    )


@pytest.fixture(scope="module")
def model():
    return workbench.load(FOLDER)


@pytest.mark.parametrize("part", ["unet", "vae"])
def test_a_model_that_draws_nothing_finite_is_refused(model, part):
    bias = model.unet.conv_out.bias if part == "unet" else model.vae.decoder.conv_out.bias
    before = bias.data.clone()
    try:
        bias.data.fill_(float("nan"))
        with pytest.raises(BenchmarkError, match="draws no finite picture"):
            list(sampling.draw(model, SHOTS, sampler()))
    finally:
        bias.data.copy_(before)


def test_the_older_files_of_a_tokenizer_give_the_same_tokens(model, tmp_path):
    """As Stable Diffusion 1.4 has them: vocab.json and merges.txt."""
    whole = json.loads(Path(FOLDER, "tokenizer/tokenizer.json").read_text())["model"]
    (tmp_path / "vocab.json").write_text(json.dumps(whole["vocab"]))
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in whole["merges"]]
    (tmp_path / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    shutil.copy(Path(FOLDER, "tokenizer/tokenizer_config.json"), tmp_path)
    older = CLIPTokenizer.from_pretrained(tmp_path)
    for text in ("", "a chalk picture of a gas pump", "stained glass"):
        assert older(text).input_ids == model.tokenizer(text).input_ids
    assert older.pad_token_id == model.tokenizer.pad_token_id


@pytest.mark.parametrize("scheduler", ["ddim", "lms", "dpm"])
def test_images_equal_those_of_the_stock_pipeline_within_one_grey_level(model, scheduler):
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(FOLDER, safety_checker=None, dtype=torch.float32)
    pipeline.scheduler = sampling.scheduler(sampler(scheduler=scheduler), model.scheduler)
    pipeline.set_progress_bar_config(disable=True)
    ours = np.stack(list(sampling.draw(model, SHOTS, sampler(scheduler=scheduler))))
    noise = torch.cat(
        [sampling.noise(s.noise_seed, s.images, model.latent_shape)[s.index : s.index + 1] for s in SHOTS]
    )
    theirs = pipeline(
        [s.text for s in SHOTS],
        latents=noise,
        num_inference_steps=4,
        guidance_scale=5.0,
        height=64,
        width=64,
        output_type="np",
    ).images
    gap = np.abs(ours.astype(int) - (theirs * 255).round().astype(int))
    assert gap.max() <= 1
    assert ours.std() > 5, "a flat picture would equal anything flat"


def test_an_image_has_the_same_bytes_whatever_is_drawn_beside_it(model):
    whole = list(sampling.draw(model, SHOTS, sampler()))
    backwards = list(sampling.draw(model, SHOTS[::-1], sampler()))[::-1]
    alone = [next(sampling.draw(model, [shot], sampler())) for shot in SHOTS]
    for a, b, c in zip(whole, backwards, alone, strict=True):
        assert np.array_equal(a, b) and np.array_equal(a, c)


def test_noise_of_a_row_does_not_depend_on_how_many_of_its_images_are_drawn():
    row = sampling.noise(3, 5, (4, 16, 16))
    assert torch.equal(row[0], sampling.noise(3, 1, (4, 16, 16))[0])
    assert not torch.equal(row[0], row[1])


def test_the_span_of_a_phrase_is_its_tokens_not_its_words(model):
    assert model.span("watercolour picture", "watercolour") == slice(1, 3)
    assert model.span("a picture of a gas pump", "gas pump") == slice(5, 7)
    with pytest.raises(BenchmarkError, match="do not stand in the prompt"):
        model.span("a picture", "gas pump")


@pytest.mark.parametrize("site", ["input", "output"])
def test_a_zero_perturbation_changes_nothing(model, site):
    span = model.span("chalk picture", "chalk")
    perturbed = model.encode_perturbed("chalk picture", span, torch.zeros(1, 1, 128), site)
    assert torch.equal(perturbed.states, model.encode("chalk picture").states)


def test_a_perturbation_at_the_output_changes_its_span_only(model):
    span = model.span("stained glass picture", "stained glass")
    before = model.encode("stained glass picture")
    after = model.encode_perturbed("stained glass picture", span, torch.ones(1, 2, 128), "output")
    changed = (before.states != after.states).any(2)[0]
    assert changed.nonzero().flatten().tolist() == [1, 2]


def test_a_perturbation_at_the_input_reaches_later_tokens_and_none_before(model):
    span = model.span("a picture of a fish", "fish")
    before = model.encode("a picture of a fish").states
    after = model.encode_perturbed("a picture of a fish", span, torch.ones(1, 1, 128), "input").states
    changed = (before != after).any(2)[0]
    assert not changed[: span.start].any() and changed[span.start :].all()


def test_predictions_for_many_contexts_equal_one_at_a_time(model):
    x, t = torch.randn(2, 4, 16, 16), torch.tensor([10, 700])
    texts = model.encode("chalk", "fish", "")
    with torch.no_grad():
        together = model.predict(x, t, texts)
        for i in range(3):
            alone = model.unet(x, t, texts.states[i : i + 1].expand(2, -1, -1)).sample
            assert torch.allclose(together[i], alone, atol=1e-5)


def test_noising_agrees_with_the_scheduler_of_diffusers(model):
    from diffusers import DDIMScheduler

    x, n, t = torch.randn(3, 4, 16, 16), torch.randn(3, 4, 16, 16), torch.tensor([0, 500, 999])
    assert torch.allclose(model.add_noise(x, n, t), DDIMScheduler.from_config(model.scheduler).add_noise(x, n, t))


def test_the_original_is_bit_identical_after_training_steps(model):
    x, t, states = torch.randn(2, 4, 16, 16), torch.tensor([5, 900]), model.encode("chalk")
    clean = {name: value.clone() for name, value in model.unet.named_parameters()}
    with torch.no_grad():
        before = model.predict(x, t, states)
    weights = model.train("xattn")
    optimizer = torch.optim.Adam(weights, 1e-3)
    model.predict(x, t, states).square().mean().backward()
    optimizer.step()
    with torch.no_grad():
        assert not torch.equal(model.predict(x, t, states), before)
    with model.original():
        assert torch.equal(model.predict(x, t, states), before)
    with torch.no_grad():
        assert not torch.equal(model.predict(x, t, states), before)
    model.set_weights(clean)
    model.unet.requires_grad_(False)


def test_gradients_through_the_original_reach_the_input_and_no_weight(model):
    weights = model.train("xattn")
    states = model.encode("chalk").states.requires_grad_(True)
    with model.original(gradients=True):
        model.predict(torch.randn(1, 4, 16, 16), torch.tensor([5]), Conditioning(states)).sum().backward()
    assert states.grad.abs().sum() > 0
    assert all(w.grad is None and w.requires_grad for w in weights)
    model.unet.requires_grad_(False)


@pytest.mark.parametrize("own_first", [True, False])
def test_what_is_put_in_training_stands_beside_what_already_is(own_first):
    model = workbench.load(FOLDER)
    calls = [lambda: model.train_own({"bias": torch.ones(2)}), lambda: model.train("xattn-kv")]
    for call in calls if own_first else calls[::-1]:
        call()
    assert {"method.bias", *(n for n, p in model.unet.named_parameters() if p.requires_grad)} == model.weights().keys()
    assert any(w is model.state["bias"] for w in model.training())
    with model.original():
        assert not model.state["bias"].any(), "the frozen model is without it"
    assert model.state["bias"].all()


@pytest.mark.parametrize(
    ("group", "inside", "outside"),
    [
        ("xattn", "attn2.to_out.0.bias", "attn1.to_q.weight"),
        ("xattn-kv", "attn2.to_k.weight", "attn2.to_q.weight"),
        ("noxattn", "attn1.to_q.weight", "attn2.to_q.weight"),
        ("selfattn", "attn1.to_v.weight", "attn2.to_v.weight"),
    ],
)
def test_a_group_of_weights_is_what_its_name_says(model, group, inside, outside):
    model.train(group)
    trained = [name for name, p in model.unet.named_parameters() if p.requires_grad]
    assert any(name.endswith(inside) for name in trained) and not any(name.endswith(outside) for name in trained)
    assert "conv_out.weight" not in trained and "time_embedding.linear_1.weight" not in trained
    model.unet.requires_grad_(False)


def test_planning_knows_the_groups_of_weights_that_there_are():
    assert get_args(Group) == tuple(GROUPS)


def test_weights_of_another_shape_or_name_are_refused(model):
    with pytest.raises(BenchmarkError, match="conv_in.bias"):
        model.set_weights({"conv_in.bias": torch.zeros(3)})
    with pytest.raises(BenchmarkError, match="no such weight"):
        model.set_weights({"nothing.bias": torch.zeros(3)})


def test_a_state_has_weights_of_the_unet_and_of_the_text_encoder_whose_texts_are_then_encoded_anew():
    model = workbench.load(FOLDER)
    before, name = model.encode("chalk").states, "text_encoder.embeddings.token_embedding.weight"
    assert {key.partition(".")[0] for key in model.copy()} == {"unet", "text_encoder"}
    model.set_state({name: 0.5 * model.copy()[name]})
    assert not torch.equal(model.encode("chalk").states, before)
    model.set_state({name: 2 * model.copy()[name]})
    assert torch.equal(model.encode("chalk").states, before)
    with pytest.raises(BenchmarkError, match=r"vae.conv_in.bias: .*no such weight"):
        model.set_state({"vae.conv_in.bias": torch.zeros(3)})


def test_what_a_method_adds_is_nothing_in_the_original_model():
    model = workbench.load(FOLDER)
    x, t, texts = torch.randn(2, 4, 16, 16), torch.tensor([5, 900]), model.encode("chalk")
    with torch.no_grad():
        before = model.predict(x, t, texts)
    model.train_own({"scale": torch.full((4, 1, 1), 0.1)})
    model.unet.conv_out.register_forward_hook(lambda layer, inputs, output: output * (1 + model.state["scale"]))
    assert torch.allclose(model.predict(x, t, texts), 1.1 * before, atol=1e-6)
    with model.original():
        assert torch.equal(model.predict(x, t, texts), before)
    model.predict(x, t, texts).sum().backward()
    assert model.training() == [model.state["scale"]] and model.state["scale"].grad.abs().sum() > 0
    model.restore({"method.scale": torch.zeros(4, 1, 1)})
    assert torch.equal(model.predict(x, t, texts), before)
    with pytest.raises(BenchmarkError, match=r"method.other: .*no such weight"):
        model.restore({"method.other": torch.zeros(3)})


def test_a_folder_that_is_no_model_is_named(tmp_path):
    with pytest.raises(BenchmarkError, match=r"unet/ is missing"):
        workbench.load(tmp_path)
