"""How often claims are decided, rightly and wrongly, on made-up numbers whose truth is known. The rates are printed."""

from __future__ import annotations

import numpy as np
import pytest
from claiming import DECLARED, L1, L2, gaps, of, scored, two, verdicts

from benchmark.showing.effects import within
from benchmark.showing.judging import FAILS, HOLDS, UNDECIDED, Judged, _corrected
from benchmark.store.claimed import Claims


@pytest.fixture
def say(capsys):
    def print_rate(text):
        with capsys.disabled():
            print(f"\nclaims: {text}", end="")

    return print_rate


def at_most(rate, bound, n):
    """Four standard errors of a rate of n trials are granted."""
    return rate <= bound + 4 * np.sqrt(bound * (1 - bound) / n)


# ── one effect ──


@pytest.mark.parametrize("shared", [False, True], ids=["erased", "retained"])
@pytest.mark.parametrize(("concepts", "seeds"), [(9, 3), (3, 1), (1, 3)])
def test_an_effect_that_just_does_not_count_is_shown_and_refuted_in_at_most_one_of_forty_cases(
    shared, concepts, seeds, say
):
    """One-sided at 2.5 %. With one concept its own deviation is no error: the effect is about this concept alone."""
    dice, n = np.random.default_rng([concepts, shared]), 400
    spread = 3.0 if concepts > 1 else 0.0
    found = [within(gaps(dice, 2, concepts, seeds, spread, shared=shared), shared, "fid") for _ in range(n)]
    shown, refuted = (
        np.mean([p <= 0.025 for p in side]) for side in zip(*((e.above(2), e.below(2)) for e in found), strict=True)
    )
    covered = np.mean([e.interval[0] <= 2 <= e.interval[1] for e in found])
    say(
        f"{concepts} concepts, {seeds} seeds, {'retained' if shared else 'erased'}: an effect of just the smallest that"
        f" counts is shown in {shown:.1%}, refuted in {refuted:.1%}; the interval covers in {covered:.1%} of {n}"
    )
    assert at_most(shown, 0.025, n) and at_most(refuted, 0.025, n) and at_most(1 - covered, 0.05, n)


def test_without_the_images_chance_retained_effects_would_be_decided_wrongly_too_often():
    """All concepts share the images: their spread does not contain that chance. This is why it is added."""
    dice, n = np.random.default_rng(5), 300
    drawn = [gaps(dice, 2, spread=1, training=1, images=2, shared=True) for _ in range(n)]
    wrong = [np.mean([within(each, shared, "fid").above(2) <= 0.025 for each in drawn]) for shared in (False, True)]
    assert wrong[0] > 0.1 and at_most(wrong[1], 0.025, n)


def test_a_large_effect_is_shown(say):
    dice, n = np.random.default_rng(1), 400
    rates = {}
    for truth in (5, 8, 11):
        found = [within(gaps(dice, truth), False, "fid") for _ in range(n)]
        rates[truth] = np.mean([effect.above(2) <= 0.025 for effect in found])
    say(
        "9 concepts that differ by 3, smallest effect 2: shown"
        + ", ".join(f" in {rate:.0%} if the truth is {truth}" for truth, rate in rates.items())
    )
    assert rates[5] > 0.5 and rates[8] > 0.98 and rates[11] == 1


# ── several claims at once ──


def test_what_is_true_holds_and_its_converse_fails(say):
    truth = {L1: (10, 60), L2: (40, 30), "esd": (40, 30), "sdd": (40, 30)}
    n, kept = 20, []
    for trial in range(n):
        kept.append({k: j.verdict for k, j in verdicts(scored(np.random.default_rng(trial), truth)).items()})
    rate = {key: np.mean([each[key] == HOLDS for each in kept]) for key in DECLARED.claims}
    say(
        f"effects of 30, smallest 2: hold in {rate['erases']:.0%} and {rate['retains']:.0%}; no effect, smallest 6: it"
        f" holds in {rate['alike']:.0%} that there is none"
    )
    assert rate["erases"] > 0.95 and rate["retains"] > 0.95 and rate["alike"] > 0.5
    assert np.mean([each["converse"] == FAILS for each in kept]) > 0.95


def test_where_all_variants_are_equal_hardly_ever_does_a_claim_hold(say):
    """Each claim is true at the edge: the first variant is better by just the smallest effect that counts."""
    truth = {L1: (38, 30), L2: (40, 30), "esd": (40, 30), "sdd": (40, 34)}
    edge = Claims(0.05, {
        "one": of(two("erased", "accuracy", L1, L2)), "two": of(two("retained", "fid", L1, "sdd", 4.0)),
        "three": of(two("retained", "fid", L2, "sdd", 4.0)),
    })  # fmt: skip
    n = 40
    kept = [verdicts(scored(np.random.default_rng([7, t]), truth), declared=edge).values() for t in range(n)]
    holds = np.mean([any(each.verdict == HOLDS for each in judged) for judged in kept])
    wrong = np.mean([any(each.verdict != UNDECIDED for each in judged) for judged in kept])
    say(f"no effect is more than the smallest that counts: any of three claims holds in {holds:.1%} (at most 2.5 %), "
        f"any is decided in {wrong:.1%} (at most 5 %) of {n}")  # fmt: skip
    assert at_most(holds, 0.025, n) and at_most(wrong, 0.05, n)


def test_of_many_claims_that_are_true_at_the_edge_hardly_ever_is_any_decided(say):
    """p-values of independent claims, all of them uniform: Holm's method decides any in at most 5 %."""
    dice, n = np.random.default_rng(0), 2000
    claim = next(iter(DECLARED.claims.values()))
    for count in (1, 10, 30):
        drawn = dice.uniform(size=(n, count))
        alone = [[Judged("", claim, "", p=p, verdict=HOLDS) for p in values] for values in drawn]
        decided = np.mean([any(each.verdict != UNDECIDED for each in _corrected(all_, 0.05)) for all_ in alone])
        say(f"{count} claims, all just not true: any is decided in {decided:.1%} of {n}")
        assert at_most(decided, 0.05, n) and decided > 0.03


def test_one_concept_in_nine_that_behaves_otherwise_is_what_students_test_does_not_see(say):
    """The limit that docs/protocol.md states. The effect is 90 for one concept in nine, else 0: 10 in the mean.

    A sample of nine concepts has none of the former in (8/9)^9 = 35 % of cases. Then an effect of 10 seems refuted.
    """
    dice, n = np.random.default_rng(11), 300
    refuted = 0
    for _ in range(n):
        frame = gaps(dice, 0, spread=0, training=1)
        rare = dice.uniform(size=9) < 1 / 9
        frame["value"] += 90.0 * rare[frame.index.get_level_values("concept")]
        refuted += within(frame, False, "accuracy").below(10) <= 0.025
    say(f"an effect of 90 for one concept in nine: that its mean is 10 is wrongly refuted in {refuted / n:.0%} of {n}")
    assert refuted / n == pytest.approx((8 / 9) ** 9, abs=0.12)
