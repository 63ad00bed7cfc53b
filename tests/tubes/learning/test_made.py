"""Made trees and their rendering: exact radii, trees that do not touch, the same sample for the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label

from napari_medssl.training.randomness import generator
from napari_medssl.tubes.learning.rendering import fill, render
from napari_medssl.tubes.learning.samples import ShapePool, made_sample
from napari_medssl.tubes.learning.shapes import REACH, from_mask, make_shapes, rasterise
from napari_medssl.tubes.learning.trees import THINNEST, Style, grow

SHAPE = (24, 26, 28)


def one_line(radius=3.0):
    return np.array([[12, 13, -5, radius], [12, 13, 40, radius]], np.float32)


def test_a_cylinder_has_its_exact_distance():
    field = rasterise([one_line()], SHAPE)
    z, y = np.ogrid[: SHAPE[0], : SHAPE[1]]
    want = np.minimum(np.hypot(z - 12, y - 13) - 3, REACH)
    np.testing.assert_allclose(field, np.repeat(want[..., None], SHAPE[2], 2), atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-3, 20)] * 3, st.floats(0.6, 4)), min_size=2, max_size=4))
def test_tubes_are_the_distance_to_their_line_less_its_radius(points):
    points = np.array(points, np.float32)
    shape = (9, 10, 11)
    voxels = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), -1).astype(float)
    want = np.full(shape, REACH)
    for a, b in zip(points[:-1].astype(float), points[1:].astype(float), strict=True):
        along = b[:3] - a[:3]
        t = np.clip((voxels - a[:3]) @ along / max(along @ along, 1e-9), 0, 1)
        near = a[:3] + t[..., None] * along
        want = np.minimum(want, np.linalg.norm(voxels - near, axis=-1) - (a[3] + t * (b[3] - a[3])))
    np.testing.assert_allclose(rasterise([points], shape), want, atol=1e-3)


def test_a_mask_and_its_distance_agree():
    field = rasterise([one_line(4.0)], SHAPE)
    again = from_mask(field <= 0)
    np.testing.assert_array_equal(again <= 0, field <= 0)
    assert np.abs(again - field)[field < 4].max() < 1.0
    assert (from_mask(np.zeros(SHAPE, bool)) == REACH).all()


def test_radii_fall_by_murrays_law_and_never_below_the_thinnest():
    style = Style(radius=4, thinnest=0.8, wander=0.3, length=6, even=0.5, narrow=0)
    thick = [grow(np.random.default_rng(seed), (96, 96, 96), style) for seed in range(6)]
    radii = np.concatenate([points[:, 3] for branches in thick for points in branches])
    assert radii.min() >= THINNEST
    assert radii.max() <= 4 * 1.12 + 1e-4  # the root, and how much it wavers
    assert max(len(branches) for branches in thick) > 3


def test_a_stenosis_narrows_a_tube_on_a_short_way():
    styles = [Style(5, 4.5, 0.1, 20, 0.5, narrow) for narrow in (0.0, 1.0)]
    least = [
        min(points[:, 3].min() for seed in range(8) for points in grow(np.random.default_rng(seed), (96,) * 3, style))
        for style in styles
    ]
    assert least[1] < 0.75 * least[0]


@pytest.mark.parametrize("seed", range(8))
def test_trees_of_the_two_kinds_do_not_touch(seed):
    shapes = make_shapes(np.random.default_rng(seed), 64, largest=8)
    assert not ((shapes.tubes <= 0) & (shapes.others <= 0)).any()
    pieces, count = label((shapes.tubes <= 0) | (shapes.others <= 0), np.ones((3, 3, 3)))
    for piece in range(1, count + 1):
        there = pieces == piece
        assert not ((shapes.tubes[there] <= 0).any() and (shapes.others[there] <= 0).any())


def test_a_voxel_on_the_surface_is_half_full():
    np.testing.assert_array_equal(fill(np.array([-2, -0.5, 0, 0.25, 0.5, 3.0], np.float32)), [1, 1, 0.5, 0.25, 0, 0])


def test_tubes_are_brighter_than_what_they_run_through():
    tubes, others = rasterise([one_line()], SHAPE), rasterise([one_line() + np.float32([0, -9, 0, 0])], SHAPE)
    for seed in range(12):
        image = render(np.random.default_rng(seed), tubes, others)
        assert np.isfinite(image).all()
        around = (tubes > 0.8) & (tubes < 2) & (others > 3)
        assert np.median(image[tubes < -1]) > np.median(image[around])


def test_samples_depend_on_their_numbers_alone():
    pool = ShapePool(3, lambda index: make_shapes(generator(index), 48, largest=6))
    other = ShapePool(3, lambda index: make_shapes(generator(index), 48, largest=6))
    other[2]  # made in another order
    for index in range(3):
        one, two = (made_sample(generator(5, index), p[index], 32, largest_class=4, stretch=1.5) for p in (pool, other))
        np.testing.assert_array_equal(one.image, two.image)
        np.testing.assert_array_equal(one.classes, two.classes)
        assert one.truth.shape == one.classes.shape == one.image.shape[1:] == (32, 32, 32)
        assert one.classes.max() <= 4
        assert not one.classes[~one.truth].any()
    with pytest.raises(IndexError):
        pool[3]
