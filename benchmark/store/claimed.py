"""What the paper claims, as data: `benchmark/paper/claims.yaml`, or another file like it.

A claim has parts, and each part is a test of an effect. The file says which variants are compared, by which metric, and
how small an effect may be to count as none. No claim and no variant is named in code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from benchmark.errors import ConfigError
from benchmark.plan import plugins, strict
from benchmark.plan.plugins import unknown
from benchmark.plan.suite import Suite
from benchmark.store import printed

FILE = Path(__file__).parent.parent / "paper/claims.yaml"


@dataclass(frozen=True)
class Part:
    """One test. All effects are in the units of a metric, and positive if they speak for the claim.

    - `better`: in each of `pairs` the first variant has better numbers than the second. The effect is the mean over the
      pairs, and must be more than `least`. (If `least` is negative, the first may be worse by less than that.)
    - `alike`: the effect of `pairs` is between -`least` and `least`.
    - `harms`: the mean of `variants` has worse numbers on the claim's task than on the task `against`, by `least`.
    - `nearest`: of `anchors` (the anchor of each variant, by its name in the detail `distances`) the variant whose
      anchor is nearest to a concept has better numbers than the one whose anchor is farthest, by `least`.
    - `sooner`: in each of `pairs` the inner loops of the first variant end after fewer steps than those of the second,
      by `least` (`inner_steps`: per cent of the most that they may take).
    """

    text: str  # what is compared, for people
    role: Literal["erased", "retained"]
    least: Mapping[str, float]  # by metric; of several metrics, the first that the task has for this role is taken
    kind: Literal["better", "alike", "harms", "nearest", "sooner"] = "better"
    pairs: tuple[tuple[str, ...], ...] = ()
    variants: tuple[str, ...] = ()
    against: str = ""
    anchors: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)  # by task: the metric of `least` that is taken there


NEEDS = {"better": "pairs", "alike": "pairs", "harms": "variants", "nearest": "anchors", "sooner": "pairs"}
INNER_STEPS = "inner_steps"  # what the kind `sooner` measures: no metric, but a detail


@dataclass(frozen=True)
class Claim:
    """What the paper claims. It is judged on each of `tasks` that a suite has an experiment for."""

    title: str
    place: str  # where the paper shows it
    testbed: str  # what the testbed can and cannot tell of it
    parts: tuple[Part, ...] = ()
    tasks: tuple[str, ...] = ()
    note: str = ""  # what else to know: how the claim is read, and what the paper's own numbers say
    untested: str = ""  # why it cannot be tested, if it cannot


@dataclass(frozen=True)
class Claims:
    """All claims. `level` is the chance that any of them is decided wrongly.

    `names` has, by suite, the variants that claims call by another name.
    """

    level: float
    claims: Mapping[str, Claim]
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, suite: str) -> dict[str, Claim]:
        """The claims with the variants' names of a suite."""
        names = self.names.get(suite, {})
        return {key: replace(claim, parts=tuple(_named(part, names) for part in claim.parts))
                for key, claim in self.claims.items()}  # fmt: skip


def read(path: Path = FILE) -> Claims:
    """The claims of a file. Raises `ConfigError` for anything that is not as declared above."""
    claims = strict.build(Claims, strict.read(path, path.name), path.name)
    if not 0 < claims.level < 1:
        raise ConfigError(f"{path.name}: level: {claims.level:g} is no probability between 0 and 1")
    for key, claim in claims.claims.items():
        where = f"{path.name}: claims.{key}"
        if bool(claim.untested) == bool(claim.parts) or bool(claim.parts) != bool(claim.tasks):
            raise ConfigError(f"{where}: needs either `untested`, or `parts` and `tasks`")
        for place, part in enumerate(claim.parts):
            _check(part, f"{where}.parts[{place}]")
    return claims


def planned(part: Part, task: str, suite: Suite) -> Part | None:
    """A part with those of its variants that an experiment of the suite has for a task; None if they make no test."""
    there = _there(suite, task)
    if part.kind in ("better", "alike", "sooner"):
        pairs = tuple(pair for pair in part.pairs if there.issuperset(pair))
        return replace(part, pairs=pairs) if pairs else None
    if part.kind == "harms":
        variants = tuple(name for name in part.variants if name in there and name in _there(suite, part.against))
        return replace(part, variants=variants) if variants else None
    anchors = {name: anchor for name, anchor in part.anchors.items() if name in there}
    return replace(part, anchors=anchors) if len(anchors) > 1 else None


def _there(suite: Suite, task: str) -> set[str]:
    return {name for each in suite.experiments.values() if each.task == task for name in each.variants}


def _named(part: Part, names: Mapping[str, str]) -> Part:
    return replace(
        part,
        pairs=tuple(tuple(names.get(name, name) for name in pair) for pair in part.pairs),
        variants=tuple(names.get(name, name) for name in part.variants),
        anchors={names.get(name, name): anchor for name, anchor in part.anchors.items()},
    )


def _check(part: Part, where: str) -> None:
    if not getattr(part, NEEDS[part.kind]):
        raise ConfigError(f"{where}: kind {part.kind} needs `{NEEDS[part.kind]}`")
    if part.kind == "harms" and not part.against:
        raise ConfigError(f"{where}: kind harms needs `against`, the task to compare with")
    for pair in part.pairs:
        if len(pair) != 2:
            raise ConfigError(f"{where}.pairs: {', '.join(pair)} are not two variants")
    if not part.least:
        raise ConfigError(f"{where}.least: names no metric")
    metrics = {*plugins.names("benchmark/metrics"), *(each.metric for each in printed.declared().metrics.values())}
    if part.kind == "sooner":
        metrics = {INNER_STEPS}
    for task, metric in part.metrics.items():
        if metric not in part.least:
            raise ConfigError(unknown(f"{where}.metrics.{task}", metric, part.least, "metric in `least`"))
    for metric, least in part.least.items():
        if metric not in metrics:
            raise ConfigError(unknown(f"{where}.least", metric, sorted(metrics), "metric"))
        if part.kind == "alike" and least <= 0:
            raise ConfigError(f"{where}.least.{metric}: kind alike needs more than 0, not {least:g}")
