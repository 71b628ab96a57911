"""Each value of a prompt set, each row of its file, and what a method is told change the causes that they must."""

import hashlib

import edits
import pytest
import yaml
from conftest import METHOD, ROOT, SUITE, TASK
from walks import drawn, looked_at, walk, write  # noqa: F401  (a fixture)

from benchmark.plan import causes, grid
from benchmark.plan.config import load_suite, load_task
from benchmark.plan.records import Templates, Variant

ROWS = "case,prompt,other,seed,second_seed,what,ask\n" + "".join(
    f"r{n},a {what},the {what},{2**40 + n},{n},{what},{what}\n"
    for n, what in enumerate(("saw", "church", "fish", "saw", "church", "fish"))
)
ENTRY = {
    "title": "Rows of somebody",
    "version": 1,
    "sensitive": False,
    "file": "rows/a.csv",
    "sha256": hashlib.sha256(ROWS.encode()).hexdigest(),
    "score_by": "set",
    "columns": {"row": "case", "text": "prompt", "noise_seed": "seed", "concept": "ask", "class_name": "what"},
    "defaults": {"images": 2, "guidance": 2.0},
    "classifier": {"network": "testbed_object"},
    "metrics": {"accuracy": "classifier", "fid": "testbed", "lpips": "testbed", "detected": {"observer": "nudenet"}},
    "observers": {"nudenet": {"sizes": [320, 256]}},
}
PATH = "benchmark/prompt_sets/rows.yaml"


@pytest.fixture
def with_rows(write):  # noqa: F811
    """A copy of the repository in which the objects of the suite quick are looked at on rows of a file, too."""
    for name in ("a", "b"):
        write(f"rows/{name}.csv", ROWS)
    task = yaml.safe_load((ROOT / "benchmark/tasks/object.yaml").read_text())
    task["worlds"]["testbed"]["retained_on"] = ["object", "rows"]
    write(PATH, ENTRY)
    write("benchmark/tasks/object.yaml", task)
    return write


def test_each_value_of_a_prompt_set_changes_what_it_must(with_rows, capsys):
    def expected(leaf, old, new):
        images = drawn(old, "rows")
        shown = {f"view {view}" for view in old.suite.experiments["object"].views}
        if leaf[0] in ("title", "sensitive"):
            return shown
        if leaf[0] in ("version", "score_by"):
            return {"score "}
        if leaf[0] == "file":  # the same rows in another place
            return set()
        if leaf[0] in ("columns", "defaults"):
            return images | {"score "}
        if leaf[0] == "classifier":
            return {"train_classifier rows", "score "} | looked_at(old, "rows")
        if leaf[0] == "observers":
            return looked_at(old, "rows") | {"score "}
        assert leaf[0] == "metrics"
        more = old.sets["rows"].observers != new.sets["rows"].observers
        return {"score "} | (looked_at(old, "rows") if more else set())

    removed = [("metrics", name) for name in ENTRY["metrics"] if name != "detected"]  # its observer has settings here
    walk(
        with_rows,
        PATH,
        ENTRY,
        "quick",
        expected,
        capsys,
        edits.leaves(ENTRY),
        (*removed, ("columns", "row"), ("defaults", "images")),
    )


def test_a_row_that_is_edited_changes_the_drawing_of_its_set(with_rows):
    before = edits.keys({"suite": "quick"})
    with_rows("rows/a.csv", other := ROWS.replace("a church", "the church", 1))
    with_rows(PATH, ENTRY | {"sha256": hashlib.sha256(other.encode()).hexdigest()})
    plan = grid.plan({"suite": "quick"})
    assert edits.changed(before, edits.keys({"suite": "quick"})) == drawn(plan, "rows") | {"score "}


def test_a_budget_of_rows_changes_the_sets_that_are_files(with_rows):
    before = edits.keys({"suite": "quick"})
    suite = yaml.safe_load((ROOT / "benchmark/suites/quick.yaml").read_text())
    suite["budgets"]["rows"] = 3
    with_rows("benchmark/suites/quick.yaml", suite)
    plan = grid.plan({"suite": "quick"})
    assert edits.changed(before, edits.keys({"suite": "quick"})) == drawn(plan, "rows") | {"score "}


def test_what_a_version_is_made_of_is_a_cause_of_the_scores(with_rows):
    """Else their versions would be those of before: their evidence may be the same bytes."""
    suite = yaml.safe_load((ROOT / "benchmark/suites/quick.yaml").read_text())
    before = edits.keys({"suite": "quick"})
    suite["settings"]["esd"]["told"] = True  # its method does not ask for it
    with_rows("benchmark/suites/quick.yaml", suite)
    views = {f"view {name}" for name in ("tables/style", "tables/object", "figures/tradeoff", "figures/gallery")}
    told = edits.keys({"suite": "quick"})
    assert edits.changed(before, told) == {"score "} | views
    with_rows("rows/a.csv", other := ROWS.replace("case,", "name,", 1))
    hashed = hashlib.sha256(other.encode()).hexdigest()
    with_rows(PATH, ENTRY | {"sha256": hashed, "columns": ENTRY["columns"] | {"row": "name"}})
    assert "score " in edits.changed(told, edits.keys({"suite": "quick"}))


# ── what a method is asked and told ──

READS = METHOD.replace("    yield\n", "    yield request.others, request.templates\n")
TELLS = TASK.replace("    concepts:", "    others: {fog: fog}\n    concepts:")
TOLD = SUITE.replace("  solo:", "  solo-told: {told: true}\n  solo:")


def asked(name: str, concept: str = "ink"):
    return causes.request(load_suite("test"), load_task("style", "testbed"), Variant(name), (concept,))


def test_a_method_is_given_what_its_file_reads_and_nothing_else(small):
    small("benchmark/tasks/style.yaml", TELLS)
    assert (asked("twin-a").others, asked("twin-a").templates) == ({}, None)
    small("methods/solo.py", READS)
    assert asked("solo").others == {"fog": "fog"} and asked("solo").templates == Templates("{c} picture", "picture")
    assert [target.phrase for target in asked("solo", "pixel_art").concepts] == ["pixel art"]


def test_a_variant_that_is_told_is_given_the_evaluated_concepts_but_the_erased_one(small):
    small("methods/solo.py", READS)
    small("benchmark/suites/test.yaml", TOLD)
    small("benchmark/tasks/style.yaml", TELLS)
    assert asked("solo-told").others == {"pixel_art": "pixel art", "chalk": "chalk"}
    assert asked("solo-told", "chalk").others == {"ink": "ink", "pixel_art": "pixel art"}
    assert asked("solo").others == {"fog": "fog"}


@pytest.mark.parametrize(
    ("old", "new", "erased"),
    [
        ("fog: fog", "fog: thick fog", {"solo"}),
        ("chalk: {phrase: chalk", "chalk: {phrase: white chalk", {"solo-told"}),
        ("blank: picture}\n    cl", "blank: a picture}\n    cl", {"solo", "solo-told"}),
        ("attributes: [white, dusty]", "attributes: [white]", set()),
    ],
)
def test_what_a_method_is_told_is_a_cause_of_its_models_and_of_no_others(small, old, new, erased):
    small("methods/solo.py", READS)
    small("benchmark/suites/test.yaml", TOLD)
    small("benchmark/tasks/style.yaml", TELLS)
    before = erasures()
    assert old in TELLS
    small("benchmark/tasks/style.yaml", TELLS.replace(old, new))
    assert {path.split("/")[1] for path in edits.changed(before, erasures())} == erased


def erasures() -> edits.Keys:
    """The causes of the made-up repository's erasures; it lacks the code of the stages, which is left out."""
    suite, task = load_suite("test"), load_task("style", "testbed")
    plan = grid.plan({"suite": "test"})
    requests = {
        path: [causes.request(suite, task, shard.variant, (concept,)) for concept in shard.concepts]
        for path, shard in plan.shards.items()
        if shard != grid.BASE
    }
    return {path: causes.digest(request) for path, request in requests.items()}
