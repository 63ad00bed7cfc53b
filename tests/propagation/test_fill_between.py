"""Filling in between drawn slices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_medssl.propagation.fill_between import fill_between, iter_fill_between
from napari_medssl.propagation.interpolation import ShapeBetween

SPACING = (4.0, 1.0, 1.5)


def cone() -> np.ndarray:
    z, y, x = np.indices((12, 40, 40)).astype(float)
    return (((y - 20) ** 2 + ((x - 20) * 1.5) ** 2) < (15 - z) ** 2).astype(np.uint8)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_cone_comes_back_from_three_slices(axis: int) -> None:
    truth = np.moveaxis(cone(), 0, axis)
    spacing = tuple(np.insert([1.0, 1.5], axis, 4.0))
    drawn = np.zeros_like(truth)
    view, whole = np.moveaxis(drawn, axis, 0), np.moveaxis(truth, axis, 0)
    for index in (1, 6, 10):
        view[index] = 3 * whole[index]
    filled = np.moveaxis(fill_between(drawn, spacing, axis=axis), axis, 0)
    assert not filled[[0, 11]].any()
    for index in range(1, 11):
        found, true = filled[index] == 3, whole[index] == 1
        assert not (ndimage.binary_erosion(true) & ~found).any()  # right to the pixel at its edge
        assert not (found & ~ndimage.binary_dilation(true)).any()
    expected = ShapeBetween(view[1] == 3, view[6] == 3, (1.0, 1.5)).mask(0.4)
    np.testing.assert_array_equal(filled[3] == 3, expected)


def test_drawn_slices_other_labels_and_what_lies_beyond_stay() -> None:
    labels = cone() * np.uint8(2)
    labels[:, 18:22, 18:22] = 9
    labels[4, :3] = 2  # something of an earlier result between the drawn slices
    filled = fill_between(labels, SPACING, slices={2: [2, 7]})
    for index in (0, 1, 2, 7, 8, 9, 10, 11):
        np.testing.assert_array_equal(filled[index], labels[index])
    np.testing.assert_array_equal(filled == 9, labels == 9)
    assert not filled[4, :3].any()


def test_a_stop_ends_it() -> None:
    labels = np.zeros((9, 10, 10), np.uint8)
    labels[0, 2:8, 2:8] = labels[8, 2:8, 2:8] = 1
    filled = fill_between(labels, SPACING, slices={1: [0, 4, 8]})
    np.testing.assert_array_equal(filled, labels)


def test_slice_by_slice_it_is_the_same_and_can_be_stopped() -> None:
    labels = cone()
    labels[[2, 3, 5, 6, 7]] = 0
    labels[9, 0, 0] = 4
    slices = {1: [1, 4, 8]}
    results = list(
        iter_fill_between(None, labels, seed_slices=slices, spacing=SPACING, slice_range=(1, 10), model="default")
    )
    assert [one.index for one in results] == list(range(1, 10))
    expected = fill_between(labels, SPACING, slices=slices)
    for one in results:
        np.testing.assert_array_equal(one.labels, expected[one.index])
        assert set(one.confidence) == ({1} if one.index <= 8 else set())
        assert all(0 < value <= 1 for value in one.confidence.values())
    stopped = iter_fill_between(None, labels, seed_slices=slices, spacing=SPACING, cancelled=lambda: True)
    assert list(stopped) == []
