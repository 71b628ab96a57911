"""A cause is written once, and is right: each edit changes the causes that it must change, and no others.

What the edits plan is run for real in tests/test_edited_runs.py.
"""

import re
import shutil
from collections import Counter
from pathlib import Path

import edits
import pytest
import yaml
from conftest import ROOT

from benchmark import causes, code, grid, plugins
from benchmark.errors import ConfigError

SUITES = plugins.names("benchmark/suites", ".yaml")
TASKS = plugins.names("benchmark/tasks", ".yaml")
LARGEST = {"testbed": "testbed", "paper": "paper"}  # of each world: the suite with most tasks


@pytest.fixture
def write(tmp_path, monkeypatch):
    """`write(path, data)` writes a YAML file of a copy of what planning reads."""
    for folder in ("benchmark", "methods", "classifiers"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(plugins, "ROOT", tmp_path)

    def to(path: str, data: object) -> None:
        (tmp_path / path).write_text(yaml.safe_dump(data, sort_keys=False))
        grid.load_suite.cache_clear()
        grid.load_task.cache_clear()

    yield to
    grid.load_suite.cache_clear()
    grid.load_task.cache_clear()


def walk(write, path: str, suite: str, expected, capsys) -> None:
    """Mutate each leaf of a YAML file; what changes must be what `expected(leaf, plan, new plan)` says."""
    data = yaml.safe_load((ROOT / path).read_text())
    write(path, data)
    plan, before = grid.plan({"suite": suite}), edits.keys({"suite": suite})
    tried = Counter()
    for leaf in edits.leaves(data):
        if leaf == ("world",):
            continue  # the suite is then another one, with other concepts
        write(path, edits.mutated(data, leaf))
        try:
            new, after = grid.plan({"suite": suite}), edits.keys({"suite": suite})
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


# ── suites ──

SIMPLE = {  # what another value changes, by its key's path
    r"title": ["view *"],
    r"base|revision": ["base ", "score "],
    r"sampler\.(scheduler|steps|guidance|precision)": [*edits.DRAWN, "score "],
    r"sampler\.size": ["base ", *edits.DRAWN, "erase *", "observe *", "score "],
    r"sampler\.batch": [*edits.DRAWN, "observe *", "score "],
    r"sampler\.threads": [*edits.DRAWN, "erase *", "classify *", "observe *", "score "],
    r"budgets\.(erased|retained|images_per_seed)": ["generate *", "score "],
    r"budgets\.pool": ["pool *", "score "],
    r"budgets\.train": ["train_images *", "score "],
}


@pytest.mark.parametrize("suite", SUITES)
def test_each_value_of_a_suite_changes_what_it_must(write, suite, capsys):
    def expected(leaf, old, new):
        jobs = edits.names(old) | edits.names(new)
        for path, patterns in SIMPLE.items():
            if re.fullmatch(path, ".".join(leaf)):
                return edits.matching(patterns, jobs) - (none_retained(old) if leaf[-1] == "retained" else set())
        differing = edits.names(old) ^ edits.names(new)  # jobs that only one of the two plans has
        if leaf[0] == "part":
            return differing
        if leaf[0] == "settings":
            return differing | {"score "} | erasing(old, new, lambda part: settings(old, part) != settings(new, part))
        assert leaf[0] == "experiments"
        views = {f"view {view}" for view in old.suite.experiments[leaf[1]].views}
        if leaf[2] == "views":
            return views - {f"view {view}" for view in new.suite.experiments[leaf[1]].views}
        fewer = erasing(old, new, lambda part: part.concepts != new.parts[part.path].concepts)
        fewer |= {job.replace("erase", "generate", 1) for job in fewer}
        for task in old.tasks:  # as many images of it as of a retained concept: the models that lost none draw fewer
            if old.suite.erased(task) != new.suite.erased(task):
                fewer |= edits.matching([f"generate {task}/original/*", f"generate {task}/scramble/*"], jobs)
        fewer |= {f"pool {path}" for path in grid.pools(new) if grid.pools(old).get(path) != grid.pools(new)[path]}
        order = views if leaf[2] in ("task", "methods", "without", "concepts") else set()
        return differing | fewer | order | {"score "}

    walk(write, f"benchmark/suites/{suite}.yaml", suite, expected, capsys)


def none_retained(plan):
    """The drawing of models that lost none, where every concept is erased by some experiment."""
    whole = [name for name, task in plan.tasks.items() if len(plan.suite.erased(name)) == len(task.concepts)]
    return {f"generate {path}" for path, part in plan.parts.items() if part.task in whole and "-" in part.concepts}


def settings(plan, part):
    return grid.label_settings(plan.suite, part.method)


def erasing(old, new, differs):
    """The erasures of both plans' parts that differ."""
    both = [part for path, part in old.parts.items() if path in new.parts and part.method != grid.ORIGINAL]
    return {f"erase {part.path}" for part in both if differs(part)}


# ── tasks ──


@pytest.mark.parametrize("world", LARGEST)
@pytest.mark.parametrize("task", TASKS)
def test_each_value_of_a_task_changes_what_it_must(write, task, world, capsys):
    path = f"benchmark/tasks/{task}.yaml"
    data = yaml.safe_load((ROOT / path).read_text())
    if world not in data["worlds"]:
        return
    suite = grid.load_suite(LARGEST[world])
    shown = {f"view {view}" for e in suite.experiments.values() if e.task == task for view in e.views}

    def expected(leaf, old, new):
        jobs, trained = edits.names(old), old.tasks[task].judge.train is not None
        drawn = edits.matching([f"generate {task}/*"], jobs)
        if leaf in (("title",), ("sensitive",)):
            return shown
        if leaf == ("version",):
            return {"score "}
        if leaf[1] != world:
            return set()
        if leaf[2] == "templates":
            uses = erasing(old, new, lambda part: part.task == task and causes.templates(old.tasks[task], part.method))
            return uses | (
                edits.matching([f"pool {task}/original/pool_anchor/*"], jobs) if leaf[3] == "blank" else set()
            )
        if leaf[2:] == ("judge", "classifier"):
            return edits.matching([f"classify {task}", f"observe {task}/*"], jobs)
        if leaf[2:] == ("judge", "blank"):
            return {f"train_images {task}"}
        if leaf[2] == "metrics":
            eyes = causes.eyes.needed(old.tasks[task]) != causes.eyes.needed(new.tasks[task])
            return (
                unread(old, new, task) | {"score "} | (edits.matching([f"observe {task}/*"], jobs) if eyes else set())
            )
        if leaf[2] == "detector":
            return {"score "} if leaf[3] == "threshold" else edits.matching([f"observe {task}/*"], jobs)
        assert leaf[2] == "concepts"
        concept, key = leaf[3], leaf[4] if len(leaf) > 4 else "phrase"
        erased = erasing(old, new, lambda part: part.task == task and concept in part.concepts)
        if key == "phrase":
            pools = {
                f"pool {path}"
                for path, pool in grid.pools(old).items()
                if concept in pool.concepts and pool.task == task
            }
            return drawn | shown | erased | pools | {"score "} | ({f"train_images {task}"} if trained else set())
        if key == "wordings":
            return drawn | shown | {"score "}
        if key == "label":
            learns = {f"train_images {task}", f"classify {task}"} if trained else set()
            return learns | {"score "} | edits.matching([f"observe {task}/*"], jobs)
        assert key == "attributes"
        kept = len(new.tasks[task].concept(concept).attributes)
        return {
            f"erase {part.path}"
            for part in old.parts.values()
            if f"erase {part.path}" in erased and settings(old, part).get("attributes", 0) > kept
        }

    walk(write, path, LARGEST[world], expected, capsys)


def unread(old, new, task):
    """The views of a task that read a metric which no task feeds to them any more."""
    found = set()
    for view in old.views:
        tasks = {e.task for e in old.suite.experiments.values() if view in e.views}
        read = [{causes.eyes.metric(m)[0] for name in tasks for m in plan.tasks[name].metrics} for plan in (old, new)]
        found |= {f"view {view}"} if task in tasks and read[0] != read[1] else set()
    return found


# ── config.yaml ──


@pytest.mark.parametrize(
    "narrowed",
    [
        {"experiments": ["style"]},
        {"methods": ["esd"]},
        {"methods": ["advanchor-l1", "scramble"]},
        {"concepts": ["chalk"]},
        {"concepts": ["chalk", "church"]},
        {"seeds": [1]},
    ],
    ids=str,
)
def test_narrowing_changes_no_cause_of_what_is_left_but_of_parts_that_lose_concepts(narrowed):
    old, new = grid.plan({"suite": "testbed"}), grid.plan({"suite": "testbed"} | narrowed)
    before, after = edits.keys({"suite": "testbed"}), edits.keys({"suite": "testbed"} | narrowed)
    fewer = {path for path, part in new.parts.items() if part.concepts != old.parts[path].concepts}
    fewer = {job for job in after if job.partition(" ")[0] in ("erase", "generate") and job.partition(" ")[2] in fewer}
    pools = {f"pool {path}" for path, pool in grid.pools(new).items() if pool != grid.pools(old)[path]}
    shown = {job for job in after if job.startswith("view ") and set(old.experiments) != set(new.experiments)}
    got = {job for job in after if before[job] != after[job]}
    assert got - shown == fewer | pools | {"score "}


# ── source files ──

EDITS = edits.read(Path(__file__).with_name("edits.yaml"))


@pytest.fixture(scope="module")
def planner(tmp_path_factory):
    """A copy of what planning reads, and the keys of its jobs."""
    root = tmp_path_factory.mktemp("planner")
    for folder in ("benchmark", "methods", "classifiers", "testbed"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "model", "held_out"))
    return root, edits.fresh(root, "testbed")


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_each_edit_of_a_source_file_changes_what_it_must(planner, edit):
    root, before = planner
    text = (root / edit.file).read_text()
    try:
        edit.make(root)
        got, wanted = edits.changed(before, edits.fresh(root, "testbed")), edits.matching(edit.changes, before)
    finally:
        (root / edit.file).write_text(text)
    assert got == wanted, f"wrongly {sorted(got - wanted)[:3]}, missing {sorted(wanted - got)[:3]}"
    assert all(edits.matching([pattern], before) for pattern in edit.changes), "a pattern that means no job"


def test_there_are_enough_edits(capsys):
    run = sum(edit.run != "" for edit in EDITS)
    with capsys.disabled():
        print(f"\n{len(EDITS)} edits of files tried; `make test-causes` runs {run} of them, and four of a suite")
    assert len(EDITS) >= 40 and run >= 15


# ── completeness ──

RUNNERS = {
    "base": causes.CHECKING,
    "generate": causes.DRAWING,
    "erase": causes.ERASING,
    "classify": causes.TRAINING,
    "observe": causes.LOOKING,
    "score": causes.SCORING,
    "view": causes.VIEWING,
}


DRAWS = {
    "base": {f"benchmark/{name}.py" for name in ("sampling", "diffusion", "weights")}
}  # one picture, to compare it


@pytest.mark.parametrize("runner", RUNNERS)
def test_each_file_that_a_runner_imports_counts_or_is_said_to_count_for_nothing(runner):
    counted = {f"benchmark/{part.partition(':')[0]}" for part in RUNNERS[runner].split()}
    apart = {f"benchmark/{name}.py" for name in causes.APART.split()}
    assert not set(code.closure(f"benchmark/{runner}.py")) - counted - apart - DRAWS.get(runner, set())
