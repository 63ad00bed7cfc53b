"""What counts as drawn by hand, and taking a propagation back when something else stands in between."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_medssl.propagation.history import Run
from napari_medssl.propagation.session import Session
from napari_medssl.propagation.strokes import Stroke, stroke_of
from napari_medssl.propagation.survey import filled_box, labels_by_slice, labels_on, likely_plane
from napari_medssl.propagation.writer import Writer

SHAPE = (8, 9, 10)
Labels = NDArray[np.uint8]


def paint(array: Labels, session: Session, axis: int, index: int, label: int, half: int = 3) -> Stroke:
    """Draw a square on a slice, as a person would."""
    box: list[slice] = [slice(2, 2 + half)] * 3
    box[axis] = slice(index, index + 1)
    where = tuple(box)
    old = array[where].copy()
    array[where] = label
    stroke = stroke_of(axis, [(where, None, old, label)], SHAPE)
    session.strokes.append(stroke)
    session.touched(stroke)
    return stroke


def propagate(array: Labels, session: Session, axis: int, seeds: dict[int, list[int]], until: int = 99) -> Run:
    """Copy each drawn mask everywhere, up to a slice."""
    run = session.start(axis, seeds)
    before = array.copy()
    view = np.moveaxis(before, axis, 0)
    writer = Writer(array, before, run, lambda _: set())
    for index in range(min(until, SHAPE[axis])):
        labels = np.zeros_like(view[0])
        for label, slices in seeds.items():
            labels[view[slices[0]] == label] = label
        found = np.array([[*seeds]])
        run.note(index, {label: 1 / (1 + abs(index - slices[0])) for label, slices in seeds.items()}, found)
        writer.write(index, labels)
    session.end(run, "done", 1.0)
    return run


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_labels_by_slice_agrees_with_looking_at_each_slice(axis: int) -> None:
    rng = np.random.default_rng(axis)
    array = np.where(rng.random(SHAPE) < 0.01, rng.integers(1, 5, SHAPE), 0)
    expected = {
        i: sorted({int(v) for v in plane.ravel() if v})
        for i, plane in enumerate(np.moveaxis(array, axis, 0))
        if plane.any()
    }
    assert labels_by_slice(array, axis) == expected


def test_labels_on_counts_and_sorts_alike() -> None:
    assert labels_on(np.array([[3, 0], [1, 3]])) == [1, 3]
    assert labels_on(np.array([[70000, 0], [1, 3]])) == [1, 3, 70000]
    assert labels_on(np.array([[-4, 0], [1, 3]])) == [1, 3]
    assert labels_on(np.zeros((2, 0), int)) == []


def test_an_empty_volume_has_no_box_and_no_plane() -> None:
    assert filled_box(np.zeros(SHAPE, int)) is None
    assert likely_plane(np.zeros(SHAPE, int)) is None
    assert Session().plane(np.zeros(SHAPE, np.uint8)) is None


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_plane_of_a_drawing_nobody_watched_is_the_one_with_fewest_slices(axis: int) -> None:
    array = np.zeros(SHAPE, np.uint8)
    np.moveaxis(array, axis, 0)[4, 1:6, 2:7] = 1
    session = Session()
    assert session.plane(array) == axis
    assert session.drawn(axis, array) == {1: [4]}


def test_everything_counts_as_drawn_unless_a_propagation_put_it_there() -> None:
    array = np.zeros(SHAPE, np.uint8)
    array[3, 2:5, 2:5] = 1
    session = Session()
    assert session.drawn(0, array) == {1: [3]}
    array[6, 6:8, 2:5] = 2  # by a script, that says nothing
    session.look_again()
    assert session.drawn(0, array) == {1: [3], 2: [6]}
    propagate(array, session, 0, {1: [3]})
    assert set(np.flatnonzero((array == 1).any(axis=(1, 2)))) == set(range(8))
    assert session.drawn(0, array) == {1: [3], 2: [6]}


def test_a_corrected_slice_becomes_a_seed_and_an_emptied_one_a_stop() -> None:
    array = np.zeros(SHAPE, np.uint8)
    session = Session()
    paint(array, session, 0, 3, 1)
    propagate(array, session, 0, session.drawn(0, array))
    assert not session.drawn_since
    paint(array, session, 0, 5, 1, half=4)
    assert session.drawn_since
    assert session.drawn(0, array) == {1: [3, 5]}
    paint(array, session, 0, 7, 0, half=8)
    assert not array[7].any()
    assert session.drawn(0, array) == {1: [3, 5, 7]}
    assert session.stops(0, array) == {1: [7]}
    second = propagate(array, session, 0, session.drawn(0, array))
    assert 7 in second.seeds[1]
    assert session.drawn(0, array) == {1: [3, 5, 7]}


def test_what_was_drawn_by_mistake_and_rubbed_out_says_nothing() -> None:
    array = np.zeros(SHAPE, np.uint8)
    session = Session()
    paint(array, session, 0, 3, 1)
    paint(array, session, 0, 6, 1)
    paint(array, session, 0, 6, 0)
    assert session.drawn(0, array) == {1: [3]}


def test_an_undone_stroke_is_forgotten() -> None:
    array = np.zeros(SHAPE, np.uint8)
    session = Session()
    paint(array, session, 0, 3, 1)
    propagate(array, session, 0, {1: [3]})
    before = array.copy()
    stroke = paint(array, session, 0, 5, 2)
    assert session.drawn(0, array) == {1: [3, 5], 2: [5]}
    array[...] = before
    session.strokes.remove(stroke)
    session.touched(stroke)
    assert session.drawn(0, array) == {1: [3]}


def test_another_plane_does_not_turn_the_work_around_and_its_strokes_are_kept() -> None:
    array = np.zeros(SHAPE, np.uint8)
    session = Session()
    paint(array, session, 0, 3, 1)
    assert session.plane(array) == 0
    propagate(array, session, 0, {1: [3]})
    paint(array, session, 1, 7, 1)
    assert session.plane(array) == 0
    assert session.other_planes(0) == {1: [7]}
    kept = session.kept_voxels(0, SHAPE)
    assert kept is not None
    expected = np.zeros(SHAPE, bool)
    expected[2:5, 7, 2:5] = True
    assert (kept == expected).all()
    assert session.kept_voxels(1, SHAPE) is not None  # for a propagation along 1, the axial stroke is the other one
    assert session.drawn(0, array) == {1: [3]}
    # after an axial propagation, all of label 1 counts as propagated on coronal slices, save what was drawn there
    assert session.drawn(1, array) == {1: [7]}


def test_a_stroke_in_another_plane_neither_adds_nor_removes_drawn_slices() -> None:
    array = np.zeros(SHAPE, np.uint8)
    array[3, 1:7, 1:7] = 1
    array[6, 1:3, 1:7] = 1
    session = Session()
    assert session.plane(array) == 0
    paint(array, session, 1, 4, 1)
    paint(array, session, 1, 8, 2)
    assert session.plane(array) == 0
    assert session.drawn(0, array) == {1: [3, 6]}
    assert session.other_planes(0) == {1: [4, 8]}
    assert session.drawn(1, array)[2] == [8]


def test_the_plane_of_the_first_drawing_holds_until_it_is_rubbed_out() -> None:
    array = np.zeros(SHAPE, np.uint8)
    session = Session()
    assert session.plane(array) is None
    paint(array, session, 2, 6, 1)
    paint(array, session, 0, 7, 1)
    assert session.plane(array) == 2
    paint(array, session, 2, 6, 0)
    assert session.plane(array) == 0
    assert session.drawn(0, array) == {1: [7]}
    paint(array, session, 0, 7, 0)
    assert session.plane(array) is None


def test_a_large_unsure_slice_is_worth_checking_and_a_drawn_one_or_one_seen_to_be_right_is_not() -> None:
    run = Run(1, 0, {1: (4,), 2: (4,)})
    small, large = np.eye(4, dtype=np.uint8), np.ones((4, 4), dtype=np.uint8)
    run.note(4, {1: 1.0, 2: 1.0}, small)
    run.note(3, {1: 0.9}, large)
    run.note(2, {1: 0.3}, small)
    run.note(2, {1: 0.5}, large)
    run.note(5, {2: 0.6}, 2 * small)
    assert run.worth_checking({}) == 2
    assert run.worth_checking({1: [2]}) == 5
    assert run.worth_checking({}, seen=[2]) == 3
    assert run.worth_checking({1: [2, 3], 2: [5]}) is None
    assert Run(1, 0, {}).worth_checking({}) is None
    assert run.reached(2, 5)
    assert not run.reached(1, 5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_stroke_knows_its_slices_along_every_axis(axis: int) -> None:
    rng = np.random.default_rng(axis)
    array = rng.integers(0, 3, SHAPE)
    where = (slice(1, 4), slice(2, 7), slice(3, 9))
    mask = rng.random((3, 5, 6)) < 0.1
    before = array[where][mask]
    stroke = stroke_of(axis, [(where, mask, before, 5)], SHAPE)
    full = np.zeros(SHAPE, bool)
    full[where] = mask
    for along in range(3):
        for label in (1, 2, 5):
            hit = full & ((array == label) | (label == 5))
            others = tuple(a for a in range(3) if a != along)
            expected = set(np.flatnonzero(hit.any(axis=others)))
            assert stroke.slices[along].get(label, frozenset()) == expected
        assert 0 not in stroke.slices[along]


def test_taking_a_run_back_out_of_turn_keeps_what_was_drawn_since_and_can_be_undone() -> None:
    array = np.zeros(SHAPE, np.uint8)
    session = Session()
    paint(array, session, 0, 3, 1)
    drawn = array.copy()
    run = propagate(array, session, 0, {1: [3]})
    paint(array, session, 0, 6, 2)
    full = array.copy()
    back = run.take_back(array, session.new_number())
    expected = drawn.copy()
    expected[6, 2:5, 2:5] = 2
    assert (array == expected).all()
    assert session.last_run is None
    for where, old, _ in reversed(back):
        array[where] = old
    assert (array == full).all()


def test_a_run_that_did_nothing_is_forgotten() -> None:
    session = Session()
    run = session.start(0, {1: [2]})
    session.end(run, "cancelled", 0.1)
    assert session.runs == []
