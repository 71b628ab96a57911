"""A set may be a part of another one, and another one in each world; what is not as it must be is one line."""

import pytest
from somebody import LINES, WHERE, refused, somebody  # noqa: F401  (a fixture)

from benchmark.errors import BenchmarkError, ConfigError
from benchmark.plan import prompt_rows
from benchmark.plan.config import load_set, load_suite
from benchmark.store.score_names import Names

PART = "title: Some\nversion: 1\nof: style\nconcepts: [ink]\nmetrics: {flat: spread}\n"
LISTED = "title: Some\nversion: 1\nof: somebody\nfile: rows/list.csv\ncolumns: {row: case}\nmetrics: {flat: spread}\n"
WORLDS = "version: 1\nworlds:\n  testbed: {title: Here, of: style, metrics: {flat: spread}}\n"


def message(small, entry):
    small("benchmark/prompt_sets/part.yaml", entry)
    with pytest.raises(ConfigError) as caught:
        prompt_rows.of(load_set("part", "testbed"), load_suite("test"))
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("benchmark/prompt_sets/part.yaml: ")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("of: style", "of: stile", "prompt set: there is no set 'stile'; did you mean style?"),
        ("of: style", "of: part", "of: a set cannot be a part of itself"),
        ("[ink]", "[inc]", "concepts: there is no name 'inc'; did you mean ink?"),
        ("of: style", "of: somebody", "concepts: somebody is no task; list the rows in a `file` instead"),
        ("concepts: [ink]", "columns: {row: case}", "columns: goes with `file`, and says which column of it has the"),
        ("concepts: [ink]", "file: rows/list.csv", "columns: goes with `file`, and says which column of it has the n"),
        (
            "concepts: [ink]",
            "expected: {row: 3}",
            "expected: there is no name 'row'; did you mean rows? (allowed: rows",
        ),
        ("version: 1\n", "", "the key version is missing"),
    ],
)
def test_a_part_that_may_not_be(somebody, small, old, new, said):  # noqa: F811
    somebody()
    if "expected" in new:
        new += "\nfile: rows/list.csv\ncolumns: {row: case}"
    assert old in PART and message(small, PART.replace(old, new)).startswith(said)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("of: somebody", "of: attacked", "of: attacked is neither a task nor a set that is a file"),
        ("{row: case}", "{text: case}", "columns: goes with `file`, and says which column of it has the names of rows"),
        ("of: somebody", "of: somebody\nscore_by: concept", "score_by: the rows of somebody ask for no concepts"),
        ("{row: case}", "{row: cas}", "file rows/list.csv: columns.row: there is no column 'cas'; did you mean case?"),
        ("list.csv", "lost.csv", "file rows/lost.csv: is not there; save it there, or say in config.yaml where it l"),
        ("file:", "made_by: nobody\nfile:", "made_by: there is no name 'nobody' (allowed: all)"),
    ],
)
def test_a_list_of_rows_that_may_not_be(somebody, small, old, new, said):  # noqa: F811
    somebody()
    small("attacks/words.py", '"""An attack."""\n\n\ndef search(model, original, prompts, settings): ...\n')
    small(
        "benchmark/prompt_sets/attacked.yaml",
        "title: A\nversion: 1\nattack: words\nof: style\nmetrics: {flat: spread}\n",
    )
    small("rows/list.csv", "case\nx1\n")
    assert old in LISTED
    got = message(small, LISTED.replace(old, new, 1))
    assert got.startswith(said.partition(" (allowed")[0])


def test_a_list_without_a_row_or_with_an_unknown_one(somebody, small):  # noqa: F811
    somebody()
    for text, said in (
        ("case\n", "file rows/list.csv: has no row"),
        ("case\nx1\nx9\n", "file rows/list.csv: line 3: prompt set somebody has no row 'x9'"),
        ("case\nx1\n", "metrics.flat: needs 2 images, and the rows have 1"),
    ):
        small("rows/list.csv", text)
        assert message(small, LISTED) == said
    small("rows/list.csv", "case\nx4\nx2\nx4\n")
    chosen = prompt_rows.of(load_set("part", "testbed"), load_suite("test"))
    assert [row.row for row in chosen] == ["x2", "x4"], "in the order of the set that it is a part of"


def test_a_set_is_what_its_entry_says_of_the_world(somebody, small):  # noqa: F811
    somebody()
    small("benchmark/prompt_sets/part.yaml", WORLDS)
    assert (load_set("part", "testbed").title, load_set("part", "testbed").version) == ("Here", 1)
    with pytest.raises(ConfigError, match="part.yaml: worlds: there is no name 'paper' .allowed: testbed."):
        load_set("part", "paper")
    for old, new, said in (
        ("metrics:", "metrix:", "worlds.testbed: there is no key 'metrix'; did you mean metrics?"),
        ("{flat: spread}", "{flt: spread}", "worlds.testbed.metrics: there is no name 'flt'; did you mean flat?"),
        ("title: Here, ", "", "worlds.testbed: the key title is missing"),
        ("version: 1", "version: 1\nof: style", "there is no key 'of'"),
        ("testbed: {", "testbed: 3 #", "worlds.testbed: 3 is not a mapping of keys to values"),
    ):
        assert old in WORLDS and message(small, WORLDS.replace(old, new)).startswith(said)


def test_scores_of_a_part_name_the_whole_set(somebody, small):  # noqa: F811
    """Also where its rows ask for concepts of a task."""
    somebody()
    small("benchmark/prompt_sets/somebody.yaml", PART)
    row = {"suite": "test", "experiment": "style", "task": "style", "variant": "solo", "checkpoint": "100"}
    row |= {"concept": "ink", "prompt_set": "somebody", "asked": "*", "wording": "", "role": "retained"}
    Names(load_suite("test")).check(row)
    with pytest.raises(BenchmarkError, match="is scored as a whole: write"):
        Names(load_suite("test")).check(row | {"asked": "ink"})
