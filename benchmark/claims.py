"""Does what the paper claims hold here? `python -m benchmark.claims` judges it by scores.csv and the details beside it.

It reads no evidence, no image and no model. How a claim is judged stands in docs/protocol.md; the arithmetic is in
`showing/effects.py` and `showing/judging.py`, the claims are data (`store/claimed.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from benchmark.files import write_atomically
from benchmark.plan import config, plugins
from benchmark.plan.records import END
from benchmark.plan.suite import Suite
from benchmark.running import cli
from benchmark.showing import effects, typeset
from benchmark.showing.effects import Numbers
from benchmark.showing.judging import UNDECIDED, Judged, Tested, judge
from benchmark.showing.marks import marks
from benchmark.store import claimed, details
from benchmark.store.scores import read

DETAILS = ("paired", "distances", "inner_loops")  # those that claims can use, if they are beside scores.csv
COLUMNS = (
    "claim",  # its key in benchmark/paper/claims.yaml
    "task",
    "verdict",  # of the claim on this task: holds, fails or undecided
    "p",  # of the claim alone, two-sided
    "p_corrected",  # for the number of claims, by Holm's method
    "reason",  # why it is undecided, or what is missing
    "part",  # which of the claim's tests, from 1; the columns behind it are about this one
    "text",
    "kind",
    "role",
    "metric",
    "effect",  # in the metric's units; positive if it speaks for the claim
    "ci_low",  # of its 95 % interval, for this part alone
    "ci_high",
    "least",  # the smallest effect that counts
    "p_shown",  # one-sided: of the hypothesis that it is no larger
    "p_refuted",  # one-sided: of the hypothesis that it is no smaller
    "errors",  # the images' errors come from differences on the same noise, from two scores, or from two tasks
    "concepts",
    "seeds",
)
MEANINGS = {
    effects.PAIRED: "image by image, on the same noise",
    effects.UNPAIRED: "from two scores, as if their images' errors were independent",
    effects.GROUPS: "of two tasks, which have other images",
    effects.LOOPS: "not at all: this is about the courses of the erasures",
}


def main(suite: str, scores: Path, out: Path, claims: Path = claimed.FILE) -> None:
    """Judge the claims and write claims.csv and claims.md.

    Args:
        suite: A file of benchmark/suites/.
        scores: The scores.csv; details are read from the folder `details` beside it, as far as they are there.
        out: The folder to write to.
        claims: The claims, a YAML file.
    """
    loaded, declared = config.load_suite(suite), claimed.read(claims)
    there = [name for name in DETAILS if details.path(scores, name).exists()]
    numbers = Numbers(read(scores, loaded), details.read(scores, there, suite), directions)
    judged = judge(declared, loaded, numbers)
    notes = _notes(judged, numbers.scores, loaded)
    with write_atomically(out / "claims.csv") as temporary:
        table(judged).to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
    with write_atomically(out / "claims.md") as temporary:
        temporary.write_text(page(judged, loaded, declared.level, notes), encoding="utf-8")
    counts = Counter(each.verdict for each in judged)
    print(f"{out / 'claims.md'}: " + ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))


def directions(metric: str) -> Mapping[str, str]:
    """By role: `up` if higher numbers of a metric are better."""
    return plugins.load("benchmark/metrics", metric).DIRECTION


def _notes(judged: Iterable[Judged], scores: pd.DataFrame, suite: Suite) -> list[str]:
    """What tables would say, by signs, of the variants that the claims are about."""
    parts = [tested.part for each in judged for tested in each.tested]
    about = {name for part in parts for name in (*sum(part.pairs, ()), *part.variants, *part.anchors)}
    rows = scores[scores.variant.isin(about) & (scores.checkpoint == END)]
    return marks(suite, rows, {name: plugins.load("benchmark/metrics", name) for name in rows.metric.unique()}).notes


def table(judged: Iterable[Judged]) -> pd.DataFrame:
    """A row per claim, task and part, with the columns `COLUMNS`; a claim that cannot be tested has one row."""
    rows = []
    for each in judged:
        claim = {"claim": each.key, "task": each.task, "verdict": each.verdict, "p": each.p,
                 "p_corrected": each.corrected, "reason": each.reason}  # fmt: skip
        rows += [claim | {"part": place} | _part(tested) for place, tested in enumerate(each.tested, 1)] or [claim]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"part": "Int64", "concepts": "Int64", "seeds": "Int64"})


def _part(tested: Tested) -> dict[str, object]:
    part = {"text": tested.part.text, "kind": tested.part.kind, "role": tested.part.role}
    if not tested.effect:
        return part | {"reason": tested.why}
    low, high = tested.effect.interval
    return part | {
        "metric": tested.effect.metric, "effect": tested.effect.value, "ci_low": low, "ci_high": high,
        "least": tested.least, "p_shown": tested.shown, "p_refuted": tested.refuted, "errors": tested.effect.errors,
        "concepts": tested.effect.concepts, "seeds": tested.effect.seeds,
    }  # fmt: skip


def page(judged: list[Judged], suite: Suite, level: float, notes: Sequence[str] = ()) -> str:
    """The page: a table of verdicts, what to know of variants (`notes`), then each claim with its tests."""
    return "\n\n".join(_sections(judged, suite, level, notes)) + "\n"


def _sections(judged: list[Judged], suite: Suite, level: float, notes: Sequence[str]) -> Iterator[str]:
    yield "# What the paper claims, and what is seen here"
    ours = " They are numbers of the testbed: of Stable Diffusion they say nothing." if suite.world == "testbed" else ""
    yield (
        f"`python -m benchmark.claims` has written this page from scores of the suite `{suite.name}` ({suite.title})."
        f"{ours} How a claim is judged: docs/protocol.md, “Claims”."
    )
    if suite.ungated:
        yield f"**The gate of this suite is closed, and the run went on all the same: {suite.ungated}.**"
    tested = sum(each.p == each.p for each in judged)
    yield (
        f"{tested} of {len(judged)} could be tested. *p* is corrected for that number (Holm). A claim is decided if *p*"
        f" is {level:g} or less. So the chance that any of them is decided wrongly is at most {level:.0%}, whatever is"
        " true."
    )
    rows = [
        {"claim": each.claim.title, "where": each.claim.place, "task": each.task, "verdict": f"**{each.verdict}**",
         "p": _p(each.corrected)}
        for each in judged
    ]  # fmt: skip
    yield typeset.grid(pd.DataFrame(rows).set_index("claim"))
    if notes:
        yield "What to know of the variants, as the signs at their names say in tables:"
        yield "\n".join(f"- {note}" for note in notes)
    for key in dict.fromkeys(each.key for each in judged):
        yield from _claim([each for each in judged if each.key == key], suite)


def _claim(judged: list[Judged], suite: Suite) -> Iterator[str]:
    """One claim on all its tasks."""
    claim = judged[0].claim
    yield f"## {claim.title}"
    if claim.note:
        yield claim.note
    if suite.world == "testbed":
        yield f"*What the testbed can tell:* {claim.testbed}"
    for each in judged:
        on = "" if each.task == "–" else f" on the task `{each.task}`"
        why = f": {each.reason}" if each.verdict == UNDECIDED else f"; not tested: {each.reason}"
        yield f"**{each.verdict.capitalize()}**{on}{why if each.reason else ''}."
        shown = [tested for tested in each.tested if tested.effect]
        if shown:
            yield typeset.grid(pd.DataFrame(map(_line, shown)).set_index("compared"))
            for errors in dict.fromkeys(tested.effect.errors for tested in shown):
                yield f"Images are compared {MEANINGS[errors]}."


def _line(tested: Tested) -> dict[str, str]:
    effect, part = tested.effect, tested.part
    low, high = effect.interval
    least = f"within ±{tested.least:g}" if part.kind == "alike" else f"more than {tested.least:g}"
    return {
        "compared": part.text, "of": part.role, "metric": effect.metric,
        "effect": f"{effect.value:+.3g} [{low:+.3g}, {high:+.3g}]", "needed": least.replace("-", "−"),
        "p (yes)": _p(tested.shown), "p (no)": _p(tested.refuted),
        "concepts": str(effect.concepts), "seeds": str(effect.seeds),
    }  # fmt: skip


def _p(value: float) -> str:
    return "–" if value != value else "<0.0001" if value < 1e-4 else f"{value:.2g}"


if __name__ == "__main__":
    cli.run(main)
