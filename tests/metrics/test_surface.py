import time

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_medssl.errors import BadInput
from napari_medssl.metrics import hausdorff95, mean_surface_distance, surface_distances
from napari_medssl.metrics.surface import surface

mask_pairs = hnp.array_shapes(min_dims=2, max_dims=3, max_side=6).flatmap(
    lambda shape: st.tuples(hnp.arrays(bool, shape), hnp.arrays(bool, shape))
)
spacings = st.tuples(*[st.floats(0.2, 5) for _ in range(3)])


def brute_surface(mask):
    """Voxel by voxel, neighbour by neighbour."""
    points = []
    for index in np.argwhere(mask):
        for axis in range(mask.ndim):
            for step in (-1, 1):
                other = index.copy()
                other[axis] += step
                outside = not 0 <= other[axis] < mask.shape[axis]
                if (outside or not mask[tuple(other)]) and tuple(index) not in points:
                    points.append(tuple(index))
    return points


@settings(deadline=None, max_examples=60)
@given(mask_pairs, spacings)
def test_against_brute_force(pair, spacing):
    spacing = spacing[: pair[0].ndim]
    found = surface_distances(*pair, spacing=spacing)
    points = [np.array(brute_surface(mask)).reshape(-1, mask.ndim) * spacing for mask in pair]
    for distances, here, there in ((found.to_truth, *points), (found.to_prediction, *points[::-1])):
        expected = [min((np.linalg.norm(a - b) for b in there), default=np.inf) for a in here]
        np.testing.assert_allclose(np.sort(distances), np.sort(expected), rtol=1e-9, atol=1e-9)


@settings(deadline=None)
@given(hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, max_side=7)))
def test_surface_is_what_erosion_takes_away(mask):
    np.testing.assert_array_equal(surface(mask), mask & ~ndimage.binary_erosion(mask))


def two_organs(shape, shift=(2, 1, -3)):
    rng = np.random.default_rng(1)
    bumps = ndimage.gaussian_filter(rng.standard_normal(shape), 4) * 25
    grid = np.indices(shape)
    masks = []
    for offset in ((0, 0, 0), shift):
        ball = sum(((g - n / 2 - o) / (n / 3.2)) ** 2 for g, n, o in zip(grid, shape, offset, strict=True))
        masks.append(ball + bumps * (0.4 if any(offset) else 0.5) < 1)
    return masks


def test_against_monai():
    import torch
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

    prediction, truth = two_organs((24, 40, 36))
    spacing = (3.0, 0.8, 1.1)
    p, t = (torch.from_numpy(mask[None, None].astype(np.float32)) for mask in (prediction, truth))
    kwargs = {"include_background": True, "spacing": spacing}
    expected = compute_hausdorff_distance(p, t, percentile=95, **kwargs).item()
    assert hausdorff95(prediction, truth, spacing=spacing) == pytest.approx(expected, rel=1e-5)
    expected = compute_average_surface_distance(p, t, symmetric=True, **kwargs).item()
    assert mean_surface_distance(prediction, truth, spacing=spacing) == pytest.approx(expected, rel=1e-5)


def test_far_surfaces_take_the_distance_map_and_agree_with_scipy():
    """A large box against a small ball: most points are far, which the second way of searching handles."""
    truth = np.ones((40, 60, 60), bool)
    prediction = np.zeros_like(truth)
    prediction[18:22, 28:33, 20:26] = True
    spacing = (2.0, 1.0, 0.7)
    found = surface_distances(prediction, truth, spacing=spacing)
    reference = ndimage.distance_transform_edt(~surface(prediction), sampling=spacing)[surface(truth)]
    np.testing.assert_allclose(found.to_prediction, reference, rtol=1e-5)
    assert found.to_prediction.max() > 8 * 2.0


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_shifted_cubes(axis):
    """Of a slab shifted by k voxels along its normal both faces are k steps away, so every distance is at most that."""
    spacing = (3.0, 2.0, 0.5)
    prediction, truth = np.zeros((2, 20, 20, 20), bool)
    prediction[5:15, 5:15, 5:15] = True
    truth[:] = np.roll(prediction, 2, axis)
    found = surface_distances(prediction, truth, spacing=spacing)
    assert found.hausdorff == pytest.approx(2 * spacing[axis])
    assert found.to_truth.sum() == pytest.approx(found.to_prediction.sum())


def test_concentric_spheres_are_apart_by_the_difference_of_their_radii():
    spacing = (1.0, 0.5, 0.5)
    z, y, x = (np.arange(n) * s for n, s in zip((62, 124, 124), spacing, strict=True))
    radius = np.sqrt((z[:, None, None] - 30.5) ** 2 + (y[:, None] - 31) ** 2 + (x - 31) ** 2)
    found = surface_distances(radius <= 20, radius <= 26, spacing=spacing)
    assert found.mean == pytest.approx(6, abs=0.25)
    assert found.hausdorff95 == pytest.approx(6, abs=0.8)


def test_empty_masks():
    full, empty = np.ones((3, 3, 3), bool), np.zeros((3, 3, 3), bool)
    one = surface_distances(full, empty, spacing=(1, 1, 1))
    assert len(one.to_truth) == 26
    assert not len(one.to_prediction)
    assert one.mean == one.hausdorff95 == np.inf
    none = surface_distances(empty, empty, spacing=(1, 1, 1))
    assert np.isnan(none.mean)
    assert np.isnan(none.hausdorff95)


def test_an_organ_in_a_full_scan_takes_seconds():
    mask = np.zeros((275, 512, 512), bool)
    z, y, x = np.ogrid[:120, :120, :120]
    ball = ((z - 60) / 58) ** 2 + ((y - 60) / 58) ** 2 + ((x - 60) / 58) ** 2 < 1
    mask[80:200, 200:320, 150:270] = ball
    started = time.process_time()
    assert mean_surface_distance(mask, np.roll(mask, 1, 0), spacing=(1, 0.7, 0.7)) < 1
    assert time.process_time() - started < 6  # about 0.3 s on an idle core


def test_unsuitable_input():
    mask = np.zeros((3, 3, 3), bool)
    with pytest.raises(BadInput, match="resample"):
        surface_distances(mask, mask[1:], spacing=(1, 1, 1))
    for spacing in ((1, 1), (1, 1, 0), (1, 1, float("nan"))):
        with pytest.raises(BadInput, match="spacing"):
            surface_distances(mask, mask, spacing=spacing)
