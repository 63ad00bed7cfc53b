"""Resampling, against torch's own on whole volumes."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medssl.segmentation.grids import smooth, to_own_grid, to_working_grid, working_shape
from napari_medssl.segmentation.intensities import Scale

PLAIN = Scale(low=-1e6, high=1e6, mean=0, spread=1)
SIDES = st.tuples(*[st.integers(1, 9)] * 3)


def noise(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def trilinear(maps, shape):
    return F.interpolate(torch.from_numpy(maps)[None], shape, mode="trilinear", align_corners=False)[0]


@settings(deadline=None)
@given(SIDES, st.tuples(*[st.integers(0, 9)] * 3))
def test_to_a_finer_grid_is_trilinear(shape, more):
    array, finer = noise(shape), tuple(n + m for n, m in zip(shape, more, strict=True))
    torch.testing.assert_close(to_working_grid(array, finer, PLAIN), trilinear(array[None], finer)[0])


@settings(deadline=None)
@given(SIDES, SIDES)
def test_back_to_any_grid_slice_by_slice_is_trilinear(working, own):
    maps = noise((2, *working))
    found = torch.stack(list(to_own_grid(torch.from_numpy(maps).unbind(1), working[0], own)), dim=1)
    torch.testing.assert_close(found, trilinear(maps, own))


def test_no_more_slices_are_asked_for_than_the_next_one_needs():
    taken = []

    def slices():
        for index in range(6):
            taken.append(index)
            yield torch.full((1, 2, 2), float(index))

    coming = to_own_grid(slices(), 6, (12, 2, 2))
    assert float(next(coming).mean()) == 0
    assert taken == [0, 1]
    assert [float(slice_.mean()) for slice_ in coming][-1] == 5


def test_going_to_a_coarser_grid_keeps_what_is_coarse_and_loses_what_is_fine():
    z, y, x = np.mgrid[:24, :24, :24].astype(np.float32)
    ramp = to_working_grid(z + 2 * y - x, (6, 6, 6), PLAIN).numpy()
    middles = np.arange(6) * 4 + 1.5
    inner = slice(2, 4)  # away from the edge, where smoothing sees the border
    want = (middles[:, None, None] + 2 * middles[None, :, None] - middles)[inner, inner, inner]
    np.testing.assert_allclose(ramp[inner, inner, inner], want, atol=1e-3)
    checks = (-1.0) ** (z + y + x)
    assert np.abs(to_working_grid(checks, (6, 6, 6), PLAIN).numpy()[inner, inner, inner]).max() < 0.01


def test_smoothing_is_for_coarser_steps_only():
    array = noise((5, 6, 7))
    assert smooth(array, (1, 0.5, 1.05)) is array
    np.testing.assert_allclose(smooth(np.ones((5, 6, 7), np.float32), (4, 2, 3)), 1, rtol=1e-6)


def test_the_working_shape_spans_the_same_box_and_is_never_empty():
    assert working_shape((10, 100, 90), (5, 0.8, 0.8), (2.5, 1.6, 1.6)) == (20, 50, 45)
    assert working_shape((1, 2, 2), (0.1, 0.1, 0.1), (9, 9, 9)) == (1, 1, 1)
