"""Contracts of every method in the folder, and what is particular to some, on the shipped miniature with few steps."""

import itertools
import re
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmark import erase
from benchmark.errors import BenchmarkError
from benchmark.model import adversarial, guard, workbench
from benchmark.model.alignment import NoiseAnchor, NoisedImages, PartialDenoise, PromptAnchor, align
from benchmark.plan import config, plugins, source, variants
from benchmark.plan.groups import GROUPS
from benchmark.plan.records import Request, Target, Variant

METHODS = plugins.names("methods")
SMALL = {"steps": 2, "batch": 2, "denoise_steps": 4, "inner_steps": 2, "lr": 1e-3, "delta_lr": 1e-2}


def load(seed=0):
    model = workbench.load("testbed/model")
    model.generator = torch.Generator().manual_seed(seed)
    model.pool = torch.rand((6, 3, 64, 64), generator=torch.Generator().manual_seed(1)) * 2 - 1
    return model


@pytest.fixture
def model():
    return load()


TASK = config.load_task("style", "testbed")
CONCEPT = TASK.concept("stained_glass")
REQUEST = Request((Target(CONCEPT.name, CONCEPT.phrase),), {"lorry": "lorry"}, TASK.templates)
SUITES = [config.load_suite(name) for name in plugins.names("benchmark/suites", ".yaml")]
VARIANTS = sorted({name for suite in SUITES for name in suite.settings if "-" in name})


def kind(name):
    """A method's class of settings; it may have none."""
    return getattr(plugins.load("methods", name), "Settings", None)


def fields(name):
    return getattr(kind(name), "__dataclass_fields__", {})


def settings(name, **changes):
    small = {key: value for key, value in SMALL.items() if key in fields(name)}
    return kind(name)(**small | changes) if kind(name) else None


@contextmanager
def unless_it_lacks_a_setting(name):
    """A method that cannot run with what it is given says so in one line, which begins with the name of a setting."""
    try:
        yield
    except BenchmarkError as error:
        assert re.fullmatch(rf"({'|'.join(fields(name))}): .+", str(error)), error


def left(model):
    """All that an erasure may save, whether it was changed or not."""
    return model.copy() | {f"method.{name}": value.detach().clone() for name, value in model.state.items()}


def changed(model, before):
    now = left(model)
    assert all(value.isfinite().all() for value in now.values())
    return [name for name, value in now.items() if name not in before or not torch.equal(value, before[name])]


def run(model, name, **changes):
    """The names of what was changed or added, and the states that the method yielded."""
    before = model.copy()
    states = list(plugins.load("methods", name).erase(model, REQUEST, settings(name, **changes)) or ())
    return changed(model, before), states


def check_names(names, plugin, settings):
    """Weights of the group that a setting names, if one does; or something else that the method may save."""
    assert names or hasattr(plugin, "apply") or plugin.__name__ == "methods.original"
    group = GROUPS[getattr(settings, "group", "full")]
    assert all(group(name.removeprefix("unet.")) for name in names if name.startswith("unet."))


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_of_a_suite_changes_finite_weights_of_its_group_and_nothing_else(model, name):
    suite, variant = next(suite for suite in SUITES if name in suite.settings), Variant(name)
    plugin, values = plugins.load("methods", variant.method), variants.settings(suite, variant)
    settings, before = plugin.Settings(**values | {key: SMALL[key] for key in SMALL.keys() & values}), model.copy()
    with unless_it_lacks_a_setting(variant.method):
        with guard.untouched(model, name):
            list(plugin.erase(model, REQUEST, settings) or ())
        check_names(changed(model, before), plugin, settings)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_changes_finite_weights_of_its_group_and_nothing_else(model, name):
    with unless_it_lacks_a_setting(name):
        check_names(run(model, name)[0], plugins.load("methods", name), settings(name))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"weights": {}}, "each step yields None or a dict with its `step`"),
        (None, "no weight was changed; the original model must not be scored as erased$"),
    ],
)
def test_the_runner_refuses_a_state_that_it_could_not_resume_and_a_model_that_is_as_before(
    model, tmp_path, state, said
):
    mine = SimpleNamespace(erase=lambda *_: iter([state]))
    with pytest.raises(BenchmarkError, match=said):
        erase._erase(lambda: model, mine, REQUEST, None, tmp_path / "chalk", "key", "erase chalk with mine")
    assert not (tmp_path / "chalk").exists()


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda *given: None, r"no weight was changed; .*; it made no step: a loop such as align\(…\) runs if"),
        (lambda *given: iter(()), r"it made no step: a loop such as align\(…\) runs if `yield from` stands before"),
        (lambda *given: True, "erase returned True: it must yield states, or return nothing"),
    ],
)
def test_the_runner_says_why_a_method_may_have_changed_nothing(model, tmp_path, work, said):
    with pytest.raises(BenchmarkError, match=said):
        erase._erase(lambda: model, SimpleNamespace(erase=work), REQUEST, None, tmp_path / "chalk", "key", "x")


@pytest.mark.parametrize("name", METHODS)
def test_every_method_repeats_itself_exactly_with_the_same_seed(name):
    twice = [load(), load()]
    for model in twice:
        with unless_it_lacks_a_setting(name):
            run(model, name)
    first, second = map(left, twice)
    assert first.keys() == second.keys() and all(torch.equal(value, second[key]) for key, value in first.items())


@pytest.mark.parametrize("name", METHODS)
def test_what_no_seed_changes_is_the_same_with_another_seed(name):
    if variants.seeded(Variant(name)):
        return
    twice = [load(0), load(1)]
    for model in twice:
        run(model, name)
    first, second = map(left, twice)
    assert all(torch.equal(value, second[key]) for key, value in first.items())


@pytest.mark.parametrize("name", METHODS)
def test_every_method_says_what_it_is_and_defaults_are_literals(name):
    file = Path(plugins.ROOT / "methods" / f"{name}.py")
    assert (plugins.load("methods", name).__doc__ or "").strip()
    assert source.literal(f"methods/{name}.py", "POOL") in ("concept", "anchor", None)
    assert fields(name).keys() == source.settings(f"methods/{name}.py").keys()
    assert len(file.read_text().splitlines()) <= 120


@pytest.mark.parametrize("name", [name for name in METHODS if "steps" in fields(name)])
def test_a_method_makes_exactly_as_many_steps_as_it_is_told(model, name):
    with unless_it_lacks_a_setting(name):
        states = run(model, name, steps=3)[1]
        assert states and [state["step"] for state in states if state] in ([1, 2, 3], []), "None alone is allowed"


@pytest.mark.parametrize(
    ("name", "changes"),
    [(name, {}) for name in METHODS if "steps" in fields(name)]
    + [(name, {"accumulate_grads": True}) for name in METHODS if "accumulate_grads" in fields(name)],
)
def test_a_killed_erasure_resumes_to_identical_weights(model, name, changes, tmp_path):
    with unless_it_lacks_a_setting(name):
        if not any(run(model, name, steps=4, **changes)[1]):
            return  # it yields None, and is run again from the start
        killed, resumed = load(), load(99)
        method = plugins.load("methods", name).erase(killed, REQUEST, settings(name, steps=4, **changes))
        for state in itertools.islice(method, 2):
            torch.save(state, tmp_path / "state.pt")
        method.close()
        resumed.resume = torch.load(tmp_path / "state.pt", weights_only=True)
        run(resumed, name, steps=4, **changes)
        whole, again = left(model), left(resumed)
        assert whole.keys() == again.keys() and all(torch.equal(value, again[key]) for key, value in whole.items())


def test_matching_its_own_prompt_starts_without_loss(model):
    model.train("xattn")
    anchor = PromptAnchor(model, "chalk")
    next(align(model, steps=1, lr=1e-4, prompt="chalk", latents=NoisedImages(model, 2), anchor=anchor))
    assert model.trace[0]["loss"] < 1e-10


def test_esd_first_loss_is_the_formula_in_float64(model):
    """L = MSE(eps(c), eps("") - eta (eps(c) - eps(""))) at the start = (1 + eta)^2 MSE(eps(c), eps(""))."""
    _, _ = run(model, "esd", steps=1, eta=2.0)
    loss = model.trace[0]["loss"]
    model.generator = torch.Generator().manual_seed(0)
    model.set_weights(model._original)
    x, t, _ = PartialDenoise(model, CONCEPT.phrase, 2, 3.0, 4)(0)
    with torch.no_grad():
        concept, blank = model.predict(x, t, model.encode(CONCEPT.phrase, "")).double()
    assert loss == pytest.approx(9 * (concept - blank).square().mean().item(), rel=1e-4)


def test_partial_denoising_reports_the_timestep_that_its_latent_is_at(model):
    source = PartialDenoise(model, "chalk", 2, 3.0, 5)
    seen = {}
    for step in range(40):
        before = torch.Generator()
        before.set_state(model.generator.get_state())
        x, t, _ = source(step)
        seen.setdefault(int(t[0]), torch.equal(x, torch.randn(x.shape, generator=before)))
    first = int(source.scheduler.timesteps[0])
    assert set(seen) == set(source.scheduler.timesteps.tolist())
    assert [t for t, untouched in seen.items() if untouched] == [first], "only k = 0 returns the initial noise"


def test_noise_that_is_not_known_is_nothing_to_match(model):
    model.train("xattn")
    latents = PartialDenoise(model, "chalk", batch=2, guidance=3.0, steps=4)
    taught = align(model, steps=1, lr=1e-3, prompt="chalk", latents=latents, anchor=NoiseAnchor(model, ""))
    with pytest.raises(BenchmarkError, match="needs latents whose noise is known"):
        list(taught)


def test_a_sum_of_gradients_is_not_clipped(model):
    model.train("xattn")
    both = dict(clip=1.0, accumulate_grads=True)
    taught = align(model, steps=1, lr=1e-3, prompt="chalk", latents=None, anchor=PromptAnchor(model, ""), **both)
    with pytest.raises(BenchmarkError, match="^clip: 1 with accumulate_grads would clip the sum of all gradients"):
        list(taught)


def adversarial_anchor(model, **changes):
    phrase = CONCEPT.phrase
    values = dict(
        prompt=f"{phrase} picture",
        span=model.span(f"{phrase} picture", phrase),
        references=[f"{phrase} picture"],
        weights=[1.0],
        blank="picture",
        loss="l1",
        similarity="cosine",
        site="input",
        lr=1e-2,
        inner_steps=3,
        init=1e-7,
    )
    return adversarial.AdversarialAnchor(model, **values | changes)


def test_the_similarity_of_raw_predictions_starts_at_one_and_delta_learns(model):
    model.train("xattn")
    anchor = adversarial_anchor(model)
    x, t, _ = NoisedImages(model, 2)(0)
    anchor.prepare(x, t)
    assert model.trace[0]["l_adv"] == pytest.approx(1, abs=1e-4)
    assert model.trace[-1]["inner_steps"] == 3
    assert model.trace[-1]["delta_norm"] > 0.01


@pytest.mark.parametrize("name", ["esd", "sdd"])
def test_the_adversarial_anchor_plugs_into_other_losses(model, name):
    names, states = run(model, name, anchor="adversarial", delta_init=1.0)
    assert names and states[-1]["anchor"]["delta"].std() == pytest.approx(1, rel=0.3), "it begins as it is told"
    _, states = run(load(), name, anchor="adversarial")
    assert 1e-3 < states[-1]["anchor"]["delta"].abs().max() < 0.5, "and moves"


def test_cosine_and_mean_product_agree_in_sign(model):
    model.train("xattn")
    a, b = adversarial_anchor(model, similarity="cosine"), adversarial_anchor(model, similarity="dot")
    for _ in range(8):
        u, v = model.randn(2, 4, 16, 16), model.randn(1, 2, 4, 16, 16)
        one, other = a._similarity(u[:1], v[:, :1]), b._similarity(u[:1], v[:, :1])
        assert (one > 0) == (other > 0)


def test_a_sequential_anchor_stands_still_in_the_second_phase(model):
    _, states = run(model, "advanchor", strategy="sequential", steps=3)
    deltas = [state["anchor"]["delta"] for state in states if state]
    assert len(states) == 6 and all(torch.equal(delta, deltas[0]) for delta in deltas)


def test_word_spans_are_shorter_than_token_spans_where_words_have_two_tokens(model):
    from methods.advanchor import _span

    assert _span(model, "watercolour picture", "watercolour", "tokens") == slice(1, 3)
    assert _span(model, "watercolour picture", "watercolour", "words") == slice(1, 2)


def test_the_start_token_drives_no_update_of_abconcept(model):
    """Prompts that differ in no token but the start one's keys and values: their gradient vanishes."""
    from methods.abconcept import _detach_start

    value = torch.ones(1, 3, 2, requires_grad=True)
    _detach_start(None, None, value * 2).sum().backward()
    assert value.grad[0, 0].tolist() == [0, 0] and value.grad[0, 1].tolist() == [2, 2]


def test_the_attribute_variant_leads_away_from_the_first_attributes_weighted_as_the_release_counts_them(model):
    from methods.advanchor import Settings, _references

    chalk = TASK.concept("chalk")
    prompts, weights = _references(chalk, Settings(attributes=1), "chalk picture", "chalk picture")
    assert prompts == ["chalk picture", "rough strokes on a dark board picture"]
    assert weights == [1.0, 200 / 815]
    prompts, _ = _references(chalk, Settings(attributes=1, include_concept=False), "chalk picture", "chalk picture")
    assert prompts == ["rough strokes on a dark board picture"]
    with pytest.raises(BenchmarkError, match="attributes: 2 are asked for, but chalk has 1"):
        _references(chalk, Settings(attributes=2), "chalk picture", "chalk picture")
    with pytest.raises(BenchmarkError, match="include_concept: without the concept"):
        _references(chalk, Settings(include_concept=False), "chalk picture", "chalk picture")
