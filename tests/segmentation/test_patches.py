"""Samples: where they lie, what they hold, and that scipy and numpy agree with them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from segmentation.toys import balls, toy_plan

from napari_medssl.segmentation.augmentation import disturb
from napari_medssl.segmentation.intensities import Scale
from napari_medssl.segmentation.patches import Deformation, cut, draw_centre
from napari_medssl.segmentation.survey import Aligned, places_of

PLAIN = Scale(low=-1e6, high=1e6, mean=0, spread=1)


def scan_of(shape=(9, 11, 13), spacing=(1.0, 1.0, 1.0)):
    rng = np.random.default_rng(3)
    return Aligned(
        rng.normal(size=shape).astype(np.float32), spacing, rng.choice([0, 2, 5, 7], shape).astype(np.uint8)
    )


def plan_of(patch, spacing=(1.0, 1.0, 1.0)):
    return toy_plan(patch, spacing)


def numbers(labels):
    return np.select([labels == 2, labels == 7], [1, 2], 0)


def test_a_patch_on_the_scans_own_grid_is_a_part_of_it():
    scan = scan_of()
    image, labels = cut(scan, PLAIN, plan_of((4, 5, 6)), np.array([3.5, 4, 7.5]), np.eye(3))
    np.testing.assert_allclose(image.numpy(), scan.array[2:6, 2:7, 5:11], atol=1e-5)
    np.testing.assert_array_equal(labels.numpy(), numbers(scan.labels[2:6, 2:7, 5:11]))
    assert labels.dtype == torch.uint8


def test_outside_the_scan_there_is_nothing():
    scan = scan_of((4, 4, 4))
    image, labels = cut(scan, PLAIN, plan_of((8, 8, 8)), np.full(3, 1.5), np.eye(3))
    inside = np.zeros((8, 8, 8), bool)
    inside[2:6, 2:6, 2:6] = True
    np.testing.assert_allclose(image.numpy()[inside], scan.array.ravel(), atol=1e-5)
    assert not image.numpy()[~inside].any()
    assert not labels.numpy()[~inside].any()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mirrored_patch_is_mirrored(axis):
    scan, matrix = scan_of(), np.eye(3)
    matrix[axis, axis] = -1
    centre = np.array([4, 5, 6])
    plain, mirrored = (cut(scan, PLAIN, plan_of((3, 5, 7)), centre, m) for m in (np.eye(3), matrix))
    for one, other in zip(plain, mirrored, strict=True):
        torch.testing.assert_close(other, one.flip(axis), atol=1e-5, rtol=0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_turned_and_sized_patches_are_what_scipy_interpolates(seed):
    rng = np.random.default_rng(seed)
    spacing = rng.uniform(1.0, 2.0, 3)
    scan = scan_of((30, 30, 30), tuple(spacing))
    plan = plan_of((5, 6, 7), (1.0, 0.9, 0.8))  # finer than the scan: nothing is smoothed
    matrix = Deformation(turn=0.5, size=1.1, chance=1.0).draw(rng, plan.spacing)
    matrix *= min(1.0, *(spacing / plan.spacing / 1.3))
    image, labels = cut(scan, PLAIN, plan, np.full(3, 14.5), matrix)
    sides = [np.arange(n) - (n - 1) / 2 for n in plan.patch]
    offsets = np.stack(np.meshgrid(*sides, indexing="ij")).reshape(3, -1) * np.array(plan.spacing)[:, None]
    places = (matrix @ offsets) / spacing[:, None] + 14.5
    want = map_coordinates(scan.array, places, order=1).reshape(plan.patch)
    np.testing.assert_allclose(image.numpy(), want, atol=1e-4)
    tie = (np.abs(places % 1 - 0.5) < 1e-3).any(0).reshape(plan.patch)
    nearest = numbers(scan.labels[tuple(np.round(places).astype(int))]).reshape(plan.patch)
    np.testing.assert_array_equal(labels.numpy()[~tie], nearest[~tie])


@given(st.integers(0, 10**6), st.floats(0, 0.5), st.floats(1, 1.5), st.booleans())
def test_deformations_turn_size_and_mirror_within_their_limits(seed, turn, size, mirror):
    matrix = Deformation(turn, size, mirror, chance=1.0).draw(np.random.default_rng(seed), (1, 1, 1))
    stretches = np.linalg.svd(matrix, compute_uv=False)
    assert (stretches <= size * (1 + 1e-9)).all()
    assert (stretches >= (1 - 1e-9) / size).all()
    if not mirror:
        assert np.linalg.det(matrix) > 0
    if not mirror and size == 1:
        assert np.trace(matrix) >= 1 + 2 * np.cos(min(np.pi, 3 * turn)) - 1e-9


def test_thick_slices_are_turned_in_their_plane_only():
    matrix = Deformation(turn=0.5, chance=1.0).draw(np.random.default_rng(0), (5, 1, 1))
    np.testing.assert_allclose(matrix[0], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(matrix[:, 0], [1, 0, 0], atol=1e-12)
    assert abs(matrix[1, 2]) > 1e-3


@given(st.integers(0, 10**6), st.tuples(*[st.integers(1, 40)] * 3), st.tuples(*[st.floats(0, 30)] * 3))
def test_samples_stay_inside_the_scan_or_in_its_middle(seed, shape, reach):
    centre = draw_centre(np.random.default_rng(seed), shape, {}, 0.5, np.array(reach))
    for place, side, far in zip(centre, shape, reach, strict=True):
        if 2 * far >= side - 1:
            assert place == (side - 1) / 2
        else:
            assert far - 1e-9 <= place <= side - 1 - far + 1e-9


def test_each_label_is_centred_on_as_often_as_the_share_says():
    places = {2: np.array([[5, 5, 5]] * 500), 7: np.array([[9, 9, 9]])}
    rng = np.random.default_rng(0)
    drawn = [draw_centre(rng, (20, 20, 20), places, 0.6, np.zeros(3)) for _ in range(2000)]
    shares = [np.mean([np.array_equal(centre, place) for centre in drawn]) for place in ([5.0] * 3, [9.0] * 3)]
    np.testing.assert_allclose(shares, 0.3, atol=4 * np.sqrt(0.3 * 0.7 / 2000))


@pytest.mark.parametrize("slab", [1, 150, 2**22])
def test_places_have_their_labels_and_are_spread_over_the_scan(monkeypatch, slab):
    monkeypatch.setattr("napari_medssl.segmentation.survey._SLAB", slab)
    labels = np.zeros((12, 10, 10), np.uint8)
    labels[2:12, :, :5], labels[3, 7, 7] = 4, 200
    found = places_of(labels, most=50)
    assert set(found) == {4, 200}
    assert found[200].tolist() == [[3, 7, 7]]
    assert (labels[tuple(found[4].T)] == 4).all()
    assert len(found[4]) == 50
    assert set(found[4][:, 0]) == set(range(2, 12))
    assert len({tuple(place) for place in found[4]}) == 50


def test_disturbing_is_a_function_of_the_key_and_leaves_the_original_alone():
    image = torch.from_numpy(balls().array.astype(np.float32) / 100)
    before = image.clone()
    changed = [disturb(image, key) for key in range(12)]
    torch.testing.assert_close(image, before, atol=0, rtol=0)
    torch.manual_seed(99)
    np.random.seed(99)
    for key, one in enumerate(changed):
        assert torch.equal(disturb(image, key), one)
        assert one.shape == image.shape
        assert type(one) is torch.Tensor
        assert torch.isfinite(one).all()
    assert sum(not torch.equal(one, image) for one in changed) > 6
