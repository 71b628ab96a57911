"""Looking at images: what the runner writes down, and what it refuses to look at."""

import json
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import sealed
from looking import CLASSES, Backbone, Channels, drawn, look, trained, world  # noqa: F401  (fixtures)
from PIL import Image
from synthetic import SIZE, draw

from benchmark import prompts, score, view
from benchmark.errors import BenchmarkError
from benchmark.files import sha256
from benchmark.observers import _torch, classifier
from benchmark.store import evidence, manifest

# ── the runner ──


def test_evidence_is_the_manifest_and_what_was_seen(world, drawn):
    original, fast = drawn
    seen = look(world, fast, original)
    listed = evidence.read(fast)
    pd.testing.assert_frame_equal(seen[evidence.MANIFEST], listed)
    assert {"classifier_label", "classifier_confidence", "spread", "lpips_testbed", "testbed_features"} <= set(seen)
    features = evidence.features(world / "seen/evidence.csv", seen, "testbed")
    assert features.shape == (8 + 3 * 4, 7) and features.dtype == np.float32
    pictures = [manifest.picture(fast.parent / row.file, row.sha256) for row in listed.itertuples()]
    alone = [Backbone().features(_torch.tensor(picture[None]))[0].numpy(force=True) for picture in pictures]
    np.testing.assert_allclose(features, alone, rtol=1e-4, atol=1e-6)


def test_looking_again_gives_the_same_bytes(world, drawn):
    look(world, drawn[1], drawn[0], "one")
    look(world, drawn[1], drawn[0], "two")
    for name in ("evidence.csv", "testbed.npz"):
        assert (world / "one" / name).read_bytes() == (world / "two" / name).read_bytes()


def test_reference_images_are_found_by_row_and_index_and_not_by_place(world, drawn):
    original, fast = drawn
    before = look(world, fast, original).lpips_testbed
    manifest.write(original, reversed(manifest.read(original)))
    np.testing.assert_allclose(look(world, fast, original).lpips_testbed, before, rtol=1e-6)


def test_the_originals_images_are_their_own_references(world, drawn):
    seen = look(world, drawn[0], drawn[0])
    assert (seen.lpips_testbed == 0).all()


def test_an_empty_prompt_stays_empty_and_a_concept_may_be_called_nan(world, drawn):
    rows = [manifest.Image(**{**vars(row), "text": "", "asked": "nan"}) for row in manifest.read(drawn[1])[:1]]
    manifest.write(drawn[1], rows)
    read = evidence.read(drawn[1])
    assert (read.text[0], read.asked[0]) == ("", "nan")


def test_only_the_observers_that_metrics_name_look(small, world):
    task = (world / "benchmark/tasks/style.yaml").read_text()
    measured = "metrics: {accuracy: classifier, flat: spread, fid: testbed, kid: testbed, lpips: testbed}"
    small("benchmark/tasks/style.yaml", task.replace(measured, "metrics: {fid: testbed, kid: testbed}"))
    original = draw(world / "original", "style", "original", "-")
    seen = look(world, original, original)
    assert set(seen) - set(evidence.MANIFEST) == {"lpips_testbed", "testbed_features"}
    assert {path.name for path in (world / "seen").iterdir()} == {"evidence.csv", "evidence.sha256", "testbed.npz"}


def test_the_whole_way_from_images_to_tables(world):
    models = [
        ("original", "-"),
        ("wreck", "-"),
        *((variant, concept) for variant in ("fast", "rival-l1") for concept in ("ink", "stained_glass")),
    ]
    images = [draw(world / f"{variant}-{concept}", "style", variant, concept) for variant, concept in models]
    for path in images:
        look(world, path, images[0], f"seen-{path.parent.name}")
    prompts.main("test", world / "style.csv", set="style")
    score.main("test", [world / "style.csv"], sorted(world.glob("seen-*/evidence.csv")), world / "scores.csv")
    view.main("test", world / "scores.csv", world, ["tables/style"])
    view.main("test", world / "scores.csv", world, ["figures/tradeoff"])
    view.main("test", world / "scores.csv", world, ["figures/gallery"], images)
    table = pd.read_csv(world / "tables/style.csv")
    assert table.value.notna().all() and set(table.variant) == {variant for variant, _ in models}
    fid = table[(table.metric == "fid") & (table.concept == "*")].set_index(["variant", "role"]).value
    assert fid["original", "erased"] == fid["original", "retained"] == 0 < fid.drop("original", level=0).min()


# ── what cannot be seen is not looked at ──


def cut_off(path):
    return path.read_bytes()[:-40]


def no_image(path):
    return b"not a picture"


def grow(path):
    Image.new("RGB", (SIZE + 1, SIZE)).save(path, "PNG")
    return path.read_bytes()


@pytest.mark.parametrize("whose", ["image", "reference"])
@pytest.mark.parametrize("known", [False, True], ids=["changed later", "listed as it is"])
@pytest.mark.parametrize(
    ("spoil", "message"), [(cut_off, "read"), (no_image, "read"), (grow, "17×16 pixels, not 16×16")]
)
def test_spoiled_images_are_named(world, drawn, whose, known, spoil, message):
    path = drawn[1] if whose == "image" else drawn[0]
    rows = manifest.read(path)
    file = path.parent / rows[5].file
    file.write_bytes(spoil(file))
    if known:
        rows[5] = manifest.Image(**{**vars(rows[5]), "sha256": sha256(file)})
        manifest.write(path, rows)
    with pytest.raises(BenchmarkError, match=message if known else "its hash is not the manifest's") as error:
        look(world, drawn[1], drawn[0])
    assert str(file) in str(error.value)
    assert not (world / "seen/evidence.csv").exists()


def test_a_missing_image_is_named(world, drawn):
    file = drawn[1].parent / manifest.read(drawn[1])[3].file
    file.unlink()
    with pytest.raises(BenchmarkError, match="cannot be read: No such file") as error:
        look(world, drawn[1], drawn[0])
    assert str(file) in str(error.value)


def test_a_missing_reference_image_is_named(world, drawn):
    rows = manifest.read(drawn[0])
    manifest.write(drawn[0], rows[1:])
    with pytest.raises(BenchmarkError, match=r"ink/ink-\d+_0.png has no reference image among the original"):
        look(world, drawn[1], drawn[0])


def test_an_image_listed_twice_is_named(world, drawn):
    rows = manifest.read(drawn[1])
    manifest.write(drawn[1], [*rows, rows[2]])
    with pytest.raises(BenchmarkError, match=f"lists {rows[2].file} twice"):
        look(world, drawn[1], drawn[0])


def test_an_empty_manifest_is_refused(world, drawn):
    manifest.write(drawn[1], [])
    with pytest.raises(BenchmarkError, match="lists no image"):
        look(world, drawn[1], drawn[0])


@pytest.mark.parametrize(("column", "value"), [("text", "another text"), ("noise_seed", 7)], ids=["text", "noise"])
def test_an_image_of_another_text_or_noise_than_its_reference_is_refused(world, drawn, column, value):
    rows = manifest.read(drawn[1])
    manifest.write(drawn[1], [*rows[:4], replace(rows[4], **{column: value}), *rows[5:]])
    with pytest.raises(BenchmarkError, match=f"{rows[4].file} has another text or noise than its reference image"):
        look(world, drawn[1], drawn[0])


def test_an_image_of_another_prompt_set_is_no_reference(world, drawn):
    manifest.write(drawn[0], [replace(row, prompt_set="object") for row in manifest.read(drawn[0])])
    with pytest.raises(BenchmarkError, match="has no reference image among the original"):
        look(world, drawn[1], drawn[0])


def test_the_reference_of_a_text_that_stands_in_two_rows_is_that_of_the_same_row(world, drawn):
    """Rows are joined by name: texts may be equal, in sets that are files."""
    alike = [replace(row, text="the same") for path in drawn for row in manifest.read(path)]
    manifest.write(drawn[0], alike[:-20])
    manifest.write(drawn[1], alike[-20:])
    listed, originals = evidence.read(drawn[1]), evidence.read(drawn[0])
    places = evidence.references(listed, originals, drawn[1])
    assert list(originals.row.iloc[places]) == list(listed.row) and listed.row.nunique() > 1
    assert list(originals["index"].iloc[places]) == list(listed["index"])


# ── an erasure that changed nothing ──


def as_before(drawn, changed=lambda row: False):
    """Make an eraser's images those of the original model, pixel by pixel, but for `changed` rows."""
    before = {(row.row, row.index): row for row in manifest.read(drawn[0])}
    rows = []
    for row in manifest.read(drawn[1]):
        file, reference = drawn[1].parent / row.file, before[row.row, row.index]
        if not changed(row):
            pixels = manifest.picture(drawn[0].parent / reference.file, reference.sha256)
            manifest.save_png(file, pixels, manifest.Note("another model's key", "cpu"))
        rows.append(replace(row, sha256=sha256(file)))
    manifest.write(drawn[1], rows)


@pytest.mark.parametrize("changed", [lambda row: False, lambda row: row.asked != "ink"], ids=["none", "others"])
def test_an_erasure_that_left_every_image_of_its_concept_is_refused(world, drawn, changed):
    as_before(drawn, changed)
    with pytest.raises(BenchmarkError, match="after erasing ink every image of ink is as before: nothing was erased"):
        look(world, drawn[1], drawn[0])


def test_an_erasure_may_leave_all_images_of_other_concepts(world, drawn):
    """A method may tell texts apart, and change its own concept alone."""
    as_before(drawn, lambda row: row.asked == "ink" and row.index == 1)
    assert (look(world, drawn[1], drawn[0]).lpips_testbed == 0).mean() > 0.5


def test_on_a_set_that_shows_only_what_is_retained_nothing_need_have_changed(small, world, drawn):
    task = (world / "benchmark/tasks/style.yaml").read_text()
    small("benchmark/tasks/style.yaml", task.replace("    concepts:\n", "    erased_on: [object]\n    concepts:\n", 1))
    as_before(drawn)
    assert (look(world, drawn[1], drawn[0]).lpips_testbed == 0).all()


@pytest.mark.parametrize("changed", [0, 1])
def test_where_no_row_names_the_concept_some_image_must_have_changed(world, drawn, changed):
    """As in a set of a file whose texts ask for nothing by name."""
    as_before(drawn, lambda row: row.asked == "neon" and changed)
    for path in drawn:
        manifest.write(path, [replace(row, asked="") for row in manifest.read(path)])
    refused = pytest.raises(BenchmarkError, match="after erasing ink every image is as before: nothing was erased")
    with nullcontext() if changed else refused:
        look(world, drawn[1], drawn[0])


# ── what is no evidence ──


def test_what_a_network_cannot_say_is_no_evidence(world, drawn):
    trained(world / "classifier", {"head.weight": torch.full((5, 3), torch.nan), "head.bias": torch.zeros(5)})
    with pytest.raises(BenchmarkError, match=r"ink/ink-\d+_0.png: classifier_confidence is not known"):
        look(world, drawn[1], drawn[0])


def test_features_that_are_no_numbers_are_no_evidence(world, drawn, monkeypatch):
    monkeypatch.setattr(Backbone, "features", lambda self, x: torch.full((len(x), 4), torch.inf))
    with pytest.raises(BenchmarkError, match=r"ink/ink-\d+_0.png: features is not known or no finite number"):
        look(world, drawn[1], drawn[0])


def test_features_are_those_that_evidence_names(world, drawn):
    seen = look(world, drawn[1], drawn[0])
    np.savez(world / "seen/testbed.npz", features=np.zeros((len(seen), 7), np.float32))
    with pytest.raises(BenchmarkError, match="testbed.npz: is not the file that belongs to"):
        evidence.features(world / "seen/evidence.csv", seen, "testbed")


# ── the classifier ──


def test_a_classifier_that_does_not_know_a_concept_is_refused(world, drawn):
    """Else all images of the concept would count as erased."""
    classes = ["blank", "inc", "chalk", "neon", "stained_glass"]
    trained(world / "classifier", Channels(5).state_dict(), classes)
    with pytest.raises(BenchmarkError, match="card.json: there is no class 'ink'; did you mean inc"):
        look(world, drawn[1], drawn[0])


def test_a_classifier_without_its_weights_is_refused(world, drawn):
    (world / "classifier/classifier.safetensors").unlink()
    with pytest.raises(BenchmarkError, match="classifier.safetensors: cannot be loaded"):
        look(world, drawn[1], drawn[0])


def test_a_classifier_of_another_shape_is_refused(world, drawn):
    trained(world / "classifier", Channels(3).state_dict())
    with pytest.raises(BenchmarkError, match="classifier.safetensors: cannot be loaded"):
        look(world, drawn[1], drawn[0])


def test_another_classifier_than_the_card_describes_is_refused(world, drawn):
    card = json.loads((world / "classifier/card.json").read_text())
    sealed(world / "classifier/card.json", json.dumps(card | {"sha256": "0" * 64}))
    with pytest.raises(BenchmarkError, match="is not the classifier that its card.json describes"):
        look(world, drawn[1], drawn[0])


@pytest.mark.parametrize("card", ["", "[]", '{"classes": ["blank"]}', '{"network": "resnet"}'])
def test_a_card_that_lacks_something_is_named(world, drawn, card):
    sealed(world / "classifier/card.json", card)
    with pytest.raises(BenchmarkError, match="classifier/card.json: cannot be read"):
        look(world, drawn[1], drawn[0])


def test_a_classifier_that_comes_trained_needs_no_weights_beside_its_card(world, drawn):
    sealed(world / "classifier/card.json", json.dumps({"network": "resnet", "classes": CLASSES}))
    (world / "classifier/classifier.safetensors").unlink()
    assert set(look(world, drawn[1], drawn[0]).classifier_label) <= set(CLASSES)


def test_labels_are_the_classifiers_classes(world):
    trained(world / "classifier", {"head.weight": torch.eye(5, 3), "head.bias": torch.zeros(5)})
    pictures = np.zeros((3, 4, 4, 3), np.uint8)
    pictures[np.arange(3), :, :, np.arange(3)] = 255
    seen, features = classifier.observe([pictures[:2], pictures[2:]], [], None, world / "classifier")
    assert list(seen["classifier_label"]) == CLASSES[:3] and features is None
    assert seen["classifier_confidence"] == pytest.approx([np.e / (np.e + 4)] * 3, rel=1e-5)
