from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_medssl.nodules.anchors import Anchors, decode, encode, flatten
from napari_medssl.nodules.model import NodulePlan
from napari_medssl.nodules.networks import build_network

ANCHORS = Anchors(((5.0, 8.0), (13.0, 21.0)), (4, 8), 1.5)
places = st.floats(-500, 500, width=32)


@given(st.tuples(places, places, places), st.floats(3, 40), st.tuples(places, places, places), st.floats(3, 40))
def test_what_is_encoded_decodes(
    anchor: tuple[float, ...], size: float, ball: tuple[float, ...], diameter: float
) -> None:
    centres, sizes = np.array([anchor]), np.array([size])
    wanted = np.array([[*ball, diameter]])
    found = decode(centres, sizes, encode(centres, sizes, wanted))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-3)


def test_cells_tile_the_grid_and_their_middles_mirror_onto_each_other() -> None:
    shape = (16, 32, 24)
    for stride, centres in zip(ANCHORS.strides, ANCHORS.centres(shape), strict=True):
        first = centres[0, 0, 0] / 1.5
        np.testing.assert_allclose(first, (stride - 1) / 2)  # the middle of voxels 0..stride-1
        ends = (np.array(shape) - 1) * 1.5
        np.testing.assert_allclose(centres[::-1, ::-1, ::-1], ends - centres, atol=1e-4)


def test_a_grid_that_cells_do_not_fill_is_refused() -> None:
    with pytest.raises(ValueError, match="multiples"):
        ANCHORS.map_shapes((16, 20, 16))


def test_flat_anchors_stand_in_the_order_of_flattened_maps() -> None:
    shape = (16, 24, 32)
    outputs = []
    for level, cells in enumerate(ANCHORS.map_shapes(shape)):
        centres = torch.from_numpy(ANCHORS.centres(shape)[level]).movedim(-1, 0)
        sizes = torch.tensor(ANCHORS.sizes_mm[level])
        logits = sizes[:, None, None, None].expand(2, *cells)[None]
        deltas = torch.cat([centres.expand(2, 3, *cells), logits[0][:, None]], dim=1)[None]
        outputs.append((logits, deltas))
    logits, deltas = flatten(outputs)
    centres, sizes = ANCHORS.flat(shape)
    np.testing.assert_array_equal(logits[0], sizes)
    np.testing.assert_array_equal(deltas[0, :, :3], centres)
    np.testing.assert_array_equal(deltas[0, :, 3], sizes)


def test_marks_come_from_the_anchors_that_score() -> None:
    shape = (16, 16, 16)
    outputs = [(torch.full((1, 2, *cells), -9.0), torch.zeros(1, 2, 4, *cells)) for cells in ANCHORS.map_shapes(shape)]
    outputs[1][0][0, 1, 0, 1, 1] = 2.0
    outputs[1][1][0, 1, :, 0, 1, 1] = torch.tensor([0.1, 0.0, -0.2, np.log(0.5)])
    balls, scores = ANCHORS.decode_above(outputs, 0.5)
    np.testing.assert_allclose(balls, [[3.5 * 1.5 + 2.1, 11.5 * 1.5, 11.5 * 1.5 - 4.2, 10.5]], rtol=1e-5)
    np.testing.assert_allclose(scores, torch.sigmoid(torch.tensor([2.0])))


def test_the_network_answers_for_every_anchor_and_begins_unsure() -> None:
    plan = NodulePlan(widths=(8, 8, 8, 8), features=8)
    network = build_network(plan).eval()
    with torch.inference_mode():
        outputs = network(torch.rand(2, 1, 32, 48, 16))
    logits, deltas = flatten(outputs)
    centres, _ = plan.anchors.flat((32, 48, 16))
    assert logits.shape == (2, len(centres))
    assert deltas.shape == (2, len(centres), 4)
    assert float(torch.sigmoid(logits).mean()) == pytest.approx(0.01, abs=0.01)


def test_grey_values_are_scaled_over_the_window() -> None:
    plan = NodulePlan(window=(-1200, 400))
    np.testing.assert_allclose(plan.scale(np.array([-3000, -1200, -400, 400, 900])), [0, 0, 0.5, 1, 1])


@pytest.mark.parametrize(
    "wrong", [{"window": (0, 0)}, {"strides": (4, 16)}, {"sizes": ((5.0,), (8.0, 9.0))}, {"strides": (4,)}]
)
def test_plans_that_contradict_themselves_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        NodulePlan.model_validate(wrong)
