"""What cannot be a prompt set or a row of one is refused in one line: the file, the place, and what is allowed."""

import hashlib

import pytest
from conftest import TASK
from somebody import LINES, WHERE, refused, rows, somebody  # noqa: F401  (a fixture)

from benchmark.errors import ConfigError
from benchmark.plan import grid
from benchmark.plan.config import load_set

ENTRIES = [  # an edit of the set's own file, and the message
    ("version: 3\n", "", "the key version is missing"),
    ("title:", "titel:", "there is no key 'titel'; did you mean title?"),
    ("text: prompt, ", "", "columns.text is missing: which column of rows/somebody.csv has it?"),
    (
        "row: case",
        "rows: case",
        "columns: there is no name 'rows'; did you mean row? (allowed: row, text, noise_seed, images, concept, ",
    ),
    ("text: prompt", "text: promt", "file rows/somebody.csv: columns.text: there is no column 'promt'; did you mean "),
    ("metrics:", "score_by: row\nmetrics:", "score_by: there is no value 'row' (allowed: concept, set)"),
    (
        "metrics:",
        "score_by: concept\nmetrics:",
        "columns.concept is missing: which column of rows/somebody.csv has it?",
    ),
    ("metrics:", "defaults: {text: x}\nmetrics:", "defaults: there is no name 'text' (allowed: images, guidance, cla"),
    ("row: case}", "images: seed}\ndefaults: {images: 2}", "defaults.images: the column seed says it"),
    ("metrics:", "classifier: {network: resnet, blank: x}\nmetrics:", "classifier.blank: only a task's classifier is "),
    ("metrics:", "classifier: {network: resent}\nmetrics:", "classifier.network: there is no name 'resent'; did you "),
    (
        "{flat: spread}",
        "{accuracy: classifier}",
        "metrics.accuracy: needs a classifier, and the key classifier is ",
    ),
    (
        "metrics: {flat: spread}",
        "classifier: {network: resnet}\nmetrics: {accuracy: classifier}",
        "metrics.accuracy: needs columns.class_name, and it is missing",
    ),
    ("{flat: spread}", "{}", "metrics: there is none"),
    ("{flat: spread}", "{flt: spread}", "metrics: there is no name 'flt'; did you mean flat?"),
    ("{flat: spread}", "{flat: classifier}", "metrics.flat: there is no observer 'classifier' (allowed: spread)"),
    ("{flat: spread}", "{flat: {observer: spread, at: 3}}", "metrics.flat: there is no setting 'at'"),
    ("{flat: spread}", "{flat: [spread, spread]}", "metrics.flat: reads the observer spread twice"),
    ("metrics:", "observers: {nudenet: {}}\nmetrics:", "observers: there is no name 'nudenet' (allowed: spread)"),
]


@pytest.mark.parametrize(("old", "new", "message"), ENTRIES)
def test_an_entry_that_is_not_as_it_must_be(somebody, old, new, message):
    somebody(old=old, new=new)
    assert refused(f"^{WHERE}: ").startswith(f"{WHERE}: {message}")


FILES = [  # lines of the file, and the message
    ([LINES[0] | {"seed": "x"}], "line 2: noise_seed: 'x' is not a whole number from 0 to 9223372036854775807"),
    ([LINES[0] | {"seed": "-1"}], "line 2: noise_seed: '-1' is not a whole number from 0 to "),
    ([LINES[0] | {"seed": "1.5"}], "line 2: noise_seed: '1.5' is not a whole number from 0 to "),
    ([LINES[0] | {"seed": "1e3"}], "line 2: noise_seed: '1e3' is not a whole number from 0 to "),
    ([LINES[0], LINES[1] | {"seed": str(2**63)}], "line 3: noise_seed: '9223372036854775808' is not a whole number"),
    ([LINES[4], LINES[1] | {"case": "x5"}], "line 4: row 'x5' is there twice; leave columns.row out, and rows are "),
    *(
        (
            [LINES[0] | {"case": name}],
            f"line 2: row {name!r}: it becomes the name of a file: letters, digits, ., _ and -",
        )
        for name in ("a/b", "../a", ".a", "a b", "é", "-a", "n" * 201)
    ),
    ([LINES[0] | {"case": ""}, LINES[1] | {"case": "0"}], "line 3: row '0' is there twice"),
]


@pytest.mark.parametrize(("lines", "message"), FILES)
def test_a_line_that_is_no_row_is_named(somebody, lines, message):
    somebody(lines)
    assert refused("somebody").startswith(f"{WHERE}: file rows/somebody.csv: {message}")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("guidance", "-1", "guidance: '-1' is not a number from 0 on"),
        ("guidance", "much", "guidance: 'much' is not a number from 0 on"),
        ("guidance", "nan", "guidance: 'nan' is not a number from 0 on"),
        ("guidance", "inf", "guidance: 'inf' is not a number from 0 on"),
        ("images", "0", "images: '0' is not a whole number from 1 to "),
        ("images", "two", "images: 'two' is not a whole number from 1 to "),
    ],
)
def test_a_number_of_a_row_or_of_the_entry_that_may_not_be(somebody, column, value, message):
    somebody([LINES[0] | {"n": value}], "row: case", f"{column}: n")
    assert refused("somebody").startswith(f"{WHERE}: file rows/somebody.csv: line 2: {message}")
    somebody(old="metrics:", new=f"defaults: {{{column}: {value}}}\nmetrics:")
    assert message.partition(" is not")[0].replace("'", "") in refused("somebody").replace("'", "")


def test_a_concept_or_a_class_that_a_row_lacks_is_named(somebody):
    lines = [{"prompt": "a", "what": "ink"}, {"prompt": "b", "what": ""}]
    somebody(lines, "noise_seed: seed, row: case}", "concept: what}\nscore_by: concept")
    said = refused("somebody")
    assert said == f"{WHERE}: file rows/somebody.csv: line 3: has no concept, and the set is scored by concept"
    new = "class_name: what}\nclassifier: {network: resnet}\nmetrics: {accuracy: classifier}"
    somebody(lines, "noise_seed: seed, row: case}\nmetrics: {flat: spread}", new)
    said = refused("somebody")
    assert said == f"{WHERE}: file rows/somebody.csv: line 3: has no class_name, and metric accuracy needs it"


@pytest.mark.parametrize(("name", "means"), [("-", "no concept"), ("*", "all of them")])
def test_a_name_that_means_something_else_in_scores_is_no_concept(somebody, name, means):
    somebody([{"prompt": "a", "what": f" {name} "}] * 2, "noise_seed: seed, row: case}", "concept: what}")
    said = refused("somebody").partition("rows/somebody.csv: ")[2]
    assert said == f"line 2: concept {name!r}: means {means} in scores.csv; give it another name"


def test_blanks_around_a_name_do_not_make_it_another(somebody):
    """A concept that was erased must not count as one that is retained."""
    somebody(
        [{"prompt": " a ", "what": " ink "}] * 2, "noise_seed: seed, row: case}", "concept: what}\nscore_by: concept"
    )
    assert [(row.text, row.concept) for row in rows()] == [(" a ", "ink")] * 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prompt,seed,case\n", "has no row"),
        ("", "columns.text: there is no column 'prompt' (allowed: nothing)"),
        ("prompt,seed,case\na,1\n", "line 2: has fewer fields than the file has columns"),
        ('prompt,seed,case\n"a,1,x\n', "cannot be read as CSV in UTF-8: "),
    ],
)
def test_a_file_that_is_no_table_of_rows(somebody, text, message):
    somebody(text=text)
    assert refused("somebody").startswith(f"{WHERE}: file rows/somebody.csv: {message}")


def test_a_file_in_another_encoding(somebody, small, tmp_path):
    somebody()
    data = "prompt,seed,case\né,1,a\n".encode("latin-1")
    (tmp_path / "rows/somebody.csv").write_bytes(data)
    entry = (tmp_path / WHERE).read_text()
    sha = entry.partition("sha256: ")[2][:64]
    small(WHERE, entry.replace(sha, hashlib.sha256(data).hexdigest()))
    assert refused("somebody").startswith(f"{WHERE}: file rows/somebody.csv: cannot be read as CSV in UTF-8: ")


def test_a_file_that_is_missing_or_another_one(somebody, tmp_path):
    somebody()
    (tmp_path / "rows/somebody.csv").write_text("prompt,seed,case\nchanged,1,a\n")
    sha = hashlib.sha256((tmp_path / "rows/somebody.csv").read_bytes()).hexdigest()
    said = refused("somebody")
    assert said == f"{WHERE}: file rows/somebody.csv: is another file than the one that is meant: its SHA-256 is {sha}"
    (tmp_path / "rows/somebody.csv").unlink()
    advice = "save it there, or say in config.yaml where it lies: files: {somebody: <path>}"
    assert refused("somebody") == f"{WHERE}: file rows/somebody.csv: is not there; {advice}"


@pytest.mark.parametrize("sha", ["", "abc", "g" * 64, "A" * 64])
def test_a_hash_that_is_none(somebody, small, tmp_path, sha):
    somebody()
    entry = (tmp_path / WHERE).read_text()
    small(WHERE, entry.replace(entry.partition("sha256: ")[2][:64], f"'{sha}'"))
    assert refused("somebody").startswith(f"{WHERE}: sha256: {sha!r} is no SHA-256: 64 digits 0-9 and a-f")


def test_a_file_elsewhere_is_named_from_home(somebody, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "rows"))
    somebody(old="file: rows/somebody.csv", new="file: ~/somebody.csv")
    assert len(rows()) == 5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("style", "a task has this name"),
        ("My-Set", "a set's name consists of small letters, digits and _ only"),
        ("all", "a set's name consists of small letters, digits and _ only"),
        ("a__b", "a set's name consists of small letters, digits and _ only"),
    ],
)
def test_a_set_whose_name_may_not_be(somebody, small, tmp_path, name, message):
    somebody()
    small(f"benchmark/prompt_sets/{name}.yaml", (tmp_path / WHERE).read_text())
    with pytest.raises(ConfigError, match=f"^benchmark/prompt_sets/{name}.yaml: {message}(, and not the word all)?$"):
        load_set(name, "testbed")


def test_a_set_that_a_task_names_and_there_is_none(somebody, small):
    somebody()
    small(
        "benchmark/tasks/style.yaml", TASK.replace("    templates:", "    erased_on: [style, somebdy]\n    templates:")
    )
    with pytest.raises(
        ConfigError, match="worlds.testbed.erased_on: there is no name 'somebdy'; did you mean somebody"
    ):
        grid.plan({"suite": "test"})
