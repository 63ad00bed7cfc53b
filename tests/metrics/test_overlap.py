import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medssl.errors import BadInput
from napari_medssl.metrics import dice, dice_per_label, volume_ml
from napari_medssl.metrics.overlap import overlap_counts

shapes = hnp.array_shapes(min_dims=1, max_dims=3, max_side=6)
pairs = shapes.flatmap(
    lambda shape: st.tuples(*(hnp.arrays(np.uint8, shape, elements=st.integers(0, 4)) for _ in range(2)))
)


@settings(deadline=None)
@given(pairs)
def test_dice_against_sets_of_voxels(pair):
    prediction, truth = pair
    for label in (None, 1, 3):
        p, t = (
            {i for i, v in enumerate(a.ravel().tolist()) if (v != 0 if label is None else v == label)} for a in pair
        )
        value = dice(prediction, truth, label)
        if p or t:
            assert value == pytest.approx(2 * len(p & t) / (len(p) + len(t)))
        else:
            assert np.isnan(value)
    assert dice_per_label(prediction, truth) == {
        label: pytest.approx(dice(prediction, truth, label)) for label in sorted({*np.unique(pair)} - {0})
    }


@settings(deadline=None)
@given(pairs, st.sampled_from([0, 5000, -7]))
def test_counts_are_the_same_whatever_numbers_the_labels_are(pair, offset):
    """Small labels are counted in a table, large and negative ones one by one."""
    small = overlap_counts(*pair, labels=range(1, 5))
    moved = [np.where(a > 0, a.astype(np.int32) + offset, 0) for a in pair]
    assert {k - offset: v for k, v in overlap_counts(*moved, labels=[k + offset for k in range(1, 5)]).items()} == small


def test_dice_against_monai():
    import torch
    from monai.metrics import compute_dice

    rng = np.random.default_rng(0)
    prediction, truth = rng.integers(0, 4, (2, 9, 10, 11))
    onehot = [
        torch.from_numpy(np.stack([a == k for k in range(4)])[None].astype(np.float32)) for a in (prediction, truth)
    ]
    expected = compute_dice(*onehot)[0].tolist()
    assert [dice(prediction, truth, k) for k in range(4)] == pytest.approx(expected, abs=1e-6)


def test_two_half_overlapping_cubes():
    prediction, truth = np.zeros((2, 10, 10, 10), bool)
    prediction[2:6, 2:6, 2:6] = truth[2:6, 2:6, 4:8] = True
    assert dice(prediction, truth) == 0.5
    assert volume_ml(prediction, spacing=(2.5, 2, 0.5)) == pytest.approx(64 * 2.5 / 1000)


def test_labels_asked_for_but_absent_are_nan_and_booleans_count_as_label_one():
    prediction, truth = np.zeros((2, 3, 3), bool)
    prediction[0, 0] = truth[0, 0] = truth[0, 1] = True
    assert dice_per_label(prediction, truth) == {1: pytest.approx(2 / 3)}
    assert dice(prediction, truth, 1) == pytest.approx(2 / 3)
    missing = dice_per_label(prediction, truth, [1, 2, 9999])
    assert list(missing) == [1, 2, 9999]
    assert np.isnan(missing[2])
    assert np.isnan(missing[9999])


def test_unsuitable_input():
    with pytest.raises(BadInput, match="resample"):
        dice(np.zeros((2, 3), int), np.zeros((3, 2), int))
    with pytest.raises(BadInput, match="truth has values of type float64"):
        dice(np.zeros((2, 3), int), np.zeros((2, 3)))
    with pytest.raises(BadInput, match="spacing"):
        volume_ml(np.zeros((2, 3), int), spacing=(1, 0))
