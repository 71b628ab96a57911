"""Check the original model and the classifiers before any erased model draws: `python -m benchmark.gate`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmark import score
from benchmark.errors import BenchmarkError
from benchmark.files import check_seal, write_atomically
from benchmark.plan import grid
from benchmark.plan.gates import Gate
from benchmark.plan.prompt_rows import read
from benchmark.plan.records import WHOLE
from benchmark.running import cli
from benchmark.store import evidence as seen_before


@dataclass(frozen=True)
class Check:
    """One number beside what is expected of it: between `low` and `high`."""

    prompt_set: str
    what: str
    measured: float
    low: float
    high: float
    look_at: str

    @property
    def passed(self) -> bool:
        return self.low <= self.measured <= self.high

    def __str__(self) -> str:
        return f"{self.prompt_set}: {self.what} is {self.measured:.1f}, expected {self.low:.1f} to {self.high:.1f}"


def main(suite: str, prompts: list[Path], evidence: list[Path], out: Path, cards: list[Path] | None = None) -> None:
    """Compare the original model's numbers and the classifiers' accuracies with what the suite expects.

    Args:
        suite: A file of benchmark/suites/, with a key `gate`.
        prompts: The rows of each prompt set that the gate names, CSV files that have the sets' names.
        evidence: The evidence.csv of the original model on each of these sets.
        out: The gate.json to write, if all is as expected or the suite is `ungated`.
        cards: The card.json of each set's classifier, if it has one.
    """
    plan = grid.plan({"suite": suite}, tolerant=True)
    rows = {path.stem: read(path) for path in prompts}
    for path in cards or []:
        check_seal(path)
    accuracies = {path.parent.name: json.loads(path.read_text()).get("accuracy") for path in cards or []}
    checks: list[Check] = []
    for path in evidence:
        name = seen_before.read(path).prompt_set.iloc[0]
        numbers = score.of_original(plan, name, rows[name], path)
        gate = plan.suite.gate[name]
        checks += _numbers(name, gate, {n["asked"]: n["value"] for n in numbers if _is_of(n, gate)}, path)
        if gate.held_out:
            own = plan.sets[name].classifier.prompt_set
            card = next(path for path in cards or [] if path.parent.name == own)
            what = "accuracy of the classifier on held-out images, in per cent,"
            checks.append(Check(name, what, 100 * accuracies[own], gate.held_out, 100.0, str(card)))
    for check in checks:
        print(f"{'ok    ' if check.passed else 'FAILED'} {check}")
    failed = [check for check in checks if not check.passed]
    if failed and not plan.suite.ungated:
        raise BenchmarkError(
            f"the gate of suite {suite} is closed, {len(failed)} of {len(checks)} checks failed: {failed[0]}; look at"
            f" {failed[0].look_at}: is it the expected base model, sampler and classifier? To go on all the same, write"
            f" `ungated: <reason>` into benchmark/suites/{suite}.yaml: every table and figure will say so"
        )
    with write_atomically(out) as aside:
        report = [asdict(check) | {"passed": check.passed} for check in checks]
        aside.write_text(json.dumps({"ungated": plan.suite.ungated, "checks": report}, indent=2) + "\n")


def _is_of(number: score.Number, gate: Gate) -> bool:
    return number["metric"] == gate.metric and number["asked"] in gate.expected and not number["wording"]


def _numbers(name: str, gate: Gate, measured: dict[str, float], path: Path) -> Iterator[Check]:
    """The number of each concept, and their mean if there are several."""
    for concept, expected in gate.expected.items():
        what = f"{gate.metric} of the original" + ("" if concept == WHOLE else f" on {concept}")
        low, high = expected - gate.each_within, expected + gate.each_within
        yield Check(name, what, measured[concept], low, high, str(path))
    if len(measured) > 1:
        mean = sum(gate.expected.values()) / len(gate.expected)
        low, high = mean - gate.mean_within, mean + gate.mean_within
        what = f"mean {gate.metric} of the original over {len(measured)} concepts"
        yield Check(name, what, sum(measured.values()) / len(measured), low, high, str(path))


if __name__ == "__main__":
    cli.run(main)
