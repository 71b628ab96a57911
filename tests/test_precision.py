"""Erased or destroyed: improved precision against torch-fidelity's, and what it says of pictures and of wreckage."""

import numpy as np
import pytest
import torch
from test_metrics import rows
from torch_fidelity.metric_prc import prc_features_to_metric

from benchmark.errors import BenchmarkError
from benchmark.metrics import precision
from benchmark.store.look import Originals


def originals(seen, each=1, first=0):
    return Originals(named(len(seen), each, first), seen)


def named(n, each=1, first=0):
    """Evidence of `n` images, `each` of them per prompt row; `first` is the number of the first row."""
    return rows(n, each, row=[f"church-{first + i // each}" for i in range(n)])


def features(n, d=8, seed=0, shift=0.0):
    return (np.random.default_rng(seed).normal(size=(n, d)) + shift).astype(np.float32)


def theirs(seen, manifold):
    settings = {"prc_neighborhood": 3, "prc_batch_size": 10000, "save_cpu_ram": False, "verbose": False}
    seen = np.repeat(seen, 4, 0)  # it measures recall, too, which needs four images; the share stays
    both = [torch.from_numpy(x.astype(np.float64)) for x in (seen, manifold)]
    return 100 * prc_features_to_metric(*both, **settings)["precision"]


@pytest.mark.parametrize(("d", "shift"), [(3, 0.0), (8, 0.4), (64, 0.1)])
def test_of_other_rows_it_is_the_librarys(d, shift):
    seen, manifold = features(60, d, 1, shift), features(90, d, 0)
    score = precision.score(named(60, first=1000), seen, originals(manifold), None)
    assert score.value == pytest.approx(theirs(seen, manifold)) and score.n == 60
    assert score.ci_low < score.value < score.ci_high


@pytest.mark.parametrize("each", [1, 5])
def test_of_each_image_what_the_original_drew_from_its_row_is_left_out(each):
    """The original itself is measured so: as the library measures the images of a row by those of all others."""
    manifold = features(60, 6)
    kept = originals(manifold, each)
    own = kept.rows.row.to_numpy()
    by_row = [theirs(manifold[own == row], manifold[own != row]) for row in dict.fromkeys(own)]
    score = precision.score(kept.rows, manifold, kept, None)
    assert score.value == pytest.approx(np.mean(by_row)) and 0 < score.value < 100


def test_too_few_images_of_the_original_are_refused():
    seen = features(6)
    with pytest.raises(BenchmarkError, match="needs 4 images of the original from other rows than church-0"):
        precision.score(named(6, 3), seen, originals(seen, 3), None)


def pictures(seed, each=50):
    """Features of `each` pictures of nine concepts: each concept's lie near a plane of its own in 64 dimensions."""
    planes = np.random.default_rng(0).normal(size=(9, 3, 64))
    dice = np.random.default_rng(seed)
    return np.concatenate([dice.normal(size=(each, 2)) @ plane[:2] + 3 * plane[2] for plane in planes])


def test_the_original_on_other_noise_is_near_100_and_wreckage_near_0():
    """Of 450 images: also what shows another concept is a picture, and so is a copy of the reference image."""
    manifold = pictures(1)
    kept = originals(manifold)
    own = precision.score(kept.rows, manifold, kept, None)
    other = precision.score(kept.rows, pictures(2), kept, None)
    moved = precision.score(kept.rows, np.roll(pictures(2), 50, 0), kept, None)
    wreck = precision.score(kept.rows, pictures(2) + 3 * np.random.default_rng(3).normal(size=(450, 64)), kept, None)
    assert min(own.value, other.value, moved.value) > 90 and wreck.value < 5 and own.n == 450, (
        own,
        other,
        moved,
        wreck,
    )
