"""Each edit of a source file changes the causes that it must, and no others; and nothing that counts is forgotten.

What the edits plan is run for real in tests/test_edited_runs.py.
"""

import shutil
from pathlib import Path

import edits
import pytest
from conftest import ROOT

from benchmark import causes, code

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
