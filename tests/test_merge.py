"""Parts of a suite become one scores.csv: nothing twice, nothing of two versions, nothing lost."""

import pandas as pd
import pytest
from scoring import run, world  # noqa: F401  (a fixture)

from benchmark.errors import BenchmarkError
from benchmark.plan.records import ORIGINAL
from benchmark.store import details, scores
from benchmark.tools import merge


@pytest.fixture
def parts(small, world, tmp_path):
    """Two concepts, erased in two parts, and the same two in one run."""
    path = tmp_path / "benchmark/suites/test.yaml"
    small("benchmark/suites/test.yaml", path.read_text().replace("[tables/style", "[tables/went, tables/style"))
    original, wreck = world("style", ORIGINAL), world("style", "wreck")
    ink, glass = world("style", "fast", "ink"), world("style", "fast", "stained_glass")
    for name, erased in {"one": [ink], "two": [glass], "whole": [ink, glass]}.items():
        run([original, wreck, *erased], tmp_path, f"{name}/scores.csv", sets=("style",))
    return [tmp_path / f"{name}/scores.csv" for name in ("one", "two")]


def test_parts_are_what_one_run_would_have_written(parts, tmp_path, capsys):
    merge.main("test", parts, tmp_path / "merged/scores.csv")
    key = list(scores.IDENTITY)
    merged, whole = (
        scores.read(tmp_path / name / "scores.csv").set_index(key).sort_index() for name in ("merged", "whole")
    )
    pd.testing.assert_frame_equal(merged, whole)
    said = capsys.readouterr().out
    assert "numbers of controls are taken from earlier parts; they differ at most: in nothing" in said
    assert f"{len(whole)} numbers of 2 parts, drawn on cpu ({len(whole)})" in said
    labels = [pd.read_csv(tmp_path / name / "details/labels.csv") for name in ("merged", "whole")]
    sides = [each.sort_values(list(each), ignore_index=True) for each in labels]
    pd.testing.assert_frame_equal(*sides)


def test_a_detail_that_a_part_lacks_is_left_out_and_none_of_an_earlier_run_stays(parts, tmp_path, capsys):
    merge.main("test", parts, tmp_path / "merged/scores.csv")
    (tmp_path / "two/details/labels.csv").unlink()
    merge.main("test", parts, tmp_path / "merged/scores.csv")
    assert "details/labels.csv: is left out, since " in capsys.readouterr().out
    assert not (tmp_path / "merged/details/labels.csv").exists()


def test_checkpoints_of_a_variant_have_versions_of_their_own(parts, tmp_path):
    for path in parts:
        rows = scores.read(path)
        early = rows[rows.variant == "fast"].assign(checkpoint=50)
        early["version"] = early.version.str.rsplit(".", n=1).str[0] + ".abcdef"
        pd.concat([rows, early])[list(rows)].to_csv(path, index=False)
        details.belong(path, [])
    merge.main("test", parts, tmp_path / "merged/scores.csv")
    assert set(scores.read(tmp_path / "merged/scores.csv").checkpoint) == {50, 100}


def test_a_model_of_two_parts_is_refused_and_nothing_is_written(parts, tmp_path):
    said = (
        "two/scores.csv: has numbers of fast, ink erased with erasing seed 0, experiment style, as an earlier part has"
    )
    parts[1].write_text(parts[1].read_text().replace("stained_glass,0,style,stained_glass", "ink,0,style,ink"))
    parts[1].write_text(parts[0].read_text())
    with pytest.raises(BenchmarkError, match=said):
        merge.main("test", parts, tmp_path / "merged/scores.csv")
    assert not (tmp_path / "merged").exists()


def test_numbers_of_two_versions_are_refused(parts, tmp_path):
    lines = parts[1].read_text().splitlines()
    old = {line.split(",")[-2] for line in lines if ",fid," in line and ",fast," in line}.pop()
    parts[1].write_text("\n".join(line.replace(old, "9.9.abcdef") for line in lines) + "\n")
    with pytest.raises(BenchmarkError, match=f"has version 9.9.abcdef of fid for fast on prompt set style, .* {old}"):
        merge.main("test", parts, tmp_path / "merged/scores.csv")


def test_what_no_part_has_compared_is_said():
    def part(*rows):
        return pd.DataFrame(rows, columns=["experiment", "variant", "concept", "erasing_seed"])

    one, two, other = ("style", "esd", "ink", 0), ("style", "sdd", "ink", 0), ("style", "sdd", "chalk", 0)
    control = ("style", ORIGINAL, "-", 0)
    assert not merge._apart({"a": part(control, one), "b": part(control, other)})
    (said,) = merge._apart({"a": part(control, one), "b": part(control, two)})
    assert said == "details/paired.csv: variants of a and of b are not compared image by image: no part has both"
