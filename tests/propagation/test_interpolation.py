from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_medssl.propagation.interpolation import ShapeBetween, signed_distances

ROWS, COLUMNS = np.mgrid[:60, :80]

masks = arrays(bool, (9, 11)).filter(lambda mask: mask.any())
spacings = st.tuples(st.sampled_from([0.5, 1.0, 3.0]), st.sampled_from([0.5, 1.0, 3.0]))


def disk(row: float, column: float, radius: float, spacing: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    return np.hypot((ROWS - row) * spacing[0], (COLUMNS - column) * spacing[1]) <= radius


def test_signed_distances_are_those_to_the_nearest_pixel_of_the_other_kind():
    mask, spacing = disk(30, 40, 6), (2.0, 0.5)
    found = signed_distances(mask, spacing)
    inside, outside = np.argwhere(mask) * spacing, np.argwhere(~mask) * spacing
    for row, column in [(30, 40), (30, 47), (0, 0), (24, 40), (59, 79)]:
        others = outside if mask[row, column] else inside
        nearest = np.hypot(*(others - np.array([row, column]) * spacing).T).min()
        assert found[row, column] == pytest.approx(nearest if mask[row, column] else -nearest, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(masks, masks, spacings, st.booleans())
def test_at_the_ends_the_shape_is_what_was_drawn(first, second, spacing, aligned):
    between = ShapeBetween(first, second, spacing, aligned=aligned)
    np.testing.assert_array_equal(between.mask(0.0), first)
    np.testing.assert_array_equal(between.mask(1.0), second)


@settings(max_examples=40, deadline=None)
@given(masks, masks, spacings, st.floats(0.05, 0.95))
def test_it_is_the_same_from_either_side(first, second, spacing, fraction):
    there, back = ShapeBetween(first, second, spacing), ShapeBetween(second, first, spacing)
    (box, ahead), (other, behind) = there.distances(fraction), back.distances(1 - fraction)
    assert box == other
    np.testing.assert_allclose(ahead, behind, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(masks, st.floats(0, 1))
def test_what_does_not_change_stays(mask, fraction):
    np.testing.assert_array_equal(ShapeBetween(mask, mask).mask(fraction), mask)


@pytest.mark.parametrize("fraction", [0.25, 0.5, 0.75])
def test_a_disk_that_moves_and_grows_is_a_disk_on_the_way(fraction):
    way, grown = np.array([16, 36]), 4
    between = ShapeBetween(disk(20, 20, 8), disk(20 + way[0], 20 + way[1], 8 + grown))
    found = between.mask(fraction)
    centre = np.array([axis.mean() for axis in np.nonzero(found)])
    np.testing.assert_allclose(centre, [20, 20] + fraction * way, atol=0.05)
    # Exact for disks but for the pixels, which the edge may miss by one.
    radius = 8 + fraction * grown
    assert not (found & ~disk(*centre, radius + 1)).any()
    assert not (disk(*centre, radius - 1) & ~found).any()


def test_without_aligning_it_vanishes_on_the_way():
    first, second = disk(20, 20, 8), disk(36, 56, 8)
    assert not ShapeBetween(first, second, aligned=False).mask(0.5).any()
    assert ShapeBetween(first, second).mask(0.5).sum() == first.sum()


def test_plain_interpolation_is_the_mean_of_the_two_distances():
    first, second, spacing = disk(30, 30, 12), disk(32, 38, 9), (1.0, 0.7)
    expected = 0.7 * signed_distances(first, spacing) + 0.3 * signed_distances(second, spacing) > 0
    np.testing.assert_array_equal(ShapeBetween(first, second, spacing, aligned=False).mask(0.3), expected)


def test_pixels_that_are_not_square_count_in_millimetres():
    spacing = (3.0, 1.0)
    between = ShapeBetween(disk(30, 40, 12, spacing), disk(30, 40, 30, spacing), spacing)
    radius = np.sqrt(between.mask(0.5).sum() * 3 / np.pi)
    assert radius == pytest.approx(21, abs=1)


def test_each_piece_goes_its_own_way():
    first = disk(15, 20, 6) | disk(45, 20, 6)
    second = disk(15, 30, 6) | disk(45, 10, 6)  # the upper one moves right, the lower one left
    found = ShapeBetween(first, second).mask(0.5)
    np.testing.assert_array_equal(found, disk(15, 25, 6) | disk(45, 15, 6))


def test_pieces_that_do_not_overlap_go_to_the_nearest():
    first = disk(10, 10, 4) | disk(45, 60, 4)
    second = disk(22, 10, 4) | disk(45, 72, 4)
    np.testing.assert_array_equal(ShapeBetween(first, second).mask(0.5), disk(16, 10, 4) | disk(45, 66, 4))


def test_a_piece_without_a_partner_shrinks_where_it_is():
    stays, ends = disk(30, 20, 9), disk(30, 60, 8)
    between = ShapeBetween(stays | ends, stays)
    sizes = [int((between.mask(fraction) & ends).sum()) for fraction in (0, 0.25, 0.5, 0.75, 1)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == ends.sum()
    assert sizes[-1] == 0 < sizes[2]
    for fraction in (0.25, 0.5, 0.75):
        found = between.mask(fraction)
        np.testing.assert_array_equal(found & (COLUMNS < 40), stays)
        assert not (found & (COLUMNS > 40) & ~ends).any()


def test_two_pieces_that_become_one_are_one_family():
    apart, one = disk(30, 25, 8) | disk(30, 55, 8), np.zeros((60, 80), dtype=bool)
    one[22:39, 20:61] = True
    found = ShapeBetween(apart, one).mask(0.5)
    np.testing.assert_array_equal(found, ShapeBetween(apart, one, aligned=False).mask(0.5))
    assert apart.sum() < found.sum() < one.sum()


def test_a_mask_that_fills_its_slice_has_an_outside():
    whole = np.ones((6, 5), dtype=bool)
    np.testing.assert_array_equal(ShapeBetween(whole, whole).mask(0.5), whole)
