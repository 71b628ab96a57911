"""The small methods of docs/methods.md, one of each kind: they erase, draw, resume, and say if they change nothing."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pages
import pytest
import torch
import yaml
from conftest import ROOT, forget
from safetensors.torch import load_file

import methods
from benchmark import base, erase, generate
from benchmark.errors import BenchmarkError
from benchmark.model import workbench
from benchmark.model.guidance import Shot
from benchmark.plan import causes, config, contract, plugins, variants
from benchmark.plan.records import NOTHING, Variant
from benchmark.running import job
from benchmark.store import weights

BLOCKS = {Path(block.file).stem: block.text for block in pages.methods() if block.page == "docs/methods.md"}
SMALL = ["closed", "negative", "gated", "reworded"]
SAVES = {"closed": "unet.", "negative": None, "gated": "method.", "reworded": "text_encoder."}
SHOTS = [
    Shot(text, 5 + i, 0, 1, scale) for i, (text, scale) in enumerate([("chalk", 3.0), ("ink", 3.0), ("lorry", 5.0)])
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A repository in which somebody has saved these methods, with variants of them that change nothing."""
    copy = tmp_path_factory.mktemp("small") / "repository"
    ignored = shutil.ignore_patterns(".git", ".venv", ".snakemake", ".repro", "__pycache__", "results", "testbed")
    shutil.copytree(ROOT, copy, ignore=ignored, symlinks=True)
    os.symlink(ROOT / "testbed", copy / "testbed")
    for name in SMALL:
        (copy / f"methods/{name}.py").write_text(BLOCKS[name])
    suite = yaml.safe_load((copy / "benchmark/suites/micro.yaml").read_text())
    suite["sampler"]["batch"] = 4
    suite["settings"] |= {"gated": {"steps": 4}, "reworded-not": {"strength": 0.0}, "negative-late": {"warmup": 100}}
    suite["budgets"] |= {"erased": 4, "retained": 2}
    suite["experiments"]["style"] |= {"methods": ["original", *SMALL], "concepts": ["chalk"]}
    (copy / "benchmark/suites/small.yaml").write_text(yaml.safe_dump(suite))
    whole = {"task": "object", "methods": ["original", *SMALL], "concepts": ["church"], "views": ["tables/object"]}
    suite |= {"experiments": {"object": whole}}  # whose classifier comes trained
    suite["budgets"] |= {"erased": 2, "images_per_seed": 1}
    (copy / "benchmark/suites/whole.yaml").write_text(yaml.safe_dump(suite))
    return copy


@pytest.fixture
def inside(place, monkeypatch):
    """Everything that is read or imported is of that repository."""
    monkeypatch.chdir(place)
    monkeypatch.setattr(plugins, "ROOT", place)
    monkeypatch.setattr(methods, "__path__", [str(place / "methods")])
    forget()
    if not Path("results/small/base.json").exists():
        base.main("small", Path("results/small/base.json"))
    yield place
    forget()


def erased(name, concepts=("chalk", "ink")):
    """The folder of the models that a variant makes, once for all tests."""
    out = Path("results/small/models", name, *concepts)
    if not (out / "models.csv").exists():
        erase.main("small", "style", name, list(concepts), out)
    return out


def drawn(name, folder, concepts):
    """The pictures of each concept's model, drawn by one job in the order of the concepts."""
    suite = config.load_suite("small")
    rows = [SimpleNamespace(image=SimpleNamespace(concept=name), shot=shot) for name in concepts for shot in SHOTS]
    deltas = weights.deltas(folder / "models.csv") if folder else {NOTHING: None}
    task = config.load_task("style", suite.world)
    images = generate._images(suite, task, Variant(name), weights.base(suite), deltas, rows)
    pictures = np.stack([pixels for _, pixels in images]).reshape(len(concepts), len(SHOTS), 64, 64, 3)
    return dict(zip(concepts, pictures, strict=True))


@pytest.mark.parametrize("name", SMALL)
def test_each_is_short_and_keeps_the_contract(inside, name):
    assert len([line for line in BLOCKS[name].splitlines() if line.strip()]) <= 40
    assert contract.problems(f"methods/{name}.py") == []


@pytest.mark.parametrize("name", SMALL)
def test_each_saves_what_it_changes_and_its_models_draw_other_pictures(inside, name):
    folder = erased(name)
    for concept in ("chalk", "ink"):
        kinds = {key.partition(".")[0] + "." for key in load_file(folder / concept / "delta.safetensors")}
        assert kinds == ({SAVES[name]} if SAVES[name] else set())
    pictures, before = drawn(name, folder, ["chalk", "ink"]), drawn("original", None, [NOTHING])[NOTHING]
    for place, concept in enumerate(("chalk", "ink")):
        changed = [not np.array_equal(*pair) for pair in zip(pictures[concept], before, strict=True)]
        assert changed[place], "the concept's own prompt"
        if name == "gated":
            assert changed.count(True) == 1, "what the gate shuts is as it was, to the byte"


@pytest.mark.parametrize("name", SMALL)
def test_no_model_leaves_anything_to_the_next_one_of_its_job(inside, name):
    """One after the other, in both orders, and each alone: the same bytes."""
    folder = erased(name)
    forth, back = drawn(name, folder, ["chalk", "ink"]), drawn(name, folder, ["ink", "chalk"])
    alone = drawn(name, folder, ["chalk"]) | drawn(name, folder, ["ink"])
    original = drawn("original", None, [NOTHING])[NOTHING]
    for concept in ("chalk", "ink"):
        assert np.array_equal(forth[concept], back[concept]) and np.array_equal(forth[concept], alone[concept])
    assert np.array_equal(drawn("original", None, [NOTHING])[NOTHING], original)


@pytest.mark.parametrize("name", SMALL)
def test_a_job_of_several_concepts_erases_each_as_a_job_of_its_own_does(inside, name):
    together, alone = erased(name), erased(name, ("ink",))
    assert (together / "ink/delta.safetensors").read_bytes() == (alone / "ink/delta.safetensors").read_bytes()


def test_what_has_modules_of_its_own_goes_on_after_a_signal_to_the_same_bytes(inside, tmp_path, capsys):
    suite, variant = config.load_suite("small"), Variant("gated")
    request = causes.request(suite, config.load_task("style", suite.world), variant, ("chalk",))
    plugin = plugins.load("methods", "gated")
    settings = plugin.Settings(**variants.settings(suite, variant))

    def told(model, request, settings):
        for state in plugin.erase(model, request, settings):
            if state["step"] == 2:
                signal.raise_signal(signal.SIGTERM)
            yield state

    def run(method, folder):
        with job._obedient():
            load = lambda: workbench.load("testbed/model")  # noqa: E731
            erase._erase(load, SimpleNamespace(erase=method), request, settings, tmp_path / folder, "key", "gated")

    run(plugin.erase, "whole")
    with pytest.raises(SystemExit):
        run(told, "told")
    assert [path.name for path in (tmp_path / "told").iterdir()] == ["checkpoint.pt"]
    run(plugin.erase, "told")
    assert "resumed after step 2" in capsys.readouterr().out
    files = [(tmp_path / folder / "delta.safetensors").read_bytes() for folder in ("whole", "told")]
    assert files[0] == files[1]


def test_a_closed_form_keeps_the_concepts_that_it_is_told_to_keep(inside):
    """The values of a kept prompt stay as they were, those of the concept move."""
    plugin, request = plugins.load("methods", "closed"), request_with({"lorry": "lorry"})
    model = workbench.load("testbed/model")
    kept, asked = (request.templates.target.format(c=text) for text in ("lorry", "chalk"))
    before = model.copy()
    plugin.erase(model, request, plugin.Settings(ridge=1e-3))
    moved = {}
    for text in (kept, asked):
        states = model.encode(text).states[0].double()
        moved[text] = sum(
            (states @ (weight - before[name]).double().T).norm().item()
            for name, weight in model.named_weights().items()
            if ".attn2.to_v.weight" in name
        )
    assert 0 < 10 * moved[kept] < moved[asked]


def request_with(others):
    suite = config.load_suite("small")
    request = causes.request(suite, config.load_task("style", suite.world), Variant("closed"), ("chalk",))
    return replace(request, others=others)


def test_one_that_changes_nothing_is_refused_in_one_line(inside, tmp_path):
    with pytest.raises(BenchmarkError, match="erase chalk with reworded-not: no weight was changed; the original"):
        erase.main("small", "style", "reworded-not", ["chalk"], tmp_path)
    assert not (tmp_path / "models.csv").exists()


def test_a_guidance_alone_is_a_model_without_a_tensor_and_another_setting_is_another_model(inside):
    plain, late = (erased(name, ("chalk",)) for name in ("negative", "negative-late"))
    rows = [weights.deltas(folder / "models.csv")["chalk"] for folder in (plain, late)]
    assert rows[0].sha256 != rows[1].sha256 and not weights.read_delta(rows[0])
    before, after = drawn("original", None, [NOTHING])[NOTHING], drawn("negative-late", late, ["chalk"])["chalk"]
    # All its steps are plain ones. A third context makes a larger pass, which rounds in another way.
    assert np.abs(before.astype(int) - after).max() <= 1, "`observe` refuses such images"


PATCH = """

def apply(pipeline, request, settings, state):
    torch.nn.functional.scaled_dot_product_attention = torch.nn.functional.scaled_dot_product_attention.__call__
"""


def test_an_apply_that_changes_the_process_is_refused_and_undone(inside, monkeypatch):
    before = torch.nn.functional.scaled_dot_product_attention
    folder, plugin, made = erased("closed"), plugins.load("methods", "closed"), {"torch": torch}
    exec(PATCH, made)
    monkeypatch.setattr(plugins, "load_anew", lambda *given: SimpleNamespace(**vars(plugin) | made))
    said = "closed, erased chalk: apply: torch.nn.functional.scaled_dot_product_attention was replaced, but other mod"
    with pytest.raises(BenchmarkError, match=said):
        drawn("closed", folder, ["chalk"])
    assert torch.nn.functional.scaled_dot_product_attention is before


def test_each_runs_through_a_whole_suite_to_a_row(place):
    """From the prompts to the table, by the command that a person types."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--config", "suite=whole"]
    end = subprocess.run(command, cwd=place, capture_output=True, text=True)
    assert end.returncode == 0, end.stdout[-3000:] + end.stderr[-3000:]
    scores = (place / "results/whole/scores.csv").read_text()
    table = (place / "results/whole/tables/object.md").read_text()
    assert all(f",{name}," in scores and f"| {name}" in table for name in SMALL)
