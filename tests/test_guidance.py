"""Guidance and conditioning: what the sampler and methods see of them; plain guidance draws as it always has."""

import json
import shutil

import numpy as np
import pytest
import torch
from conftest import ROOT

from benchmark.errors import BenchmarkError
from benchmark.model import alignment, compatible, diffusion, sampling, trial, workbench
from benchmark.model.diffusion import Conditioning, join
from benchmark.model.guidance import ClassifierFree, Shot, guided
from benchmark.plan.records import Sampler

ROWS = [("chalk", 7, 0, 2), ("chalk", 7, 1, 2), ("a picture of a fish", 9, 0, 1), ("", 11, 2, 3), ("gas pump", 4, 0, 1)]


def shots(guidance=5.0):
    return [Shot(*row, guidance) for row in ROWS]


def sampler(scheduler="ddim", precision="float32", batch=4):
    return Sampler(scheduler, 4, 5.0, 64, precision, batch, 1)


@pytest.fixture(scope="module")
def model():
    return diffusion.load("testbed/model")


@torch.no_grad()
def plainly(model, shots, sampler, guidance):
    """Classifier-free guidance as it stood in the sampler before there was any other, with one scale for all."""
    steps = sampling.scheduler(sampler, model.scheduler)
    dtype = diffusion.PRECISIONS[sampler.precision]
    for start in range(0, len(shots), sampler.batch):
        batch = list(shots[start : start + sampler.batch])
        padded = batch + [batch[-1]] * (sampler.batch - len(batch))
        states = [model.text_encoder(model.tokens(text)).last_hidden_state for text in ["", *[s.text for s in padded]]]
        states = torch.cat([states[0]] * len(padded) + states[1:])
        x = torch.stack([sampling.noise(s.noise_seed, s.images, model.latent_shape)[s.index] for s in padded])
        steps.set_timesteps(sampler.steps)
        x = (x * steps.init_noise_sigma).to(model.device, dtype)
        for t in steps.timesteps:
            both = steps.scale_model_input(torch.cat([x, x]), t)
            blank, asked = model.unet(both, t.to(model.device), states).sample.chunk(2)
            x = steps.step(blank + guidance * (asked - blank), t, x).prev_sample
        yield from sampling.decode(model, x)[: len(batch)]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("scheduler", ["ddim", "lms", "dpm"])
@pytest.mark.parametrize("scale", [5.0, 3.3])
def test_plain_guidance_draws_the_same_bytes_as_the_formula_written_out(scheduler, precision, scale):
    model, how = diffusion.load("testbed/model", precision), sampler(scheduler, precision)
    ours = list(sampling.draw(model, shots(scale), how))
    assert all(map(np.array_equal, ours, plainly(model, shots(), how, scale)))
    assert np.stack(ours).std() > 5


def test_images_of_different_scales_are_drawn_in_one_batch_as_each_is_alone(model):
    scales = [1.0, 3.0, 7.5, 5.0, 2.0]
    mixed = [Shot(*row, scale) for row, scale in zip(ROWS, scales, strict=True)]
    together = list(sampling.draw(model, mixed, sampler()))
    for picture, scale, place in zip(together, scales, range(len(ROWS)), strict=True):
        assert np.array_equal(picture, list(plainly(model, shots(), sampler(), scale))[place])


class Momentum(ClassifierFree):
    """Remembers its last step, which begins with each batch, and three contexts, one of which counts for nothing."""

    def __init__(self, pipeline):
        super().__init__(pipeline)
        self.last = 0.0

    def contexts(self, batch):
        return [*super().contexts(batch), self.pipeline.encode(*["a lorry"] * len(batch))]

    def combine(self, predictions, step):
        assert predictions.shape[:2] == (3, 4)
        self.last = 0.5 * self.last + super().combine(predictions[:2], step)
        return self.last


def test_what_a_guidance_remembers_of_a_batch_is_forgotten_before_the_next(model):
    guidance = Momentum(model)
    whole = list(sampling.draw(model, shots(), sampler(), guidance))
    assert vars(guidance) == {"pipeline": model, "last": 0.0}
    alone = [next(sampling.draw(model, [shot], sampler(), guidance)) for shot in shots()]
    assert all(map(np.array_equal, whole, alone))
    assert not np.array_equal(whole[0], next(sampling.draw(model, shots(), sampler())))


def test_a_guidance_with_other_contexts_than_one_for_each_image_is_refused(model):
    class Short(ClassifierFree):
        def contexts(self, batch):
            return [self.pipeline.encode(""), self.pipeline.encode(*batch.texts)]

    with pytest.raises(BenchmarkError, match=r"Short\.contexts: 5 texts in 2 contexts, not 4 in each"):
        list(sampling.draw(model, shots(), sampler(), Short(model)))


def test_a_batch_says_what_decides_an_images_pixels_and_nothing_else(model):
    batches = []

    class Spy(ClassifierFree):
        def contexts(self, batch):
            batches.append(batch)
            return super().contexts(batch)

    list(sampling.draw(model, shots(), sampler(), Spy(model)))
    assert [len(batch) for batch in batches] == [4, 4] and batches[1].texts == ["gas pump"] * 4
    assert batches[0].shots == tuple(shots()[:4]) and batches[0].steps == 4
    assert batches[0].scales.flatten().tolist() == [5.0] * 4


def test_a_scale_is_rounded_as_a_number_is():
    a, b = torch.randn(2, 4, 4, 8, 8, generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    assert torch.equal(guided(a, b, torch.full((4, 1, 1, 1), 3.3)), a + 3.3 * (b - a))


def test_conditionings_are_joined_and_repeated_with_all_that_they_have():
    one, two = (Conditioning(torch.full((n, 3, 2), float(n)), torch.full((n, 5), float(n))) for n in (1, 2))
    both = join(one, two)
    assert len(both) == 3 and both.pooled[:, 0].tolist() == [1, 2, 2]
    twice = both.each(2)
    assert twice.states[:, 0, 0].tolist() == twice.pooled[:, 0].tolist() == [1, 1, 2, 2, 2, 2]
    assert join(Conditioning(one.states), Conditioning(two.states)).pooled is None


# ── v-prediction ──


@pytest.fixture
def folder(tmp_path):
    """The testbed's model, as if its U-Net predicted v."""
    shutil.copytree(ROOT / "testbed/model", tmp_path / "model")
    path = tmp_path / "model/scheduler/scheduler_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"prediction_type": "v_prediction"}))
    return tmp_path / "model"


def test_what_predicts_v_is_given_to_methods_as_noise(folder):
    """n = sqrt(a) v + sqrt(1 - a) x_t, in float64, at whole timesteps and between them."""
    model = workbench.load(folder)
    x, t = torch.randn(3, 4, 16, 16, generator=torch.Generator().manual_seed(0)), torch.tensor([3, 500, 999])
    texts = model.encode("chalk", "")
    with torch.no_grad():
        predicted = model.predict(x, t, texts)
        alpha = model.alphas.double()[t].view(-1, 1, 1, 1)
        for k in range(2):
            v = model.unet(x, t, texts.states[k : k + 1].expand(3, -1, -1)).sample.double()
            exact = alpha.sqrt() * v + (1 - alpha).sqrt() * x.double()
            assert torch.allclose(predicted[k].double(), exact, atol=2e-6)
            # v = sqrt(a) n - sqrt(1 - a) x_0 and x_t = sqrt(a) x_0 + sqrt(1 - a) n lead back to v
            start = (x.double() - (1 - alpha).sqrt() * exact) / alpha.sqrt()
            assert torch.allclose(alpha.sqrt() * exact - (1 - alpha).sqrt() * start, v, atol=1e-5)
    sigmas = ((1 - model.alphas.double()) / model.alphas.double()).sqrt()
    between = 1 / (1 + (0.75 * sigmas[10] + 0.25 * sigmas[11]) ** 2)
    assert model._alpha(torch.tensor(10.25)).item() == pytest.approx(between.item(), rel=1e-5)


def test_methods_train_on_a_model_that_predicts_v_as_on_its_noise(folder):
    """The loss of a step is that of the noise, which the formula makes of v."""
    model = workbench.load(folder)
    model.train("xattn")
    latents = alignment.PartialDenoise(model, "chalk", 2, 3.0, 4)
    model.generator.manual_seed(0)
    x, t, _ = latents(0)
    model.generator.manual_seed(0)
    anchor = alignment.PromptAnchor(model, "")
    next(alignment.align(model, steps=1, lr=1e-4, prompt="chalk", latents=latents, anchor=anchor))
    with torch.no_grad(), model.original():
        chalk, blank = model.predict(x, t, model.encode("chalk", "")).double()
    assert model.trace[0]["loss"] == pytest.approx((chalk - blank).square().mean().item(), rel=1e-4)


@pytest.mark.parametrize("spacing", ["leading", "linspace", "trailing"])
@pytest.mark.parametrize("scheduler", ["ddim", "lms", "dpm"])
def test_what_predicts_v_draws_as_the_stock_pipeline_does(folder, scheduler, spacing):
    path = folder / "scheduler/scheduler_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"timestep_spacing": spacing}))
    assert compatible.check(folder)
    model = diffusion.load(folder)
    levels, pictures = trial.apart(model, trial.stock(folder, model), shots(), sampler(scheduler))
    assert levels <= trial.ROUNDING and np.stack(pictures).std() > 5
