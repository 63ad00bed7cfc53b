"""What a click keeps, what a refinement changed, and what is marked."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_medssl.errors import BadInput
from napari_medssl.tubes import (
    branches,
    centre_points,
    difference,
    keep_part,
    narrow_places,
    refine_mask,
)


def tubes() -> np.ndarray:
    """Three tubes along x: two with label 4, of which one touches that with label 9."""
    labels = np.zeros((12, 40, 30), np.uint8)
    labels[4:8, 3:7, 2:28] = 4
    labels[4:8, 14:18, 2:28] = 4
    labels[4:8, 18:22, 2:28] = 9
    return labels


@pytest.mark.parametrize(
    ("point", "rows", "label"),
    [
        ((5, 4, 9), slice(0, 10), 4),
        ((5.4, 20.3, 9.2), slice(18, 22), 9),
        ((1.2, 16, 9), slice(10, 18), 4),  # beside it
        ((5, 8.4, 28.4), slice(0, 10), 4),  # nearer to the first
    ],
)
def test_a_click_keeps_the_connected_part_of_its_label(point: tuple, rows: slice, label: int) -> None:
    labels = tubes()
    expected = np.zeros(labels.shape, bool)
    expected[:, rows] = labels[:, rows] == label
    np.testing.assert_array_equal(keep_part(labels, point), expected)


def test_parts_agree_with_components_over_edges_and_corners() -> None:
    mask = np.random.default_rng(2).random((14, 15, 16)) < 0.08
    parts, count = ndimage.label(mask, np.ones((3, 3, 3)))
    assert count > 5
    for point in np.argwhere(mask)[::7]:
        np.testing.assert_array_equal(keep_part(mask, point, reach=0), parts == parts[tuple(point)])


@pytest.mark.parametrize("point", [(0, 11, 29), (5, 30, 9), (-40, 5, 5), (5, 5, 99), (np.nan, 5, 5)])
def test_a_click_beside_everything_is_refused(point: tuple) -> None:
    with pytest.raises(BadInput, match="no tube within 3 voxels of this place"):
        keep_part(tubes(), point)


def test_a_refinement_is_clicked_like_a_mask() -> None:
    result = refine_mask(tubes())
    kept = keep_part(result, (6, 5, 10))
    np.testing.assert_array_equal(kept, (result.labels == 4) & (np.arange(40)[:, None] < 10))
    with pytest.raises(BadInput, match="three dimensions"):
        keep_part(tubes()[0], (1, 1, 1))


def test_the_difference_adds_up() -> None:
    before = np.array([[[0, 3, 3, 0, 3]]])
    after = np.array([[[0, 3, 0, 5, 5]]])
    np.testing.assert_array_equal(difference(before, after), [[[0, 1, 3, 2, 2]]])
    with pytest.raises(BadInput, match="must be the same"):
        difference(before, after[:, :, 1:])


def test_points_and_narrow_places() -> None:
    z, y, x = np.indices((16, 16, 120))
    radius = 5 - 2.5 * np.exp(-0.5 * ((x - 30) / 4) ** 2) - 3 * np.exp(-0.5 * ((x - 90) / 4) ** 2)
    result = refine_mask((z - 8) ** 2 + (y - 8) ** 2 <= radius**2)
    points, radii = centre_points(result)
    assert len(points) == result.skeleton.sum()
    np.testing.assert_array_equal(radii, result.radius[tuple(points.T)])
    (first, worst), (_, other) = narrow_places(branches(result))
    assert worst.percent > other.percent
    assert worst.voxel[2] == pytest.approx(90, abs=2)
    assert other.voxel[2] == pytest.approx(30, abs=2)
    assert first.number == 1
