"""Distance classes against the formulas, voxel by voxel."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_medssl.errors import BadInput
from napari_medssl.tubes import distance_classes
from napari_medssl.tubes.distances import rounded, surface_distance

WAYS = {
    faces: [step for step in product((-1, 0, 1), repeat=3) if 0 < np.abs(step).sum() <= reach]
    for faces, reach in ((6, 1), (18, 2), (26, 3))
}
masks = arrays(bool, array_shapes(min_dims=3, max_dims=3, max_side=5))
mostly_full = arrays(
    np.uint8, array_shapes(min_dims=3, max_dims=3, max_side=5), elements=st.sampled_from((1,) * 9 + (0,))
)
spacings = st.tuples(*(st.sampled_from((0.3, 0.5, 0.7, 1.0, 2.5, 5.0)),) * 3)


def literally(mask: np.ndarray, spacing: tuple[float, ...], neighbourhood: int) -> np.ndarray:
    """Formulas (1) and (2) as they are written."""
    tube = {tuple(v) for v in np.argwhere(mask)}
    every = {tuple(v) for v in np.argwhere(np.ones_like(mask))}
    surface = [
        v for v in tube if any((u := tuple(np.add(v, s))) in every and u not in tube for s in WAYS[neighbourhood])
    ]
    if tube and not surface:  # the array is full
        surface = [v for v in tube if any(c in (0, n - 1) for c, n in zip(v, mask.shape, strict=True))]
    found = np.zeros(mask.shape)
    for v in tube:
        found[v] = np.sqrt((((np.array(surface) - v) * spacing) ** 2).sum(1)).min()
    return found


@settings(max_examples=30, deadline=None)
@given(masks | mostly_full, spacings, st.sampled_from((6, 18, 26)))
def test_distances_are_the_formula(mask: np.ndarray, spacing: tuple[float, float, float], neighbourhood: int) -> None:
    expected = literally(mask, spacing, neighbourhood)
    tube = mask.astype(bool)
    np.testing.assert_allclose(surface_distance(tube, spacing=spacing, neighbourhood=neighbourhood), expected, 1e-5)


@settings(max_examples=20, deadline=None)
@given(masks | mostly_full, st.sampled_from((6, 18, 26)))
def test_classes_in_voxels(mask: np.ndarray, neighbourhood: int) -> None:
    expected = np.rint(literally(mask, (1, 1, 1), neighbourhood))
    np.testing.assert_array_equal(distance_classes(mask, neighbourhood=neighbourhood), expected)


@settings(max_examples=20, deadline=None)
@given(mostly_full, spacings, st.sampled_from((None, 0.5, 0.7)))
def test_classes_in_mm(mask: np.ndarray, spacing: tuple[float, float, float], width: float | None) -> None:
    exact = literally(mask, spacing, 6) / (width or 1)
    exact = np.where(np.abs(exact - np.floor(exact) - 0.5) < 1e-6, np.floor(exact) + 0.5, exact)
    np.testing.assert_array_equal(distance_classes(mask, spacing=spacing, bin_mm=width), np.rint(exact))


def test_halves_go_to_the_even_number_whatever_the_last_digit() -> None:
    halves = np.array([0.5, np.nextafter(np.float32(0.5), np.float32(1)), 1.5, 1.4999999, 2.5000002], np.float32)
    assert rounded(halves).tolist() == [0, 0, 2, 2, 2]


def test_a_tube_that_leaves_the_scan_is_not_closed_there() -> None:
    mask = np.zeros((5, 9, 9), np.uint8)
    mask[:, 2:7, 2:7] = 1
    classes = distance_classes(mask)
    assert (classes == classes[:1]).all()
    assert classes[0, 4, 4] == 2


@pytest.mark.parametrize(
    ("mask", "options", "what"),
    [
        (np.ones((3, 3)), {}, "whole numbers"),
        (np.ones((3, 3), int), {}, "three dimensions"),
        (np.ones((3, 3, 3), int), {"neighbourhood": 8}, "6, 18 or 26"),
        (np.ones((3, 3, 3), int), {"bin_mm": 1.0}, "needs the spacing"),
        (np.ones((3, 3, 3), int), {"spacing": (1, 1, 1), "bin_mm": float("nan")}, "above 0"),
        (np.ones((3, 3, 3), int), {"spacing": (1, 0, 1)}, "positive numbers"),
    ],
)
def test_bad_input_is_one_sentence(mask: np.ndarray, options: dict, what: str) -> None:
    with pytest.raises(BadInput, match=what):
        distance_classes(mask, **options)
