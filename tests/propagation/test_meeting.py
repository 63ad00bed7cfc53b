"""The backward sweep ends where it meets the forward one."""

import numpy as np
import pytest

from napari_medssl.propagation.meeting import until_met
from napari_medssl.propagation.patch import Patch
from napari_medssl.propagation.sweep import SweptSlice

DRAWN = {1: {0: np.ones((30, 30), bool), 10: np.ones((30, 30), bool)}}
LEG = range(10, 0, -1)


def swept(index, side, sure, labels=(1,)):
    """A square of `side` on a slice."""
    patch = Patch((2, 2 + side, 2, 2 + side), np.full((side, side), 200, np.uint8))
    return SweptSlice(index, dict.fromkeys(labels, patch), dict.fromkeys(labels, sure))


def forward():
    """Grows wrong on its way from slice 0: its agreement falls by a tenth a step."""
    return {index: swept(index, 10 if index < 6 else 6, 0.9**index) for index in range(11)}


def test_it_goes_on_until_the_masks_agree_and_no_further():
    asked = []

    def back():
        for index in LEG:
            asked.append(index)
            yield swept(index, 10, 0.95 ** (10 - index))

    ahead = forward()
    found = list(until_met(ahead, back(), LEG, DRAWN))
    assert asked == [10, 9, 8, 7, 6, 5]
    assert [each.index for each in found] == list(LEG)
    for each in found[6:]:
        assert each.patches[1] is ahead[each.index].patches[1]
        # its own way to slice 5, and the forward sweep's steps, walked back, from there
        assert each.confidence[1] == pytest.approx(0.95**5 * 0.9 ** (5 - each.index))


def test_masks_that_agree_where_something_is_drawn_say_nothing():
    ahead = {index: swept(index, 10 if index == 10 else 4, 0.5) for index in range(11)}
    back = [swept(index, 10, 0.5) for index in LEG]
    assert list(until_met(ahead, back, LEG, DRAWN)) == back


@pytest.mark.parametrize("labels", [(1, 2), ()])
def test_every_label_must_agree(labels):
    back = [swept(index, 10, 0.5, labels) for index in LEG]
    ahead = {index: swept(index, 10, 0.5) for index in range(11)}
    assert list(until_met(ahead, back, LEG, DRAWN)) == back


def test_outside_the_gaps_nothing_changes():
    back = [swept(index, 10, 0.5) for index in LEG]
    assert list(until_met({}, back, LEG, DRAWN)) == back
