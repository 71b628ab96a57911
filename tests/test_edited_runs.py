"""After an edit the same command ends with the bytes of a clean clone, and redoes nothing that the edit cannot change.

Each edit is made in a copy of a finished run, which goes on, and in a clean copy, which starts anew. `make test-causes`
runs all edits that name a suite, `make test` those that say `always`.
"""

import csv
import re
import shutil
import subprocess
import time
from pathlib import Path

import edits
import endings
import pytest

HERE = Path(__file__).parent
EDITS = [edit for edit in edits.read(HERE / "edits.yaml") if edit.run]
SUITE = "benchmark/suites/edited.yaml"
THREADS = ("generate *", "erase *", "train_classifier *", "observe *", "score ")
EVALUATED = ("prompts style", "generate style/*", "score ")
POOLED = ("prompts *_pool_*", "generate *_pool_*")
EDITS += [  # of the suite itself, which only copies have
    edits.Edit(SUITE, "title: Edited runs", "title: Edited once more", ("view *",), "edited"),
    edits.Edit(SUITE, "threads: 1", "threads: 2", THREADS, "edited"),
    edits.Edit(SUITE, "retained: 2", "retained: 3", EVALUATED, "edited"),
    edits.Edit(
        SUITE,
        "concepts: [chalk]",
        "concepts: [chalk, ink]",
        ("erase style/[ae]*", *EVALUATED, *POOLED, "view *"),
        "edited",
    ),
]  # fmt: skip

PARAMETERS = [pytest.param(edit, id=edit.name) for edit in EDITS]
SOME = [edit for edit in EDITS if edit.always]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """`finished(suite)`: a copy of the repository with a finished run, made once."""
    known: dict[str, Path] = {}

    def run_once(suite: str) -> Path:
        if suite not in known:
            known[suite] = repository(tmp_path_factory.mktemp("finished") / suite)
            run(known[suite], suite)
        return known[suite]

    return run_once


def repository(folder: Path) -> Path:
    copy = endings.repository(folder)
    for path in (HERE / "suites").glob("*.yaml"):
        shutil.copy(path, copy / "benchmark/suites")
    return copy


def run(folder: Path, suite: str) -> None:
    process = endings.snakemake(folder, suite)
    assert process.wait() == 0, (folder / "run.log").read_text()[-3000:]


def planned(folder: Path, suite: str) -> set[str]:
    """The jobs of a dry run, named as causes name them."""
    command = [endings.BIN / "snakemake", "-n", "--cores", "2", "--config", f"suite={suite}"]
    end = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=endings.ENVIRONMENT)
    assert end.returncode == 0, end.stdout + end.stderr
    found = set()
    for block in re.split(r"\n(?=(?:local)?rule \w+:)", end.stdout)[1:]:
        rule = re.match(r"(?:local)?rule (\w+):", block)[1]
        w = dict(re.findall(r"(\w+)=([^,\n]+)", (re.search(r"wildcards: (.*)", block) or [""])[0]))
        name = {
            "prompts": "{set}", "train_classifier": "{set}", "erase": "{shard}", "generate": "{set}/{shard}",
            "observe": "{set}/{shard}", "table": "tables/{view}", "figure": "figures/{view}",
        }.get(rule, "")  # fmt: skip
        found.add(f"{'view' if rule in ('table', 'figure') else rule} {name.format(**w)}")
    return found - {"all ", "remember "}


def contents(results: Path) -> dict[str, bytes]:
    """What a run's end consists of: its declared results and all that they name; what lies beside does not count."""
    files = [p for p in results.rglob("*") if p.suffix in (".csv", ".md", ".tex", ".json", ".npz") and p.is_file()]
    apart = {"logs", "benchmarks", "meta.json", "drawn.json", "trace.csv"}
    found = {p for p in files if not apart & set(p.relative_to(results).parts)}
    for manifest in results.rglob("manifest.csv"):
        found |= {manifest.parent / row["file"] for row in csv.DictReader(manifest.open())}
    for models in results.rglob("models.csv"):
        for row in csv.DictReader(models.open()):
            found |= {models.parent / row["delta"], (models.parent / row["delta"]).with_name("trace.csv")}
    found |= set(results.rglob("classifier.safetensors"))
    return {str(p.relative_to(results)): p.read_bytes() for p in found}


@pytest.mark.causes
@pytest.mark.parametrize("edit", PARAMETERS)
def test_an_edited_run_ends_as_a_clean_clone(finished, tmp_path, edit, capsys):
    began = time.monotonic()
    copy = shutil.copytree(finished(edit.run), tmp_path / "copy", symlinks=True)
    jobs = make([edit], copy)
    count = the_same_as_a_clean_clone([edit], copy, tmp_path / "clean")
    with capsys.disabled():
        print(f"\n{edit.name}: {jobs} jobs, {count} files as in a clean clone, {time.monotonic() - began:.0f} s")


def test_an_edit_and_then_two_at_once_end_as_a_clean_clone_with_all_of_them(finished, tmp_path):
    copy = shutil.copytree(finished("brief"), tmp_path / "copy", symlinks=True)
    assert len(SOME) == 3 and make(SOME[-1:], copy) and make(SOME[:-1], copy)
    the_same_as_a_clean_clone(SOME, copy, tmp_path / "clean")


def make(made: list[edits.Edit], folder: Path) -> int:
    """Edit a finished run and run it again: exactly the jobs that must run do, and nothing else is made again."""
    suite = made[0].run
    results, keys = folder / f"results/{suite}", edits.fresh(folder, suite)
    old, stats = contents(results), endings.finished_work(results)
    for edit in made:
        edit.make(folder)
    after = edits.fresh(folder, suite)
    changed = edits.changed(keys, after)
    assert changed == set().union(*(edits.matching(edit.changes, keys.keys() | after.keys()) for edit in made))
    jobs = planned(folder, suite)
    assert jobs == edits.planned(changed, after)
    if jobs:
        run(folder, suite)
    new, again = contents(results), endings.finished_work(results)
    for name, stat in stats.items():  # the same bytes, and no other cause: the same file
        if job_of(name) not in changed and new.get(name) == old[name]:
            assert again[name] == stat, f"{name} was made again"
    return len(jobs)


def the_same_as_a_clean_clone(made: list[edits.Edit], folder: Path, place: Path) -> int:
    """Run a clean clone with the same edits, and compare all bytes; how many files these are."""
    suite, clean = made[0].run, repository(place)
    for edit in made:
        edit.make(clean)
    run(clean, suite)
    mine, theirs = contents(folder / f"results/{suite}"), contents(clean / f"results/{suite}")
    assert mine.keys() == theirs.keys()
    assert not [name for name in mine if mine[name] != theirs[name]]
    return len(mine)


def job_of(name: str) -> str:
    """The job that made an image or a model: images/<set>/<shard>/…, models/<shard>/…."""
    kind, *place = name.split("/")
    if kind == "models":
        return f"erase {'/'.join(place[:4])}"
    return f"generate {'/'.join(place[:2] if place[1] == 'original' else place[:5])}"
