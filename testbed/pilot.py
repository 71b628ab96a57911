"""Chooses the testbed's method settings by trials on reserved concepts: `python -m testbed.pilot`.

A trial erases one reserved concept with one setting, and counts how often classifiers still see the concept (what is
left of it), and how often they see the other reserved concepts when these are asked for (what is retained).

The selection rule, for each method: among the settings that left nothing of any reserved concept, the one with the
highest accuracy on retained concepts, averaged over the erased ones; if every setting left something, the one that left
least. Of equals the faster wins. All trials are kept in docs/pilot.csv; a killed pilot goes on where it stopped.

The trials are a race (`contenders`): a setting that left something of one concept is not tried on the next, and neither
is one that would not win even with perfect trials there. This saves half of the trials and changes no choice, unless
every setting left something: then the last one to be beaten is taken to the end. Retained concepts are looked at only
where nothing was left, since the rule does not ask for them elsewhere.

This rule is the second. The first accepted settings that left up to 10 %, on one style and one object. It chose fifteen
steps of ESD, which then left 88 % of chalk and all churches in the suite `quick`. So the rule was made stricter for all
methods, and two reserved concepts were added. By then the trials of ESD and SDD on the first two concepts were done, as
was one run of each other method. The race was added when the trials of ESD were complete and those of SDD half done.
"""

from __future__ import annotations

import csv
import itertools
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from benchmark.errors import BenchmarkError
from benchmark.files import sha256, write_atomically
from benchmark.model import sampling, workbench
from benchmark.plan import plugins
from benchmark.plan.records import Request, Sampler, Target, Templates, Variant, digest
from benchmark.running import cli
from classifiers import testbed_backbone
from testbed import dataset

FOLDER = Path(__file__).parent
PLAN = FOLDER / "pilot.yaml"
DOCS = FOLDER.parent / "docs"
COLUMNS = ("variant", "settings", "concept", "erased", "retained", "seconds", "key")
BASE = "testbed/model"


def main(
    workers: int = 2, variants: list[str] | None = None, chosen_only: bool = False, plan_file: Path = PLAN
) -> None:
    """Run the trials that docs/<plan>.csv lacks and print the setting that the rule chooses for each variant.

    Args:
        workers: processes side by side, one thread each.
        variants: only these of the plan.
        chosen_only: run nothing, apply the rule to the trials that are there.
        plan_file: concepts, conditions and grids. With `race: false` every trial of it is run, and nothing is chosen.
    """
    plan, table = planned(plan_file), _table(plan_file)
    race = plan.get("race", True)
    if chosen_only and not race:
        raise BenchmarkError(f"--chosen-only: {plan_file} is no race: none of its settings is chosen")
    for variant in variants or ():
        if variant not in plan["variants"]:
            raise BenchmarkError(plugins.unknown("--variants", variant, plan["variants"], "variant"))
    conditions = [plan[what] for what in ("sampler", "images", "reserved")]
    base = sha256(FOLDER / "model" / "unet" / "diffusion_pytorch_model.safetensors")

    def key(variant: str, settings: dict[str, Any], name: str) -> str:
        return digest([base, variant, settings, plan["concepts"][name], name, *conditions])

    grids = {
        variant: {_text(settings): settings for settings in _grid(entry)} for variant, entry in plan["variants"].items()
    }
    wanted = {
        key(variant, s, name) for variant, each in grids.items() for s in each.values() for name in plan["concepts"]
    }
    done = {k: row for k, row in _read(table).items() if k in wanted}  # trials on other weights say nothing of these

    def trials(variant: str) -> Trials:
        rows = [row for row in done.values() if row["variant"] == variant]
        return {text: [row for row in rows if row["settings"] == text] for text in grids[variant]}

    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as processes:
        for name, kind in () if chosen_only else plan["concepts"].items():
            runs: dict[str, tuple] = {}  # one run serves all trials that differ in their number of steps alone
            for variant in variants or plan["variants"]:
                for text in contenders(trials(variant), len(plan["concepts"])) if race else grids[variant]:
                    settings = grids[variant][text]
                    rest = {k: v for k, v in settings.items() if k != "steps"}
                    if key(variant, settings, name) not in done:
                        what = (plan_file, variant, rest, kind, name, {})
                        looks = runs.setdefault(_text({"variant": variant} | rest), what)[-1]
                        looks[settings["steps"]] = (key(variant, settings, name), text)
            running = [processes.submit(run, *what) for what in runs.values()]
            for finished in cli.progress(as_completed(running), len(running), f"runs on {name}"):
                for row in finished.result():
                    done[row["key"]] = row
                    print({k: row[k] for k in COLUMNS[:-1]}, flush=True)
                _write(table, done)
    for variant in plan["variants"] if race else ():
        print(variant, choose(trials(variant)))


Trials = dict[str, list[dict[str, Any]]]  # settings as they are written -> what was seen of each concept


def contenders(trials: Trials, concepts: int) -> list[str]:
    """The settings that the rule may still choose.

    Nothing was left with them so far, and perfect trials on the other concepts would take them past the finished ones.

    Args:
        trials: all settings of a variant, also those that were not tried yet.
        concepts: the number of concepts on which a setting is tried in the end.
    """
    clean = {s: [float(r["retained"]) for r in rows] for s, rows in trials.items() if _left(rows) == 0}
    best = max((sum(shares) for shares in clean.values() if len(shares) == concepts), default=0.0)
    alive = [s for s, shares in clean.items() if sum(shares) + (concepts - len(shares)) >= best]
    return alive or [min(trials, key=lambda s: (_left(trials[s]), -len(trials[s])))]


def choose(trials: Trials) -> str | None:
    """The settings that the selection rule takes, among those tried on most concepts."""
    most = max(map(len, trials.values()))
    tried = {s: rows for s, rows in trials.items() if len(rows) == most}
    if most == 0:
        return None

    def seconds(s: str) -> float:
        return float(np.mean([float(r["seconds"]) for r in tried[s]]))

    clean = [s for s in tried if _left(tried[s]) == 0]
    if clean:
        return min(clean, key=lambda s: (-np.mean([float(r["retained"]) for r in tried[s]]), seconds(s)))
    return min(tried, key=lambda s: (_left(tried[s]), seconds(s)))


def _left(rows: list[dict[str, Any]]) -> float:
    return float(np.mean([float(r["erased"]) for r in rows])) if rows else 0.0


def run(
    plan_file: Path, variant: str, settings: dict[str, Any], kind: str, name: str, looks: dict[int, tuple[str, str]]
) -> list[dict[str, Any]]:
    """Erase one reserved concept; after each number of steps in `looks`, count what is left and what is retained.

    Args:
        looks: for each number of steps, the key of its trial and its settings as they are written.
    """
    plan, (model, _, backbone) = planned(plan_file), loaded()
    counts, sampler = plan["images"], Sampler(**plan["sampler"])

    def accuracy(phrases: list[str], n: int) -> float:
        shots = [sampling.Shot(phrase, 400_000 + i, 0, 1, sampler.guidance) for phrase in phrases for i in range(n)]
        pictures = torch.from_numpy(np.stack(list(sampling.draw(model, shots, sampler)))).permute(0, 3, 1, 2) / 255
        with torch.no_grad():
            what, how = (logits.argmax(1).tolist() for logits in backbone(pictures))
        seen = [
            dataset.styles()[s] if phrase in dataset.styles() else dataset.objects()[o]
            for phrase, o, s in zip(np.repeat(phrases, n), what, how, strict=True)
        ]
        return float(np.mean([a == b for a, b in zip(seen, np.repeat(phrases, n), strict=True)]))

    rows, seconds, began = [], 0.0, time.monotonic()
    templates = Templates(**plan["templates"][kind])
    for state in erasing(variant, name, settings | {"steps": max(looks)}, templates, pool(name, plan_file)):
        if state is None or state["step"] not in looks:
            continue
        seconds += time.monotonic() - began
        key, written = looks[state["step"]]
        student = {k: v.clone() for k, v in state["weights"].items()}
        model.set_weights(state["average"] or student)
        left = accuracy([name], counts["erased"])
        others = [r for r in plan["reserved"] if r != name]
        retained = "" if left else round(accuracy(others, counts["retained"]), 4)
        numbers = {"erased": round(left, 4), "retained": retained, "seconds": round(seconds, 1)}
        rows.append({"variant": variant, "settings": written, "concept": name, "key": key} | numbers)
        model.set_weights(student)
        began = time.monotonic()
    return rows


def erasing(
    variant: str, name: str, settings: dict[str, Any], templates: Templates, images: torch.Tensor
) -> Iterator[Any]:
    """The steps by which a variant erases a concept from `loaded()`'s model, with the settings given; seeded with 0."""
    model, clean, _ = loaded()
    model.set_state(clean)
    model.unet.requires_grad_(False)
    model.generator, model.trace = torch.Generator().manual_seed(0), []
    model.pool, request = images, Request((Target(name, name),), templates=templates)
    method = plugins.load("methods", Variant(variant).method)
    return method.erase(model, request, method.Settings(**settings))


@cache
def planned(plan_file: Path = PLAN) -> dict[str, Any]:
    try:
        return yaml.safe_load(plan_file.read_text())
    except OSError as error:
        raise BenchmarkError(f"{plan_file}: cannot be read: {error.strerror}") from error


@cache
def loaded() -> tuple[workbench.Workbench, dict[str, torch.Tensor], testbed_backbone.Backbone]:
    """The testbed's model, its weights as they ship, and the network with which its images are looked at."""
    torch.set_num_threads(1)
    model = workbench.load(BASE)
    return model, model.copy(), testbed_backbone.load()


@cache
def pool(name: str, plan_file: Path = PLAN) -> torch.Tensor:
    """The original's pictures of a concept, as erasing jobs get them."""
    plan = planned(plan_file)
    (model, clean, _), sampler = loaded(), Sampler(**plan["sampler"])
    model.set_state(clean)
    shots = [sampling.Shot(name, 300_000 + i, 0, 1, sampler.guidance) for i in range(plan["images"]["pool"])]
    pictures = np.stack(list(sampling.draw(model, shots, sampler)))
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def _grid(entry: dict[str, Any]) -> list[dict[str, Any]]:
    values = itertools.product(*entry["grid"].values())
    return [entry["fixed"] | dict(zip(entry["grid"], each, strict=True)) for each in values]


def _text(settings: dict[str, Any]) -> str:
    return ", ".join(f"{k}: {v:.1e}" if isinstance(v, float) and v < 0.01 else f"{k}: {v}" for k, v in settings.items())


def _table(plan_file: Path) -> Path:
    """Where the trials of a plan are kept: in docs/ if the plan is in this folder, else beside the plan."""
    ours = plan_file.resolve().parent == FOLDER.resolve()
    return DOCS / f"{plan_file.stem}.csv" if ours else plan_file.with_suffix(".csv")


def _read(table: Path) -> dict[str, dict[str, Any]]:
    if not table.exists():
        return {}
    with table.open(newline="") as file:
        return {row["key"]: row for row in csv.DictReader(file)}


def _write(table: Path, rows: dict[str, dict[str, Any]]) -> None:
    with write_atomically(table) as aside, aside.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows.values(), key=lambda r: (r["variant"], r["settings"], r["concept"])))


if __name__ == "__main__":
    cli.run(main)
