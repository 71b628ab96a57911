"""Details: what `score` writes beside scores.csv, and what tables and figures are given of it."""

import re

import numpy as np
import pandas as pd
import pytest
from scoring import run, world  # noqa: F401  (a fixture)

from benchmark import view
from benchmark.errors import BenchmarkError, ConfigError
from benchmark.plan import causes, grid
from benchmark.plan.records import ORIGINAL


@pytest.fixture
def went(small, world, tmp_path):
    """The suite `test` with a view that shows a detail, and evidence in which every image of an erased concept is blank
    or, every fourth, a saw."""
    path = tmp_path / "benchmark/suites/test.yaml"
    small("benchmark/suites/test.yaml", path.read_text().replace("[tables/style", "[tables/went, tables/style"))

    def some_saws(rows):
        return rows.assign(classifier_label=np.where(rows.index % 4 == 0, "saw", rows.classifier_label))

    return [world("style", ORIGINAL), world("style", "wreck"), world("style", "fast", "ink", change=some_saws)]


def test_a_detail_is_written_for_the_views_that_show_it(went, tmp_path):
    run(went, tmp_path)
    labels = pd.read_csv(tmp_path / "details/labels.csv")
    assert list(labels)[:2] == ["suite", "experiment"] and set(labels.suite) == {"test"}
    of_fast = labels[(labels.variant == "fast") & (labels.role == "erased")].set_index("label")
    assert dict(of_fast.images) == {"blank": 6, "saw": 2} and set(of_fast.n) == {8}
    whole = labels.groupby(["variant", "concept", "asked", "role"]).agg({"images": "sum", "n": "first"})
    assert (whole.images == whole.n).all(), "each image was taken for one class"
    assert set(labels[labels.variant == ORIGINAL].role) == {"baseline"}


def test_without_such_a_view_there_is_no_detail(world, tmp_path):
    run([world("style", ORIGINAL), world("style", "fast", "ink")], tmp_path)
    assert not (tmp_path / "details/labels.csv").exists()


def test_the_table_says_where_images_went(went, tmp_path):
    run(went, tmp_path)
    view.main("test", tmp_path / "scores.csv", tmp_path, ["tables/went"])
    shares = pd.read_csv(tmp_path / "tables/went.csv")
    assert set(shares.asked) == {"ink"} and set(shares.variant) == {ORIGINAL, "wreck", "fast"}
    assert (shares.groupby("variant").share.sum() == 100).all()
    text = (tmp_path / "tables/went.md").read_text()
    assert "Artistic styles: images of “ink”, in per cent" in text
    assert re.search(r"\| fast .*\| +75 \| +25 \|", text)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",label,", ",class,", "labels.csv: has other columns than suite, experiment"),
        ("test,", "other,", "labels.csv: is of suite other, and test is drawn"),
        (",8\n", ",many\n", "labels.csv: cannot be read"),
    ],
)
def test_a_detail_that_is_none_is_refused(went, tmp_path, old, new, message):
    run(went, tmp_path)
    path = tmp_path / "details/labels.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(BenchmarkError, match=message):
        view.main("test", tmp_path / "scores.csv", tmp_path, ["tables/went"])
    path.unlink()
    with pytest.raises(BenchmarkError, match="details/labels.csv: is not there, and this cannot be shown without it"):
        view.main("test", tmp_path / "scores.csv", tmp_path, ["tables/went"])
    assert not (tmp_path / "tables/went.csv").exists()


def test_details_of_another_scores_csv_are_refused(went, tmp_path):
    """Somebody puts another scores.csv in the place of the own one, whose details are still there."""
    run(went, tmp_path)
    scores = tmp_path / "scores.csv"
    scores.write_text(scores.read_text().replace(",cpu\n", ",another\n"))
    with pytest.raises(BenchmarkError, match="details: its files are of another scores.csv than"):
        view.main("test", scores, tmp_path, ["tables/went"])


def test_scores_take_the_details_of_an_earlier_run_with_them(went, tmp_path):
    run(went, tmp_path)
    old = tmp_path / "details/paired.csv"
    old.write_text("of an earlier run")
    run(went, tmp_path)
    assert not old.exists() and (tmp_path / "details/labels.csv").exists()


def test_the_code_of_a_detail_is_part_of_what_scores_depend_on(small, went, tmp_path):
    def cause():
        return causes.jobs(grid.plan({"suite": "test"}))["score", ""]()["code"]

    before, file = cause(), "benchmark/details/labels.py"
    small(file, (tmp_path / file).read_text().replace('"images": images', '"images": 2 * images'))
    assert cause() != before


def test_a_view_that_asks_for_a_detail_that_there_is_not_is_refused_when_planning(small, went, tmp_path):
    file = "benchmark/tables/went.py"
    small(file, (tmp_path / file).read_text().replace('DETAILS = ["labels"]', 'DETAILS = ["lables"]'))
    with pytest.raises(ConfigError, match=r"tables/went.py: DETAILS: there is no name 'lables'; did you mean labels\?"):
        grid.plan({"suite": "test"})
