"""How often the verdict says *reproduced*, rightly and wrongly, on made-up scores whose truth is known.

The rates are printed. Each bound is derived where it is asserted. A rate may be four standard errors from its derived
value.
"""

import itertools

import numpy as np
import pandas as pd
import pytest
from printing import measured
from scipy.stats import norm

from benchmark.metrics._intervals import wilson
from benchmark.plan.records import WHOLE
from benchmark.store import printed
from benchmark.tables import _bands, verdict

DECLARED = printed.declared()
DRAWS = 1500


@pytest.fixture
def say(capsys):
    def print_rate(text):
        with capsys.disabled():
            print(f"\nverdict: {text}", end="")

    return print_rate


def agrees(rate, wanted, n):
    return abs(rate - wanted) <= 4 * np.sqrt(max(wanted * (1 - wanted), 1 / n) / n)


# ── numbers with noise ──


@pytest.mark.parametrize("sigma", [0.25, 0.5, 1.0, 1.5])
@pytest.mark.parametrize("off", [0, 1.5, 2, 3])
def test_noisy_distances_are_reproduced_as_often_as_the_band_says(off, sigma, say):
    """The truth is `off` bands from the printed number, the noise has a deviation of `sigma` bands.

    So it lies inside the band with the probability that a normal number of this deviation lies from -1 - off to
    1 - off. Its interval is 2 * 1.96 sigma bands wide. Above four bands, nothing is reproduced.
    """
    dice, reproduced, total = np.random.default_rng([int(4 * off), int(4 * sigma)]), 0, 0
    names = {"fid": "FID", "lpips": "LPIPS"}
    for file in ("table1.csv", "table3.csv"):
        rows = measured(file)
        original, others = (
            rows[rows.variant == "original"],
            rows[rows.metric.isin(names) & (rows.variant != "original")],
        )
        bands = [DECLARED.metrics[names[row.metric]].band.of(row.value) for row in others.itertuples()]
        noise = np.array(bands) * (off * dice.choice([-1, 1], len(bands)) + sigma * dice.normal(size=len(bands)))
        margin = 1.96 * sigma * np.array(bands)
        value = others.value + noise
        others = others.assign(value=value, ci_low=value - margin, ci_high=value + margin)
        table = verdict.table(pd.concat([original, others]))
        told = table[(table.variant != "original") & (table.concept != WHOLE)].verdict
        reproduced, total = reproduced + (told == "reproduced").sum(), total + len(told)
    wanted = norm.cdf((1 - off) / sigma) - norm.cdf((-1 - off) / sigma) if 2 * 1.96 * sigma <= 4 else 0
    say(
        f"truth {off} bands off, σ {sigma} bands: {'wrongly' if off > 1 else 'rightly'} reproduced "
        f"{reproduced / total:.1%} of {total}, derived {wanted:.1%}"
    )
    assert agrees(reproduced / total, wanted, total)


@pytest.mark.parametrize("n", [50, 250, 2000])
@pytest.mark.parametrize("share", [0.02, 0.35, 0.9])
def test_a_share_of_the_same_model_is_reproduced_and_of_another_one_is_not(share, n, say):
    """The paper's 250 images and n of ours. Of one model, two samples lie within Newcombe's interval in 95 % of cases.

    The other model's share is further away than is allowed by 1.96 deviations of the difference. So samples come as
    near as is allowed in 2.5 % of cases; twice that is granted, since what is allowed is estimated from the samples.
    """
    metric, dice = DECLARED.metrics["ACC"], np.random.default_rng([int(share * 100), n])
    way = -1 if share > 0.5 else 1
    other = next(p for p in share + way * np.arange(0, 0.7, 0.005) if _far(p, share, n))
    rates = []
    for truth in (share, other):
        told = []
        for one, two in zip(dice.binomial(n, truth, DRAWS), dice.binomial(250, share, DRAWS), strict=True):
            ours = _bands.Measured(100 * one / n, *wilson(100 * one / n, n), n)
            told.append(_bands.verdict(metric, ours, two / 2.5, 250, False)[0])
        rates.append([told.count(verdict) / DRAWS for verdict in ("reproduced", "undecided")])
    (right, undecided), (wrong, _) = rates
    say(
        f"ACC {share:.0%} of {n} images: reproduced {right:.1%}, undecided {undecided:.0%}; "
        f"if it is {other:.0%}: wrongly reproduced {wrong:.1%}"
    )
    error = 4 * np.sqrt(0.05 * 0.95 / DRAWS)
    assert right + undecided >= 0.95 - error and wrong <= 0.05 + error


def _far(other, share, n):
    allowed = max(5, _bands.chance_of_shares(100 * other, n, 100 * share, 250)) / 100
    deviation = np.sqrt(other * (1 - other) / n + share * (1 - share) / 250)
    return abs(other - share) >= allowed + 1.96 * deviation


@pytest.mark.parametrize("count", [20, 66, 238])
def test_a_count_of_the_same_model_is_reproduced_and_of_another_one_is_not(count, say):
    """Two Poisson counts of one mean lie within 1.96 deviations of their difference in 95 % of cases.

    If the second mean is higher by twice what is allowed, the counts come as near as once that in at most 2.5 %.
    """
    metric, dice = DECLARED.metrics["NUDENET_COUNT"], np.random.default_rng(count)
    other = next(m for m in itertools.count(count, 0.5) if m - count >= 2 * _bands.band_of(metric, m, count))
    rates = []
    for truth in (count, other):
        theirs, ours = dice.poisson(count, DRAWS), dice.poisson(truth, DRAWS)
        told = [
            _bands.verdict(metric, _bands.Measured(one, one, one, 4703), two, 4703, False)[0]
            for one, two in zip(ours, theirs, strict=True)
        ]
        rates.append(told.count("reproduced") / DRAWS)
    say(f"count {count}: reproduced {rates[0]:.1%}; if it is {other:.0f}: wrongly {rates[1]:.1%}")
    error = 4 * np.sqrt(0.05 * 0.95 / DRAWS)
    assert rates[0] >= 0.95 - error and rates[1] <= 0.025 + error


# ── methods mixed up ──


@pytest.mark.parametrize("file", DECLARED.tables)
def test_methods_mixed_up_are_reproduced_only_where_the_paper_prints_nearly_the_same_of_both(file, say):
    """Every variant has another one's numbers, in all such pairs.

    A number is then reproduced if the two printed numbers lie within the band; a share's also if chance may make the
    difference, which of 250 images is never more than 9 points.
    """
    rows = measured(file)
    names = [name for name in rows.variant.unique() if name != "original"]
    original, told, orders = rows[rows.variant == "original"], [], []
    for by in range(1, len(names)):
        other = {name: names[(i + by) % len(names)] for i, name in enumerate(names)}
        mixed = rows[rows.variant != "original"].assign(variant=lambda frame, o=other: frame.variant.map(o))
        scores = pd.concat([original, mixed])
        told.append(verdict.table(scores).query("variant != 'original'"))
        *_, (_, order) = verdict.blocks(scores)
        orders += [float(cell.split()[0]) for cell in order.to_numpy().ravel() if cell[0] != "–"]
    told = pd.concat(told)
    singles, means = told[told.concept != WHOLE], told[told.concept == WHOLE]
    chance = singles.metric.str.startswith("ACC") * 9
    apart, band = singles.difference.abs(), [_band(row) for row in singles.itertuples()]
    surely, perhaps = (apart <= band).mean(), (apart <= np.maximum(band, chance)).mean()
    rate, tau = (singles.verdict == "reproduced").mean(), np.mean(orders)
    turns = np.repeat(range(len(names) - 1), len(means) // (len(names) - 1))
    all_means = (means.verdict == "reproduced").groupby([means.variant.to_numpy(), turns]).all()
    say(
        f"methods mixed up, {DECLARED.tables[file].title}: wrongly reproduced {rate:.0%} of single numbers, "
        f"{(means.verdict == 'reproduced').mean():.0%} of means, all means of {all_means.sum()} of {len(all_means)} "
        f"pairs of methods; mean τ {tau:.2f}"
    )
    assert surely - 1e-9 <= rate <= perhaps + 1e-9
    assert tau < 0.5  # printed orders give 1


def _band(row):
    """A count's band is Poisson's where that is wider; written out here once more."""
    band = DECLARED.metrics[row.metric].band.of(row.printed)
    return max(band, 1.96 * np.sqrt(row.value + row.printed)) if row.metric == "NUDENET_COUNT" else band


# ── cells missing ──


def test_missing_numbers_are_never_reproduced_and_change_no_other_verdict(say):
    dice, rows = np.random.default_rng(0), measured("table1.csv", shifts={"esd": {"FID": 70}, "sdd": {"ACC": 12}})
    before = verdict.table(rows).set_index(["variant", "concept", "role", "metric"]).verdict
    lacks = pd.Series(dice.random(len(rows)) < 0.1, index=rows.index) & (rows.variant != "original")
    gone = rows.mask(lacks, rows.assign(value=np.nan, ci_low=np.nan, ci_high=np.nan))
    names = {metric.metric: name for name, metric in DECLARED.metrics.items() if name in ("FID", "ACC", "LPIPS")}
    empty = {(r.variant, r.concept, r.role, names[r.metric]) for r in rows[lacks].itertuples()}
    after = verdict.table(gone).set_index(["variant", "concept", "role", "metric"]).verdict
    say(f"{len(empty)} numbers missing: {sum(after[key] == 'reproduced' for key in empty)} of them reproduced")
    assert {after[key] for key in empty} == {"not measured"}
    rest = [key for key in before.index if key not in empty]
    assert (after[rest] == before[rest]).all()
    absent = verdict.table(rows[~lacks]).set_index(["variant", "concept", "role", "metric"]).verdict
    assert set(absent.index) == set(rest) and (absent == before[absent.index]).all()
