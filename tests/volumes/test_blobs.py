import itertools
import time

import numpy as np
import pytest

from napari_medssl.errors import BadInput
from napari_medssl.volumes.phantoms import blobs


def test_same_seed_same_volume_and_another_seed_another():
    first, again, other = (blobs((8, 48, 40), seed=s) for s in (3, 3, 4))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])


@pytest.mark.parametrize(("shape", "count"), [((24, 64, 64), 3), ((1, 8, 8), 2), ((5, 16, 120), 8), ((6, 32, 32), 0)])
def test_every_label_occurs_and_nothing_else(shape, count):
    for seed in range(5):
        image, labels = blobs(shape, seed=seed, n_labels=count)
        assert image.shape == labels.shape == shape
        assert (image.dtype, labels.dtype) == (np.float32, np.uint8)
        assert np.isfinite(image).all()
        assert set(np.unique(labels)) - {0} == set(range(1, count + 1))


def test_shapes_change_from_slice_to_slice_yet_stay_connected_in_space():
    overlaps, ends = [], 0
    for seed in range(20):
        _, labels = blobs((16, 64, 64), seed=seed)
        for label in (1, 2, 3):
            mask = labels == label
            present = mask.any((1, 2))
            ends += not present.all()
            for lower, upper in itertools.pairwise(mask):
                if lower.any() and upper.any():
                    overlaps.append(2 * (lower & upper).sum() / (lower.sum() + upper.sum()))
    assert 0.75 < np.mean(overlaps) < 0.98
    assert np.mean(np.array(overlaps) < 1) > 0.9
    assert ends >= 15  # of 60 shapes


def test_labels_lie_on_edges_of_the_image():
    steps_at_edge, steps_elsewhere = [], []
    for seed in range(10):
        image, labels = blobs((6, 64, 64), seed=seed)
        step = np.abs(np.diff(image, axis=2))
        edge = labels[..., 1:] != labels[..., :-1]
        steps_at_edge.append(step[edge].mean())
        steps_elsewhere.append(step[~edge].mean())
    assert np.mean(steps_at_edge) > 1.5 * np.mean(steps_elsewhere)


def test_speed():
    started = time.process_time()
    blobs(seed=0)
    assert time.process_time() - started < 3  # about 0.1 s on an idle core


@pytest.mark.parametrize("bad", [{"shape": (4, 3, 8)}, {"shape": (8, 8)}, {"n_labels": 300}, {"seed": -1}])
def test_bad_input(bad):
    with pytest.raises(BadInput):
        blobs(**{"seed": 0, **bad})
