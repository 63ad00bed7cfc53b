import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medssl.propagation.region import (
    bounding_box,
    region_around,
    still_inside,
    working_resolution,
)


def square(shape, top, left, height, width):
    mask = np.zeros(shape, dtype=bool)
    mask[top : top + height, left : left + width] = True
    return mask


def test_a_large_structure_is_brought_down_and_a_small_one_up_to_the_wanted_size():
    large, small = square((500, 500), 50, 50, 128, 128), square((500, 500), 50, 50, 16, 16)
    assert working_resolution(large, (0.8, 0.8), pixels=64, finest=4) == 128 * 0.8 / 64
    assert working_resolution(small, (0.8, 0.8), pixels=64, finest=4) == 16 * 0.8 / 64
    tiny = square((500, 500), 50, 50, 4, 4)
    assert working_resolution(tiny, (0.8, 0.8), pixels=64, finest=4) == 0.8 / 4
    assert working_resolution(large, (0.8, 0.5), pixels=None, finest=4) == 0.5


@settings(max_examples=60, deadline=None)
@given(
    top=st.integers(0, 60), left=st.integers(0, 60), height=st.integers(3, 30), width=st.integers(3, 30),
    spacing=st.tuples(st.floats(0.3, 6), st.floats(0.3, 6)), multiple=st.sampled_from([1, 2]),
)  # fmt: skip
def test_the_region_holds_the_mask_with_its_margin_and_comes_back(top, left, height, width, spacing, multiple):
    mask = square((90, 90), top, left, height, width)
    resolution = working_resolution(mask, spacing, pixels=64, finest=4)
    region = region_around(mask, spacing, resolution, margin=16, multiple=multiple)
    assert still_inside(region, mask, margin=15)
    assert region.shape[0] % multiple == region.shape[1] % multiple == 0
    rows, columns = region.within
    assert mask[rows, columns].sum() == mask.sum()
    for pixels, (first, last), step in zip(region.shape, (region.box[:2], region.box[2:]), spacing, strict=True):
        assert abs(pixels * resolution - (last - first) * step) <= multiple * resolution + 1e-6
    back = region.back((region.take(mask) > 0.5).float())[0].numpy() > 0.5  # hard in the region, as masks travel
    there = mask[rows, columns]
    assert 2 * (back & there).sum() / (back.sum() + there.sum()) > 0.9


def test_without_a_resolution_the_pixels_are_kept():
    mask = square((50, 60), 20, 20, 10, 12)
    region = region_around(mask, (3.0, 1.0), None, margin=5, multiple=1)
    image = np.random.default_rng(0).random((50, 60)).astype(np.float32)
    torch.testing.assert_close(region.take(image)[0, 0], torch.from_numpy(image[15:35, 15:37]))


def test_a_mask_near_the_regions_side_asks_for_another_but_not_at_the_slices_own_edge():
    mask = square((100, 100), 40, 40, 20, 20)
    region = region_around(mask, (1.0, 1.0), 1.0, margin=16, multiple=2)
    assert still_inside(region, mask, margin=8)
    assert not still_inside(region, square((100, 100), 30, 40, 20, 20), margin=8)
    corner = square((100, 100), 0, 0, 20, 20)
    assert still_inside(region_around(corner, (1.0, 1.0), 1.0, margin=16, multiple=2), corner, margin=8)


def test_bounding_box_is_half_open():
    assert bounding_box(square((10, 10), 2, 3, 4, 5)) == (2, 6, 3, 8)
