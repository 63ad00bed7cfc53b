"""Cleaning up masks, against SciPy and SimpleITK, and by what must hold for any mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from napari_medssl.errors import BadInput
from napari_medssl.volumes.tidy import NAMES, Step, tidied, tidy

SPACING = (3.0, 0.8, 1.3)
SHAPES = st.tuples(st.integers(1, 7), st.integers(1, 8), st.integers(1, 8))
LABELS = SHAPES.flatmap(lambda shape: arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 0, 1, 1, 2, 7])))
MASKS = SHAPES.flatmap(lambda shape: arrays(np.bool_, shape))


def itk(mask: np.ndarray) -> Any:
    image = SimpleITK.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(SPACING[::-1])
    return image


def blobs(seed: int, shape: tuple[int, int, int] = (12, 40, 36), cut: float = 0.55) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), 1.5)
    return noise > np.quantile(noise, cut)


@given(MASKS)
@settings(max_examples=60, deadline=None)
def test_holes_are_those_of_scipy(mask: np.ndarray) -> None:
    filled = tidy(mask.astype(np.uint8), [Step("fill_holes")], SPACING)
    np.testing.assert_array_equal(filled == 1, ndimage.binary_fill_holes(mask))


def test_holes_slice_by_slice_are_those_of_each_slice() -> None:
    mask = blobs(1)
    filled = tidy(mask.astype(np.uint8), [Step("fill_holes")], SPACING, axis=1)
    for index in range(mask.shape[1]):
        np.testing.assert_array_equal(filled[:, index] == 1, ndimage.binary_fill_holes(mask[:, index]))


@pytest.mark.parametrize("seed", range(4))
def test_islands_are_those_of_simpleitk(seed: int) -> None:
    mask = blobs(seed, cut=0.8)
    pieces = SimpleITK.RelabelComponent(SimpleITK.ConnectedComponent(itk(mask), True))  # the largest becomes 1
    pieces = SimpleITK.GetArrayFromImage(pieces)
    sizes = np.bincount(pieces.ravel())[1:]
    assert len(sizes) > 2
    labels = mask.astype(np.uint16) * 300
    largest = tidy(labels, [Step("keep_largest")], SPACING)
    if sizes[0] > sizes[1]:
        np.testing.assert_array_equal(largest == 300, pieces == 1)
    limit = int(sizes[len(sizes) // 2])
    small = tidy(labels, [Step("remove_small", limit * np.prod(SPACING) / 1000)], SPACING)
    np.testing.assert_array_equal(small == 300, (pieces > 0) & (np.append(0, sizes)[pieces] >= limit))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("mm", [0.5, 1.3, 2.9, 4.0])
def test_growing_and_shrinking_follow_simpleitk_distances(seed: int, mm: float) -> None:
    mask = blobs(seed, cut=0.9)
    outside, inside = (
        SimpleITK.GetArrayFromImage(SimpleITK.SignedMaurerDistanceMap(itk(side), False, False, True))
        for side in (mask, ~mask)
    )
    labels = mask.astype(np.uint8)
    np.testing.assert_array_equal(tidy(labels, [Step("grow", mm)], SPACING) == 1, outside <= mm + 1e-3)
    np.testing.assert_array_equal(tidy(labels, [Step("shrink", mm)], SPACING) == 1, inside > mm + 1e-3)


def ball(radius: float, shape: tuple[int, int, int] = (24, 60, 50)) -> np.ndarray:
    z, y, x = (np.arange(n) - n / 2 + 0.3 for n in shape)
    return (z[:, None, None] * 3) ** 2 + (y[:, None] * 0.8) ** 2 + (x * 1.3) ** 2 < radius**2


@pytest.mark.parametrize("mm", [0.7, 1.5, 4.0])
def test_smoothing_keeps_the_volume_and_what_is_round(mm: float) -> None:
    mask = ball(20)
    smoothed = tidy(mask.astype(np.uint8), [Step("smooth", mm)], SPACING) == 1
    assert smoothed.sum() == pytest.approx(mask.sum(), rel=1e-3)
    assert 2 * (smoothed & mask).sum() / (smoothed.sum() + mask.sum()) > 0.97


def test_smoothing_takes_a_rough_edge_back_to_what_it_was() -> None:
    mask = ball(20)
    edge = ndimage.binary_dilation(mask) & ~ndimage.binary_erosion(mask)
    rough = np.where(edge, np.random.default_rng(0).random(mask.shape) < 0.5, mask)
    smoothed = tidy(rough.astype(np.uint8), [Step("smooth", 2.0)], SPACING) == 1
    assert (smoothed ^ mask).sum() < 0.5 * (rough ^ mask).sum()
    assert smoothed.sum() == pytest.approx(rough.sum(), rel=1e-3)


def test_a_thin_vessel_is_not_smoothed_away() -> None:
    vessel = np.zeros((10, 20, 20), np.uint8)
    vessel[:, 9:11, 9:11] = 1
    assert (tidy(vessel, [Step("smooth", 3.0)], SPACING) == 1).sum() == pytest.approx(vessel.sum(), rel=0.2)


STEPS = st.builds(Step, st.sampled_from(NAMES), st.sampled_from([0.0, 0.1, 1.0, 2.5]))


@given(LABELS, STEPS, st.sampled_from([[1], [1, 7], [2], [5]]), st.sampled_from([None, 0, 1, 2]))
@settings(max_examples=150, deadline=None)
def test_other_labels_are_never_touched(labels: np.ndarray, step: Step, which: list[int], axis: int | None) -> None:
    before = labels.copy()
    after = tidy(labels, [step], SPACING, which=which, axis=axis)
    np.testing.assert_array_equal(labels, before)
    assert after.dtype == labels.dtype
    others = (before > 0) & ~np.isin(before, which)
    np.testing.assert_array_equal(after[others], before[others])
    assert np.isin(after[~others], [0, *which]).all()


@given(LABELS, st.sampled_from(["fill_holes", "keep_largest", "remove_small"]), st.sampled_from([None, 0, 1, 2]))
@settings(max_examples=80, deadline=None)
def test_a_second_time_changes_nothing(labels: np.ndarray, name: Any, axis: int | None) -> None:
    step = Step(name, 0.008)
    once = tidy(labels, [step], SPACING, which=[1], axis=axis)
    np.testing.assert_array_equal(tidy(once, [step], SPACING, which=[1], axis=axis), once)


@given(LABELS, st.sampled_from([0.5, 1.5, 3.5]))
@settings(max_examples=60, deadline=None)
def test_growing_only_adds_and_shrinking_only_takes_away(labels: np.ndarray, mm: float) -> None:
    grown = tidy(labels, [Step("grow", mm)], SPACING)
    np.testing.assert_array_equal(grown[labels > 0], labels[labels > 0])
    shrunk = tidy(labels, [Step("shrink", mm)], SPACING)
    assert (shrunk[shrunk > 0] == labels[shrunk > 0]).all()


def test_two_labels_that_grow_meet_half_way() -> None:
    labels = np.zeros((1, 1, 11), np.uint8)
    labels[0, 0, [0, 10]] = 1, 2
    grown = tidy(labels, [Step("grow", 20.0)], (1.0, 1.0, 1.0))
    assert (grown[0, 0, :5] == 1).all()
    assert (grown[0, 0, 6:] == 2).all()


def test_one_slice_alone_is_changed() -> None:
    mask = blobs(2).astype(np.uint8)
    changes = list(tidied(mask, Step("grow", 2.0), SPACING, [1], axis=2, index=7))
    assert len(changes) == 1
    (where, old, new), after = changes[0], mask.copy()
    np.testing.assert_array_equal(old, mask[where])
    after[where] = new
    assert (after[..., 7] != mask[..., 7]).any()
    np.testing.assert_array_equal(np.delete(after, 7, axis=2), np.delete(mask, 7, axis=2))


def test_what_cannot_be_done_is_refused() -> None:
    with pytest.raises(BadInput, match="no way of tidying"):
        Step("polish")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="0 or more"):
        Step("smooth", float("nan"))
    with pytest.raises(BadInput, match="3 positive numbers"):
        tidy(np.ones((2, 2, 2), np.uint8), [Step("grow", 1)], (1.0, 0.0, 1.0))
