"""Spearman's rank correlation of points in groups: its value, and how often its interval covers the true one."""

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from benchmark.figures._rank import spearman


def test_rho_is_the_libraries():
    x, y = np.random.default_rng(0).normal(size=(2, 12)).round(1)
    found = spearman(x, y, np.repeat(np.arange(4), 3))
    assert found.rho == pytest.approx(spearmanr(x, y).statistic) and found.n == 12
    assert found.ci_low < found.rho < found.ci_high


def test_what_rho_cannot_be_known_of():
    x, groups = np.arange(6.0), np.repeat([0, 1], 3)
    assert np.isnan(spearman(x, x, groups).ci_low) and spearman(x, x, groups).rho == pytest.approx(1)
    assert np.isnan(spearman(x, np.ones(6), np.arange(6)).rho)
    assert np.isnan(spearman(x[:2], x[:2], np.arange(2)).rho)


@pytest.mark.parametrize("groups", [3, 6, 9])
@pytest.mark.parametrize("alike", [0.0, 1.0], ids=["independent", "alike"])
def test_the_interval_of_rho_covers(groups, alike):
    """Of three or four points of each concept, which resemble each other or not; the truth is that of many concepts."""

    def draw(dice, k):
        which = np.repeat(np.arange(k), 3 if groups < 9 else 4)
        x, y = dice.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], len(which)).T
        return x + alike * dice.normal(size=k)[which], y + alike * dice.normal(size=k)[which], which

    dice = np.random.default_rng(groups)
    x, y, _ = draw(dice, 20_000)
    truth = np.corrcoef(rankdata(x), rankdata(y))[0, 1]
    hits = [low <= truth <= high for _, low, high, _ in (spearman(*draw(dice, groups)) for _ in range(250))]
    assert 0.92 <= np.mean(hits) <= 1
