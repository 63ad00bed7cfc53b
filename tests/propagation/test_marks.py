"""Saying that a slice is right as it is, or that what was drawn on it does not count; and taking that back."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medssl.propagation.marks import Mark, forgotten, right_as_it_is
from napari_medssl.propagation.session import Session
from tests.propagation.test_session import SHAPE, Labels, paint, propagate


def say(session: Session, mark: Mark, array: Labels) -> None:
    where, before, after = mark
    assert (array[where] == before).all()
    array[where] = after
    session.strokes.append(mark.stroke)
    session.touched(mark.stroke)


def take_back(session: Session, mark: Mark, array: Labels) -> None:
    where, before, _ = mark
    array[where] = before
    session.strokes.remove(mark.stroke)
    session.touched(mark.stroke)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slice_said_to_be_right_counts_as_drawn_and_nothing_changes(axis: int) -> None:
    array, session = np.zeros(SHAPE, np.uint8), Session()
    paint(array, session, axis, 3, 2)
    propagate(array, session, axis, {2: [3]}, until=6)
    np.moveaxis(array, axis, 0)[5] = 0  # the propagation found nothing there
    before = array.copy()
    session.look_again()
    assert [session.reached(axis, index) for index in (4, 5, 6)] == [[2], [2], []]
    for index in (4, 5):
        say(session, right_as_it_is(array, axis, index, [2]), array)
    assert (array == before).all()
    assert session.drawn(axis, array) == {2: [3, 4, 5]}
    assert session.stops(axis, array) == {2: [5]}  # right as it is: it is not there
    assert session.drawn_since
    assert session.only_accepted(axis, 2, 4)
    assert not session.only_accepted(axis, 2, 3)
    assert session.plane(array) == axis
    assert session.kept_voxels((axis + 1) % 3, SHAPE).sum() == 9  # what was painted, and no more


def test_a_forgotten_slice_is_cleared_and_counts_again_once_it_is_drawn_again() -> None:
    array, session = np.zeros(SHAPE, np.uint8), Session()
    paint(array, session, 0, 2, 1)
    paint(array, session, 0, 6, 1)
    paint(array, session, 0, 6, 3, half=2)
    propagate(array, session, 0, {1: [2, 6]})
    full = array.copy()
    mark = forgotten(array, 0, 6, 1, cleared=True)
    say(session, mark, array)
    assert set(np.unique(array[6])) == {0, 3}
    assert (array[:6] == full[:6]).all()
    assert session.drawn(0, array) == {1: [2], 3: [6]}
    assert session.stops(0, array) == {}
    propagate(array, session, 0, {1: [2]})  # fills it, which does not bring it back
    assert 1 in array[6]
    assert session.drawn(0, array) == {1: [2], 3: [6]}
    paint(array, session, 0, 6, 1)
    assert session.drawn(0, array)[1] == [2, 6]


def test_forgetting_can_be_taken_back() -> None:
    array, session = np.zeros(SHAPE, np.uint8), Session()
    paint(array, session, 1, 2, 1)
    drawn = array.copy()
    mark = forgotten(array, 1, 2, 1, cleared=True)
    say(session, mark, array)
    assert session.drawn(1, array) == {}
    take_back(session, mark, array)
    assert (array == drawn).all()
    assert session.drawn(1, array) == {1: [2]}


def test_a_stop_is_forgotten_too_and_an_accepted_slice_keeps_what_it_holds() -> None:
    array, session = np.zeros(SHAPE, np.uint8), Session()
    paint(array, session, 0, 2, 1)
    propagate(array, session, 0, {1: [2]})
    paint(array, session, 0, 5, 0)  # rubbed out
    say(session, right_as_it_is(array, 0, 4, [1]), array)
    assert session.drawn(0, array) == {1: [2, 4, 5]}
    assert session.stops(0, array) == {1: [5]}
    propagated = array.copy()
    say(session, forgotten(array, 0, 5, 1, cleared=True), array)
    say(session, forgotten(array, 0, 4, 1, cleared=False), array)
    assert (array == propagated).all()
    assert session.drawn(0, array) == {1: [2]}
