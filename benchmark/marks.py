"""What stands at a method's name in views, and the lines below them that say why.

`*` is a note of the method's file, `†` numbers that are not what the suite says now, `‡` another kind of device. A
scores.csv from elsewhere or of before is shown for all that, but not unmarked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType

import pandas as pd

from benchmark import plugins
from benchmark.config import ORIGINAL, Suite, load_task, module
from benchmark.errors import ConfigError
from benchmark.source import broken, literal
from benchmark.versions import PARTS, differing, version

NOTED, CHANGED, DEVICE = "*", "†", "‡"
CONDITIONS = "base model, sampler, budgets or settings"
Key = tuple[str, str]  # experiment, method


@dataclass(frozen=True)
class Marks:
    """The signs of each method of each experiment, and what they mean, a line each."""

    signs: Mapping[Key, str]
    notes: list[str]


def marks(suite: Suite, scores: pd.DataFrame, metrics: Mapping[str, ModuleType]) -> Marks:
    """The marks of the numbers of one view; `metrics` are the modules of those in `scores`."""
    keys: list[Key] = list(dict.fromkeys(zip(scores.experiment, scores.method, strict=True)))
    methods = dict.fromkeys(method.partition("@")[0] for _, method in keys)
    said = {method: note(method) for method in methods}
    notes = [f"{method}{NOTED}: {text}." for method, text in said.items() if text]
    changed, reasons = _changed(suite, scores, metrics)
    if reasons:
        listed = "; ".join(f"in {reason}: {_named(names, scores)}" for reason, names in reasons.items())
        notes.append(f"{CHANGED}: differs from what suite {suite.name} says now, {listed}.")
    elsewhere, places = _elsewhere(scores)
    if places:
        listed = "; ".join(f"{_named(names, scores)} on {place}" for place, names in places.items())
        notes.append(f"{DEVICE}: drawn on another kind of device. Devices: {listed}.")
    found = ((NOTED, {key for key in keys if said[key[1].partition("@")[0]]}), (CHANGED, changed), (DEVICE, elsewhere))
    return Marks({key: "".join(sign for sign, marked in found if key in marked) for key in keys}, notes)


def note(method: str) -> str | None:
    """What a reader must know of a method, if its file says so as `NOTE`; nothing where the file cannot be read."""
    try:
        return literal(module(method), "NOTE") if (plugins.ROOT / module(method)).exists() else None
    except ConfigError:
        return None  # its numbers are marked for it


def _changed(
    suite: Suite, scores: pd.DataFrame, metrics: Mapping[str, ModuleType]
) -> tuple[set[Key], dict[str, dict[str, None]]]:
    """Whose numbers differ in version from what the suite says now, and in what, with the methods of each."""
    marked: set[Key] = set()
    reasons: dict[str, dict[str, None]] = {}
    columns = ["experiment", "task", "method", "metric", "version"]
    for experiment, name, method, metric, stated in scores[columns].drop_duplicates().itertuples(index=False):
        task = load_task(name, suite.world)
        if problem := broken(module(method)):
            found = [f"settings that cannot be read ({problem})"]
        else:
            now = version(suite, task, metrics[metric], method)
            was, new = (dict(zip(PARTS, text.split(".", len(PARTS) - 1), strict=False)) for text in (stated, now))
            what = {part: f"version {was.get(part) or 'not stated'}, now {new[part]}" for part in PARTS}
            what["conditions"] = CONDITIONS if was.get("conditions") else "not stated"
            names = {"task": f"task {name}", "metric": f"metric {metric}", "conditions": "conditions"}
            found = [f"{names[part]} ({what[part]})" for part in differing(stated, now)]
        for reason in found:
            marked.add((experiment, method))
            reasons.setdefault(reason, {})[method] = None
    return marked, reasons


def _elsewhere(scores: pd.DataFrame) -> tuple[set[Key], dict[str, dict[str, None]]]:
    """Whose images were drawn on another kind of device than the original's, and what was drawn on which."""
    if "device" not in scores or scores.device.nunique() < 2:
        return set(), {}
    originals = scores.device[scores.method == ORIGINAL]
    usual = (originals if len(originals) else scores.device).mode()[0]
    marked: set[Key] = set()
    places: dict[str, dict[str, None]] = {}
    columns = ["experiment", "method", "device"]
    for experiment, method, device in scores[columns].drop_duplicates().itertuples(index=False):
        places.setdefault(device or "a device that is not stated", {})[method] = None
        if device != usual:
            marked.add((experiment, method))
    return marked, places


def _named(methods: Iterable[str], scores: pd.DataFrame) -> str:
    methods = list(methods)
    return "all methods" if len(methods) == scores.method.nunique() > 1 else ", ".join(methods)
