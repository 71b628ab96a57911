"""Drawing a part: what a killed job left is kept, and what is drawn again has the same bytes."""

import pytest
from conftest import ROOT

from benchmark import base, generate
from benchmark.errors import BenchmarkError


@pytest.fixture
def part(tmp_path, monkeypatch):
    """The original's images of the suite `micro`, drawn in an empty repository: their folder, and how to draw again."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "testbed").symlink_to(ROOT / "testbed")
    base.main("micro", tmp_path / "results/micro/base.json")

    def draw():
        generate.main("micro", "style", "original", tmp_path / "images", concepts=["-"])

    draw()
    return tmp_path / "images", draw


def bytes_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_resumed_part_keeps_what_is_there_and_ends_with_the_same_bytes(part, capsys):
    folder, draw = part
    before = bytes_of(folder)
    drawn = sorted(folder.rglob("*.png"))
    for path in drawn[3:20:4]:
        path.unlink()
    drawn[0].write_bytes(drawn[0].read_bytes()[:500])
    (folder / "manifest.csv").unlink()
    untouched = {path: path.stat().st_mtime_ns for path in drawn[21:]}
    capsys.readouterr()
    draw()
    assert f"{len(drawn)} images, 6 drawn, {len(drawn) - 6} kept" in capsys.readouterr().out
    assert bytes_of(folder) == before
    assert {path: path.stat().st_mtime_ns for path in untouched} == untouched


def test_images_of_an_erased_model_need_the_model(tmp_path):
    with pytest.raises(BenchmarkError, match="--models: models.csv of esd is needed"):
        generate.main("micro", "style", "esd", tmp_path / "images", concepts=["chalk"])
