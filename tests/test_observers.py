"""Looking at images: what each observer computes, and what the runner refuses to look at."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from looking import CLASSES, Eye, Judge, drawn, look, world  # noqa: F401  (fixtures)
from PIL import Image
from safetensors.torch import save_file
from synthetic import SIZE, draw

from benchmark import config, evidence, eyes, manifest, plugins, score, view
from benchmark.errors import BenchmarkError
from benchmark.files import sha256
from benchmark.observers import _torch, classifier

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
    alone = [Eye().features(_torch.tensor(picture[None]))[0].numpy(force=True) for picture in pictures]
    np.testing.assert_allclose(features, alone, rtol=1e-4, atol=1e-6)


def test_looking_again_gives_the_same_bytes(world, drawn):
    look(world, drawn[1], drawn[0], "one")
    look(world, drawn[1], drawn[0], "two")
    for name in ("evidence.csv", "testbed.npz"):
        assert (world / "one" / name).read_bytes() == (world / "two" / name).read_bytes()


def test_partners_are_found_by_prompt_and_noise_not_by_place(world, drawn):
    original, fast = drawn
    before = look(world, fast, original).lpips_testbed
    manifest.write(original, reversed(manifest.read(original)))
    np.testing.assert_allclose(look(world, fast, original).lpips_testbed, before, rtol=1e-6)


def test_the_original_is_its_own_partner(world, drawn):
    seen = look(world, drawn[0], drawn[0])
    assert (seen.lpips_testbed == 0).all()


def test_an_empty_prompt_stays_empty_and_a_concept_may_be_called_nan(world, drawn):
    rows = [manifest.Image(**{**vars(row), "prompt": "", "probe": "nan"}) for row in manifest.read(drawn[1])[:1]]
    manifest.write(drawn[1], rows)
    read = evidence.read(drawn[1])
    assert (read.prompt[0], read.probe[0]) == ("", "nan")


def test_only_the_eyes_that_metrics_name_look(world):
    task = SimpleNamespace(name="style", metrics=("accuracy", "fid_inception", "lpips_alex_64", "kid_inception"))
    assert eyes.needed(task) == {"classifier": "classifier", "inception": "inception", "alex_64": "lpips_alex"}
    with pytest.raises(BenchmarkError, match="no eye 'tesbed'; did you mean testbed"):
        eyes.needed(SimpleNamespace(name="style", metrics=("fid_tesbed",)))
    with pytest.raises(BenchmarkError, match="no metric 'accurracy'; did you mean accuracy"):
        eyes.needed(SimpleNamespace(name="style", metrics=("accurracy",)))


@pytest.mark.parametrize("name", plugins.names("benchmark/observers"))
def test_observers_are_named_and_look(name):
    module = plugins.load("benchmark/observers", name)
    assert module.NAME and callable(module.observe)


def test_the_whole_way_from_images_to_tables(world):
    cells = [
        ("original", "-"),
        ("wreck", "-"),
        *((m, c) for m in ("fast", "rival-l1") for c in ("ink", "stained_glass")),
    ]
    images = [draw(world / f"{method}-{erased}", "style", method, erased) for method, erased in cells]
    for path in images:
        look(world, path, images[0], f"seen-{path.parent.name}")
    score.main("test", sorted(world.glob("seen-*/evidence.csv")), world / "scores.csv")
    view.main("test", world / "scores.csv", world, ["tables/style"])
    view.main("test", world / "scores.csv", world, ["figures/tradeoff"])
    view.main("test", world / "scores.csv", world, ["figures/gallery"], images)
    table = pd.read_csv(world / "tables/style.csv")
    assert table.value.notna().all() and set(table.method) == {method for method, _ in cells}
    fid = table[(table.metric == "fid_testbed") & (table.concept == "*")].set_index(["method", "role"]).value
    assert fid["original", "erased"] == fid["original", "retained"] == 0 < fid.drop("original", level=0).min()


# ── what cannot be seen is not looked at ──


def cut_off(path):
    return path.read_bytes()[:-40]


def no_image(path):
    return b"not a picture"


def grow(path):
    Image.new("RGB", (SIZE + 1, SIZE)).save(path, "PNG")
    return path.read_bytes()


@pytest.mark.parametrize("whose", ["image", "partner"])
@pytest.mark.parametrize("known", [False, True], ids=["changed later", "listed as it is"])
@pytest.mark.parametrize(("spoil", "said"), [(cut_off, "read"), (no_image, "read"), (grow, "17×16 pixels, not 16×16")])
def test_spoiled_images_are_named(world, drawn, whose, known, spoil, said):
    path = drawn[1] if whose == "image" else drawn[0]
    rows = manifest.read(path)
    file = path.parent / rows[5].file
    file.write_bytes(spoil(file))
    if known:
        from benchmark.files import sha256

        rows[5] = manifest.Image(**{**vars(rows[5]), "sha256": sha256(file)})
        manifest.write(path, rows)
    with pytest.raises(BenchmarkError, match=said if known else "its hash is not the manifest's") as error:
        look(world, drawn[1], drawn[0])
    assert str(file) in str(error.value)
    assert not (world / "seen/evidence.csv").exists()


def test_a_missing_image_is_named(world, drawn):
    file = drawn[1].parent / manifest.read(drawn[1])[3].file
    file.unlink()
    with pytest.raises(BenchmarkError, match="cannot be read: No such file") as error:
        look(world, drawn[1], drawn[0])
    assert str(file) in str(error.value)


def test_a_missing_partner_is_named(world, drawn):
    rows = manifest.read(drawn[0])
    manifest.write(drawn[0], rows[1:])
    with pytest.raises(BenchmarkError, match=r"ink/ink/\d+_0.png has no partner among the original"):
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


def test_two_eyes_of_one_name_are_refused(small, world):
    small("benchmark/observers/other.py", 'NAME = "testbed"\n')
    with pytest.raises(BenchmarkError, match="testbed.py: its NAME, by which metrics ask for it, is that of other.py"):
        eyes.needed(config.load_task("style", "testbed"))


def test_an_erasure_that_changed_nothing_is_refused(world, drawn):
    before = {
        (row.probe, row.seed, row.index): manifest.picture(drawn[0].parent / row.file, row.sha256)
        for row in manifest.read(drawn[0])
    }
    rows = []
    for row in manifest.read(drawn[1]):
        file = drawn[1].parent / row.file
        manifest.save_png(file, before[row.probe, row.seed, row.index], manifest.Note("another model's key", "cpu"))
        rows.append(replace(row, sha256=sha256(file)))
    manifest.write(drawn[1], rows)
    with pytest.raises(BenchmarkError, match="after erasing ink every image is as before"):
        look(world, drawn[1], drawn[0])


def test_what_a_network_cannot_say_is_no_evidence(world, drawn):
    weights = {"head.weight": torch.full((5, 3), torch.nan), "head.bias": torch.zeros(5)}
    save_file(weights, world / "judge/judge.safetensors")
    with pytest.raises(BenchmarkError, match=r"ink/ink/\d+_0.png: classifier_confidence is not known"):
        look(world, drawn[1], drawn[0])


def test_features_that_are_no_numbers_are_no_evidence(world, drawn, monkeypatch):
    monkeypatch.setattr(Eye, "features", lambda self, x: torch.full((len(x), 4), torch.inf))
    with pytest.raises(BenchmarkError, match=r"ink/ink/\d+_0.png: features is not known or no finite number"):
        look(world, drawn[1], drawn[0])


def test_features_are_those_that_evidence_names(world, drawn):
    seen = look(world, drawn[1], drawn[0])
    np.savez(world / "seen/testbed.npz", features=np.zeros((len(seen), 7), np.float32))
    with pytest.raises(BenchmarkError, match="testbed.npz: is not the file that belongs to"):
        evidence.features(world / "seen/evidence.csv", seen, "testbed")


# ── the judge ──


def test_a_judge_that_does_not_know_a_concept_is_refused(world, drawn):
    """Else all images of the concept would count as erased."""
    (world / "judge/card.json").write_text(json.dumps({"classes": ["blank", "inc", "chalk", "neon", "stained_glass"]}))
    with pytest.raises(BenchmarkError, match="concept ink: there is no class 'ink'; did you mean inc"):
        look(world, drawn[1], drawn[0])


def test_a_judge_without_its_weights_is_refused(world, drawn):
    (world / "judge/judge.safetensors").unlink()
    with pytest.raises(BenchmarkError, match="judge.safetensors: cannot be loaded"):
        look(world, drawn[1], drawn[0])


def test_a_judge_of_another_shape_is_refused(world, drawn):
    save_file(Judge(3).state_dict(), world / "judge/judge.safetensors")
    with pytest.raises(BenchmarkError, match="judge.safetensors: cannot be loaded"):
        look(world, drawn[1], drawn[0])


def test_another_judge_than_the_card_describes_is_refused(world, drawn):
    (world / "judge/card.json").write_text(json.dumps({"classes": CLASSES, "sha256": "0" * 64}))
    with pytest.raises(BenchmarkError, match="is not the judge that its card.json describes"):
        look(world, drawn[1], drawn[0])


def test_labels_are_the_judges_classes(world):
    task = SimpleNamespace(concepts=(), judge=SimpleNamespace(classifier="judge", train=("",)))
    save_file({"head.weight": torch.eye(5, 3), "head.bias": torch.zeros(5)}, world / "judge/judge.safetensors")
    pictures = np.zeros((3, 4, 4, 3), np.uint8)
    pictures[np.arange(3), :, :, np.arange(3)] = 255
    seen, features = classifier.observe([pictures[:2], pictures[2:]], [], task, world / "judge")
    assert list(seen["classifier_label"]) == CLASSES[:3] and features is None
    assert seen["classifier_confidence"] == pytest.approx([np.e / (np.e + 4)] * 3, rel=1e-5)
