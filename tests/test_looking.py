"""The networks that look at pixels."""

import warnings
from dataclasses import replace
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image

from benchmark import config, diffusion, plugins, sampling
from benchmark.errors import BenchmarkError
from benchmark.observers import degenerate, nudenet, testbed
from benchmark.prompts import seeds
from benchmark.records import Detector


def test_spread_is_of_space_not_of_colour():
    red = np.zeros((4, 4, 3), np.uint8)
    red[:, :, 0] = 200
    half = np.zeros((4, 4, 3), np.uint8)
    half[:2] = 100
    seen, _ = degenerate.observe([np.stack([red, half])], [], None, None)
    assert list(seen["spread"]) == [0, 50]


def test_the_testbeds_distance_is_lpips_formula():
    torch.manual_seed(3)
    maps, others = ([torch.rand(2, 3, 4, 4), torch.rand(2, 5, 2, 2)] for _ in range(2))
    expected = []
    for n in range(2):
        layers = []
        for a, b in zip(maps, others, strict=True):
            points = []
            for y in range(a.shape[2]):
                for x in range(a.shape[3]):
                    u, v = a[n, :, y, x].numpy(), b[n, :, y, x].numpy()
                    points.append(((u / np.sqrt((u**2).sum()) - v / np.sqrt((v**2).sum())) ** 2).sum())
            layers.append(np.mean(points))
        expected.append(np.mean(layers))
    np.testing.assert_allclose(testbed.distance(maps, others), expected, rtol=1e-5)
    assert not testbed.distance(maps, maps).any()


def test_the_testbeds_distance_of_empty_maps_is_a_number():
    nothing = [torch.zeros(1, 3, 2, 2)]
    assert testbed.distance(nothing, nothing) == 0 and testbed.distance(nothing, [torch.ones(1, 3, 2, 2)]).isfinite()


def test_nudenet_finds_faces_in_the_testbeds_portraits_and_none_in_its_lorries():
    model, task = diffusion.load("testbed/model"), config.load_task("portrait", "testbed")
    noises = seeds("evaluation", "testbed", "portrait", 8)
    shots = [sampling.Shot(phrase, seed, 0, 1) for phrase in ("portrait", "lorry") for seed in noises]
    drawn = np.stack(list(sampling.draw(model, shots, config.load_suite("testbed").sampler)))
    seen, _ = nudenet.observe([drawn[:5], drawn[5:]], [], task, None)
    faces = seen["nudenet"] > task.detector.threshold
    assert faces[:8].sum() >= 4 and not faces[8:].any()


def test_nudenet_shows_the_detector_a_picture_as_it_is():
    """At the detector's own size nothing is resized or added: the score is the package's own."""
    picture = np.random.default_rng(0).integers(0, 256, (320, 320, 3), dtype=np.uint8)
    assert (nudenet._shown(picture, 320) == picture[..., ::-1]).all()
    smaller = nudenet._shown(picture, 201)
    assert smaller.shape == (320, 320, 3) and (smaller[:59] == 128).all() and (smaller[260:] == 128).all()


@pytest.mark.parametrize(
    ("detector", "expected"),
    [(None, "task x: has no detector"), (Detector(("FACE",)), "task x: detector.classes: there is no class 'FACE'")],
)
def test_nudenet_looks_for_nothing_unknown(detector, expected):
    task = replace(config.load_task("portrait", "testbed"), name="x", detector=detector)
    with pytest.raises(BenchmarkError, match=expected):
        nudenet.check(task, None)


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """An empty cache of weights on a machine without network."""

    def fail(*args, **kwargs):
        raise URLError("offline")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    return tmp_path / "hub/checkpoints"


@pytest.mark.parametrize(
    ("name", "file"),
    [("inception", "weights-inception-2015-12-05-6726825d.pth"), ("lpips_alex", "alexnet-owt-7be5be79.pth")],
)
def test_weights_that_cannot_be_fetched_are_named(offline, name, file):
    observer = plugins.load("benchmark/observers", name)
    with pytest.raises(BenchmarkError, match="cannot be downloaded") as error:
        observer.observe([], [], None, None)
    assert str(offline / file) in str(error.value) and "https://" in str(error.value)
    offline.mkdir(parents=True, exist_ok=True)
    (offline / file).write_bytes(b"something else")
    with pytest.raises(BenchmarkError, match="is not the file of https://"):
        observer.observe([], [], None, None)


def test_lpips_alex_is_the_packages_own_call(tmp_path, monkeypatch):
    import lpips
    import torchvision
    from torchvision.models import _api

    from benchmark.observers import lpips_alex

    torch.manual_seed(0)
    weights = torchvision.models.alexnet(weights=None).state_dict()
    torch.save({k: v for k, v in weights.items() if k.startswith("features")}, tmp_path / "alexnet.pth")
    monkeypatch.setattr(lpips_alex, "fetch_file", lambda url: tmp_path / "alexnet.pth")
    monkeypatch.setattr(_api, "load_state_dict_from_url", lambda *args, **kwargs: weights)
    images, partners = np.random.default_rng(0).integers(0, 256, (2, 3, 128, 128, 3), dtype=np.uint8)
    seen, _ = lpips_alex.observe([images[:2], images[2:]], [partners[:2], partners[2:]], None, None)

    with warnings.catch_warnings(action="ignore"):
        package = lpips.LPIPS(net="alex", verbose=False)
    small = [
        torch.stack([torch.from_numpy(np.array(Image.fromarray(p).resize((64, 64), Image.BILINEAR))) for p in pictures])
        for pictures in (images, partners)
    ]
    scaled = [batch.permute(0, 3, 1, 2).float() / 127.5 - 1 for batch in small]
    with torch.no_grad():
        np.testing.assert_allclose(seen["lpips_alex_64"], package(*scaled).flatten(), rtol=1e-4)
    assert (seen["lpips_alex_64"] > 1e-4).all()


def test_inception_gives_2048_features_of_bytes(tmp_path, monkeypatch):
    from benchmark.observers import inception

    monkeypatch.setattr(inception, "fetch_file", lambda url: tmp_path / "weights.pth")
    torch.save({}, tmp_path / "weights.pth")
    monkeypatch.setattr(inception.FeatureExtractorInceptionV3, "load_state_dict", lambda self, weights: None)
    torch.manual_seed(0)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    columns, features = inception.observe([images[:1], images[1:]], [], None, None)
    assert columns == {} and features.shape == (2, 2048) and np.isfinite(features).all()
