"""Whether the names in a line of scores.csv are names that a suite knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmark.errors import BenchmarkError
from benchmark.plan import plugins
from benchmark.plan.config import load_set, load_task
from benchmark.plan.plugins import unknown
from benchmark.plan.records import END, NOTHING, WHOLE, Task, Variant
from benchmark.plan.source import broken, settings
from benchmark.plan.suite import Suite

CHECKED = ("suite", "experiment", "task", "variant", "checkpoint", "concept", "prompt_set", "asked", "wording", "role")


class Names:
    """The names of one suite; each combination is looked up once."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.known: set[tuple[str, ...]] = set()

    def check(self, row: Mapping[str, str]) -> None:
        """Raise `BenchmarkError` for a name that the suite does not know, with those that it does."""
        key = tuple(row[name] for name in CHECKED)
        if key in self.known:
            return
        if row["suite"] != self.suite.name:
            raise BenchmarkError(f"suite: has numbers of suite {row['suite']}, not of {self.suite.name}")
        experiment, concept = row["experiment"], row["concept"]
        _known("experiment", experiment, self.suite.experiments)
        if row["task"] != self.suite.experiments[experiment].task:
            allowed = [self.suite.experiments[experiment].task]
            raise BenchmarkError(unknown(f"experiment {experiment}", row["task"], allowed))
        self._method(Variant(row["variant"], int(row["checkpoint"].partition(".")[0])))
        task = load_task(row["task"], self.suite.world)
        if concept != NOTHING:
            _known("concept", concept, [c.name for c in task.concepts], f"task {task.name}: ")
        self._asked(task, row)
        self.known.add(key)

    def _method(self, variant: Variant) -> None:
        """A variant may be another suite's or an older one: views mark its numbers. It needs its method's file."""
        if not (plugins.ROOT / variant.file).exists():
            methods = dict.fromkeys((*plugins.names("methods"), *self.suite.settings))
            message = unknown("variant", variant.name, methods, "variant")
            raise BenchmarkError(f"{message}; add {variant.file} or leave its rows out")
        if variant.checkpoint != END and not broken(variant.file) and "steps" not in settings(variant.file):
            raise BenchmarkError(f"checkpoint: {variant.file} has no setting steps, so it is at its end only: {END}")

    def _asked(self, task: Task, row: Mapping[str, str]) -> None:
        """What was asked for must be the prompt set's, as far as this is known without reading a file of prompts."""
        name, asked, wording = row["prompt_set"], row["asked"], row["wording"]
        _known("prompt_set", name, task.sets, f"task {task.name}: ", "prompt set")
        shown_by = {"erased": task.erased_on, "retained": task.retained_on}.get(row["role"], task.sets)
        if name not in shown_by:
            raise BenchmarkError(f"role: task {task.name} does not look at {row['role']} concepts on prompt set {name}")
        prompts = load_set(name, self.suite.world)
        if (asked == WHOLE) != (prompts.score_by == "set"):
            how = f"as a whole: write {WHOLE}" if prompts.score_by == "set" else "concept by concept"
            raise BenchmarkError(f"asked: {asked!r} is not what prompt set {name} is scored by: it is scored {how}")
        if prompts.source.task and asked != WHOLE:
            concepts = load_task(prompts.source.task, self.suite.world).concepts
            phrases = {concept.name: concept.phrases for concept in concepts}
            _known("asked", asked, phrases, f"prompt set {name}: ", "concept")
            _known("wording", wording, phrases[asked], f"prompt set {name}: concept {asked}: ")


def _known(column: str, name: str, allowed: Iterable[str], where: str = "", what: str = "") -> None:
    if name not in allowed:
        raise BenchmarkError(unknown(f"{where}{column}", name, allowed, what or column))
