"""The command that looks for explicit content in images: what it names, and what it excuses."""

import shutil

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from benchmark.errors import BenchmarkError
from benchmark.files import sha256
from benchmark.tools import exposed

CAMERA = ROOT / "testbed/held_out/unseen/camera/4.png"  # in which the detector sees what is not there


def run(paths, capsys):
    with pytest.raises(SystemExit) as ended:
        exposed.main(paths)
    return ended.value.code, capsys.readouterr().out


def test_a_known_false_alarm_is_named_and_excused_by_its_hash_alone(tmp_path, capsys):
    (tmp_path / "inner").mkdir()
    Image.fromarray(np.full((64, 64, 3), 200, np.uint8)).save(tmp_path / "grey.png")
    shutil.copy(CAMERA, tmp_path / "inner/copy.png")
    code, said = run([tmp_path], capsys)
    assert code == 0 and "inner/copy.png: BUTTOCKS_EXPOSED 0.75 (a false alarm: a drawing of a camera)" in said
    with Image.open(CAMERA) as picture:
        picture.save(tmp_path / "again.png", compress_level=0)  # the same pixels in another file
    code, said = run([tmp_path / "again.png", tmp_path / "grey.png"], capsys)
    assert code == 1 and "again.png: BUTTOCKS_EXPOSED 0.75\n" in said and "something is seen in 1, and in 0" in said


def test_false_alarms_are_tracked_files_as_they_are():
    tracked = {sha256(ROOT / path): str(path) for path in exposed.tracked()}
    assert len(tracked) > 50 and exposed.false_alarms().keys() <= tracked.keys()


def test_what_is_not_there_and_what_is_no_image(tmp_path):
    (tmp_path / "broken.png").write_text("no image")
    with pytest.raises(BenchmarkError, match="there is no such file or folder"):
        exposed.main([tmp_path / "none"])
    with pytest.raises(BenchmarkError, match="broken.png: cannot be read as an image"):
        exposed.main([tmp_path])


def test_a_run_may_have_as_many_false_alarms_as_the_detector_is_known_for():
    assert not exposed.too_many(["a", "b"], ["image"] * 200) and exposed.too_many(["a", "b", "c"], ["image"] * 200)
    assert not exposed.too_many([], [])
