"""Each value of a YAML file in turn is made another, and what then has another cause is held against what must have."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable

import edits
import pytest
import yaml
from conftest import ROOT, forget

from benchmark.errors import ConfigError
from benchmark.plan import grid, plugins, variants
from benchmark.plan.records import NOTHING

Expected = Callable[[tuple, grid.Plan, grid.Plan], set[str]]  # the leaf, the plan before, the plan after: jobs


@pytest.fixture
def write(tmp_path, monkeypatch):
    """`write(path, data)` writes a YAML file of a copy of what planning reads."""
    for folder in ("benchmark", "methods", "classifiers"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(plugins, "ROOT", tmp_path)

    def to(path: str, data: object) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False))
        forget(code=False)

    yield to
    forget()


# The keys below which names stand that somebody chose, of variants, concepts and the like.
NAMES = ("settings", "experiments", "gate", "expected", "concepts", "others", "anchors", "sentences", "wordings")


def kind(leaf: tuple) -> tuple:
    """What a leaf is, without the names that somebody chose: `phrase` of some concept, `seeds` of some experiment."""
    return tuple("*" if i and leaf[i - 1] in NAMES else part for i, part in enumerate(leaf))


def one_of_each_kind(leaves: Iterable[tuple]) -> list[tuple]:
    """The first leaf of each kind."""
    first: dict[tuple, tuple] = {}
    for leaf in leaves:
        first.setdefault(kind(leaf), leaf)
    return list(first.values())


def walk(
    write, path: str, data: dict, suite: str, expected: Expected, capsys, leaves: Iterable[tuple], removed: tuple = ()
) -> None:
    """Mutate leaves of a YAML file; what changes must be what `expected` says. Leaves of `removed` go, too."""
    write(path, data)
    plan = grid.plan({"suite": suite})
    before = edits.keys_of(plan)
    tried: Counter[str] = Counter()
    mutations = [(leaf, edits.mutated(data, leaf)) for leaf in leaves if leaf != ("world",)]  # that is another suite
    mutations += [(leaf, edits.without(data, leaf)) for leaf in removed]
    for leaf, another in mutations:
        write(path, another)
        try:
            new = grid.plan({"suite": suite})
            after = edits.keys_of(new)
        except ConfigError as error:
            assert "\n" not in str(error)
            tried["refused"] += 1
            continue
        got, wanted = edits.changed(before, after), expected(leaf, plan, new)
        tried["changed"] += 1
        assert got == wanted, f"{leaf}: wrongly {sorted(got - wanted)[:3]}, missing {sorted(wanted - got)[:3]}"
    write(path, data)
    assert edits.keys({"suite": suite}) == before and tried["changed"] > tried["refused"]
    with capsys.disabled():
        print(f"\n{path}: {tried['changed']} values edited, {tried['refused']} refused")


# ── jobs of a plan ──


def drawn(plan: grid.Plan, name: str) -> set[str]:
    """All drawing on a prompt set, and its rows."""
    return edits.matching([f"prompts {name}", f"generate {name}/*"], edits.names(plan))


def looked_at(plan: grid.Plan, name: str) -> set[str]:
    return edits.matching([f"observe {name}/*"], edits.names(plan))


def learnt(plan: grid.Plan, *names: str) -> set[str]:
    """The drawing of what classifiers or methods learn from: of sets whose names match these patterns."""
    return edits.matching(
        [job for name in names for job in (f"prompts {name}", f"generate {name}/*")], edits.names(plan)
    )


def erasing(old: grid.Plan, new: grid.Plan, differs: Callable[[grid.Shard], bool]) -> set[str]:
    """The erasures of both plans' shards that differ."""
    both = [shard for path, shard in old.shards.items() if path in new.shards and shard != grid.BASE]
    return {f"erase {shard.path}" for shard in both if differs(shard)}


def drawing(plan: grid.Plan, shard: grid.Shard) -> set[str]:
    """The drawing of a shard's models on all sets on which they are looked at."""
    return {f"generate {name}/{path}" for name, path in plan.looked_at if path == shard.path}


def losing_nothing(plan: grid.Plan, task: str) -> set[str]:
    """The drawing of the original, and of other controls, on a task's own set, and its rows."""
    shards = {path for path, shard in plan.shards.items() if shard.concepts == (NOTHING,)}
    own = {f"generate {name}/{path}" for name, path in plan.looked_at if name == task and path in shards}
    return own | {f"prompts {task}"}


def pools(old: grid.Plan, new: grid.Plan) -> set[str]:
    """The drawing of sets that both plans have, and that show other concepts in one than in the other."""
    both = {name for name in old.sets.keys() & new.sets.keys() if old.sets[name].source != new.sets[name].source}
    return learnt(old, *both) if both else set()


def settings(plan: grid.Plan, shard: grid.Shard) -> dict:
    return variants.settings(plan.suite, shard.variant)


def details_shown(plan):
    """The details that some view asks for: scores are made with them beside."""
    modules = [plugins.load(*f"benchmark/{view}".rsplit("/", 1)) for view in plan.views]
    return {detail for module in modules for detail in getattr(module, "DETAILS", ())}


def unread(old, new, task):
    """The views of a task that read a metric which no task feeds to them any more."""
    found = set()
    for view in old.views:
        tasks = {e.task for e in old.suite.experiments.values() if view in e.views}
        before, after = (
            {
                measure.metric
                for name in tasks
                for asked in plan.tasks[name].sets
                for measure in plan.sets[asked].measures
            }
            for plan in (old, new)
        )
        found |= {f"view {view}"} if before != after else set()
    return found
