"""The signs at a variant's name in tables and figures, and the notes below them that say what each sign means.

`*`: its method's file has a note. `§`: it was told the evaluated concepts. `†`: its numbers were not measured as the
suite says now. `‡`: its images were drawn on another kind of device. A scores.csv of somebody else, or an older one, is
thus shown, but not as if it were this suite's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType

import pandas as pd

from benchmark.errors import ConfigError
from benchmark.plan import plugins, variants
from benchmark.plan.config import load_set
from benchmark.plan.records import ORIGINAL, Variant
from benchmark.plan.source import broken, literal
from benchmark.plan.suite import Suite
from benchmark.plan.versions import PARTS, differing, version

NOTED, TOLD, CHANGED, DEVICE = "*", "§", "†", "‡"
CONDITIONS = "base model, sampler, budgets, prompts, or settings"
Key = tuple[str, Variant]  # experiment, variant
Reasons = dict[str, dict[Variant, None]]  # the variants that each reason holds for, in order


@dataclass(frozen=True)
class Marks:
    """The signs of each variant of each experiment, and what they mean, a line each."""

    signs: Mapping[Key, str]
    notes: list[str]


def marks(suite: Suite, scores: pd.DataFrame, metrics: Mapping[str, ModuleType]) -> Marks:
    """The marks of the numbers of one view.

    `scores` has the columns of `scores.read`; `metrics` are the modules of those in it.
    """
    keys: list[Key] = [(experiment, variant) for experiment, variant, *_ in _distinct(scores, "experiment")]
    noted = {variant.name: note(variant) for _, variant in keys}
    notes = [f"{name}{NOTED}: {text}." for name, text in noted.items() if text]
    told = dict.fromkeys(variant for _, variant in keys if variants.told(suite, variant))
    if told:
        what = "was told the evaluated concepts as concepts to keep; the others were not told them"
        notes.append(f"{TOLD}: {what}: {_listed(told, scores)}.")
    changed, reasons = _changed(suite, scores, metrics)
    if reasons:
        listed = "; ".join(f"in {reason}: {_listed(names, scores)}" for reason, names in reasons.items())
        notes.append(f"{CHANGED}: was not measured as suite {suite.name} says now. It differs {listed}.")
    elsewhere, places = _elsewhere(scores)
    if places:
        listed = "; ".join(f"{_listed(names, scores)} on {place}" for place, names in places.items())
        notes.append(f"{DEVICE}: drawn on another kind of device than their reference images. Devices: {listed}.")
    marked = {
        NOTED: {key for key in keys if noted[key[1].name]},
        TOLD: {key for key in keys if key[1] in told},
        CHANGED: changed,
        DEVICE: elsewhere,
    }
    return Marks({key: "".join(sign for sign, those in marked.items() if key in those) for key in keys}, notes)


def note(variant: Variant) -> str | None:
    """What a reader must know of a method, if its file says so as `NOTE`; nothing where the file cannot be read."""
    try:
        return literal(variant.file, "NOTE") if (plugins.ROOT / variant.file).exists() else None
    except ConfigError:
        return None  # its numbers are marked for it


def _distinct(scores: pd.DataFrame, *columns: str) -> list[tuple]:
    """The different values of `columns` together with the variant, which is the second of each."""
    first, *rest = columns
    rows = scores[[first, "variant", "checkpoint", *rest]].drop_duplicates().itertuples(index=False, name=None)
    return [(value, Variant(name, int(checkpoint)), *others) for value, name, checkpoint, *others in rows]


def _changed(suite: Suite, scores: pd.DataFrame, metrics: Mapping[str, ModuleType]) -> tuple[set[Key], Reasons]:
    """Whose numbers differ in version from what the suite says now, and in what."""
    marked: set[Key] = set()
    reasons: Reasons = {}
    columns = ("prompt_set", "metric", "observer", "version")
    for experiment, variant, name, metric, observer, stated in _distinct(scores, "experiment", *columns):
        prompt_set = load_set(name, suite.world)
        measure = next((m for m in prompt_set.measures if (m.metric, m.observer) == (metric, observer)), None)
        if problem := broken(variant.file):
            differs = [f"settings that cannot be read ({problem})"]
        elif measure is None:
            differs = [f"prompt set {name} (which no longer has the metric {metric} by {observer})"]
        else:
            now = version(suite, prompt_set, metrics[metric], measure, variant)
            was, new = (dict(zip(PARTS, text.split(".", len(PARTS) - 1), strict=False)) for text in (stated, now))
            what = {part: f"version {was.get(part) or 'not stated'}, now {new[part]}" for part in PARTS}
            what["conditions"] = CONDITIONS if was.get("conditions") else "not stated"
            names = {"prompt set": f"prompt set {name}", "metric": f"metric {metric}", "conditions": "conditions"}
            differs = [f"{names[part]} ({what[part]})" for part in differing(stated, now)]
        for reason in differs:
            marked.add((experiment, variant))
            reasons.setdefault(reason, {})[variant] = None
    return marked, reasons


def _elsewhere(scores: pd.DataFrame) -> tuple[set[Key], Reasons]:
    """Whose images were drawn on another kind of device than their reference images, and what was drawn on which."""
    if "device" not in scores or scores.device.nunique() < 2:
        return set(), {}
    shown = ["experiment", "prompt_set", "asked", "wording"]  # what an image and its reference image show
    originals = scores[scores.method == ORIGINAL].drop_duplicates(shown).set_index(shown).device
    usual = (originals if len(originals) else scores.device).mode()[0]
    marked: set[Key] = set()
    places: Reasons = {}
    for experiment, variant, device, *rest in _distinct(scores, "experiment", "device", *shown[1:]):
        places.setdefault(device or "a device that is not stated", {})[variant] = None
        if device != originals.get((experiment, *rest), usual):
            marked.add((experiment, variant))
    return marked, places


def _listed(named: Iterable[Variant], scores: pd.DataFrame) -> str:
    """Variants for people: their names, or that they are all."""
    named = list(named)
    every = len(scores[["variant", "checkpoint"]].drop_duplicates())
    return "all of them" if len(named) == every > 1 else ", ".join(map(str, named))
