"""The networks that look at pixels."""

import typing
import warnings
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from benchmark.errors import BenchmarkError
from benchmark.metrics import _exposed, detected
from benchmark.model import diffusion, sampling
from benchmark.observers import nudenet, spread, testbed
from benchmark.plan import plugins, protocols
from benchmark.plan.config import load_set, load_suite
from benchmark.plan.prompt_rows import seeds


def test_spread_is_of_space_not_of_colour():
    red = np.zeros((4, 4, 3), np.uint8)
    red[:, :, 0] = 200
    half = np.zeros((4, 4, 3), np.uint8)
    half[:2] = 100
    seen, _ = spread.observe([np.stack([red, half])], [], None, None)
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


@pytest.mark.parametrize("name", plugins.names("benchmark/observers"))
def test_observers_are_what_the_runner_calls(name):
    protocols.check(plugins.load("benchmark/observers", name), protocols.Observer, name)


# ── NudeNet ──


@pytest.fixture(scope="module")
def portraits():
    """Eight portraits and eight lorries, as the testbed draws them."""
    model, sampler = diffusion.load("testbed/model"), load_suite("testbed").sampler
    noises = seeds("evaluation", "testbed", "portrait", 8)
    shots = [sampling.Shot(phrase, seed, 0, 1, sampler.guidance) for phrase in ("portrait", "lorry") for seed in noises]
    return np.stack(list(sampling.draw(model, shots, sampler)))


def detections(pictures, sizes):
    """What NudeNet's evidence has of pictures: a column per class."""
    seen, features = nudenet.observe([pictures[:1], pictures[1:]], [], nudenet.Settings(sizes), None)
    assert features is None
    return pd.DataFrame(seen)


def test_nudenet_finds_faces_in_the_testbeds_portraits_and_none_in_its_lorries(portraits):
    prompt_set = load_set("portrait", "testbed")
    (measure,) = (measure for measure in prompt_set.measures if measure.metric == "detected")
    seen = detections(portraits, **prompt_set.observers["nudenet"])
    assert list(seen) == [*(f"nudenet_{name}" for name in nudenet.CLASSES), "nudenet_detections"]
    best = seen.drop(columns="nudenet_detections").to_numpy()
    assert 0 <= best.min() and best.max() <= 1 and seen.nudenet_FEET_EXPOSED.max() < 0.2
    np.testing.assert_array_equal(best, nudenet.scores(portraits, **prompt_set.observers["nudenet"]))
    faces = seen.nudenet_FACE_FEMALE > measure.settings["threshold"]
    assert measure.settings["classes"] == ("FACE_FEMALE",) and faces[:8].sum() >= 4 and not faces[8:].any()


def test_several_sizes_are_a_mean(portraits):
    one, other, both = (detections(portraits[:2], sizes) for sizes in ((320,), (200,), (320, 200)))
    assert both.nudenet_FACE_FEMALE.max() > 0 and not one.equals(other)
    one, other, both = (each.drop(columns="nudenet_detections") for each in (one, other, both))
    np.testing.assert_allclose(both, (one + other) / 2)


def test_a_class_has_the_highest_score_of_what_is_found_of_it(portraits):
    """The picture shows four faces, each of which the detector finds with a score of its own."""
    four = np.concatenate([np.concatenate(pair, 1) for pair in (portraits[:2], portraits[2:4])])
    large = np.array(Image.fromarray(four).resize((320, 320), Image.Resampling.BICUBIC))
    boxes = nudenet.NudeDetector().detect(np.ascontiguousarray(large[..., ::-1]))
    scores = sorted(box["score"] for box in boxes if box["class"] == "FACE_FEMALE")
    assert len(scores) > 1 and scores[0] < scores[-1]
    seen = detections(np.stack([four, four]), (320,))
    assert seen.nudenet_FACE_FEMALE.tolist() == [scores[-1]] * 2
    best = seen.drop(columns="nudenet_detections")
    assert sorted(best.columns[best.loc[0] > 0]) == sorted({f"nudenet_{box['class']}" for box in boxes})
    assert count_of(seen.nudenet_detections, 0.0) == [len(scores)] * 2
    assert count_of(seen.nudenet_detections, scores[0]) == [sum(score > scores[0] for score in scores)] * 2


def count_of(detections, threshold):
    """How many faces a count of detections finds."""
    return _exposed.counts(detections.to_numpy(), ("FACE_FEMALE",), threshold)[:, 0].tolist()


@pytest.mark.parametrize("threads", [1, 3])
def test_nudenet_finds_what_a_plain_loop_over_files_finds(portraits, tmp_path, monkeypatch, threads):
    """Of pictures larger and smaller than what the detector sees, square or not, with much to find and with nothing."""
    noise = np.random.default_rng(0).integers(0, 256, (400, 330, 3), dtype=np.uint8)
    faces = np.concatenate([np.concatenate(pair, 1) for pair in (portraits[:2], portraits[2:4])])
    large = np.array(Image.fromarray(faces).resize((512, 512), Image.Resampling.BICUBIC))
    drawings = [np.array(Image.open(path).convert("RGB")) for path in sorted(Path("testbed").rglob("camera/*.png"))]
    pictures = [large, np.zeros((64, 64, 3), np.uint8), noise, *portraits[:3], *drawings]
    package, expected = nudenet.NudeDetector(), []
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
        boxes = package.detect(str(tmp_path / f"{number}.png"))
        names = sorted({box["class"] for box in boxes}, key=nudenet.CLASSES.index)
        each = {name: sorted((box["score"] for box in boxes if box["class"] == name), reverse=True) for name in names}
        expected.append(each)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    found = nudenet.found(pictures)
    assert found == expected and sum(map(bool, found)) >= 4 and {} in found
    swapped = nudenet.found([picture[..., ::-1] for picture in pictures])
    assert swapped != expected, "to the detector, red is not blue"
    written = [nudenet.written(each) for each in found]
    for threshold in (0.2, 0.5, 0.7):
        for row, each in zip(_exposed.counts(written, nudenet.CLASSES, threshold), expected, strict=True):
            assert row.tolist() == [sum(s > threshold for s in each.get(name, [])) for name in nudenet.CLASSES]


def test_nudenet_computes_with_one_thread_of_its_runtime():
    """The others are those of the job: jobs beside it have the other cores."""
    assert nudenet._network().onnx_session.get_session_options().intra_op_num_threads == 1


def test_all_classes_of_the_detector_have_a_column_and_may_be_counted():
    """Their names are written down, so that planning need not load the package: they must be the package's."""
    from nudenet.nudenet import __labels

    assert sorted(nudenet.CLASSES) == sorted(__labels)
    (allowed, _) = typing.get_args(typing.get_type_hints(detected.Settings)["classes"])
    assert sorted(typing.get_args(allowed)) == sorted(__labels)


def test_nudenet_shows_the_detector_a_picture_as_it_is():
    """At the detector's own size nothing is resized or added: the score is the package's own."""
    picture = np.random.default_rng(0).integers(0, 256, (320, 320, 3), dtype=np.uint8)
    assert (nudenet._shown(picture, 320) == picture[..., ::-1]).all()
    smaller = nudenet._shown(picture, 201)
    assert smaller.shape == (320, 320, 3) and (smaller[:59] == 128).all() and (smaller[260:] == 128).all()


@pytest.mark.parametrize("sizes", [(321,), (320, 321)])
def test_nudenet_shows_nothing_larger_than_it_sees(sizes):
    with pytest.raises(BenchmarkError, match=r"observers.nudenet.sizes: .* are not pixels from 1 to 320"):
        nudenet.check(nudenet.Settings(sizes), None, ())


# ── networks that are fetched ──


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
    [
        ("inception", "weights-inception-2015-12-05-6726825d.pth"),
        ("alex_64", "alexnet-owt-7be5be79.pth"),
        ("alex_full", "alexnet-owt-7be5be79.pth"),
        ("resnet50_v2", "resnet50-11ad3fa6.pth"),
    ],
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


@pytest.mark.parametrize(("name", "side"), [("alex_64", 64), ("alex_full", 128)])
def test_lpips_with_alexnet_is_the_packages_own_call(name, side, tmp_path, monkeypatch):
    import lpips
    import torchvision
    from torchvision.models import _api

    from benchmark.observers import _alex

    torch.manual_seed(0)
    weights = torchvision.models.alexnet(weights=None).state_dict()
    torch.save({k: v for k, v in weights.items() if k.startswith("features")}, tmp_path / "alexnet.pth")
    monkeypatch.setattr(_alex, "fetch_file", lambda url: tmp_path / "alexnet.pth")
    monkeypatch.setattr(_api, "load_state_dict_from_url", lambda *args, **kwargs: weights)
    images, references = np.random.default_rng(0).integers(0, 256, (2, 3, 128, 128, 3), dtype=np.uint8)
    observer = plugins.load("benchmark/observers", name)
    seen, _ = observer.observe([images[:2], images[2:]], [references[:2], references[2:]], None, None)

    with warnings.catch_warnings(action="ignore"):
        package = lpips.LPIPS(net="alex", verbose=False)
    small = [
        torch.stack(
            [torch.from_numpy(np.array(Image.fromarray(p).resize((side, side), Image.BILINEAR))) for p in pictures]
        )
        for pictures in (images, references)
    ]
    scaled = [batch.permute(0, 3, 1, 2).float() / 127.5 - 1 for batch in small]
    with torch.no_grad():
        np.testing.assert_allclose(seen[f"lpips_{name}"], package(*scaled).flatten(), rtol=1e-4)
    assert (seen[f"lpips_{name}"] > 1e-4).all()


def test_the_second_weights_of_resnet50_see_what_torchvision_sees_with_them(tmp_path, monkeypatch):
    import torchvision

    from benchmark.observers import resnet50_v2

    torch.manual_seed(0)
    network = torchvision.models.resnet50()
    with torch.no_grad():  # else an untrained network sees one class everywhere
        network.fc.weight.normal_()
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    monkeypatch.setattr(resnet50_v2, "fetch_file", lambda url: tmp_path / "weights.pth")
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    columns, features = resnet50_v2.observe([images[:2], images[2:]], [], None, None)
    preset = torchvision.models.ResNet50_Weights.IMAGENET1K_V2.transforms(antialias=True)
    pictures = torch.stack([preset(torch.from_numpy(picture).permute(2, 0, 1)) for picture in images])
    with torch.no_grad():
        seen = network.eval()(pictures).argmax(1)
    names = torchvision.models.ResNet50_Weights.IMAGENET1K_V2.meta["categories"]
    assert list(columns["resnet50_v2_label"]) == [names[i] for i in seen] and features is None


def test_inception_gives_2048_features_of_bytes(tmp_path, monkeypatch):
    from benchmark.observers import inception

    monkeypatch.setattr(inception, "fetch_file", lambda url: tmp_path / "weights.pth")
    torch.save({}, tmp_path / "weights.pth")
    monkeypatch.setattr(inception.FeatureExtractorInceptionV3, "load_state_dict", lambda self, weights: None)
    torch.manual_seed(0)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    columns, features = inception.observe([images[:1], images[1:]], [], None, None)
    assert columns == {} and features.shape == (2, 2048) and np.isfinite(features).all()
