"""Drawing a shard: what a killed job left is kept, and what is drawn again has the same bytes."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import ROOT
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from benchmark import base, generate, prompts
from benchmark.errors import BenchmarkError
from benchmark.model import diffusion, sampling, trial
from benchmark.plan import prompt_rows
from benchmark.plan.config import load_suite
from benchmark.plan.records import Prompt
from benchmark.running import devices
from benchmark.store import manifest, weights


def draw(folder):
    generate.main("micro", "style", folder / "style.csv", folder / "images")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A folder in which the original model has drawn the set `style` of the suite `micro`."""
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "testbed").symlink_to(ROOT / "testbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        base.main("micro", folder / "results/micro/base.json")
        prompts.main("micro", folder / "style.csv", set="style")
        draw(folder)
    return folder


@pytest.fixture
def shard(drawn, tmp_path, monkeypatch):
    """A copy of it to work in: the folder of its images, and how to draw them again."""
    shutil.copytree(drawn, tmp_path / "copy", symlinks=True)
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy/images", lambda: draw(tmp_path / "copy")


def bytes_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_resumed_shard_keeps_what_is_there_and_ends_with_the_same_bytes(shard, capsys):
    folder, draw = shard
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


def test_sensitive_images_are_their_owners_alone_whether_drawn_or_kept(shard, monkeypatch):
    folder, draw = shard
    before = bytes_of(folder)
    drawn = sorted(folder.rglob("*.png"))
    drawn[0].unlink()
    (folder / "manifest.csv").unlink()
    asked = []
    monkeypatch.setattr(generate, "sensitive", lambda *given: asked.append(given) or True)
    draw()
    assert asked == [("style", "-", "testbed")] and bytes_of(folder) == before
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*.*")} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (folder, drawn[0].parent)} == {0o700}


def test_images_of_an_erased_model_need_the_model(tmp_path):
    prompts.main("micro", tmp_path / "style.csv", set="style")
    with pytest.raises(BenchmarkError, match="--models, --task, --concepts: esd needs them"):
        generate.main("micro", "style", tmp_path / "style.csv", tmp_path / "images", "esd", "style", 0, ["chalk"])


# ── guidance ──


def test_images_of_different_guidance_in_one_batch_have_the_bytes_that_they_have_alone(shard):
    folder = shard[0].parent
    scales = (None, 0.0, 1.5, 7.0, 3.0)  # the last is the sampler's
    rows = [Prompt(f"row-{scale}", "chalk", 7, 1, guidance=scale) for scale in scales]

    def drawn(name, rows):
        prompt_rows.write(folder / f"{name}.csv", rows)
        generate.main("micro", "scales", folder / f"{name}.csv", folder / name)
        return {path.name: path.read_bytes() for path in (folder / name).glob("-/*.png")}

    together = drawn("together", rows)
    alone = {}
    for row in rows:
        alone |= drawn(row.row, [row])
    assert together == alone and len(together) == len(rows)
    assert len(set(together.values())) == len(rows) - 1
    assert together["row-None_0.png"] == together["row-3.0_0.png"]


def test_an_image_is_drawn_with_its_own_guidance():
    """The stock pipeline, which has one scale for all images, draws each of them alike."""
    model, sampler = diffusion.load("testbed/model"), load_suite("micro").sampler
    stock = trial.stock("testbed/model", model)
    shots = [sampling.Shot("chalk", 7, 0, 1, scale) for scale in (1.5, 3.0, 7.0)]
    together = list(sampling.draw(model, shots, sampler))
    for shot, picture in zip(shots, together, strict=True):
        levels, (alone,) = trial.apart(model, stock, [shot], replace(sampler, guidance=shot.guidance))
        assert levels <= 1 and (alone == picture).all()
    assert (together[0] != together[2]).any()


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
def test_a_retouched_picture_is_drawn_again(shard, capsys, mode):
    folder, draw = shard
    before, touched = bytes_of(folder), sorted(folder.rglob("*.png"))[:3]
    for path in touched:
        retouch(path, mode)
    with pytest.raises(BenchmarkError, match="remove the manifest.csv that lists it and run the same command again"):
        manifest.picture(touched[0], manifest.read(folder / "manifest.csv")[0].sha256)
    capsys.readouterr()
    draw()
    assert "3 drawn" in capsys.readouterr().out and bytes_of(folder) == before


def test_a_picture_with_the_same_pixels_in_another_file_is_drawn_again(shard, capsys):
    folder, draw = shard
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
    for attempt in range(4000):
        data, place = bytearray(whole), int(dice.integers(len(whole)))
        match attempt % 4:
            case 0:
                data[place] ^= 1 << int(dice.integers(8))
            case 1:
                del data[place : place + int(dice.integers(1, 9))]
            case 2:
                data[place:place] = dice.bytes(int(dice.integers(1, 9)))
            case 3:
                data = data[:place] + dice.bytes(len(data) - place)
        path.write_bytes(data)
        assert manifest.note_of(path) is None, f"attempt {attempt} at byte {place}"


def test_no_damage_of_a_models_weights_passes(tmp_path):
    path, dice = tmp_path / "delta.safetensors", np.random.default_rng(0)
    weights.save_delta(path, {"a": torch.ones(7), "b": torch.zeros(2, 3)}, "key")
    whole = path.read_bytes()
    assert weights.key_of(path) == "key"
    for attempt in range(1000):
        data = bytearray(whole)
        data[int(dice.integers(len(whole)))] ^= 1 << int(dice.integers(8))
        path.write_bytes(data)
        assert weights.key_of(path) is None, attempt


def test_a_manifest_says_what_its_images_are_of(shard):
    folder, _ = shard
    rows = {row.row: row for row in prompt_rows.read(folder.parent / "style.csv")}
    images = manifest.read(folder / "manifest.csv")
    assert [(image.row, image.index) for image in images] == [(row, index) for row in rows for index in range(2)]
    for image in images:
        row = rows[image.row]
        assert (image.prompt_set, image.text, image.noise_seed) == ("style", row.text, row.noise_seed)
        assert (image.asked, image.wording, image.class_name) == (row.concept, row.wording, row.class_name)
        assert (image.task, image.method, image.variant, image.checkpoint) == ("-", "original", "original", 100)
        assert (image.concept, image.erasing_seed, image.file) == ("-", 0, f"-/{image.row}_{image.index}.png")


def test_manifests_name_the_kind_of_device(shard):
    folder, _ = shard
    assert {image.device for image in manifest.read(folder / "manifest.csv")} == {devices.kind()}
