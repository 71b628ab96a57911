"""Numbers against independent arithmetic, and intervals against how often they cover."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kernel_poly, mmd2
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd

from benchmark.errors import BenchmarkError
from benchmark.metrics import _frechet, _intervals, accuracy, detected, fid, flat, kid, lpips
from benchmark.metrics._intervals import GROUPS, jackknife, mean, share
from benchmark.plan import plugins, protocols


def rows(n, each=1, **columns):
    """Evidence of `n` images, `each` of them per prompt row."""
    return pd.DataFrame({"file": [f"{i}.png" for i in range(n)], "unit": np.arange(n) // each, **columns})


def pairs(n, d, shift=0.3, seed=0):
    """Features of n images and of their reference images, which resemble them, in float32."""
    dice = np.random.default_rng(seed)
    x = dice.normal(size=(n, d)) * np.linspace(0.2, 2, d)
    return (0.8 * x + 0.5 * dice.normal(size=(n, d)) + shift).astype(np.float32), x.astype(np.float32)


OBSERVERS = plugins.names("benchmark/observers")

# ── contract ──


@pytest.mark.parametrize("name", plugins.names("benchmark/metrics"))
def test_a_metric_says_what_it_is(name):
    module = plugins.load("benchmark/metrics", name)
    assert set(module.DIRECTION) == {"erased", "retained"} and set(module.DIRECTION.values()) <= {"up", "down"}
    assert module.VERSION >= 1 and len(module.RANGE) == 2 and module.OBSERVER in (None, *OBSERVERS)
    protocols.check(module, protocols.Metric, name)


@pytest.mark.parametrize("module", [fid, kid, lpips])
def test_the_original_against_itself_is_exactly_what_it_must_be(module):
    _, y = pairs(30, 50)
    seen = np.zeros(30) if module is lpips else y
    assert module.ORIGINAL == 0 and tuple(module.score(rows(30), seen, y, None)) == (0, 30, 0, 0)


# ── FID ──


def fid_by_eigenvalues(x, y):
    """The definition, in float64: the root of S1^(1/2) S2 S1^(1/2) through its eigenvalues."""
    x, y = x.astype(float), y.astype(float)
    first, second = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    trace = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0)).sum()
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * trace


@pytest.mark.parametrize(("n", "d"), [(40, 96), (96, 40), (50, 50), (7, 64)])
def test_fid_is_the_libraries_and_the_definition(n, d):
    x, y = pairs(n, d)
    ours = fid.score(rows(n), x, y, None).value
    assert ours == pytest.approx(fid_by_eigenvalues(x, y), rel=1e-6)
    assert ours == pytest.approx(_frechet.distance(x.astype(float), y.astype(float)), rel=1e-9)
    statistics = [fid_features_to_statistics(torch.from_numpy(z.astype(float))) for z in (x, y)]
    theirs = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert ours == pytest.approx(theirs, rel=1e-4)
    mu, sigma = zip(*((torch.tensor(s["mu"]), torch.tensor(s["sigma"])) for s in statistics), strict=True)
    assert ours == pytest.approx(float(_compute_fid(mu[0], sigma[0], mu[1], sigma[1])), rel=1e-4)


def test_fid_of_sets_of_different_size():
    x, _ = pairs(30, 20)
    _, y = pairs(70, 20)
    assert _frechet.distance(x.astype(float), y.astype(float)) == pytest.approx(fid_by_eigenvalues(x, y), rel=1e-6)


def test_fid_of_shifted_sets_is_the_squared_shift():
    _, y = pairs(20, 8)
    assert fid.score(rows(20), y + np.float32(2), y, None).value == pytest.approx(8 * 4, rel=1e-5)


def test_fid_uses_every_image():
    """Authors' code used 240 of 250 images: batches of 15, the rest dropped."""
    x, y = pairs(31, 12)
    score = fid.score(rows(31), x, y, None)
    assert score.n == 31 and score.value == pytest.approx(fid_by_eigenvalues(x, y), rel=1e-6)


def test_fid_of_2048_dimensions_is_the_definition():
    """As Inception's features are: far more dimensions than images."""
    x, y = pairs(60, 2048)
    score = fid.score(rows(60, 5), x, y, None)
    assert score.value == pytest.approx(fid_by_eigenvalues(x, y), rel=1e-6)
    assert score.ci_low < score.value < score.ci_high


# ── KID ──


def kid_by_loops(x, y):
    def kernel(a, b):
        return (float(a @ b) / len(a) + 1) ** 3

    x, y, n = x.astype(float), y.astype(float), len(x)
    terms = [
        kernel(x[i], x[j]) + kernel(y[i], y[j]) - kernel(x[i], y[j]) - kernel(y[i], x[j])
        for i in range(n)
        for j in range(n)
        if i != j
    ]
    return sum(terms) / (n * (n - 1))


def test_kid_is_a_double_loop_and_the_libraries_u_statistic():
    x, y = pairs(25, 17)
    ours = kid.score(rows(25), x, y, None).value
    assert ours == pytest.approx(kid_by_loops(x, y), rel=1e-9)
    a, b = x.astype(float), y.astype(float)
    settings = {"kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None, "kid_kernel_poly_coef0": 1}
    kernels = kernel_poly(a, a, **settings), kernel_poly(a, b, **settings), kernel_poly(b, b, **settings)
    assert ours == pytest.approx(mmd2(*kernels, mmd_est="u-statistic"), rel=1e-9)


def test_kid_differs_from_torchmetrics_by_the_pairs_of_one_noise():
    x, y = (torch.from_numpy(z.astype(float)) for z in pairs(25, 17))
    cross = (x @ y.T / 17 + 1) ** 3
    pairs_of_one_noise = 2 * (cross.sum() / 25**2 - (cross.sum() - cross.trace()) / (25 * 24))
    ours = kid.score(rows(25), x.numpy(), y.numpy(), None).value
    assert ours == pytest.approx(float(poly_mmd(x, y) + pairs_of_one_noise), rel=1e-9)
    assert poly_mmd(y, y) < -1e-3, "the usual estimator reads less than nothing for equal sets"


# ── shares ──


def test_wilson_by_hand():
    """1 of 10: centre (.1 + 3.8415/20) / 1.38415 = .21101, margin 1.96 √(.009 + 3.8415/400) / 1.38415 = .19313."""
    score = share(np.arange(10) < 1)
    assert score.value == 10 and score.n == 10
    assert (score.ci_low, score.ci_high) == pytest.approx((1.788, 40.415), abs=2e-3)


def test_wilson_at_the_ends():
    none, all_ = share(np.zeros(250, bool)), share(np.ones(250, bool))
    assert (none.value, none.ci_low) == (0, 0) and none.ci_high == pytest.approx(1.51, abs=0.01)
    assert (all_.value, all_.ci_high) == (100, 100) and all_.ci_low == pytest.approx(98.49, abs=0.01)


def test_accuracy_counts_every_image():
    """Images that fail to match must neither leave the denominator nor count as erased."""
    seen = np.array(["chalk", "ink", "blank", "chalk"], object)
    assert accuracy.score(rows(4, class_name="chalk"), seen, seen, None)[:2] == (50, 4)
    with pytest.raises(BenchmarkError, match="no class to 1.png"):
        accuracy.score(rows(2, class_name="chalk"), np.array(["chalk", ""], object), seen, None)


def test_flat_pictures_are_counted():
    assert flat.score(rows(4), np.array([0.0, 3.9, 4.0, 60.0]), None, None)[:2] == (50, 4)


@pytest.mark.parametrize(
    ("settings", "share"),
    [
        ({}, 25),  # of the eight by default the second picture shows one
        ({"classes": ("FACE_FEMALE",)}, 25),
        ({"classes": ("FACE_FEMALE", "FEET_EXPOSED")}, 50),
        ({"classes": ("FACE_FEMALE", "FEET_EXPOSED"), "threshold": 0.4}, 75),
    ],
)
def test_an_image_is_detected_if_one_of_the_classes_is_above_the_threshold(settings, share):
    chosen = detected.Settings(**settings)
    known = {"FACE_FEMALE": [0.6, 0.0, 0.5, 0.4], "FEET_EXPOSED": [0.0, 0.7, 0.5, 0.4]}
    seen = np.stack([known.get(name, [0.5] * 4) for name in chosen.classes], 1)
    assert detected.score(rows(4), seen, seen, chosen)[:2] == (share, 4)


def test_by_default_the_papers_eight_classes_are_detected_above_a_half():
    chosen = detected.Settings()
    assert len(chosen.classes) == 8 and chosen.threshold == 0.5
    assert all(name.endswith("_EXPOSED") for name in chosen.classes) and "ANUS_EXPOSED" not in chosen.classes


def test_lpips_is_the_mean_over_images():
    seen = np.array([0.1, 0.3, 0.2, 0.6])
    score = lpips.score(rows(4, 2), seen, None, None)
    assert score.value == pytest.approx(0.3) and score.n == 4
    assert 0.2 <= score.ci_low < 0.3 < score.ci_high <= 0.4, "rows are resampled, not images"


# ── intervals ──


def coverage(interval, truth, trials):
    return np.mean([low <= truth <= high for low, high in (interval(trial) for trial in range(trials))])


@pytest.mark.parametrize("n", [6, 8, 32])
def test_the_bootstrap_covers_even_with_few_rows(n):
    def interval(trial):
        values = np.random.default_rng([n, trial]).normal(1, 0.3, n)
        return mean(values, np.arange(n))[2:]

    assert 0.92 <= coverage(interval, 1, 300) <= 0.985


def test_the_bootstrap_resamples_rows_not_images():
    values = np.repeat(np.random.default_rng(0).normal(size=10), 5)
    wide, narrow = mean(values, np.arange(50) // 5), mean(values, np.arange(50))
    assert wide.ci_high - wide.ci_low > 1.8 * (narrow.ci_high - narrow.ci_low)


@pytest.mark.parametrize("n", [30, 100])
def test_the_jackknife_of_a_mean_is_students(n):
    """Groups are of unequal size for n = 30: 25 groups, five of them with two rows."""
    values = np.random.default_rng(n).normal(size=n)
    low, high = jackknife(lambda keep: float(values[keep].mean()), np.arange(n))[2:]
    students = 2 * 2.064 * values.std(ddof=1) / math.sqrt(n)
    assert high - low == pytest.approx(students, rel=0.35)

    def interval(trial):
        values = np.random.default_rng([n, trial]).normal(size=n)
        return jackknife(lambda keep: float(values[keep].mean()), np.arange(n))[2:]

    assert 0.92 <= coverage(interval, 0, 400) <= 0.98


def gaussians(n, d, trial):
    """Paired Gaussians: means 0 and .5, variances 1 and 1.44: FID d (.25 + (1.2 - 1)^2)."""
    dice = np.random.default_rng([n, d, trial])
    y = dice.normal(size=(n, d))
    return (1.2 * (0.7 * y + math.sqrt(0.51) * dice.normal(size=(n, d))) + 0.5), y


def test_fid_covers_the_known_distance_of_gaussians():
    truth = 4 * (0.25 + 0.04)
    covered = coverage(lambda trial: fid.score(rows(150), *gaussians(150, 4, trial), None)[2:], truth, 300)
    assert 0.9 <= covered <= 0.99


def test_fid_of_few_images_covers_its_expectation_there():
    """With fewer images than dimensions FID is biased: the interval is about what such sets have on average."""
    expected = np.mean([_frechet.distance(*gaussians(20, 48, 10_000 + trial)) for trial in range(800)])
    assert expected > 1.5 * 48 * 0.29
    assert coverage(lambda trial: fid.score(rows(20), *gaussians(20, 48, trial), None)[2:], expected, 300) >= 0.92


def test_kid_covers_its_expectation():
    truth = np.mean([kid.score(rows(40), *gaussians(40, 6, 10_000 + trial), None).value for trial in range(500)])
    assert 0.9 <= coverage(lambda trial: kid.score(rows(40), *gaussians(40, 6, trial), None)[2:], truth, 400) <= 0.98


def test_groups_are_whole_prompt_rows():
    called = []
    jackknife(lambda keep: called.append(np.flatnonzero(~keep)) or 0.0, np.arange(300) // 5)
    assert len(called) == 1 + GROUPS
    assert all(len(set(left_out // 5)) * 5 == len(left_out) for left_out in called[1:])
    assert sorted(np.concatenate(called[1:])) == list(range(300))


@pytest.mark.parametrize("module", [fid, kid, lpips])
def test_one_row_has_no_interval(module):
    x, y = pairs(2, 5)
    seen = np.array([0.1, 0.2]) if module is lpips else x
    score = module.score(rows(2, 2), seen, y, None)
    assert np.isfinite(score.value) and np.isnan([score.ci_low, score.ci_high]).all()


@pytest.mark.parametrize("module", [fid, kid])
def test_one_image_is_no_set(module):
    x, y = pairs(1, 5)
    with pytest.raises(BenchmarkError, match="two images at least"):
        module.score(rows(1), x, y, None)


def test_groups_that_are_left_out_side_by_side_give_the_same_numbers(monkeypatch):
    random = np.random.default_rng(0)
    x, y, units = random.standard_normal((240, 30)), random.standard_normal((240, 30)), np.arange(240) // 5
    beside = _intervals.leave_out(lambda keep: _frechet.distance(x[keep], y[keep]), units)
    monkeypatch.setattr(_intervals, "LARGE", 1000)
    alone = _intervals.leave_out(lambda keep: _frechet.distance(x[keep], y[keep]), units)
    assert beside.whole == alone.whole and (beside.without == alone.without).all() and len(alone.without) == 25


def test_an_fid_is_computed_once_for_the_metric_and_for_what_is_paired(monkeypatch):
    random = np.random.default_rng(1)
    x, y, units = random.standard_normal((20, 6)), random.standard_normal((20, 6)), np.arange(20)
    first = _frechet.paired(x, y, units)
    monkeypatch.setattr(_frechet, "distance", lambda *_: pytest.fail("computed again"))
    assert _frechet.paired(x.copy(), y, units) == first == _frechet.parts(x, y, units).score(floor=0.0)
    monkeypatch.undo()
    assert _frechet.paired(x, y, units // 2) != first, "of other units"
