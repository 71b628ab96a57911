"""What `erase` changes beside what is saved is refused in one line that names it, and never reaches others."""

import math
import os
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers.models import embeddings
from safetensors.torch import load_file
from torch import nn

from benchmark import base, erase
from benchmark.errors import BenchmarkError
from benchmark.model import guard, workbench
from benchmark.plan import causes, config, grid, plugins, variants
from benchmark.plan.groups import GROUPS
from benchmark.plan.records import Request, Target, Variant

TASK = config.load_task("style", "testbed")
REQUEST = Request((Target("chalk", "chalk"),), {"lorry": "lorry"}, TASK.templates)
KEY = "down_blocks.0.attentions.0.transformer_blocks.0.attn2"


@pytest.fixture
def model():
    """A fresh one for each test: a model that was refused is thrown away."""
    loaded = workbench.load("testbed/model")
    loaded.pool = torch.rand((6, 3, 64, 64), generator=torch.Generator().manual_seed(1)) * 2 - 1
    return loaded


def run(model, change, folder, loop=True):
    """Erase with a method that edits one weight of the U-Net, and makes `change`."""

    def steps(model, request, settings):
        with torch.no_grad():
            next(model.unet.parameters()).mul_(1.01)
        change(model)
        yield

    mine = SimpleNamespace(erase=steps if loop else lambda *given: list(steps(*given)) and None)
    erase._erase(lambda: model, mine, REQUEST, None, folder / "chalk", "key", "erase chalk with mine")


def attention(model):
    return model.unet.get_submodule(KEY)


class Wrapped(nn.Module):
    def __init__(self, base_layer):
        super().__init__()
        self.base_layer = base_layer

    def forward(self, x):
        return 2 * self.base_layer(x)


class Processor:
    def __call__(self, attention, states, *args, **kwargs):
        return states


def scale(tensor, factor=1.5):
    with torch.no_grad():
        tensor.mul_(factor)


def parametrise(model):
    nn.utils.parametrize.register_parametrization(attention(model).to_k, "weight", nn.Identity())


def one_token_more(model):
    model.tokenizer.add_tokens(["<erased>"])
    model.text_encoder.resize_token_embeddings(len(model.tokenizer))


def buffered(model):
    model.unet.register_buffer("mask", torch.ones(3))


def wrap(model):
    attention(model).to_k = Wrapped(attention(model).to_k)


def low_rank(model):
    """As adapters of the library `peft` are attached: the layer is replaced, and the old one is inside."""
    for name, module in list(model.unet.named_modules()):
        if name.endswith("attn2"):
            module.to_v = Wrapped(module.to_v)


CHANGES = {
    "text encoder's positions": (
        lambda m: next(m.text_encoder.buffers()).zero_(),
        r"text_encoder\.\S*position_ids was changed",
    ),
    "autoencoder": (lambda m: scale(m.vae.decoder.conv_out.weight), r"vae\.decoder\.conv_out\.weight was changed"),
    "autoencoder's scale": (lambda m: m.vae.register_to_config(scaling_factor=1.0), r"vae\._internal_dict\S* was"),
    "autoencoder, another": (lambda m: setattr(m, "vae", nn.Identity()), "vae is a Identity now, and was a Auto"),
    "precision": (lambda m: m.text_encoder.half(), r"text_encoder\.\S+ was changed"),
    "precision of the U-Net": (lambda m: m.unet.to(torch.bfloat16), r"unet\.\S+ was changed"),
    "noise schedule": (lambda m: m.alphas.mul_(0.9), "alphas was changed"),
    "noise schedule, another": (lambda m: setattr(m, "alphas", m.alphas * 0.9), "alphas was changed"),
    "scheduler": (lambda m: m.scheduler.update(prediction_type="v_prediction"), "scheduler was changed"),
    "tokenizer's vocabulary": (one_token_more, r"text_encoder\.\S+ was changed|tokenizer\.\S+ was changed"),
    "tokenizer's tokens": (lambda m: m.tokenizer.add_tokens(["<erased>"]), r"tokenizer\S+ was changed"),
    "tokenizer's length": (lambda m: setattr(m.tokenizer, "model_max_length", 8), "tokenizer.model_max_length was"),
    "tokenizer's padding": (lambda m: setattr(m.tokenizer, "padding_side", "left"), "tokenizer.padding_side was"),
    "another tokenizer": (lambda m: setattr(m, "tokenizer", SimpleNamespace()), "tokenizer is a SimpleNamespace now"),
    "wrapped layer": (wrap, rf"unet\.{KEY}\.to_k is a Wrapped now, and was a Linear"),
    "wrapped layers": (low_rank, r"unet\.\S+\.to_v is a Wrapped now, and was a Linear"),
    "parametrisation": (parametrise, rf"unet\.{KEY}\.to_k(\.weight)? "),
    "spectral norm": (
        lambda m: nn.utils.parametrizations.spectral_norm(attention(m).to_q),
        rf"unet\.{KEY}\.to_q(\.weight)? ",
    ),
    "hook": (
        lambda m: attention(m).to_k.register_forward_hook(lambda module, given, output: output * 2),
        rf"unet\.{KEY}\.to_k has a hook that was not there",
    ),
    "hook before": (
        lambda m: m.unet.register_forward_pre_hook(lambda module, given: None),
        "unet has a hook that was not there",
    ),
    "hook on the text encoder": (
        lambda m: m.text_encoder.register_forward_hook(lambda module, given, output: output),
        "text_encoder has a hook that was not there",
    ),
    "hook on all modules": (
        lambda m: nn.modules.module.register_module_forward_hook(lambda module, given, output: None),
        "torch's list of hooks on all modules was changed",
    ),
    "attention processor": (
        lambda m: m.unet.set_attn_processor(Processor()),
        r"unet\.\S+\.processor is a Processor now, and was a AttnProcessor2_0",
    ),
    "attention's scale": (lambda m: setattr(attention(m), "scale", 0.1), rf"unet\.{KEY}\.scale was changed"),
    "added module": (lambda m: m.unet.add_module("gate", nn.Linear(2, 2)), r"unet\.gate was added"),
    "removed module": (lambda m: delattr(m.unet, "mid_block"), r"unet\.mid_block was removed"),
    "module that is none": (lambda m: setattr(m.unet, "mid_block", None), r"unet\.mid_block was changed"),
    "added buffer": (buffered, r"unet\.mask was added"),
    "method of one module": (lambda m: setattr(m.unet, "forward", m.unet.forward), r"unet\.forward was added"),
    "method of the model": (lambda m: setattr(m, "encode", lambda *texts: None), "encode was added"),
    "prediction of the model": (lambda m: setattr(m, "predict", m.predict), "predict was added"),
    "attribute of the model": (lambda m: setattr(m, "strength", 0.5), "strength was added"),
    "method of all models": (
        lambda m: setattr(workbench.Workbench, "predict", lambda *given: None),
        "Workbench.predict was replaced",
    ),
    "method of a class of layers": (
        lambda m: setattr(type(attention(m)), "get_attention_scores", None),
        "Attention.get_attention_scores was replaced",
    ),
    "function of torch": (
        lambda m: setattr(nn.functional, "scaled_dot_product_attention", lambda *given: None),
        r"torch\.nn\.functional\.scaled_dot_product_attention was replaced",
    ),
    "function of diffusers": (
        lambda m: setattr(embeddings, "get_timestep_embedding", lambda *given: None),
        r"diffusers\.models\.embeddings\.get_timestep_embedding was replaced",
    ),
    "method of tensors": (lambda m: setattr(torch.Tensor, "norm", None), "Tensor.norm was replaced"),
    "an optimizer": (lambda m: setattr(torch.optim, "SGD", torch.optim.Adam), r"torch\.optim\.SGD was replaced"),
    "arithmetic": (lambda m: setattr(math, "sqrt", lambda x: x), r"math\.sqrt was replaced"),
    "environment": (lambda m: os.environ.update(OMP_NUM_THREADS="7"), "the environment was changed"),
    "oneDNN": (lambda m: torch._C._set_mkldnn_enabled(False), "torch's setting of oneDNN was changed"),
    "training mode": (lambda m: m.unet.train(), r"unet\.\S*training was changed"),
    "training mode of one layer": (lambda m: attention(m).to_out.train(), r"unet\.\S*to_out\.\S*training was changed"),
    "default precision": (lambda m: torch.set_default_dtype(torch.float64), "torch's default dtype was changed"),
    "gradients": (lambda m: torch.set_grad_enabled(False), "whether torch keeps gradients was changed"),
    "deterministic": (
        lambda m: torch.use_deterministic_algorithms(not torch.are_deterministic_algorithms_enabled()),
        "torch's choice of deterministic algorithms was changed",
    ),
    "threads": (lambda m: torch.set_num_threads(torch.get_num_threads() + 1), "torch's number of threads was changed"),
    "TF32 of products": (
        lambda m: setattr(torch.backends.cuda.matmul, "allow_tf32", True),
        "precision of float32 prod",
    ),
    "TF32 of cuDNN": (lambda m: setattr(torch.backends.cudnn, "allow_tf32", True), "precision of float32 products was"),
    "TF32 by its new name": (
        lambda m: setattr(torch.backends.cuda.matmul, "fp32_precision", "tf32"),
        "precision of float32 products was changed",
    ),
    "TF32 of all": (lambda m: setattr(torch.backends, "fp32_precision", "tf32"), "precision of float32 products was"),
    "cuDNN": (lambda m: setattr(torch.backends.cudnn, "benchmark", True), "torch's setting of cuDNN was changed"),
    "attention's kernels": (lambda m: torch.backends.cuda.enable_flash_sdp(False), "torch's choice of kernels for att"),
    "autocast": (lambda m: torch.set_autocast_enabled("cpu", True), "torch's autocast on CPUs was changed"),
    "anomalies": (lambda m: torch.autograd.set_detect_anomaly(True), "torch's search for anomalies was changed"),
    "default device": (lambda m: torch.set_default_device("meta"), "torch's default device was changed"),
    "folder": (lambda m: os.chdir("/"), "the working folder was changed"),
    "shape of a weight": (
        lambda m: setattr(attention(m).to_k, "weight", nn.Parameter(torch.ones(3, 3))),
        rf"unet\.{KEY}\.to_k\.weight was changed",
    ),
}


CODE = (
    *((workbench.Workbench, "predict"), (nn.functional, "scaled_dot_product_attention"), (torch.Tensor, "norm")),
    *((embeddings, "get_timestep_embedding"), (torch.optim, "SGD"), (math, "sqrt")),
)


@pytest.mark.parametrize("loop", [True, False], ids=["loop", "closed form"])
@pytest.mark.parametrize(("change", "said"), CHANGES.values(), ids=CHANGES)
def test_a_change_beside_the_weights_is_refused_and_the_process_is_as_before(model, tmp_path, change, said, loop):
    shared = {name: read() for name, (read, _) in guard.SHARED.items()}
    code = [getattr(place, name) for place, name in CODE]
    with pytest.raises(BenchmarkError, match=said) as caught:
        run(model, change, tmp_path, loop)
    assert "\n" not in str(caught.value) and "erase chalk with mine" in str(caught.value)
    assert "only weights of the U-Net and the text encoder and the tensors in model.state are saved" in str(
        caught.value
    )
    assert not (tmp_path / "chalk/delta.safetensors").exists()
    assert {name: read() for name, (read, _) in guard.SHARED.items()} == shared
    assert [getattr(place, name) for place, name in CODE] == code


def test_a_method_that_fails_half_way_leaves_the_process_as_it_was(model, tmp_path):
    def fail(model):
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        workbench.Workbench.randn = None
        raise ValueError("half-way")

    before = workbench.Workbench.randn
    with pytest.raises(ValueError, match="half-way"):
        run(model, fail, tmp_path)
    assert torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled()
    assert workbench.Workbench.randn is before


@pytest.mark.parametrize("name", [name for name in plugins.names("methods") if name != "original"])
def test_no_shipped_method_changes_anything_beside_the_weights(model, name):
    kind = plugins.load("methods", name).Settings
    small = {"steps": 2, "batch": 2, "denoise_steps": 4, "inner_steps": 2}
    settings = kind(**{key: value for key, value in small.items() if key in kind.__dataclass_fields__})
    with guard.untouched(model, name):
        list(plugins.load("methods", name).erase(model, REQUEST, settings) or ())


def replaced(model):
    layer = attention(model).to_k
    layer.weight = nn.Parameter(layer.weight * 1.5)


def moved(model):
    model.unet.conv_in.weight.data = model.unet.conv_in.weight.data.contiguous() * 1.5


SAVED = {
    "in place": (lambda m: scale(m.unet.conv_in.weight), {"unet.conv_in.weight"}),
    "as another parameter": (replaced, {f"unet.{KEY}.to_k.weight"}),
    "laid out in another way": (moved, {"unet.conv_in.weight"}),
    "with a hook on it": (
        lambda m: scale(m.unet.conv_in.weight.requires_grad_().register_hook(abs) and m.unet.conv_in.weight),
        {"unet.conv_in.weight"},
    ),
    "of the text encoder": (
        lambda m: scale(m.text_encoder.get_input_embeddings().weight),
        {"text_encoder.embeddings.token_embedding.weight"},
    ),
    "tensors of its own": (lambda m: m.state.update(scale=torch.ones(3)), {"method.scale"}),
    "flags and gradients": (lambda m: m.text_encoder.requires_grad_(True), set()),
}


@pytest.mark.parametrize(("change", "names"), SAVED.values(), ids=SAVED)
def test_what_may_be_changed_in_any_way_is_saved(model, tmp_path, change, names):
    first = f"unet.{next(name for name, _ in model.unet.named_parameters())}"
    run(model, change, tmp_path)
    assert load_file(tmp_path / "chalk/delta.safetensors").keys() == {first, *names}


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"a": 3}, r"model\.state\['a'\] is 3, not a tensor"),
        ({"a": torch.tensor(float("nan"))}, "method.a is not finite"),
    ],
)
def test_a_state_that_cannot_be_saved_is_refused(model, tmp_path, state, said):
    with pytest.raises(BenchmarkError, match=said):
        run(model, lambda model: model.state.update(state), tmp_path)


def test_who_says_that_no_seed_matters_must_not_draw(model, tmp_path):
    def erased(model, request, settings):
        model.state["noise"] = model.randn(2)

    with pytest.raises(BenchmarkError, match=r"SEEDED = False says .*, but it drew from model\.generator"):
        erase._erase(lambda: model, SimpleNamespace(erase=erased, SEEDED=False), REQUEST, None, tmp_path, "key", "mine")


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (lambda m: scale(m.unet.conv_in.weight, float("nan")), "weight unet.conv_in.weight is not finite"),
        (lambda m: m.state.update(a=3), "not a tensor"),
        (lambda m: m.randn(2), "it drew from model.generator"),
    ],
)
def test_what_spoils_an_erasure_is_told_after_its_first_step(model, tmp_path, first, said):
    steps = []

    def erased(model, request, settings):
        for step in range(100):
            first(model)
            steps.append(step)
            yield {"step": step + 1}

    with pytest.raises(BenchmarkError, match=said):
        erase._erase(lambda: model, SimpleNamespace(erase=erased, SEEDED=False), REQUEST, None, tmp_path, "key", "mine")
    assert steps == [0] and not list(tmp_path.rglob("*"))


def test_who_draws_from_a_global_generator_repeats_itself_whatever_came_before(model):
    def draw():
        with guard.untouched(model, "mine"):
            return torch.rand(2).tolist(), random.random(), np.random.random()

    first = draw()
    torch.rand(7), random.random(), np.random.random()
    before = torch.get_rng_state()
    assert draw() == first
    assert torch.equal(torch.get_rng_state(), before)
    model.generator = torch.Generator().manual_seed(5)
    assert draw() != first


EDITOR = '''"""Editor: edits the autoencoder of its second concept, and one weight of the U-Net of each."""
import torch


def erase(model, request, settings):
    with torch.no_grad():
        next(model.unet.parameters()).mul_(1.01)
        if request.concept.name == "ink":
            for weight in model.vae.parameters():
                weight.mul_(0.5)
    yield
'''


def test_concepts_after_a_refused_one_begin_from_a_clean_model(tmp_path, monkeypatch):
    """A whole job: what was finished before is kept, what comes later has the weights that it has on its own."""
    (tmp_path / "testbed").symlink_to(plugins.ROOT / "testbed")
    monkeypatch.chdir(tmp_path)
    base.main("micro", tmp_path / "results/micro/base.json")
    plugin = SimpleNamespace()
    exec(EDITOR, plugin.__dict__)
    monkeypatch.setattr(plugins, "load_anew", lambda *given: plugin)
    monkeypatch.setattr(variants, "parse", lambda suite, text: Variant(text))
    monkeypatch.setattr(grid, "check_methods", lambda *given: None)
    monkeypatch.setattr(variants, "settings", lambda *given: {})
    for name, value in {"erasure": {}, "groups": tuple(GROUPS)}.items():
        monkeypatch.setattr(causes, name, lambda *given, value=value: value)
    monkeypatch.setattr(causes, "request", lambda suite, task, variant, names: Request((Target(names[0], names[0]),)))

    def go(out, *concepts):
        erase.main("micro", "style", "editor", list(concepts), tmp_path / out)

    with pytest.raises(BenchmarkError, match="erase ink with editor: vae"):
        go("all", "chalk", "ink", "neon")
    assert (tmp_path / "all/chalk/delta.safetensors").exists() and not (tmp_path / "all/models.csv").exists()
    go("alone", "neon")
    go("all", "neon")
    both = [(tmp_path / out / "neon/delta.safetensors").read_bytes() for out in ("all", "alone")]
    assert both[0] == both[1]


def test_a_constant_of_the_core_that_was_changed_is_refused(model, tmp_path, monkeypatch):
    with pytest.raises(BenchmarkError, match="STRENGTH was added"):
        run(model, lambda m: monkeypatch.setattr(workbench.Workbench, "STRENGTH", 0.5, raising=False), tmp_path)
