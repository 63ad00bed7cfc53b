from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medssl.nodules.anchors import Anchors, decode
from napari_medssl.nodules.learning.assignment import assign

ANCHORS = Anchors(((5.0, 8.0), (13.0, 21.0)), (4, 8))
SHAPE = (32, 32, 32)
NONE = np.zeros((0, 4))
inside = st.floats(0, 31)


@settings(max_examples=60, deadline=None)
@given(st.tuples(inside, inside, inside), st.floats(3, 35))
def test_every_nodule_has_an_anchor_that_decodes_to_it(middle: tuple[float, ...], diameter: float) -> None:
    ball = np.array([[*middle, diameter]])
    found = assign(ANCHORS, SHAPE, ball, NONE)
    mine = found.truth == 1
    assert mine.any()
    assert found.counted[mine].all()
    centres, sizes = ANCHORS.flat(SHAPE)
    np.testing.assert_allclose(
        decode(centres[mine], sizes[mine], found.deltas[mine]), np.repeat(ball, mine.sum(), 0), atol=1e-3
    )


def test_anchors_that_answer_stand_close_and_have_a_size_that_fits() -> None:
    middle = np.array([12.0, 12.5, 11.0])  # near the middle of a cell of the second level
    found = assign(ANCHORS, SHAPE, np.array([[*middle, 12.0]]), NONE)
    centres, sizes = ANCHORS.flat(SHAPE)
    away = np.linalg.norm(centres - middle, axis=1)
    mine = found.truth == 1
    assert set(sizes[mine].tolist()) == {13.0}
    assert (away[mine] <= 0.55 * 8).all()
    assert found.counted[away > 0.6 * 12].all()
    assert not found.counted[(away <= 0.75 * 8) & ~mine & (sizes == 13.0)].any()


def test_without_nodules_all_anchors_say_no() -> None:
    found = assign(ANCHORS, SHAPE, NONE, NONE)
    assert not found.truth.any()
    assert found.counted.all()


def test_on_irrelevant_findings_nothing_is_asked() -> None:
    found = assign(ANCHORS, SHAPE, NONE, np.array([[10.0, 10.0, 10.0, 4.0]]))
    centres, _ = ANCHORS.flat(SHAPE)
    near = np.linalg.norm(centres - 10, axis=1) < 2.4
    assert near.any()
    assert not found.counted[near].any()
    assert not found.truth.any()


def test_a_nodule_whose_middle_is_outside_asks_nothing_of_the_anchors_in_it() -> None:
    found = assign(ANCHORS, SHAPE, np.array([[-2.0, 15.0, 15.0, 13.0]]), NONE)
    assert not found.truth.any()
    assert not found.counted.all()


def test_two_nodules_share_no_anchor() -> None:
    balls = np.array([[12.0, 15, 15, 13], [20.0, 15, 15, 13]])
    found = assign(ANCHORS, SHAPE, balls, NONE)
    centres, sizes = ANCHORS.flat(SHAPE)
    mine = found.truth == 1
    back = decode(centres[mine], sizes[mine], found.deltas[mine])
    assert {round(float(z)) for z in back[:, 0]} == {12, 20}
    nearest = np.abs(centres[mine][:, :1] - balls[None, :, 0]).argmin(1)
    np.testing.assert_allclose(back[:, 0], balls[nearest, 0], atol=1e-3)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0, 3.0])
def test_the_smallest_nodules_are_answered_wherever_they_lie_in_a_cell(shift: float) -> None:
    found = assign(ANCHORS, SHAPE, np.array([[12 + shift, 12 + shift, 12 + shift, 3.0]]), NONE)
    assert found.truth.sum() >= 1
