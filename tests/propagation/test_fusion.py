from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medssl.propagation.fusion import Fusion, shape_patch, shape_trust, weight
from napari_medssl.propagation.interpolation import ShapeBetween
from napari_medssl.propagation.patch import Patch
from napari_medssl.propagation.sweep import SweptSlice

SHAPE = (40, 50)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]


def disk(row: float, column: float, radius: float) -> np.ndarray:
    return np.hypot(ROWS - row, COLUMNS - column) <= radius


def swept(index: int, masks: dict[int, np.ndarray], confidence: float) -> SweptSlice:
    whole = (0, SHAPE[0], 0, SHAPE[1])
    patches = {label: Patch.from_strength(whole, mask.astype(float)) for label, mask in masks.items()}
    return SweptSlice(index, patches, dict.fromkeys(masks, confidence))


def fused_mask(result: SweptSlice | None, label: int = 1) -> np.ndarray:
    assert result is not None
    return result.patches[label].mask(SHAPE)


# A disk that moves 16 columns in 8 slices.
DRAWN = {1: {2: disk(20, 15, 7), 10: disk(20, 31, 7)}}
HALFWAY = disk(20, 23, 7)


def test_where_no_sweep_came_the_shape_stands_alone():
    result = Fusion(DRAWN, (1, 1))(6, None, None)
    np.testing.assert_array_equal(fused_mask(result), ShapeBetween(*DRAWN[1].values()).mask(0.5))
    assert result is not None
    assert 0 < result.confidence[1] < 1


def test_a_sweep_that_is_lost_does_not_spoil_the_other():
    lost, sure = disk(8, 42, 5), disk(20, 23, 7) | disk(20, 29, 4)
    fusion = Fusion(DRAWN, (1, 1))
    for ahead, back in (((lost, 0.2), (sure, 0.97)), ((sure, 0.97), (lost, 0.2))):
        result = fusion(6, swept(6, {1: ahead[0]}, ahead[1]), swept(6, {1: back[0]}, back[1]))
        np.testing.assert_array_equal(fused_mask(result) & (COLUMNS < 35), fused_mask(result))
        np.testing.assert_array_equal(fused_mask(result) & HALFWAY, HALFWAY)


def test_two_lost_sweeps_leave_the_shape():
    result = Fusion(DRAWN, (1, 1))(6, swept(6, {1: disk(5, 5, 4)}, 0.05), swept(6, {1: disk(35, 45, 4)}, 0.05))
    np.testing.assert_array_equal(fused_mask(result), ShapeBetween(*DRAWN[1].values()).mask(0.5))


def test_two_sure_sweeps_outvote_a_shape_between_drawn_slices_that_differ():
    drawn = {1: {2: disk(20, 15, 3), 10: disk(20, 31, 12)}}
    seen = disk(12, 20, 6)
    result = Fusion(drawn, (1, 1))(6, swept(6, {1: seen}, 0.95), swept(6, {1: seen}, 0.95))
    np.testing.assert_array_equal(fused_mask(result), seen)


def test_the_nearer_sweep_counts_more():
    here, there = disk(20, 12, 7), disk(20, 38, 7)
    drawn = {1: {0: disk(20, 5, 3), 10: disk(20, 45, 15)}}  # shapes that say little
    fusion = Fusion(drawn, (1, 1))
    ahead, back = swept(0, {1: here}, 0.95), swept(0, {1: there}, 0.95)
    np.testing.assert_array_equal(fused_mask(fusion(3, ahead, back)), here)
    np.testing.assert_array_equal(fused_mask(fusion(7, ahead, back)), there)


def test_outside_and_on_drawn_slices_and_beside_a_stop_all_stays_as_it_was_swept():
    masks = {2: disk(20, 15, 7), 6: np.zeros(SHAPE, dtype=bool), 10: disk(20, 31, 7)}
    fusion = Fusion({1: masks}, (1, 1))
    ahead = swept(4, {1: disk(20, 18, 5)}, 0.7)
    assert fusion(4, ahead, None) == SweptSlice(4, ahead.patches, ahead.confidence)
    assert fusion(8, None, None) is None
    drawn = SweptSlice(2, {1: Patch.drawn(masks[2])}, {1: 1.0})
    np.testing.assert_array_equal(fused_mask(fusion(2, drawn, drawn)), masks[2])
    assert fusion.ends(1, 2) is None
    assert fusion.ends(1, 4) is None
    assert fusion.ends(1, 12) is None


def test_each_label_lies_between_its_own_drawn_slices():
    drawn = {**DRAWN, 3: {4: disk(8, 8, 4)}}
    only = swept(6, {3: disk(8, 9, 4)}, 0.6)
    result = Fusion(drawn, (1, 1))(6, only, None)
    assert result is not None
    assert set(result.patches) == {1, 3}
    assert result.patches[3] is only.patches[3]
    assert result.confidence[3] == 0.6


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(3, 9))
def test_confidence_of_sweeps_that_agree_lies_between_the_trusts(ahead, back, index):
    shape = ShapeBetween(*DRAWN[1].values())
    mask = shape.mask((index - 2) / 8)
    result = Fusion(DRAWN, (1, 1))(index, swept(index, {1: mask}, ahead), swept(index, {1: mask}, back))
    assert result is not None
    trusts = (ahead, back, shape_trust(shape.likeness, (index - 2) / 8))
    assert np.sqrt(min(trusts)) - 1e-9 <= result.confidence[1] <= np.sqrt(max(trusts)) + 1e-9
    assert result.patches[1].strength.max() < 255


def test_who_disagrees_or_did_not_come_lowers_the_confidence():
    fusion, good, lost = Fusion(DRAWN, (1, 1)), swept(6, {1: HALFWAY}, 0.9), swept(6, {1: disk(5, 5, 4)}, 0.9)
    sure, torn, single, alone = (
        fusion(6, ahead, back) for ahead, back in ((good, good), (good, lost), (good, None), (None, None))
    )
    assert sure is not None and torn is not None and single is not None and alone is not None  # noqa: PT018
    assert sure.confidence[1] > single.confidence[1] > alone.confidence[1] > 0
    assert sure.confidence[1] > torn.confidence[1]


@given(st.floats(0, 1), st.floats(0, 1))
def test_weight_grows_with_trust_and_trust_with_likeness(low, high):
    low, high = sorted((low, high))
    assert weight(low, 0.1) <= weight(high, 0.1)
    assert shape_trust(low, 0.5) <= shape_trust(high, 0.5) <= shape_trust(high, 0.1)
    assert shape_trust(low, 0.0) == shape_trust(low, 1.0) == 0.99


def test_a_shape_as_a_patch_has_the_shapes_outline_and_a_soft_edge():
    shape = ShapeBetween(*DRAWN[1].values(), (2.0, 1.0))
    patch = shape_patch(shape, 0.5)
    np.testing.assert_array_equal(patch.mask(SHAPE), shape.mask(0.5))
    assert len(np.unique(patch.strength)) > 5


@pytest.mark.parametrize(("first", "second", "likeness"), [(5, 5, 1.0), (4, 12, 2 * 49 / (49 + 441))])
def test_likeness_is_the_dice_of_the_masks_laid_on_each_other(first, second, likeness):
    shape = ShapeBetween(disk(20, 15, first), disk(20, 30, second))
    assert shape.likeness == pytest.approx(likeness)
