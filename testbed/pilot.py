"""Chooses the testbed's method settings by trials on reserved concepts: `python -m testbed.pilot`.

Selection rule, per method: among the settings that left no image of any reserved concept, the one with the highest
accuracy on what must be kept, averaged over the concepts; if there is none, the one that left the fewest; ties go to
fewer seconds. All trials are kept in docs/pilot.csv; a killed pilot goes on where it stopped.

The trials are a race: a setting that left something of one concept is not tried on the next, nor is one that could not
win any more with perfect trials there (`contenders`). That saves half of them and changes no choice, unless every
setting left something; then the last one to be beaten is taken to its end. What is kept is looked at only where
nothing was left, since the rule asks for it only there.

The rule as first written took up to 10 % left, on one style and one object. Its first choice, fifteen steps of ESD, was
at the edge: it left 88 % of chalk and all churches in the suite `quick`. So the rule became stricter and the reserved
concepts four, for all methods, when ESD's and SDD's trials on the first two were done, and of the others' one run.
The race came when ESD's were complete and SDD's half.
"""

from __future__ import annotations

import csv
import itertools
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from benchmark import cli, grid, plugins, sampling, workbench
from benchmark.errors import BenchmarkError
from benchmark.files import sha256, write_atomically
from benchmark.records import Concept, Sampler, Templates, digest
from classifiers import testbed_backbone
from testbed import dataset

FOLDER = Path(__file__).parent
PLAN = FOLDER / "pilot.yaml"
DOCS = FOLDER.parent / "docs"
COLUMNS = ("method", "settings", "concept", "erased", "kept", "seconds", "key")
BASE = "testbed/model"


def main(workers: int = 2, methods: list[str] | None = None, chosen_only: bool = False, plan_file: Path = PLAN) -> None:
    """Run the trials that docs/<plan>.csv lacks and print the setting that the rule chooses for each method.

    Args:
        workers: processes side by side, one thread each.
        methods: only these labels of the plan.
        chosen_only: run nothing, apply the rule to the trials that are there.
        plan_file: concepts, conditions and grids. With `race: false` every trial of it is run, and nothing is chosen.
    """
    plan, table = planned(plan_file), _table(plan_file)
    race = plan.get("race", True)
    if chosen_only and not race:
        raise BenchmarkError(f"--chosen-only: {plan_file} is no race: none of its settings is chosen")
    for label in methods or ():
        if label not in plan["methods"]:
            raise BenchmarkError(plugins.unknown("--methods", label, plan["methods"], "label"))
    conditions = [plan[what] for what in ("sampler", "images", "reserved")]
    base = sha256(FOLDER / "model" / "unet" / "diffusion_pytorch_model.safetensors")

    def key(label: str, settings: dict[str, Any], name: str) -> str:
        return digest([base, label, settings, plan["concepts"][name], name, *conditions])

    grids = {
        label: {_text(settings): settings for settings in _grid(entry)} for label, entry in plan["methods"].items()
    }
    wanted = {
        key(label, s, name) for label, grid_ in grids.items() for s in grid_.values() for name in plan["concepts"]
    }
    done = {k: row for k, row in _read(table).items() if k in wanted}  # trials on other weights say nothing of these

    def trials(label: str) -> Trials:
        rows = [row for row in done.values() if row["method"] == label]
        return {text: [row for row in rows if row["settings"] == text] for text in grids[label]}

    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as processes:
        for name, kind in () if chosen_only else plan["concepts"].items():
            runs: dict[str, tuple] = {}  # trials that differ in their number of steps alone are looks at one run
            for label in methods or plan["methods"]:
                for text in contenders(trials(label), len(plan["concepts"])) if race else grids[label]:
                    settings = grids[label][text]
                    rest = {k: v for k, v in settings.items() if k != "steps"}
                    if key(label, settings, name) not in done:
                        what = (plan_file, label, rest, kind, name, {})
                        looks = runs.setdefault(_text({"label": label} | rest), what)[-1]
                        looks[settings["steps"]] = (key(label, settings, name), text)
            running = [processes.submit(run, *what) for what in runs.values()]
            for finished in cli.progress(as_completed(running), len(running), f"runs on {name}"):
                for row in finished.result():
                    done[row["key"]] = row
                    print({k: row[k] for k in COLUMNS[:-1]}, flush=True)
                _write(table, done)
    for label in plan["methods"] if race else ():
        print(label, choose(trials(label)))


Trials = dict[str, list[dict[str, Any]]]  # a method's settings as written -> what was seen of each concept


def contenders(trials: Trials, concepts: int) -> list[str]:
    """The settings that the rule may still choose: nothing left so far, and not behind a finished one whatever follows.

    Args:
        trials: all settings of a method, also those not tried yet.
        concepts: on how many a setting is tried in the end.
    """
    clean = {s: [float(r["kept"]) for r in rows] for s, rows in trials.items() if _left(rows) == 0}
    best = max((sum(kept) for kept in clean.values() if len(kept) == concepts), default=0.0)
    alive = [s for s, kept in clean.items() if sum(kept) + (concepts - len(kept)) >= best]
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
        return min(clean, key=lambda s: (-np.mean([float(r["kept"]) for r in tried[s]]), seconds(s)))
    return min(tried, key=lambda s: (_left(tried[s]), seconds(s)))


def _left(rows: list[dict[str, Any]]) -> float:
    return float(np.mean([float(r["erased"]) for r in rows])) if rows else 0.0


def run(
    plan_file: Path, label: str, settings: dict[str, Any], kind: str, name: str, looks: dict[int, tuple[str, str]]
) -> list[dict[str, Any]]:
    """Erase one reserved concept and look, after each number of steps, at what is left of it and of the rest.

    Args:
        looks: for each number of steps, the key of its trial and its settings as they are written.
    """
    plan, (model, clean, judges) = planned(plan_file), loaded()
    counts, sampler = plan["images"], Sampler(**plan["sampler"])
    model.set_weights(clean)
    model.unet.requires_grad_(False)
    model.generator, model.trace = torch.Generator().manual_seed(0), []
    model.templates = Templates(**plan["templates"][kind])
    model.pool = pool(name, plan_file)
    method = plugins.load("methods", Path(grid.module(label)).stem)

    def accuracy(phrases: list[str], n: int) -> float:
        shots = [sampling.Shot(phrase, 400_000 + i, 0, 1) for phrase in phrases for i in range(n)]
        pictures = torch.from_numpy(np.stack(list(sampling.draw(model, shots, sampler)))).permute(0, 3, 1, 2) / 255
        with torch.no_grad():
            what, how = (logits.argmax(1).tolist() for logits in judges(pictures))
        seen = [
            dataset.styles()[s] if phrase in dataset.styles() else dataset.objects()[o]
            for phrase, o, s in zip(np.repeat(phrases, n), what, how, strict=True)
        ]
        return float(np.mean([a == b for a, b in zip(seen, np.repeat(phrases, n), strict=True)]))

    rows, seconds, began = [], 0.0, time.monotonic()
    for state in method.erase(model, Concept(name, name, name), method.Settings(**settings, steps=max(looks))):
        if state is None or state["step"] not in looks:
            continue
        seconds += time.monotonic() - began
        key, written = looks[state["step"]]
        student = {k: v.clone() for k, v in state["weights"].items()}
        model.set_weights(state["average"] or student)
        left = accuracy([name], counts["erased"])
        others = [r for r in plan["reserved"] if r != name]
        kept = "" if left else round(accuracy(others, counts["kept"]), 4)
        found = {"erased": round(left, 4), "kept": kept, "seconds": round(seconds, 1)}
        rows.append({"method": label, "settings": written, "concept": name, "key": key} | found)
        model.set_weights(student)
        began = time.monotonic()
    return rows


@cache
def planned(plan_file: Path = PLAN) -> dict[str, Any]:
    try:
        return yaml.safe_load(plan_file.read_text())
    except OSError as error:
        raise BenchmarkError(f"{plan_file}: cannot be read: {error.strerror}") from error


@cache
def loaded() -> tuple:
    torch.set_num_threads(1)
    model = workbench.load(BASE)
    return model, model.copy(), testbed_backbone.load()


@cache
def pool(name: str, plan_file: Path = PLAN) -> torch.Tensor:
    """The original's pictures of a concept, as erasing jobs get them."""
    plan = planned(plan_file)
    shots = [sampling.Shot(name, 300_000 + i, 0, 1) for i in range(plan["images"]["pool"])]
    pictures = np.stack(list(sampling.draw(loaded()[0], shots, Sampler(**plan["sampler"]))))
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def _grid(entry: dict[str, Any]) -> list[dict[str, Any]]:
    values = itertools.product(*entry["grid"].values())
    return [entry["fixed"] | dict(zip(entry["grid"], each, strict=True)) for each in values]


def _text(settings: dict[str, Any]) -> str:
    return ", ".join(f"{k}: {v:.1e}" if isinstance(v, float) and v < 0.01 else f"{k}: {v}" for k, v in settings.items())


def _table(plan_file: Path) -> Path:
    """Where trials are kept: in docs/ those of this folder's plans, beside them those of others."""
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
        writer.writerows(sorted(rows.values(), key=lambda r: (r["method"], r["settings"], r["concept"])))


if __name__ == "__main__":
    cli.run(main)
