"""Reading scans at other steps, against direct computation."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from napari_medssl.volumes.sampling import nearest, sample


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    start=st.tuples(*[st.floats(-4, 9)] * 3),
    step=st.tuples(*[st.floats(0.3, 1.0)] * 3),
    wanted=st.tuples(*[st.integers(1, 7)] * 3),
)
def test_samples_are_trilinear_and_clamped(shape, start, step, wanted):
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    places = [
        np.clip(a + s * np.arange(n), 0, size - 1) for a, s, n, size in zip(start, step, wanted, shape, strict=True)
    ]
    want = map_coordinates(array.astype(float), np.meshgrid(*places, indexing="ij"), order=1, mode="nearest")
    np.testing.assert_allclose(sample(array, start, step, wanted), want, atol=1e-5)


def test_steps_longer_than_a_voxel_are_smoothed_first():
    stripes = np.zeros((32, 4, 4), np.float32)
    stripes[::2] = 1
    coarse = sample(stripes, (0, 0, 0), (4, 1, 1), (8, 4, 4))
    assert np.abs(coarse[1:] - 0.5).max() < 0.05  # unsmoothed, all would be 1


def test_labels_are_those_of_the_nearest_voxel():
    labels = np.arange(5 * 4 * 3, dtype=np.int16).reshape(5, 4, 3)
    found = nearest(labels, (-1.0, 0.4, 0.6), (0.8, 1.0, 0.5), (4, 3, 2))
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, labels[np.ix_([0, 0, 1, 1], [0, 1, 2], [1, 1])])
