"""Edits of settings and of source files, and which jobs' causes each must change: no more, no fewer.

Jobs are named as in `causes.jobs`, "rule name"; what an edit changes is said by patterns of such names. Jobs downstream
of a change run, too: `planned` follows the workflow's arrows.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from benchmark.plan import causes, grid
from benchmark.plan.records import digest

LEARNT = re.compile(r"_training$|_pool_(concept_\w+|anchor)$")  # the sets from which classifiers and methods learn
Keys = dict[str, str]  # of each job: the digest of its cause


def keys(config: Mapping[str, Any]) -> Keys:
    """The key of every job that a configuration plans."""
    return keys_of(grid.plan(config, tolerant=True))  # whether files are broken is not asked here


def keys_of(plan: grid.Plan) -> Keys:
    return {" ".join(job): digest(cause()) for job, cause in causes.jobs(plan).items()}


def fresh(root: Path, suite: str) -> Keys:
    """The keys of all jobs of a suite, as a new process in a copy of the repository makes them."""
    paths = {"PYTHONPATH": f"{root}:{Path(__file__).parent}", "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    code = f"import edits, gc, json; gc.set_threshold(100_000); print(json.dumps(edits.keys({{'suite': {suite!r}}})))"
    end = subprocess.run([sys.executable, "-c", code], cwd=root, env=paths, capture_output=True, text=True)
    assert end.returncode == 0, end.stderr
    return json.loads(end.stdout)


def changed(before: Keys, after: Keys) -> set[str]:
    """Jobs whose cause is another, and jobs that only one of the two plans has."""
    return {job for job in before.keys() | after.keys() if before.get(job) != after.get(job)}


def names(plan: grid.Plan) -> set[str]:
    """The jobs of a plan."""
    return {" ".join(job) for job in causes.jobs(plan)}


def matching(patterns: Iterable[str], jobs: Iterable[str]) -> set[str]:
    return {job for pattern in patterns for job in jobs if fnmatchcase(job, pattern)}


def planned(edited: set[str], jobs: Iterable[str]) -> set[str]:
    """The jobs that run when those of `edited` have another cause: they, and all that stand on what they make."""
    run = set(edited) & set(jobs)
    while True:
        more = {job for job in jobs if job not in run and any(_feeds(other, job) for other in run)}
        if not more:
            return run
        run |= more


def _feeds(one: str, other: str) -> bool:
    """Whether a job reads what another made. They are named as in `causes.jobs`."""
    (rule, name), (reader, its) = one.split(" ", 1), other.split(" ", 1)
    (prompt_set, _, shard), (its_set, _, its_shard) = name.partition("/"), its.partition("/")
    match rule, reader:
        case "base", _:
            return reader in ("train_classifier", "erase", "generate", "embed")
        case (("prompts" | "train_classifier"), ("generate" | "observe")):
            return its_set == name and (rule, reader) in (("prompts", "generate"), ("train_classifier", "observe"))
        case "prompts", "score":
            return not LEARNT.search(name)
        case "generate", "train_classifier":
            return prompt_set == f"{its}_training"
        case "generate", "erase":
            return _trains_on(its, prompt_set)
        case "erase", "generate":
            return its_shard == name
        case "generate", "observe":
            return its == name or (its_set == prompt_set and shard == grid.BASE.path)
        case "generate", "view":
            return its.endswith("gallery") and not LEARNT.search(prompt_set)
        case ("observe", "score") | ("embed", "score") | ("score", "view"):
            return True
    return False


def _trains_on(shard: str, pool: str) -> bool:
    """Whether a shard's method trains on the images of a set, by the shipped methods' names."""
    task, variant, _, name = shard.split("/")
    if variant in ("abconcept-model", "abconcept-noise"):
        return pool == f"{task}_pool_anchor"
    return variant.startswith(("abconcept", "advanchor")) and pool == f"{task}_pool_concept_{name}"


# ── leaves of YAML files ──


def leaves(data: Any, path: tuple = ()) -> Iterator[tuple]:
    """The path of every value of a nested mapping; a list is one value."""
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from leaves(value, (*path, key))
    else:
        yield path


def mutated(data: Any, path: tuple) -> Any:
    """A copy with another value at a path, of the same kind."""
    data = copy.deepcopy(data)
    *way, last = path
    place = data
    for key in way:
        place = place[key]
    place[last] = another(last, place[last])
    return data


def without(data: Any, path: tuple) -> Any:
    """A copy without the entry at a path."""
    data = copy.deepcopy(data)
    *way, last = path
    place = data
    for key in way:
        place = place[key]
    del place[last]
    return data


NAMED = {  # values that are names: another one that exists
    "scheduler": {"dpm": "ddim", "lms": "ddim"},
    "precision": {"float32": "bfloat16"},
    "loss": {"l1": "l2", "l2": "l1"},
    "group": {"noxattn": "selfattn", "xattn-kv": "xattn"},
    "similarity": {"dot": "cosine"},
    "site": {"output": "input"},
    "strategy": {"sequential": "cyclical", "cyclical": "sequential"},
    "span": {"words": "tokens"},
    "anchor": {"adversarial": "empty"},
    "form": {"model": "noise", "noise": "model"},
    "pool": {"anchor": "concept"},
    "optimizer": {"adamw": "adam"},
    "shard": {"all": "one", "one": "all"},
    "network": {
        "testbed_style": "resnet18",
        "testbed_object": "resnet50",
        "resnet18": "resnet50",
        "resnet50": "resnet18",
    },
    "fid": {"testbed": "inception", "inception": "testbed"},
    "kid": {"testbed": "inception", "inception": "testbed"},
    "lpips": {"testbed": "alex_64", "alex_64": "testbed"},
    "file": {"rows/a.csv": "rows/b.csv"},
    "text": {"prompt": "other"},
    "noise_seed": {"seed": "second_seed"},
    "score_by": {"set": "concept"},
    "named_anchor": {"closest": "least", "imitated": "least", "parent": "least", "least": "closest"},
    "sentence": {"word": "short", "short": "long", "long": "short"},
    "of": {"style": "object", "object": "style"},
    "base": {"testbed/model": "testbed/other", "CompVis/stable-diffusion-v1-4": "somebody/another"},
    "world": {"testbed": "paper", "paper": "testbed"},
    "task": {"style": "object", "object": "style", "portrait": "style"},
}  # fmt: skip


def another(key: str, value: Any) -> Any:
    """A value of the same kind that is not the same."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value * 2 if value else 1
    if isinstance(value, float):
        return value * 0.9 or 0.5
    if isinstance(value, str):
        return NAMED.get(key, {}).get(value, f"{value} x")
    if isinstance(value, list):
        return value[:-1]
    return {"new": "new"} if value == {} else value


# ── source files ──


@dataclass(frozen=True)
class Edit:
    """A text in a file, another in its place, and patterns of the jobs whose causes it changes."""

    file: str
    old: str
    new: str
    changes: tuple[str, ...]
    run: str = ""  # the suite on which it is run for real
    always: bool = False  # in `make test`, too

    @property
    def name(self) -> str:
        return f"{self.file}: {self.new.strip().splitlines()[0][:50]}"

    def make(self, root: Path) -> None:
        """Edit the file in a copy of the repository."""
        path = root / self.file
        text = path.read_text()
        assert text.count(self.old) >= 1, f"{self.file} has no {self.old!r}"
        path.write_text(text.replace(self.old, self.new, 1))


def read(path: Path) -> list[Edit]:
    """The edits of a YAML file."""
    return [Edit(**entry | {"changes": tuple(entry["changes"])}) for entry in yaml.safe_load(path.read_text())]
