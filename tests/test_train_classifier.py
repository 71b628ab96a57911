"""Training a classifier: it is measured on images that are held out, and one that is blind to a class is refused.

Of each classifier three heads are trained.
"""

import json

import numpy as np
import pytest
from conftest import sealed

from benchmark import train_classifier
from benchmark.errors import BenchmarkError
from benchmark.files import sha256
from benchmark.observers import classifier as observer
from benchmark.plan import plugins
from benchmark.store import manifest

COLOURS = {"blank": (230, 230, 230), "ink": (200, 30, 30), "chalk": (30, 60, 200)}
GIVEN = plugins.load("classifiers", "testbed_style"), tuple(COLOURS), "testbed_style"


def image(path, row, class_name):
    """A row of the manifest of training images."""
    return manifest.Image(
        file=path.name,
        prompt_set="style_training",
        row=row,
        index=0,
        text=class_name,
        noise_seed=0,
        asked="",
        wording="",
        class_name=class_name,
        task="-",
        method="original",
        variant="original",
        checkpoint=100,
        concept="-",
        erasing_seed=0,
        key="key",
        device="cpu",
        sha256=sha256(path),
    )


def images(folder, colours, each):
    """Noisy pictures of one colour per class, and their manifest."""
    folder.mkdir()
    rng, rows = np.random.default_rng(0), []
    for name, colour in colours.items():
        for i in range(each):
            path = folder / f"{name}{i}.png"
            pixels = np.clip(np.array(colour) + rng.normal(0, 10, (64, 64, 3)), 0, 255)
            manifest.save_png(path, pixels.astype(np.uint8), manifest.Note("key", "cpu"))
            rows.append(image(path, f"{name}-{i}", name))
    manifest.write(folder / "manifest.csv", rows)
    return folder / "manifest.csv"


def train(tmp_path, colours, each=10):
    listed = images(tmp_path / "images", colours, each)
    return train_classifier._train(*GIVEN, listed, tmp_path, 1)


def test_a_classifier_is_measured_on_images_that_it_did_not_learn_from(tmp_path):
    card = train(tmp_path, COLOURS)
    assert card["accuracy"] == 1 and card["n"] == 9 and card["confusion"] == [[3, 0, 0], [0, 3, 0], [0, 0, 3]]
    assert card["sha256"] == sha256(tmp_path / "classifier.safetensors") and json.dumps(card)


def test_three_heads_are_trained_of_which_the_first_decides_as_it_did_alone(tmp_path, monkeypatch):
    card, first = train(tmp_path, COLOURS), (tmp_path / "classifier.safetensors").read_bytes()
    assert card["heads"] == {"accuracy": [1, 1, 1], "sha256": sha256(tmp_path / "heads.safetensors")}
    network = observer._network(tmp_path / "classifier.safetensors", card)
    others = observer._heads(tmp_path / "heads.safetensors", card, network)
    assert len({head.weight.detach().numpy().tobytes() for head in (network.head, *others)}) == 3
    monkeypatch.setattr(train_classifier, "HEADS", 1)
    alone = train_classifier._train(*GIVEN, tmp_path / "images/manifest.csv", tmp_path, 1)
    assert alone["heads"]["accuracy"] == [1] and (tmp_path / "classifier.safetensors").read_bytes() == first


def test_what_every_head_says_is_noted(tmp_path):
    card = train(tmp_path, COLOURS)
    sealed(tmp_path / "card.json", json.dumps(card))
    pictures = np.stack([np.full((64, 64, 3), colour, np.uint8) for colour in COLOURS.values()])
    seen, _ = observer.observe([pictures], [], None, tmp_path)
    columns = ["classifier_label", "classifier_confidence", "classifier_head1_label", "classifier_head2_label"]
    assert list(seen) == columns
    assert all(list(seen[column]) == list(COLOURS) for column in columns if column.endswith("_label"))
    (tmp_path / "heads.safetensors").write_bytes(b"")
    with pytest.raises(BenchmarkError, match="heads.safetensors: is not the classifier that its card.json describes"):
        observer.observe([pictures], [], None, tmp_path)


def test_a_classifier_that_is_blind_to_a_class_is_refused_and_not_written(tmp_path):
    alike = {**COLOURS, "chalk": COLOURS["ink"]}
    with pytest.raises(BenchmarkError, match="recognises .* of held-out images of (ink|chalk), at least 50%"):
        train(tmp_path, alike)
    assert not (tmp_path / "classifier.safetensors").exists()


def test_a_class_without_held_out_images_is_one_that_the_classifier_is_not_seen_to_know(tmp_path):
    with pytest.raises(BenchmarkError, match="recognises 0% of held-out images of"):
        train(tmp_path, COLOURS, each=1)
