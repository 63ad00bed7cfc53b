"""Reading scans at other steps, and scaling grey values, against direct computation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from napari_medssl.tubes.greys import measure, scale_patch
from napari_medssl.tubes.grids import nearest, sample, working_spacing


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


@pytest.mark.parametrize(
    ("spacing", "finest", "want"),
    [
        ((1.0, 0.7, 0.7), None, (1.0, 0.7, 0.7)),
        ((5.0, 0.5, 0.5), None, (0.8, 0.5, 0.5)),
        ((1.0, 0.5, 0.5), 0.8, (1.0, 0.8, 0.8)),
    ],
)
def test_the_working_grid_is_nearly_as_fine_along_all_axes(spacing, finest, want):
    assert working_spacing(spacing, finest=finest, anisotropy=1.6) == pytest.approx(want)


def test_scaled_greys_do_not_depend_on_units_or_on_the_part_that_is_read():
    rng = np.random.default_rng(1)
    scan = rng.normal(size=(30, 40, 50)).astype(np.float32)
    scan[:, :, 25:] *= 5
    greys, other = measure(scan, (16, 16, 16)), measure(scan * 37 + 1000, (16, 16, 16))
    whole = greys.scale(scan, (0, 0, 0), (1, 1, 1))
    np.testing.assert_allclose(other.scale(scan * 37 + 1000, (0, 0, 0), (1, 1, 1)), whole, atol=2e-3)
    part = greys.scale(scan[3:20, 5:30, 7:45], (3, 5, 7), (1, 1, 1))
    np.testing.assert_allclose(part, whole[3:20, 5:30, 7:45], atol=1e-4)
    for half in (whole[:, :, :15], whole[:, :, 35:]):  # each in its own spread, away from the border between them
        assert half.std() == pytest.approx(1, abs=0.2)


def test_a_scan_is_read_slab_by_slab():
    read = []

    class Lazy:
        shape, dtype, ndim = (40, 20, 20), np.dtype(np.float32), 3
        array = np.random.default_rng(0).normal(size=(40, 20, 20)).astype(np.float32)

        def __getitem__(self, index):
            found = self.array[index]
            read.append(found.size)
            return found

    np.testing.assert_allclose(measure(Lazy(), (8, 8, 8)).mean, measure(Lazy.array, (8, 8, 8)).mean)
    assert max(read) <= 20 * 20


def test_a_flat_patch_stays_flat():
    assert not scale_patch(np.full((4, 4, 4), 7.0, np.float32)).any()
