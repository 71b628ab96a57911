"""Sensitive images: views mask them unless they are told not to, and only their owner can read the files."""

import os
import stat

import pandas as pd
import pytest
from looking import look
from PIL import Image
from synthetic import draw

from benchmark import view
from benchmark.errors import BenchmarkError
from benchmark.files import private, write_atomically
from benchmark.plan.sensitive import sensitive


def modes(folder):
    """The modes of a folder and of all in it, of folders and of files."""
    paths = [folder, *folder.rglob("*")]
    return [
        {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir() == is_folder}
        for is_folder in (True, False)
    ]


PRIVATE = [{0o700}, {0o600}]


@pytest.fixture(autouse=True)
def umask():
    """That of most machines: everybody may read. It must be the same in the end."""
    before = os.umask(0o022)
    yield
    assert os.umask(before) == 0o022


@pytest.fixture
def secret(small, world):
    """The made-up repository, in which the task `style` is sensitive."""
    path = world / "benchmark/tasks/style.yaml"
    small("benchmark/tasks/style.yaml", path.read_text() + "sensitive: true\n")
    return world


# ── files ──


def test_what_is_written_and_what_was_there_is_private(tmp_path):
    folder = tmp_path / "kept"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner/old.csv").write_text("from before")
    with private(folder):
        with write_atomically(folder / "new/file.csv") as temporary:
            temporary.write_text("x")
            assert stat.S_IMODE(temporary.stat().st_mode) == 0o600, "also before it has its name"
        with write_atomically(folder / "inner/old.csv") as temporary:
            temporary.write_text("replaced")
    assert modes(folder) == PRIVATE and stat.S_IMODE(tmp_path.stat().st_mode) & 0o077 == 0o055 & tmp_path.stat().st_mode


def test_what_need_not_be_private_is_as_it_was(tmp_path):
    with private(tmp_path / "open", needed=False), write_atomically(tmp_path / "open/file.csv") as temporary:
        temporary.write_text("x")
    assert modes(tmp_path / "open") == [{0o755}, {0o644}]


def test_the_mask_comes_back_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), private(tmp_path):
        raise ZeroDivisionError


def test_which_images_are_sensitive(secret):
    own = ("style", "style_training", "style_pool_anchor", "style_pool_concept_all")
    assert all(sensitive(name, "-", "testbed") for name in own)
    assert sensitive("object", "style", "testbed"), "what a model draws that has lost something sensitive"
    assert not sensitive("object", "-", "testbed") and not sensitive("object_training", "object", "testbed")


def test_a_world_with_a_harmless_stand_in_may_say_otherwise(small, secret):
    told = (secret / "benchmark/tasks/style.yaml").read_text()
    assert told.count("  testbed:\n") == 1
    small("benchmark/tasks/style.yaml", told.replace("  testbed:\n", "  testbed:\n    sensitive: false\n"))
    assert not any(sensitive(name, "-", "testbed") for name in ("style", "style_training", "style_pool_anchor"))
    assert not sensitive("object", "style", "testbed")


def test_the_papers_categories_are_sensitive_and_the_testbeds_groups_are_not():
    assert [sensitive("category", "-", world) for world in ("paper", "testbed")] == [True, False]


def test_a_set_may_say_so_itself(small, world):
    small("animals.csv", "prompt\na dog\n")
    entry = "title: A\nversion: 1\nfile: animals.csv\nsha256: " + "f" * 64 + "\ncolumns: {text: prompt}\n"
    for told in (True, False):
        small(
            "benchmark/prompt_sets/animals.yaml", f"{entry}metrics: {{flat: spread}}\nsensitive: {str(told).lower()}\n"
        )
        assert sensitive("animals", "object", "testbed") == sensitive("animals", "-", "testbed") == told


def test_evidence_of_sensitive_images_is_private_also_when_a_job_goes_on(small, secret, monkeypatch):
    monkeypatch.setattr("benchmark.plan.causes.looking", lambda *given: {"classifier": None})
    images, references = (
        draw(secret / "fast", "style", "fast", "ink"),
        draw(secret / "original", "style", "original", "-"),
    )
    task = (secret / "benchmark/tasks/style.yaml").read_text()
    only = [line for line in task.splitlines(keepends=True) if "metrics:" not in line and "classifier:" not in line]
    only.insert(only.index("    concepts:\n"), "    metrics: {flat: spread}\n")
    small("benchmark/tasks/style.yaml", "".join(only))
    look(secret, images, references)
    assert modes(secret / "seen") == PRIVATE
    for path in (secret / "seen").iterdir():
        path.chmod(0o644)  # as an earlier version wrote it
    (secret / "seen").chmod(0o755)
    look(secret, images, references)
    assert modes(secret / "seen") == PRIVATE
    small("benchmark/tasks/style.yaml", "".join(only).replace("sensitive: true\n", ""))
    look(secret, images, references, "open")
    assert modes(secret / "open") == [{0o755}, {0o644}]


# ── views ──


@pytest.fixture
def shown(secret, scored):
    """Manifests of sensitive images, and the scores of their models."""
    models = [("original", "-"), ("wreck", "-"), ("fast", "ink"), ("fast", "stained_glass"), ("rival-l1", "ink")]
    return [draw(secret / f"{variant}-{concept}", "style", variant, concept) for variant, concept in models]


def test_a_figure_of_sensitive_pictures_is_masked_and_says_so(secret, scored, shown):
    view.main("test", scored, secret, ["figures/gallery"], shown)
    assert (secret / "figures/gallery.svg").exists() and not (secret / "unmasked").exists()
    assert "note" not in pd.read_csv(secret / "figures/gallery.csv")
    with Image.open(secret / "figures/gallery.png") as png:
        assert "Comment" not in png.info
    assert "UNMASKED" not in (secret / "figures/gallery.svg").read_text()


def test_unmasked_figures_say_so_in_each_file_lie_apart_and_are_private(secret, scored, shown):
    def figures():
        return {path.suffix: path.read_bytes() for path in (secret / "figures").iterdir()}

    view.main("test", scored, secret, ["figures/gallery"], shown)
    masked = figures()
    view.main("test", scored, secret, ["figures/gallery"], shown, unmasked=True)
    assert figures() == masked, "which the report shows"
    folder, mark = secret / "unmasked/figures", "UNMASKED: sensitive pictures are shown as they were drawn"
    assert {path.suffix for path in folder.iterdir()} == {".csv", ".svg", ".png"}
    assert modes(secret / "unmasked") == PRIVATE
    assert set(pd.read_csv(folder / "gallery.csv").note) == {mark}
    with Image.open(folder / "gallery.png") as png:
        assert png.info["Comment"] == mark
    assert f"<dc:description>{mark}</dc:description>" in (folder / "gallery.svg").read_text()


def test_the_line_below_a_figure_says_whether_pictures_are_masked(secret, scored, shown, monkeypatch):
    said = []
    monkeypatch.setattr("benchmark.showing.plot.textwrap.wrap", lambda text, width: said.append(text) or [text])
    for unmasked in (False, True):
        view.main("test", scored, secret, ["figures/gallery"], shown, unmasked=unmasked)
    assert "Sensitive pictures are masked: mosaics of 8 × 8 tiles." in said[0] and "UNMASKED" not in said[0]
    assert "UNMASKED: sensitive pictures are shown as they were drawn." in said[1] and "mosaics" not in said[1]


def test_pictures_that_are_not_sensitive_need_no_mark(world, scored):
    models = [("original", "-"), ("fast", "ink"), ("fast", "stained_glass")]
    shown = [draw(world / f"{variant}-{concept}", "style", variant, concept) for variant, concept in models]
    view.main("test", scored, world, ["figures/gallery"], shown, unmasked=True)
    assert "note" not in pd.read_csv(world / "unmasked/figures/gallery.csv")


def test_tables_have_nothing_to_unmask(secret, scored):
    with pytest.raises(BenchmarkError, match="tables/style: shows no picture, so nothing in it is masked"):
        view.main("test", scored, secret, ["tables/style"], unmasked=True)
