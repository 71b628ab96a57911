"""From effects to *holds*, *fails* or *undecided*, for all claims of a suite at once.

A part is tested against the smallest effect that counts: it is shown if its effect is surely larger, and refuted if it
is surely smaller. A claim holds if all of its parts are shown, and fails if one of them is refuted. Its p-values follow
from those of its parts: the largest (an intersection-union test), and the smallest times their number (Bonferroni).
Since either may be true, the smaller of the two is doubled. Then all claims are corrected for their number by Holm's
method. So the chance that any claim is decided wrongly is at most the level, whatever is true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmark.plan.suite import Suite
from benchmark.showing.effects import Effect, Numbers, Unknown
from benchmark.store.claimed import Claim, Claims, Part, planned

HOLDS, FAILS, UNDECIDED = "holds", "fails", "undecided"


@dataclass(frozen=True)
class Tested:
    """A part of a claim: its effect, or why there is none, and how surely it is shown and refuted."""

    part: Part
    effect: Effect | None
    why: str = ""
    shown: float = 1.0  # one-sided p-values
    refuted: float = 1.0

    @property
    def least(self) -> float:
        return self.part.least[self.effect.metric] if self.effect else float("nan")


@dataclass(frozen=True)
class Judged:
    """A claim on a task. `p` is that of the claim alone, `corrected` takes account of all claims."""

    key: str
    claim: Claim
    task: str
    tested: tuple[Tested, ...] = ()
    p: float = float("nan")
    corrected: float = float("nan")
    verdict: str = UNDECIDED
    reason: str = ""


def judge(claims: Claims, suite: Suite, numbers: Numbers) -> list[Judged]:
    """Each claim on each task that the suite has an experiment for; one that it has none for is undecided."""
    judged: list[Judged] = []
    for key, claim in claims.of(suite.name).items():
        tasks = [task for task in claim.tasks if any(planned(part, task, suite) for part in claim.parts)]
        if claim.untested or not tasks:
            none = f"the suite {suite.name} has no experiment with these variants ({', '.join(claim.tasks)})"
            judged.append(Judged(key, claim, "–", reason=claim.untested or none))
        judged += [_alone(key, claim, task, suite, numbers) for task in tasks]
    return _corrected(judged, claims.level)


def _alone(key: str, claim: Claim, task: str, suite: Suite, numbers: Numbers) -> Judged:
    tested = tuple(_test(part, task, suite, numbers) for part in claim.parts)
    known = [each for each in tested if each.effect]
    unknown = [each.why for each in tested if not each.effect]
    if not known:
        return Judged(key, claim, task, tested, reason=unknown[0])
    shown = max(each.shown for each in tested)
    refuted = min(1.0, len(known) * min(each.refuted for each in known))
    verdict = HOLDS if shown < refuted else FAILS
    p = min(1.0, 2 * min(shown, refuted))
    return Judged(key, claim, task, tested, p, verdict=verdict, reason="; ".join(dict.fromkeys(unknown)))


def _test(part: Part, task: str, suite: Suite, numbers: Numbers) -> Tested:
    there = planned(part, task, suite)
    if there is None:
        return Tested(part, None, f"no experiment of the task {task} has the variants of “{part.text}”")
    try:
        effect = numbers.effect(there, task)
    except Unknown as why:
        return Tested(there, None, str(why))
    least = part.least[effect.metric]
    if part.kind == "alike":
        shown = max(effect.above(-least), effect.below(least))
        refuted = min(1.0, 2 * min(effect.above(least), effect.below(-least)))  # it may lie on either side
        return Tested(there, effect, "", shown, refuted)
    return Tested(there, effect, "", effect.above(least), effect.below(least))


def _corrected(judged: Sequence[Judged], level: float) -> list[Judged]:
    """With Holm's p-values; what is above the level is undecided."""
    order = sorted((each.p, place) for place, each in enumerate(judged) if each.p == each.p)
    corrected, worst = {}, 0.0
    for rank, (p, place) in enumerate(order):
        corrected[place] = worst = max(worst, min(1.0, (len(order) - rank) * p))
    return [_final(each, corrected.get(place), level) for place, each in enumerate(judged)]


def _final(judged: Judged, corrected: float | None, level: float) -> Judged:
    if corrected is None:
        return judged
    if corrected <= level:
        return replace(judged, corrected=corrected)
    unsure = f"the effect is not sure enough (p = {corrected:.2g}, and at most {level:g} decides)"
    return replace(judged, corrected=corrected, verdict=UNDECIDED, reason=judged.reason or unsure)
