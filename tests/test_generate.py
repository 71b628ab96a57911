"""Drawing a part: what a killed job left is kept, and what is drawn again has the same bytes."""

import numpy as np
import pytest
import torch
from conftest import ROOT
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from benchmark import base, devices, generate, manifest, weights
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


# ── what was altered is not kept ──


def retouch(path, mode="RGB"):
    """Black out a part of a picture and keep its text chunks, as somebody does before showing it to others."""
    with Image.open(path) as picture:
        picture.load()
        texts = PngInfo()
        for name, text in picture.info.items():
            texts.add_text(name, text)
        picture = picture.convert(mode)
    ImageDraw.Draw(picture).rectangle([10, 10, 50, 50], fill="black")
    picture.save(path, pnginfo=texts)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_a_retouched_picture_is_drawn_again(part, capsys, mode):
    folder, draw = part
    before, touched = bytes_of(folder), sorted(folder.rglob("*.png"))[:3]
    for path in touched:
        retouch(path, mode)
    with pytest.raises(BenchmarkError, match="remove the manifest.csv that lists it and run the same command again"):
        manifest.picture(touched[0], manifest.read(folder / "manifest.csv")[0].sha256)
    capsys.readouterr()
    draw()
    assert "3 drawn" in capsys.readouterr().out and bytes_of(folder) == before


def test_a_picture_with_the_same_pixels_in_another_file_is_drawn_again(part, capsys):
    folder, draw = part
    path = next(iter(sorted(folder.rglob("*.png"))))
    before = path.read_bytes()
    with Image.open(path) as picture:
        picture.save(path, compress_level=9)
    draw()
    assert path.read_bytes() == before


def test_no_damage_of_a_picture_passes(tmp_path):
    """Every byte of the file is under the seal: one changed, one lost, one too many, two exchanged."""
    path, dice = tmp_path / "picture.png", np.random.default_rng(0)
    manifest.save_png(path, dice.integers(0, 256, (24, 24, 3), np.uint8), manifest.Note("key", "cpu"))
    whole = path.read_bytes()
    assert manifest.note_of(path) == ("key", "cpu")
    for trial in range(4000):
        data, place = bytearray(whole), int(dice.integers(len(whole)))
        match trial % 4:
            case 0:
                data[place] ^= 1 << int(dice.integers(8))
            case 1:
                del data[place : place + int(dice.integers(1, 9))]
            case 2:
                data[place:place] = dice.bytes(int(dice.integers(1, 9)))
            case 3:
                data = data[:place] + dice.bytes(len(data) - place)
        path.write_bytes(data)
        assert manifest.note_of(path) is None, f"trial {trial} at byte {place}"


def test_no_damage_of_a_models_weights_passes(tmp_path):
    path, dice = tmp_path / "delta.safetensors", np.random.default_rng(0)
    weights.save_delta(path, {"a": torch.ones(7), "b": torch.zeros(2, 3)}, "key")
    whole = path.read_bytes()
    assert weights.key_of(path) == "key"
    for trial in range(1000):
        data = bytearray(whole)
        data[int(dice.integers(len(whole)))] ^= 1 << int(dice.integers(8))
        path.write_bytes(data)
        assert weights.key_of(path) is None, trial


def test_manifests_name_the_kind_of_device(part):
    folder, _ = part
    assert {image.device for image in manifest.read(folder / "manifest.csv")} == {devices.kind()}
