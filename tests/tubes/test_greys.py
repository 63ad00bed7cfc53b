"""The grid that tube networks work on, and scaling grey values, against direct computation."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medssl.tubes.greys import measure, scale_patch
from napari_medssl.tubes.model import TubePlan


@pytest.mark.parametrize(
    ("spacing", "finest", "want"),
    [
        ((1.0, 0.7, 0.7), None, (1.0, 0.7, 0.7)),
        ((5.0, 0.5, 0.5), None, (0.8, 0.5, 0.5)),
        ((1.0, 0.5, 0.5), 0.8, (1.0, 0.8, 0.8)),
    ],
)
def test_the_working_grid_is_nearly_as_fine_along_all_axes(spacing, finest, want):
    assert TubePlan(spacing=finest, anisotropy=1.6).working_spacing(spacing) == pytest.approx(want)


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
