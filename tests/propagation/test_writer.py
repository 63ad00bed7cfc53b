"""Writing propagated slices into labels that a person draws on at the same time, against a voxel-by-voxel rule."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_medssl.propagation.history import Run
from napari_medssl.propagation.writer import Writer, merge

Labels = NDArray[np.uint8]


def random_labels(rng: np.random.Generator, shape: tuple[int, ...], top: int = 3) -> Labels:
    return (rng.integers(0, top + 1, shape) * (rng.random(shape) < 0.5)).astype(np.uint8)


def nobody(_: int) -> set[int]:
    return set()


@pytest.mark.parametrize("seed", range(20))
def test_merge_follows_the_rule_for_every_voxel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    now, propagated, free = random_labels(rng, (9, 7)), random_labels(rng, (9, 7)), rng.random((9, 7)) < 0.7
    mine = [1, 3]
    merged = merge(now, propagated, mine, free)
    for place in np.ndindex(now.shape):
        if not free[place] or now[place] == 2:
            expected = now[place]
        else:
            expected = propagated[place] if propagated[place] in mine else 0
        assert merged[place] == expected


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("seed", range(8))
def test_the_blocks_undo_and_redo_a_run_exactly(axis: int, seed: int) -> None:
    rng = np.random.default_rng(100 * axis + seed)
    array = random_labels(rng, (6, 7, 8))
    before = array.copy()
    run = Run(1, axis, {1: (2,), 3: (4,)})
    writer = Writer(array, before.copy(), run, nobody)
    for _ in range(20):  # some slices arrive twice or more
        index = int(rng.integers(array.shape[axis]))
        writer.write(index, random_labels(rng, np.moveaxis(array, axis, 0).shape[1:]))
    after = array.copy()
    assert (before != after).any()
    for where, old, _ in reversed(run.blocks):
        array[where] = old
    assert (array == before).all()
    for where, _, new in run.blocks:
        array[where] = new
    assert (array == after).all()


@pytest.mark.parametrize("seed", range(20))
def test_going_back_after_strokes_made_meanwhile_leaves_nothing_of_either(seed: int) -> None:
    rng = np.random.default_rng(seed)
    array = random_labels(rng, (4, 8, 8))
    before = array.copy()
    run = Run(1, 0, {1: (0,), 2: (0,)})
    writer = Writer(array, before.copy(), run, nobody)
    strokes = []
    for _ in range(30):
        index = int(rng.integers(1, 4))
        if rng.random() < 0.5:
            writer.write(index, random_labels(rng, (8, 8)))
        else:
            top, left = rng.integers(0, 6, 2)
            where = (slice(index, index + 1), slice(top, top + 3), slice(left, left + 3))
            mask = (rng.random((1, 3, 3)) < 0.5) & (array[where] != 3)
            strokes.append((where, mask, array[where][mask]))
            array[where][mask] = 3
    after = array.copy()
    # the run stands before the strokes in the row of steps, whenever its slices came
    for where, mask, old in reversed(strokes):
        array[where][mask] = old
    for where, old, _ in reversed(run.blocks):
        array[where] = old
    assert (array == before).all()
    for where, _, new in run.blocks:
        array[where] = new
    for where, mask, _ in strokes:
        array[where][mask] = 3
    assert (array == after).all()


def test_drawn_slices_and_other_labels_are_left_alone() -> None:
    rng = np.random.default_rng(7)
    array = random_labels(rng, (10, 12, 12))
    before = array.copy()
    writer = Writer(array, before.copy(), Run(1, 0, {1: (3,)}), nobody)
    for index in range(10):
        writer.write(index, np.ones((12, 12), np.uint8))
    assert (array[3] == before[3]).all()
    for label in (2, 3):
        assert ((array == label) == (before == label)).all()
    elsewhere = np.arange(10) != 3
    assert ((array[elsewhere] == 1) == ((before[elsewhere] == 1) | (before[elsewhere] == 0))).all()


def test_of_two_propagated_labels_only_the_one_not_drawn_on_a_slice_is_replaced_there() -> None:
    array = np.zeros((3, 4, 4), np.uint8)
    array[1, :2] = 1
    array[1, 2:] = 2
    writer = Writer(array, array.copy(), Run(1, 0, {1: (1,), 2: (0,)}), nobody)
    arriving = np.full((4, 4), 2, np.uint8)
    arriving[3] = 0
    writer.write(1, arriving)
    assert (array[1, :2] == 1).all()
    assert (array[1, 2] == 2).all()
    assert (array[1, 3] == 0).all()


def test_voxels_that_change_under_a_run_stay_as_the_person_left_them() -> None:
    array = np.zeros((5, 6, 6), np.uint8)
    array[2] = 1
    writer = Writer(array, array.copy(), Run(1, 0, {1: (2,)}), nobody)
    everywhere = np.ones((6, 6), np.uint8)
    writer.write(3, everywhere)
    array[3, 0, 0] = 0  # rubbed out after it came
    array[4, 5, 5] = 7  # drawn before it came
    for _ in range(3):
        writer.write(3, everywhere)
        writer.write(4, everywhere)
    assert array[3, 0, 0] == 0
    assert (array[3].ravel()[1:] == 1).all()
    assert array[4, 5, 5] == 7
    assert (array[4].ravel()[:-1] == 1).all()
    writer.write(4, np.zeros((6, 6), np.uint8))
    assert array[4, 5, 5] == 7
    assert array[4].sum() == 7


def test_a_slice_drawn_on_while_it_ran_is_left_alone_as_a_whole() -> None:
    array = np.zeros((4, 5, 5), np.uint8)
    array[0] = 1
    drawn: dict[int, set[int]] = {}
    writer = Writer(array, array.copy(), Run(1, 0, {1: (0,)}), lambda index: drawn.get(index, set()))
    array[2, 1:3] = 1
    drawn[2] = {1}
    corrected = array[2].copy()
    writer.write(2, np.ones((5, 5), np.uint8))
    assert (array[2] == corrected).all()


def test_kept_voxels_stay() -> None:
    rng = np.random.default_rng(3)
    array, kept = random_labels(rng, (4, 5, 6)), rng.random((4, 5, 6)) < 0.3
    before = array.copy()
    writer = Writer(array, before.copy(), Run(1, 1, {1: (0,), 2: (0,), 3: (0,)}), nobody, kept)
    for index in range(5):
        writer.write(index, random_labels(rng, (4, 6)))
    assert (array[kept] == before[kept]).all()
    assert (array != before).any()


def test_nothing_is_noted_where_nothing_changes() -> None:
    array = np.zeros((3, 4, 4), np.int32)
    array[:] = 1
    run = Run(1, 0, {1: (1,)})
    writer = Writer(array, array.copy(), run, nobody)
    assert writer.write(0, np.ones((4, 4), np.int32)) is None
    assert run.blocks == []
