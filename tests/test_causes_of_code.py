"""Each edit of a source file changes the causes that it must, and no others; and nothing that counts is forgotten.

What the edits plan is run for real in tests/test_edited_runs.py.
"""

import ast
import shutil
from pathlib import Path

import edits
import pytest
from conftest import ROOT

from benchmark.plan import code, counted, source

EDITS = edits.read(Path(__file__).with_name("edits.yaml"))


@pytest.fixture(scope="module")
def planner(tmp_path_factory):
    """A copy of what planning reads, and the keys of its jobs."""
    root = tmp_path_factory.mktemp("planner")
    for folder in ("benchmark", "methods", "classifiers", "testbed"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    return root, edits.fresh(root, "testbed")


@pytest.mark.parametrize("edit", [edit for edit in EDITS if edit.changes], ids=lambda edit: edit.name)
def test_each_edit_of_a_source_file_changes_what_it_must(planner, edit):
    root, before = planner
    got, wanted = edits.changed(before, after(root, [edit])), edits.matching(edit.changes, before)
    assert got == wanted, f"wrongly {sorted(got - wanted)[:3]}, missing {sorted(wanted - got)[:3]}"
    assert all(edits.matching([pattern], before) for pattern in edit.changes), "a pattern that means no job"


def test_edits_that_change_nothing_change_nothing_together(planner):
    root, before = planner
    harmless = [edit for edit in EDITS if not edit.changes]
    if edits.changed(before, after(root, harmless)):
        guilty = [edit.name for edit in harmless if edits.changed(before, after(root, [edit]))]
        raise AssertionError(f"each of these, or all together, changed a cause: {guilty}")


def after(root, some):
    """The keys of a copy's jobs while some edits are made in it."""
    texts = {edit.file: (root / edit.file).read_text() for edit in some}
    try:
        for edit in some:
            edit.make(root)
        return edits.fresh(root, "testbed")
    finally:
        for file, text in texts.items():
            (root / file).write_text(text)


def test_there_are_enough_edits(capsys):
    run = sum(edit.run != "" for edit in EDITS)
    with capsys.disabled():
        print(f"\n{len(EDITS)} edits of files tried; `make test-causes` runs {run} of them, and four of a suite")
    assert len(EDITS) >= 40 and run >= 15


# ── completeness ──

STAGES = {
    "base": counted.CHECKING,
    "prompts": counted.READING,
    "generate": counted.DRAWING,
    "erase": counted.ERASING,
    "embed": counted.EMBEDDING,
    "train_classifier": counted.TRAINING,
    "attack": counted.ATTACKING,
    "adopt": counted.ADOPTING,
    "observe": counted.LOOKING,
    "gate": f"gate.py score.py {counted.SCORING}",
    "score": counted.SCORING,
    "view": counted.VIEWING,
}
BESIDE = {  # what a runner imports, and what determines no byte of what it makes
    "base": {  # one picture, to compare it
        *("model/sampling", "model/guidance", "model/diffusion", "store/manifest", "store/weights"),
    },
    **dict.fromkeys(("gate", "score"), {"store/handed", "store/score_names"}),  # how a scores.csv is read
}
HARMLESS = {  # definitions that definitions of the lists use, and why these need not be listed
    # which device, and what is said if there is none
    "running/devices.py:given", "running/devices.py:_why", "running/devices.py:WAY_OUT",
    "model/guard.py:Process", "model/guard.py:_difference",  # what was changed that must not be: a refusal
    "store/weights.py:Base", "store/weights.py:Delta",  # records without a function
    "plan/records.py:Target", "plan/records.py:Templates",  # the same; Templates is counted where a method uses it
    "plan/records.py:Concept",  # what it asks for is in rows
    "plan/prompt_rows.py:of",  # of its branches, those that read a file are listed
}  # fmt: skip


def files_of(parts: str) -> set[str]:
    return {f"benchmark/{part.partition(':')[0]}" for part in parts.split()}


@pytest.mark.parametrize("runner", STAGES)
def test_each_file_that_a_runner_imports_counts_or_is_said_to_count_for_nothing(runner):
    beside = {f"benchmark/{name}.py" for name in BESIDE.get(runner, ())}
    imported = set(code.closure(f"benchmark/{runner}.py"))
    unsaid = imported - files_of(STAGES[runner]) - beside
    assert not [file for file in unsaid if not file.startswith(counted.APART)]
    assert beside <= imported, "said for nothing"


def test_the_lists_name_files_and_definitions_that_there_are_and_each_stage_has_one():
    lists = {name: value for name, value in vars(counted).items() if isinstance(value, str) and value.count(".py") > 1}
    assert {name for name in lists if not name.startswith("_")} == {
        "CHECKING", "READING", "EMBEDDING", "DRAWING", "ERASING", "TRAINING", "ATTACKING", "ADOPTING", "LOOKING",
        "SCORING", "VIEWING", "WRITING",
    }  # fmt: skip
    for parts in lists.values():
        assert len(parts.split()) == len(set(parts.split()))
        code.key(*(f"benchmark/{part}" for part in parts.split()))  # raises for one that is not there
    assert all((ROOT / path).exists() for path in counted.APART)


@pytest.mark.parametrize("runner", STAGES)
def test_what_a_listed_definition_uses_of_its_file_is_listed_too(runner):
    parts = STAGES[runner].split()
    missing = set()
    for part in parts:
        file, _, name = part.partition(":")
        if name:
            there = defined(f"benchmark/{file}")
            used = {node.id for node in ast.walk(there[name]) if isinstance(node, ast.Name)} & there.keys() - {name}
            missing |= {f"{file}:{other}" for other in used}
    assert not missing - set(parts) - HARMLESS


def defined(file: str) -> dict[str, ast.stmt]:
    """The definitions of a file, by name."""
    found: dict[str, ast.stmt] = {}
    for node in source.tree(file).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names = [item for target in targets for item in getattr(target, "elts", [target])]
        found |= {
            name: node for name in [getattr(node, "name", None), *(getattr(n, "id", None) for n in names)] if name
        }
    return found
