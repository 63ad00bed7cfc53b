from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medssl.strategies.turns import TURNS, draw_turns


def test_there_are_48_different_turns_and_the_first_changes_nothing() -> None:
    volume = torch.arange(27).reshape(3, 3, 3)
    seen = {tuple(turn.apply(volume).flatten().tolist()) for turn in TURNS}
    assert len(TURNS) == len(seen) == 48
    assert torch.equal(TURNS[0].apply(volume), volume)


@pytest.mark.parametrize("number", range(48))
def test_a_turn_is_undone(number: int) -> None:
    volume = torch.rand(2, 1, 3, 4, 5)
    turn = TURNS[number]
    assert torch.equal(turn.undo(turn.apply(volume)), volume)
    assert torch.equal(turn.apply(turn.undo(volume)), volume)
    assert turn.inverse.inverse == turn


def test_turns_take_axes_and_mirror_as_numpy_does() -> None:
    volume = np.random.default_rng(0).random((3, 4, 5))
    for turn in TURNS:
        wanted = volume.transpose(turn.axes)
        wanted = np.flip(wanted, [axis for axis, m in enumerate(turn.mirrored) if m])
        np.testing.assert_array_equal(turn.apply(torch.from_numpy(volume)).numpy(), wanted)


def test_drawn_turns_differ_as_long_as_there_are_others() -> None:
    rng = np.random.default_rng(1)
    assert sorted(draw_turns(rng, 48)) == list(range(48))
    assert len(draw_turns(rng, 50)) == 50
    assert len(set(draw_turns(rng, 4))) == 4
