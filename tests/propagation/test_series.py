"""Through time: a ball that grows and shrinks is followed from the frame it was drawn on."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medssl.errors import BadInput
from napari_medssl.metrics import dice
from napari_medssl.propagation import propagate, propagate_frames

COUNT = 7


def beating() -> tuple[np.ndarray, np.ndarray]:
    """A bright tube of four slices whose radius follows one beat: frames and truth (t, z, y, x)."""
    t, z, y, x = np.mgrid[:COUNT, :4, :40, :40]
    radius = 9 + 3 * np.cos(2 * np.pi * t / COUNT)
    truth = (np.hypot(y - 20, x - 19 - z) < radius).astype(np.uint8)
    truth[:, 0] = 0
    rng = np.random.default_rng(0)
    return (100 * truth + rng.normal(0, 6, truth.shape)).astype(np.float32), truth


def seeds_on(truth, *frames):
    seeds = np.zeros_like(truth)
    seeds[list(frames)] = truth[list(frames)]
    return seeds


@pytest.mark.parametrize("cyclic", [False, True])
def test_a_beat_is_followed_both_ways(cyclic):
    frames, truth = beating()
    steps = []
    found = propagate_frames(
        frames, seeds_on(truth, 2), spacing=(8, 1.5, 1.5), cyclic=cyclic, on_step=lambda *now: steps.append(now)
    )
    assert found.complete
    np.testing.assert_array_equal(found.labels[2], truth[2])
    scores = [dice(found.labels[t], truth[t]) for t in range(COUNT)]
    copies = [dice(truth[2], truth[t]) for t in range(COUNT)]
    assert min(scores) > 0.9 > min(copies)
    assert not found.labels[:, 0].any()  # it was not there on the drawn frame
    assert (found.confidence[1][2, 1:] == 1).all()
    assert np.isnan(found.confidence[1][:, 0]).all()
    assert np.isfinite(found.confidence[1][:, 1:]).all()
    assert steps[-1][0] <= steps[-1][1]
    assert steps == sorted(steps)


def test_it_is_the_propagation_of_each_slice_over_time():
    frames, truth = beating()
    seeds = seeds_on(truth, 3)
    found = propagate_frames(frames, seeds, spacing=(8, 1.5, 1.5))
    alone = propagate(frames[:, 2], seeds[:, 2], seed_slices={1: [3]}, spacing=(1, 1.5, 1.5))
    np.testing.assert_array_equal(found.labels[:, 2], alone.labels)


def test_a_circle_is_gone_round_the_shorter_way():
    frames, truth = beating()
    circle = propagate_frames(frames, seeds_on(truth, 1), cyclic=True)
    turned = propagate_frames(np.roll(frames, 2, axis=0), seeds_on(np.roll(truth, 2, axis=0), 3))
    np.testing.assert_array_equal(np.roll(circle.labels, 2, axis=0), turned.labels)


def test_a_second_drawn_frame_comes_back_and_an_empty_one_is_a_stop():
    frames, truth = beating()
    seeds = seeds_on(truth, 0, 4)
    seeds[4, 3] = 0
    found = propagate_frames(frames, seeds, seed_frames=[0, 4])
    np.testing.assert_array_equal(found.labels[[0, 4]], seeds[[0, 4]])
    assert not found.labels[4:, 3].any()
    assert found.labels[5, 2].any()


def test_cancelling_keeps_whole_slices():
    frames, truth = beating()
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 60

    found = propagate_frames(frames, seeds_on(truth, 2), cancelled=cancelled)
    assert not found.complete
    np.testing.assert_array_equal(found.labels[2], truth[2])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seeds": np.zeros((COUNT, 4, 40, 40), np.uint8)}, "Nothing is drawn on any frame"),
        ({"seeds": np.zeros((4, 40, 40), np.uint8)}, "the frames have"),
        ({"seed_frames": [9]}, "There is no frame 9; the scan has frames 0 to 6"),
        ({"seed_frames": [5]}, "Nothing is drawn on the frames to start from"),
    ],
)
def test_bad_input(change, words):
    frames, truth = beating()
    seeds = change.pop("seeds", seeds_on(truth, 2))
    with pytest.raises(BadInput, match=words):
        propagate_frames(frames, seeds, **change)
