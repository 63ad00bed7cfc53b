import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medssl.errors import BadInput
from napari_medssl.propagation import Hint, KeptWork, propagate
from napari_medssl.propagation.hints import Hints
from napari_medssl.propagation.load import load_model
from napari_medssl.propagation.obeying import obeyed
from napari_medssl.propagation.region import Region

SIDE = 64
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]


def disc(row: float, column: float, radius: float) -> np.ndarray:
    return np.hypot(ROWS - row, COLUMNS - column) < radius


def two_discs(slices: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """A bright disc through all slices, and from the sixth on a second one beside it that touches it."""
    truth = np.zeros((slices, SIDE, SIDE), dtype=np.uint8)
    for index in range(slices):
        truth[index][disc(32, 22, 9)] = 1
        if index >= 5:
            truth[index][disc(32, 42, 9)] = 1
    noise = np.random.default_rng(0).normal(0, 6, truth.shape)
    return (100 + 80 * truth + noise).astype(np.float32), truth


def seeds_of(truth: np.ndarray, index: int = 0) -> np.ndarray:
    seeds = np.zeros_like(truth)
    seeds[index] = truth[index]
    return seeds


def test_a_hint_brings_in_what_was_missed_and_it_is_carried_on():
    image, truth = two_discs()
    seeds = seeds_of(truth)
    bare = propagate(image, seeds, device="cpu").labels
    hint = Hint(1, (5, 32, 42), True)
    steered = propagate(image, seeds, device="cpu", hints=[hint]).labels
    second = disc(32, 42, 7)
    assert bare[5][second].mean() < 0.5
    assert steered[5][second].mean() > 0.9
    assert steered[8][second].mean() > 0.8
    np.testing.assert_array_equal(steered[:5], bare[:5])


def test_a_hint_takes_away_what_does_not_belong():
    image, truth = two_discs()
    seeds = seeds_of(truth, 8)  # both discs are drawn
    hint = Hint(1, (7, 32, 42), False)
    steered = propagate(image, seeds, device="cpu", hints=[hint], slice_range=(5, 9)).labels
    assert steered[7][disc(32, 42, 7)].mean() < 0.2
    assert steered[7][disc(32, 22, 7)].mean() > 0.9


def test_a_structure_goes_on_where_a_hint_says_that_it_is():
    image, truth = two_discs()
    image[2:4] = 100  # two empty slices: the structure is lost there
    seeds = seeds_of(truth)
    bare = propagate(image, seeds, device="cpu").labels
    steered = propagate(image, seeds, device="cpu", hints=[Hint(1, (4, 32, 22), True)]).labels
    assert not bare[4:].any()
    assert steered[4][disc(32, 22, 6)].mean() > 0.9
    assert steered[7][disc(32, 22, 6)].mean() > 0.8


def test_hinted_voxels_come_back_as_they_were_said_to_be_and_drawn_slices_as_drawn():
    image, truth = two_discs()
    seeds = seeds_of(truth)
    hints = [Hint(1, (3, 10, 10), True), Hint(1, (3, 32, 22), False), Hint(1, (0, 5, 5), True)]
    found = propagate(image, seeds, device="cpu", hints=hints).labels
    assert found[3, 10, 10] == 1
    assert found[3, 32, 22] == 0
    np.testing.assert_array_equal(found[0], seeds[0])


def test_other_labels_keep_what_was_hinted_to_be_theirs():
    image, truth = two_discs()
    seeds = seeds_of(truth)
    seeds[0][disc(32, 42, 9)] = 2
    found = propagate(image, seeds, device="cpu", hints=[Hint(1, (1, 20, 45), True), Hint(2, (1, 48, 30), True)]).labels
    assert found[1, 20, 45] == 1
    assert found[1, 48, 30] == 2


def test_kept_work_gives_the_same_with_hints_and_without_them_again():
    image, truth = two_discs()
    seeds, hint = seeds_of(truth), Hint(1, (5, 32, 42), True)
    kept = KeptWork()
    for hints in ([], [hint], [], [dataclasses.replace(hint, inside=False)], [hint]):
        fresh = propagate(image, seeds, device="cpu", hints=hints)
        again = propagate(image, seeds, device="cpu", hints=hints, kept=kept)
        np.testing.assert_array_equal(again.labels, fresh.labels)
        np.testing.assert_array_equal(again.confidence[1], fresh.confidence[1])


def test_a_model_without_a_refiner_follows_hints_too():
    image, truth = two_discs()
    bare = load_model("default", "cpu")
    network = type(bare.network)()
    network.load_state_dict({k: v for k, v in bare.network.state_dict().items() if not k.startswith("refiner")})
    network.eval().requires_grad_(False)
    model = dataclasses.replace(bare, network=network, settings=bare.settings.model_copy(update={"refined": False}))
    found = propagate(image, seeds_of(truth), model=model, hints=[Hint(1, (5, 32, 42), True)]).labels
    assert found[5][disc(32, 42, 6)].mean() > 0.9


@pytest.mark.parametrize("hint", [Hint(0, (1, 1, 1), True), Hint(1, (9, 0, 0), True), Hint(1, (0, 0, -1), False)])
def test_a_hint_that_cannot_be_is_refused(hint):
    image, truth = two_discs()
    with pytest.raises(BadInput, match="hint"):
        propagate(image, seeds_of(truth), device="cpu", hints=[hint])


@given(
    st.sampled_from([0, 1, 2]),
    st.lists(st.tuples(st.tuples(*[st.integers(0, 7)] * 3), st.booleans()), max_size=12),
)
def test_hints_are_found_again_on_their_slices(axis, told):
    hints = Hints.along(axis, [Hint(3, voxel, inside) for voxel, inside in told], (8, 8, 8))
    last = dict(told)
    for index in range(8):
        found = hints.on(3, index)
        here = {
            tuple(p for i, p in enumerate(v) if i != axis): inside for v, inside in last.items() if v[axis] == index
        }
        if found is None:
            assert not here
            continue
        assert dict(zip(zip(found.rows, found.columns, strict=True), found.inside, strict=True)) == here


@given(
    st.integers(0, 30), st.integers(0, 30), st.integers(1, 30), st.integers(1, 30),
    st.integers(8, 90), st.integers(8, 90), st.data(),
)  # fmt: skip
def test_a_hint_lies_in_the_region_where_its_voxel_does(top, left, height, width, rows, columns, data):
    region = Region((top, top + height, left, left + width), (rows, columns))
    row, column = data.draw(st.integers(top, top + height - 1)), data.draw(st.integers(left, left + width - 1))
    hints = Hints.along(0, [Hint(1, (0, row, column), True)], (1, 64, 64)).on(1, 0)
    image = np.zeros((64, 64))
    image[row, column] = 1
    there = region.take(image)[0, 0].numpy()
    painted = hints.within(region)[0, 0].numpy()
    assert painted[np.unravel_index(there.argmax(), there.shape)] == 1
    assert not (painted < 0).any()


def test_obeying_stops_at_what_looks_different():
    mask, image = disc(32, 22, 9), (disc(32, 22, 9) | disc(32, 42, 9)) * 0.5 + 0.2
    hints = np.zeros((SIDE, SIDE), dtype=np.float32)
    hints[32, 42] = 1
    found = obeyed(mask, hints, image.astype(np.float32), 0.05, 18)
    assert found[disc(32, 42, 8)].all()
    assert not found[~(disc(32, 22, 11) | disc(32, 42, 11))].any()
    hints[32, 42] = -1
    np.testing.assert_array_equal(obeyed(mask, hints, image.astype(np.float32), 0.05, 18), mask & (hints != -1))
