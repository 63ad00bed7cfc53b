"""Refinement of masks and of a network's maps: what closes, what goes, what stays, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_medssl.errors import BadInput
from napari_medssl.metrics import dice
from napari_medssl.tubes import branches, refine, refine_mask
from napari_medssl.tubes.distances import surface_distance


def bent_tube(radius: float = 3.5, shape: tuple[int, int, int] = (24, 48, 70)) -> np.ndarray:
    """A tube along x that rises and bends."""
    z, y, x = np.indices(shape)
    inside = (y - 24 - 8 * np.sin(x / 14)) ** 2 + (z - 8 - 0.1 * x) ** 2 <= radius**2
    return inside & (x > 5) & (x < 64)


def pieces(mask: np.ndarray) -> int:
    return int(ndimage.label(mask, np.ones((3, 3, 3)))[1])


def test_a_good_mask_stays() -> None:
    mask = bent_tube()
    result = refine_mask(mask)
    assert dice(result.labels, mask) > 0.985
    assert result.labels.dtype == np.uint8
    assert pieces(result.skeleton) == 1
    assert not (result.skeleton & (result.labels == 0)).any()
    np.testing.assert_array_equal(result.radius > 0, result.skeleton)
    middle = result.radius[result.skeleton]
    assert np.median(middle) == pytest.approx(3.2, abs=0.3)  # 3.5 across the axes, less where it runs askew
    assert (result.refined >= 0).all()
    assert (result.refined <= 1).all()
    np.testing.assert_array_equal(result.labels > 0, result.refined >= 0.5)


@pytest.mark.parametrize("width", [1, 2])
def test_a_gap_closes(width: int) -> None:
    mask = bent_tube()
    torn = mask.copy()
    torn[:, :, 30 : 30 + width] = False
    result = refine_mask(torn)
    assert pieces(torn) == 2
    assert pieces(result.labels) == pieces(result.skeleton) == 1
    assert dice(result.labels[:, :, 28:34], mask[:, :, 28:34]) > 0.9


def test_tubes_side_by_side_do_not_grow_together() -> None:
    z, y, _ = np.indices((16, 30, 50))
    mask = ((z - 8) ** 2 + (y - 9) ** 2 <= 10) | ((z - 8) ** 2 + (y - 18) ** 2 <= 10)
    assert pieces(mask) == 2
    assert pieces(refine_mask(mask).labels) == 2


def test_a_rough_wall_becomes_smooth_and_spurs_go() -> None:
    mask = bent_tube(4.5)
    rng = np.random.default_rng(1)
    rim = ndimage.binary_dilation(mask) & ~mask
    rough = mask | (rim & (rng.random(mask.shape) < 0.12))
    result = refine_mask(rough)
    assert dice(result.labels, mask) > dice(rough, mask)
    assert np.count_nonzero(result.labels & rim) < 0.5 * np.count_nonzero(rough & rim)
    assert len(branches(result)) == 1


def test_labels_are_done_one_by_one_and_keep_out_of_each_other() -> None:
    labels = np.zeros((24, 48, 70), np.int16)
    labels[bent_tube()] = 7
    labels[:, :, 40:][bent_tube()[:, :, 40:]] = 300
    result = refine_mask(labels)
    assert result.labels.dtype == np.int16
    assert set(np.unique(result.labels)) == {0, 7, 300}
    assert not ((labels == 7) & (result.labels == 300)).any()
    assert not ((labels == 300) & (result.labels == 7)).any()
    for label in (7, 300):
        assert dice(result.labels == label, labels == label) > 0.96


@pytest.mark.parametrize("spacing", [(10.0, 1.0, 1.0), (1.0, 1.0, 0.1)])
def test_anisotropy_of_ten_to_one(spacing: tuple[float, float, float]) -> None:
    places = np.moveaxis(np.indices((12, 30, 60)), 0, -1) * spacing
    middle = np.array([12, 30, 60]) * spacing / 2
    across = np.delete(places - middle, int(np.argmax(np.array([12, 30, 60]) * spacing)), axis=-1)
    mask = (across**2).sum(-1) <= 4.0**2
    result = refine_mask(mask, spacing=spacing)
    assert dice(result.labels, mask) > 0.93
    assert np.median(result.radius[result.skeleton]) == pytest.approx(4, abs=1)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_small_things_stay(size: int) -> None:
    mask = np.zeros((7, 7, 7), bool)
    mask[2 : 2 + size, 2 : 2 + size, 2 : 2 + size] = True
    result = refine_mask(mask)
    assert result.skeleton.any()
    assert (result.labels.astype(bool) & mask).any()


def test_a_thin_line_stays() -> None:
    mask = np.zeros((9, 9, 40), bool)
    mask[4, 4, 3:37] = True
    result = refine_mask(mask)
    np.testing.assert_array_equal(result.labels, mask)
    np.testing.assert_allclose(result.radius[result.skeleton], 0.5)


def test_nothing_and_everything() -> None:
    empty = refine_mask(np.zeros((4, 5, 6), np.uint8))
    assert not empty.labels.any()
    assert not empty.skeleton.any()
    full = refine_mask(np.ones((6, 7, 8), np.uint8))
    assert full.labels.all()
    assert full.skeleton.any()
    unsure = refine(np.full((4, 5, 6), 0.2), np.zeros((4, 5, 6)))
    assert not unsure.labels.any()


def network_maps(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a good network says: unsure near the wall; the radius by formula (2)."""
    return ndimage.gaussian_filter(mask.astype(np.float32), 0.7), surface_distance(mask)


def test_maps_are_refined_and_false_spots_go() -> None:
    mask = bent_tube()
    p, z = network_maps(mask)
    p[3:6, 3:6, 3:6] = 0.8  # never sure
    p[:, :, 33:35] *= 0.2  # lost for two voxels
    assert pieces(p >= 0.5) == 3
    result = refine(p, z)
    assert pieces(result.labels) == 1
    assert dice(result.labels, mask) > 0.955  # balls round its flat ends
    sure = (p > 0.78) & ndimage.binary_dilation(mask, iterations=3)
    assert result.labels[sure].all()


def test_the_unit_of_length_does_not_matter() -> None:
    p, z = network_maps(bent_tube())
    plain, scaled = refine(p, z), refine(p, 0.3 * z, spacing=(0.3, 0.3, 0.3))
    np.testing.assert_array_equal(plain.labels, scaled.labels)
    np.testing.assert_allclose(plain.radius * 0.3, scaled.radius, rtol=1e-4)


@pytest.mark.parametrize("mode", ["default", "paper"])
def test_a_radius_beyond_the_volume(mode: str) -> None:
    p, z = np.zeros((6, 7, 8)), np.zeros((6, 7, 8))
    p[3, 3, 3], z[3, 3, 3] = 1.0, 1e4
    result = refine(p, z, mode=mode)
    assert result.refined.shape == (6, 7, 8)
    assert np.isfinite(result.refined).all()


BOX = np.full((3, 4, 5), 0.5)


@pytest.mark.parametrize(
    ("p", "z", "options", "what"),
    [
        (BOX, BOX[1:], {}, "same scan"),
        (BOX[0], BOX[0], {}, "three dimensions"),
        (BOX * np.nan, BOX, {}, "between 0 and 1"),
        (BOX * 255, BOX, {}, "between 0 and 1"),
        (BOX - 0.6, BOX, {}, "between 0 and 1"),
        (BOX * 1j, BOX, {}, "must hold numbers"),
        (BOX, BOX * np.nan, {}, "0 or more"),
        (BOX, -BOX, {}, "0 or more"),
        (BOX, BOX * np.inf, {}, "0 or more"),
        (BOX, BOX, {"mode": "best"}, "default or paper"),
        (BOX, BOX, {"threshold": 2}, "threshold must lie"),
        (BOX, BOX, {"spacing": (1, 1)}, "3 positive numbers"),
    ],
)
def test_bad_input_is_one_sentence(p: np.ndarray, z: np.ndarray, options: dict, what: str) -> None:
    with pytest.raises(BadInput, match=what):
        refine(p, z, **options)


@pytest.mark.parametrize("kind", [np.uint8, np.int32, bool])
def test_components_and_labels_keep_their_values_and_number(kind: type) -> None:
    labels = np.zeros((40, 40, 60), kind)
    for number, (z, y) in enumerate(((8, 8), (8, 30), (30, 8), (30, 30))):
        labels[z - 3 : z + 4, y - 3 : y + 4, 5:55] = number % 2 + 1
    result = refine_mask(labels)
    assert result.labels.dtype == (np.uint8 if kind is bool else kind)
    np.testing.assert_array_equal(np.unique(result.labels), np.unique(labels))
    for label in np.unique(labels)[1:]:
        assert pieces(result.labels == label) == pieces(labels == label)
        assert dice(result.labels == label, labels == label) > 0.9
    assert len(branches(result)) == 4


def test_a_mask_whose_centre_line_is_a_point() -> None:
    z, y, x = np.indices((17, 17, 17)) - 8
    ball = z**2 + y**2 + x**2 <= 36
    result = refine_mask(ball)
    assert dice(result.labels, ball) > 0.95
    (one,) = branches(result)
    assert one.length <= 2
    assert one.volume == result.labels.sum()


def test_a_mask_must_be_one() -> None:
    with pytest.raises(BadInput, match="whole numbers"):
        refine_mask(BOX)
    with pytest.raises(BadInput, match="three dimensions"):
        refine_mask(np.ones((3, 3), int))
