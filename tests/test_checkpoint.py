"""A checkpoint that is damaged counts as not there: one line names it, and the erasure starts anew."""

import io
import pickle
import random
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from benchmark import erase
from benchmark.errors import BenchmarkError
from benchmark.model import workbench
from benchmark.model.alignment import NoisedImages, PromptAnchor, align
from benchmark.plan import config, plugins
from benchmark.plan.records import Request, Target
from benchmark.store import checkpoint

TASK = config.load_task("style", "testbed")
CONCEPT = TASK.concept("chalk")
REQUEST = Request((Target(CONCEPT.name, CONCEPT.phrase),))


def packed(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


STATE = {"key": "key", "step": 3, "weights": {"w": torch.arange(4096.0)}, "trace": []}
GOOD = packed(STATE)


def flipped(data, seed):
    chance = random.Random(seed)
    data = bytearray(data)
    data[data.find(b"\x00\x00\x80\x3f") + chance.randrange(10_000)] ^= 1 << chance.randrange(8)
    return bytes(data)


DAMAGED = {
    "empty": b"",
    "begun": GOOD[:100],
    "cut in half": GOOD[: len(GOOD) // 2],
    "without its end": GOOD[:-1],
    "random bytes": random.Random(0).randbytes(5000),
    "random bytes in a zip file": b"PK\x03\x04" + random.Random(0).randbytes(5000),
    "zeros, as after a power cut": bytes(len(GOOD)),
    "one bit": flipped(GOOD, 1),
    "another bit": flipped(GOOD, 2),
    "a plain pickle": pickle.dumps(STATE | {"weights": {}}),
    "a pickle that runs code": pickle.dumps(print),
    "text": b"not a checkpoint",
    "a list": packed([1, 2]),
    "a tensor": packed(torch.ones(3)),
    "no key": packed({key: value for key, value in STATE.items() if key != "key"}),
    "no step": packed({key: value for key, value in STATE.items() if key != "step"}),
    "a step that is no number": packed(STATE | {"step": "three"}),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_checkpoint_counts_as_not_there_and_is_named_in_one_line(tmp_path, capsys, data):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(data)
    assert checkpoint.read(path, "key") is None
    said = capsys.readouterr().out
    assert said.startswith(f"{path}: cannot be read (") and said.endswith("; the erasure starts anew\n")
    assert said.count("\n") == 1 and len(said) < 400
    checkpoint.write(path, STATE)
    assert checkpoint.read(path, "key")["step"] == 3


def test_a_folder_in_its_place_is_removed(tmp_path, capsys):
    path = tmp_path / "checkpoint.pt"
    (path / "inside").mkdir(parents=True)
    assert checkpoint.read(path, "key") is None and f"{path}: cannot be read" in capsys.readouterr().out
    checkpoint.write(path, STATE)
    assert checkpoint.read(path, "key")["step"] == 3


def test_a_training_of_the_testbed_starts_anew_too(tmp_path, capsys):
    from testbed.training import Loop

    layer = torch.nn.Linear(2, 2)
    first = Loop("judges", tmp_path, 3, {"net": layer}, seed=1)
    first.run(lambda index, chance: layer.weight.sum())
    assert Loop("judges", tmp_path, 3, {"net": layer}, seed=1).start == 3
    (tmp_path / "judges.ckpt").write_bytes(GOOD[:999])
    assert Loop("judges", tmp_path, 3, {"net": layer}, seed=1).start == 0
    assert "judges.ckpt: cannot be read" in capsys.readouterr().out


def test_that_of_another_key_is_passed_over_without_a_word(tmp_path, capsys):
    path = tmp_path / "checkpoint.pt"
    assert checkpoint.read(path, "key") is None
    path.write_bytes(GOOD)
    assert checkpoint.read(path, "another") is None and checkpoint.read(path, "key")["step"] == 3
    assert not capsys.readouterr().out


# ── states that can be read and are of no use ──


def load():
    loaded = workbench.load("testbed/model")
    loaded.pool = torch.rand((6, 3, 64, 64), generator=torch.Generator().manual_seed(1)) * 2 - 1
    return loaded


def teach(model, request, settings):
    model.train("xattn-kv")
    yield from align(
        model,
        steps=3,
        lr=1e-3,
        prompt=request.concept.phrase,
        latents=NoisedImages(model, 2),
        anchor=PromptAnchor(model, "picture"),
    )


def run(folder, plugin=None):
    """What an erasure with this folder saves."""
    erase._erase(load, plugin or SimpleNamespace(erase=teach), REQUEST, None, folder, "key", "erase chalk with mine")
    return load_file(folder / "delta.safetensors")


@pytest.fixture
def states():
    """What the method yields, each as it can be saved."""
    return [torch.load(io.BytesIO(packed(state)), weights_only=True) for state in teach(load(), REQUEST, None)]


def shape(state):
    state["weights"] = {name: value[:1] for name, value in state["weights"].items()}


def momenta(state):
    for moments in state["optimizer"]["state"].values():
        moments["exp_avg"] = torch.ones(7, 7)


def groups(state):
    state["optimizer"]["param_groups"][0]["params"] = [0]


def stranger(state):
    state["weights"] = {"no.such.weight": torch.ones(2)}


SPOILT = {
    "weights of another shape": shape,
    "weights of another model": stranger,
    "momenta of another shape": momenta,
    "fewer weights in the optimizer": groups,
    "no weights": lambda state: state.pop("weights"),
    "no optimizer": lambda state: state.pop("optimizer"),
    "a generator that is none": lambda state: state.update(generator=torch.ones(3)),
    "weights that are no tensors": lambda state: state.update(weights=[1, 2]),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_what_the_method_cannot_go_on_from_counts_as_not_there(states, tmp_path, capsys, spoil):
    whole = run(tmp_path / "whole")
    spoil(states[1])
    checkpoint.write(tmp_path / "chalk/checkpoint.pt", {"key": "key", **states[1]})
    resumed = run(tmp_path / "chalk")
    said = capsys.readouterr().out
    assert f"{tmp_path / 'chalk/checkpoint.pt'}: the method cannot go on from it (" in said
    assert "; the erasure starts anew" in said and "resumed" not in said
    assert resumed.keys() == whole.keys() and all(torch.equal(value, whole[name]) for name, value in resumed.items())
    traces = [(tmp_path / name / "trace.csv").read_text() for name in ("chalk", "whole")]
    assert traces[0] == traces[1] and not (tmp_path / "chalk/checkpoint.pt").exists()


def test_an_error_that_has_another_cause_is_told_all_the_same(states, tmp_path):
    def fails(model, request, settings):
        raise BenchmarkError("the tokens do not stand in the prompt")
        yield

    checkpoint.write(tmp_path / "chalk/checkpoint.pt", {"key": "key", **states[1]})
    with pytest.raises(BenchmarkError, match="the tokens do not stand in the prompt"):
        run(tmp_path / "chalk", SimpleNamespace(erase=fails))


def hooked(model, request, settings):
    """As adapters are trained: a hook that is there while it works, and is not removed if it fails."""
    hook = model.unet.conv_in.register_forward_hook(lambda module, inputs, output: output)
    yield from teach(model, request, settings)
    hook.remove()


def test_what_a_failed_attempt_to_go_on_leaves_in_the_model_is_not_in_that_of_the_next(states, tmp_path, capsys):
    shape(states[1])
    checkpoint.write(tmp_path / "chalk/checkpoint.pt", {"key": "key", **states[1]})
    run(tmp_path / "chalk", SimpleNamespace(erase=hooked))
    assert "the erasure starts anew" in capsys.readouterr().out


def test_a_closed_form_is_not_stopped_by_a_damaged_checkpoint(tmp_path, capsys):
    plugin = plugins.load("methods", "scramble")
    (tmp_path / "chalk").mkdir()
    (tmp_path / "chalk/checkpoint.pt").write_bytes(GOOD[:2000])
    erase._erase(load, plugin, REQUEST, plugin.Settings(), tmp_path / "chalk", "key", "scramble")
    assert "cannot be read" in capsys.readouterr().out and (tmp_path / "chalk/delta.safetensors").exists()
