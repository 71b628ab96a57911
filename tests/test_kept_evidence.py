"""What was seen is kept for each picture and observer: looking resumes, and what changed is looked at again."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from looking import CLASSES, Channels, drawn, look, trained, world  # noqa: F401  (fixtures)
from PIL import Image
from synthetic import SIZE

from benchmark import observe
from benchmark.files import sha256
from benchmark.observers import nudenet
from benchmark.plan import causes, plugins
from benchmark.store import manifest


def count(monkeypatch, observer="testbed"):
    """The pictures that an observer is shown from now on, batch by batch, copies that fill a batch among them."""
    shown, module = [], plugins.load("benchmark/observers", observer)
    real = module.observe

    def observe(images, references, settings, classifier):
        shown.extend(len(batch) for batch in images)
        return real(images, references, settings, classifier)

    monkeypatch.setattr(module, "observe", observe)
    return shown


def test_what_was_seen_is_not_looked_at_again(world, drawn, monkeypatch):
    whole = look(world, drawn[1], drawn[0])
    before, shown = (world / "seen/testbed.npz").read_bytes(), count(monkeypatch)
    (world / "seen/evidence.csv").unlink()
    pd.testing.assert_frame_equal(look(world, drawn[1], drawn[0]), whole)
    assert not shown and (world / "seen/testbed.npz").read_bytes() == before


def test_a_killed_observer_goes_on_and_ends_with_the_same_bytes(world, drawn, monkeypatch):
    look(world, drawn[1], drawn[0], "whole")
    monkeypatch.setattr(observe, "BATCHES", 1)
    module = plugins.load("benchmark/observers", "testbed")
    real, calls = module.observe, []

    def killed(*what):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*what)

    monkeypatch.setattr(module, "observe", killed)
    with pytest.raises(KeyboardInterrupt):
        look(world, drawn[1], drawn[0])
    monkeypatch.setattr(module, "observe", real)
    shown = count(monkeypatch)
    look(world, drawn[1], drawn[0])
    assert sum(shown) == 16  # of 20 pictures in batches of 8 the first 8 were kept; the last batch is filled up
    for name in ("evidence.csv", "classifier.npz", "testbed.npz", "spread.npz"):
        assert (world / "seen" / name).read_bytes() == (world / "whole" / name).read_bytes(), name


def test_a_picture_that_was_drawn_again_is_looked_at_again_and_no_other(world, drawn, monkeypatch):
    look(world, drawn[1], drawn[0])
    rows = manifest.read(drawn[1])
    file = drawn[1].parent / rows[3].file
    Image.fromarray(np.zeros((SIZE, SIZE, 3), np.uint8)).save(file)
    rows[3] = replace(rows[3], sha256=sha256(file))
    manifest.write(drawn[1], rows)
    shown = count(monkeypatch)
    seen = look(world, drawn[1], drawn[0])
    assert sum(shown) == 8 and seen.spread[3] == 0


def test_another_classifier_looks_again_and_other_observers_do_not(world, drawn, monkeypatch):
    look(world, drawn[1], drawn[0])
    trained(world / "classifier", Channels(len(CLASSES)).state_dict(), accuracy=1)
    shown, others = count(monkeypatch, "classifier"), count(monkeypatch)
    look(world, drawn[1], drawn[0])
    assert shown and not others


@pytest.mark.parametrize("damage", [lambda data: data[:200], lambda data: b"", lambda data: data[:-400] + b"x" * 400])
def test_what_was_seen_and_cannot_be_read_is_looked_at_again(world, drawn, capsys, damage):
    look(world, drawn[1], drawn[0])
    path = world / "seen/testbed.npz"
    before = path.read_bytes()
    path.write_bytes(damage(before))
    capsys.readouterr()
    look(world, drawn[1], drawn[0])
    assert path.read_bytes() == before and "testbed.npz: cannot be kept" in capsys.readouterr().out


def test_evidence_that_was_edited_by_hand_is_looked_at_again(world, drawn):
    look(world, drawn[1], drawn[0])
    path = world / "seen/classifier.npz"
    before = path.read_bytes()
    with np.load(path) as file:
        arrays = dict(file)
    arrays["classifier_label"][:] = "ink"
    np.savez(path, **arrays)
    look(world, drawn[1], drawn[0])
    assert path.read_bytes() == before


def test_an_edited_observer_leaves_nothing_of_what_it_saw_before(world, drawn, monkeypatch):
    """Else its old columns, or their kinds, would stay beside the new ones."""
    look(world, drawn[1], drawn[0])
    module, cause = plugins.load("benchmark/observers", "spread"), causes.looking

    def observe(*what):
        columns, _ = real(*what)
        return {"spread": columns["spread"].astype(np.float32), "more": columns["spread"]}, None

    real = module.observe
    monkeypatch.setattr(module, "observe", observe)
    monkeypatch.setattr(causes, "looking", lambda *given: cause(*given) | {"code": "edited"})
    look(world, drawn[1], drawn[0])
    look(world, drawn[1], drawn[0], "clean")
    for name in ("evidence.csv", "spread.npz"):
        assert (world / "seen" / name).read_bytes() == (world / "clean" / name).read_bytes(), name


def test_what_a_detector_counts_is_arithmetic_and_how_it_looks_is_not(small, world, drawn, monkeypatch):
    task = (world / "benchmark/tasks/style.yaml").read_text()
    declared = "    observers: {nudenet: {sizes: [SIZES]}}\n    metrics: {detected: {observer: nudenet, MORE}}\n"

    def looks(sizes, more):
        """How many pictures the detector is shown, with these sizes and these settings of the metric."""
        lines = [line for line in task.splitlines(keepends=True) if "metrics:" not in line]
        place = next(number for number, line in enumerate(lines) if "concepts:" in line)
        lines.insert(place, declared.replace("SIZES", sizes).replace("MORE", more))
        small("benchmark/tasks/style.yaml", "".join(lines))
        before = len(shown)
        seen = look(world, drawn[1], drawn[0])
        assert len([column for column in seen if column.startswith("nudenet_")]) == len(nudenet.CLASSES) + 1
        return sum(shown[before:])

    shown = count(monkeypatch, "nudenet")
    assert looks("320", "threshold: 0.5") == 24  # 20 pictures in batches of 8
    assert looks("320", "threshold: 0.9") == looks("320", "classes: [FACE_FEMALE, FEET_EXPOSED]") == 0
    assert looks("160", "threshold: 0.5") == 24
