"""The traces of erasures as a detail, a table and a claim: how soon AdvAnchor's similarity falls below zero."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from claiming import L1, L2, SUITE, of
from conftest import ROOT, sealed
from scoring import run, world  # noqa: F401  (a fixture)

from benchmark import view
from benchmark.details import inner_loops
from benchmark.errors import BenchmarkError, ConfigError
from benchmark.model import workbench
from benchmark.model.adversarial import AdversarialAnchor
from benchmark.plan import grid
from benchmark.plan.records import ORIGINAL
from benchmark.showing.effects import LOOPS, Numbers, Unknown
from benchmark.showing.judging import FAILS, HOLDS, judge
from benchmark.store import claimed, traces
from benchmark.store.claimed import Claims, Part

TRACE = """input,inner_step,l_adv,inner_steps,delta_norm,step,loss
1,0,0.9,,,,
1,1,0.4,,,,
1,2,-0.1,,,,
1,,,2,0.1,,
,,,,,1,0.5
2,0,0.2,,,,
2,1,0.1,,,,
2,2,0.1,,,,
2,,,3,0.1,,
,,,,,2,0.4
3,0,-0.2,,,,
3,,,0,0.1,,
,,,,,3,0.3
"""
SETTINGS = "@dataclass(frozen=True)\nclass Settings:\n    inner_steps: int = 3\n    "


@pytest.fixture
def models(small, world, tmp_path):
    """The evidence of two models, of which one has noted an inner loop, and the lists of them."""
    suite = tmp_path / "benchmark/suites/test.yaml"
    small("benchmark/suites/test.yaml", suite.read_text().replace("[tables/style", "[tables/inner_loops, tables/style"))
    method = tmp_path / "methods/fast.py"
    small("methods/fast.py", method.read_text().replace("@dataclass(frozen=True)\nclass Settings:\n    ", SETTINGS, 1))
    listed = []
    for variant, trace in (("fast", TRACE), ("rival-l1", "\n")):
        folder = tmp_path / f"results/test/models/style/{variant}/seed0/all"
        (folder / "ink").mkdir(parents=True)
        sealed(folder / "models.csv", "concept,delta,sha256,key\nink,ink/delta.safetensors,0,0\n")
        sealed(folder / "ink/trace.csv", trace)
        listed.append(folder / "models.csv")
    return [world("style", ORIGINAL), world("style", "fast", "ink"), world("style", "rival-l1", "ink")], listed


def test_the_detail_counts_the_steps_of_each_inner_loop(models, tmp_path):
    paths, listed = models
    run(paths, tmp_path, models=listed)
    (row,) = pd.read_csv(tmp_path / "details/inner_loops.csv").itertuples()
    assert (row.variant, row.concept, row.erasing_seed, row.inputs) == ("fast", "ink", 0, 3)
    assert (row.first, row.mean, row.most) == (2, pytest.approx(5 / 3, abs=1e-3), 3) and row.crossed == pytest.approx(
        200 / 3, abs=1e-3
    )
    view.main("test", tmp_path / "scores.csv", tmp_path, ["tables/inner_loops"])
    text = (tmp_path / "tables/inner_loops.md").read_text()
    assert "| fast" in text and "1.67" in text and "rival" not in text.partition("Suite")[0]


def test_a_run_in_which_no_method_has_an_inner_loop_has_a_table_that_says_so(models, tmp_path):
    paths, listed = models
    sealed(listed[0].parent / "ink/trace.csv", "\n")
    run(paths, tmp_path, models=listed)
    view.main("test", tmp_path / "scores.csv", tmp_path, ["tables/inner_loops"])
    for suffix in ("md", "tex", "html"):
        text = (tmp_path / f"tables/inner_loops.{suffix}").read_text()
        assert "No variant of this run has an inner loop" in text
    assert (tmp_path / "tables/inner_loops.csv").read_text().startswith("experiment,variant,title")


def test_without_the_models_the_detail_is_left_out_and_says_so(models, tmp_path, capsys):
    run(models[0], tmp_path)
    assert "details/inner_loops.csv: needs --models, the models.csv of each shard: left out" in capsys.readouterr().out
    assert not (tmp_path / "details/inner_loops.csv").exists()


def test_models_of_another_plan_and_broken_traces_are_refused(models, tmp_path):
    paths, listed = models
    elsewhere = tmp_path / "results/test/models/style/fast/seed7/all/models.csv"
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_text(listed[0].read_text())
    with pytest.raises(BenchmarkError, match="is of no shard that the suite test plans"):
        traces.read([elsewhere], grid.plan({"suite": "test"}))
    (listed[0].parent / "ink/trace.csv").unlink()
    with pytest.raises(BenchmarkError, match=r"ink/trace.csv: cannot be read"):
        traces.read(listed, grid.plan({"suite": "test"}))


@pytest.mark.parametrize("similarity", [[0.5, 0.5, 0.5], [0.5, 0.2, -0.1], [-0.1], [0.5, 0.4, 0.3, 0.2]])
def test_the_steps_that_are_counted_are_those_that_delta_made(similarity, monkeypatch):
    """With AdvAnchor's own loop, of at most three steps: also where it never falls below zero."""
    model = workbench.load(ROOT / "testbed/model")
    model.train("xattn")
    made = dict(prompt="chalk", span=model.span("chalk", "chalk"), references=["chalk"], weights=[1.0], blank="")
    made |= dict(loss="l1", similarity="cosine", site="input", lr=1e-2, inner_steps=3, init=1e-3)
    anchor, values = AdversarialAnchor(model, **made), iter(similarity)
    monkeypatch.setattr(anchor, "similarity", lambda delta, *_: delta.sum() * 0 + next(values))
    x, t = model.randn(1, 4, 16, 16), torch.tensor([500])
    before = anchor.delta.clone()
    anchor.adapt(x, t, 3)
    named = {"task": "style", "method": "advanchor", "variant": "advanchor-l1", "checkpoint": 100, "concept": "chalk"}
    named |= {"erasing_seed": 0}
    look = SimpleNamespace(identity=named, settings={"inner_steps": 3})
    (row,) = inner_loops.detail([look], pd.DataFrame(model.trace).assign(**named))
    below = [place for place, value in enumerate(similarity) if value < 0]
    assert row["mean"] == row["first"] == min([3, *below]) and row["crossed"] == (100 if below else 0)
    assert torch.equal(before, anchor.delta), "a similarity that is constant moves nothing"


# ── the claim ──


def loops(dice, means, concepts=9, most=10):
    rows = [
        {"task": "style", "variant": name, "checkpoint": 100, "concept": f"style{i}", "erasing_seed": seed,
         "first": 5.0, "mean": mean + dice.normal(0, 0.3), "most": most, "crossed": 90.0}
        for name, mean in means.items() for i in range(concepts) for seed in range(3)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def judged(means, concepts=9):
    part = Part("sooner", "erased", {"inner_steps": 10.0}, "sooner", ((L2, L1),))
    details = {"inner_loops": loops(np.random.default_rng(0), means, concepts)}
    numbers = Numbers(pd.DataFrame(columns=["task"]), details, dict)
    return judge(Claims(0.05, {"soon": of(part)}), SUITE, numbers)[0]


def test_loops_that_end_sooner_by_what_counts_make_the_claim_hold():
    found = judged({L1: 6.0, L2: 1.0})
    assert found.verdict == HOLDS and found.tested[0].effect.value == pytest.approx(50, abs=2)
    assert found.tested[0].effect.errors == LOOPS and found.tested[0].effect.concepts == 9
    assert judged({L1: 1.0, L2: 1.2}).verdict == FAILS


def test_without_the_detail_it_is_undecided():
    part = Part("sooner", "erased", {"inner_steps": 10.0}, "sooner", ((L2, L1),))
    with pytest.raises(Unknown, match=r"no details/inner_loops.csv"):
        Numbers(pd.DataFrame(columns=["task"]), {}, dict).effect(part, "style")
    with pytest.raises(Unknown, match="with the inner loops of both"):
        details = {"inner_loops": loops(np.random.default_rng(0), {L1: 6.0})}
        Numbers(pd.DataFrame(columns=["task"]), details, dict).effect(part, "style")


def test_the_effect_of_a_loop_is_measured_in_inner_steps_alone(tmp_path):
    text = claimed.FILE.read_text()
    (tmp_path / "claims.yaml").write_text(text.replace("least: {inner_steps: 10}", "least: {fid: 10}"))
    with pytest.raises(ConfigError, match="there is no metric 'fid'"):
        claimed.read(tmp_path / "claims.yaml")


def test_a_method_that_notes_other_things_has_no_inner_loop():
    assert not list(inner_loops.detail([], pd.DataFrame({"step": [1], "loss": [0.5]})))
    assert not list(inner_loops.detail([], pd.DataFrame()))
