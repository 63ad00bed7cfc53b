"""How a network is fitted to scans: voxel size, patch, pooling; and labels to outputs and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydantic import ValidationError
from segmentation.toys import toy_plan

from napari_medssl.segmentation.intensities import Intensities
from napari_medssl.segmentation.networks import UNet
from napari_medssl.segmentation.plan import Plan, make_plan, patch_shape, working_grid

SHAPES = st.lists(st.tuples(*[st.integers(2, 400)] * 3), min_size=1, max_size=4)
SIDES = st.tuples(*[st.floats(0.3, 8)] * 3)


def plan_for(shapes, spacings, side=32, most=1e9, size="small"):
    return make_plan(
        shapes, spacings, labels=(1,), intensities=Intensities(kind="scan"), size=size, side=side, most_voxels=most
    )


def test_isotropic_scans_are_pooled_alike_along_all_axes():
    plan = plan_for([(200, 200, 200)], [(1, 1, 1)], side=64)
    assert plan.patch == (64, 64, 64)
    assert set(plan.kernels) == {(3, 3, 3)}
    assert plan.strides == ((1, 1, 1), (2, 2, 2), (2, 2, 2), (2, 2, 2))
    assert plan.channels == (16, 32, 64, 128)


def test_thick_slices_are_neither_pooled_nor_looked_across_until_voxels_are_about_cubes():
    plan = plan_for([(10, 256, 256)], [(8, 1.5, 1.5)], side=48)
    # 8 mm against 1.5, 3 and 6 mm: at 6 mm the slices are less than twice as thick
    assert plan.kernels == ((1, 3, 3), (1, 3, 3), (3, 3, 3), (3, 3, 3))
    assert plan.strides[1:3] == ((1, 2, 2), (1, 2, 2))
    assert plan.patch[0] <= 10
    assert plan.patch[1] == plan.patch[2] > plan.patch[0]


def test_the_median_spacing_is_taken_but_thin_slices_are_not_thrown_away():
    spacing, _ = working_grid(np.full((3, 3), 100.0), np.array([[1, 1, 1], [1, 2, 1], [1, 3, 1.0]]), 1e9)
    assert spacing.tolist() == [1, 2, 1]
    thick = np.array([[5, 1, 1]] * 10 + [[3, 1, 1]] * 2 + [[10, 1, 1]] * 8, dtype=float)
    spacing, _ = working_grid(np.full((20, 3), 100.0), thick, 1e9)
    assert spacing.tolist() == [round(float(np.quantile(thick[:, 0], 0.1)), 4), 1, 1]


@given(SHAPES, SIDES, st.floats(1e3, 1e7))
def test_a_typical_scan_has_no_more_voxels_than_allowed(shapes, sides, most):
    spacing, shape = working_grid(np.array(shapes, float), np.array([sides] * len(shapes)), most)
    assert np.prod(shape) <= most * 1.001
    assert (spacing >= np.round(sides, 4) - 1e-9).all()


@given(st.tuples(*[st.floats(1, 500)] * 3), SIDES, st.integers(16, 64))
def test_a_patch_has_the_voxels_asked_for_or_is_the_whole_scan(shape, sides, side):
    shape, spacing = np.array(shape), np.array(sides)
    patch = np.array(patch_shape(spacing, shape, side))
    assert (patch <= np.ceil(shape)).all()
    open_axes = patch < np.ceil(shape)
    if not open_axes.any():
        assert np.prod(patch) <= side**3 * 1.3
    else:
        reach = (patch * spacing)[open_axes]
        assert np.ptp(reach) <= spacing.max() + 1e-9  # as far in mm, to a voxel
        assert np.prod(patch + 1) >= side**3 * 0.999
        assert np.prod(np.maximum(patch - 0.5, 0.5)) <= side**3 * 1.001


@settings(max_examples=8, deadline=None)
@given(SHAPES, SIDES, st.sampled_from(["small", "medium"]))
def test_any_plan_makes_a_network_that_answers_for_every_voxel_of_its_patch(shapes, sides, size):
    plan = plan_for(shapes, [sides] * len(shapes), side=16, size=size)
    with torch.no_grad():
        answer = UNet(plan).eval()(torch.zeros(1, 1, *plan.patch))
    assert answer.shape == (1, 2, *plan.patch)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


@given(
    arrays.arrays(np.int32, (3, 4, 5), elements=st.integers(0, 12)),
    st.sets(st.integers(1, 12), min_size=1),
)
def test_labels_become_outputs_and_come_back(labels, known):
    plan = toy_plan().model_copy(update={"labels": tuple(sorted(known))})
    outputs = plan.outputs_of(labels)
    numbers = {label: place for place, label in enumerate(sorted(known), 1)}
    assert outputs.tolist() == np.vectorize(lambda label: numbers.get(label, 0))(labels).tolist()
    assert plan.values()[outputs].tolist() == np.where(np.isin(labels, list(known)), labels, 0).tolist()


def test_large_labels_keep_their_values():
    plan = toy_plan().model_copy(update={"labels": (3, 70_000)})
    assert plan.values().dtype == np.uint32
    assert plan.outputs_of(np.array([70_000, 69_999, 3, 4])).tolist() == [2, 0, 1, 0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"patch": (15, 32, 32), "strides": ((1, 1, 1), (2, 2, 2)), "kernels": ((3, 3, 3),) * 2, "channels": (4, 8)},
        {"strides": ((2, 1, 1),)},
        {"channels": (4, 8)},
        {"labels": (7, 2)},
        {"labels": ()},
        {"patch": (10**9, 32, 32)},
        {"spacing": (float("nan"), 1.0, 1.0)},
        {"more": 1},
    ],
)
def test_a_card_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        Plan.model_validate({**toy_plan().model_dump(), **wrong})
