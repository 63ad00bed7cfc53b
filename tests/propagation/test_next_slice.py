from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_medssl.propagation.next_slice import expected_gain, next_slice

SLICES = 12
confidences = arrays(float, SLICES, elements=st.one_of(st.floats(0, 1), st.just(np.nan)))
areas = arrays(np.int64, SLICES, elements=st.integers(0, 500))
slices = st.lists(st.integers(0, SLICES - 1), min_size=1, max_size=5)


def everywhere(value: float, drawn: list[int]) -> np.ndarray:
    confidence = np.full(SLICES, value)
    confidence[drawn] = 1
    return confidence


@given(confidences, areas, slices)
def test_only_slices_that_were_reached_and_not_drawn_have_a_gain(confidence, pixels, drawn):
    gain = expected_gain(confidence, pixels, drawn)
    assert (gain >= 0).all()
    assert not gain[drawn].any()
    assert not gain[np.isnan(confidence)].any()
    wrong = np.nan_to_num((1 - confidence) * pixels)
    wrong[drawn] = 0
    assert (gain[np.isfinite(confidence)] >= wrong[np.isfinite(confidence)] - 1e-9).all()
    assert gain.max() <= pixels[np.isfinite(confidence)].sum() + 1e-6


@given(confidences, areas, slices)
def test_turned_over_it_is_the_same_turned_over(confidence, pixels, drawn):
    turned = expected_gain(confidence[::-1], pixels[::-1], [SLICES - 1 - index for index in drawn])
    np.testing.assert_allclose(turned[::-1], expected_gain(confidence, pixels, drawn), atol=1e-6)


def test_between_two_drawn_slices_the_middle_of_an_even_stretch_helps_most():
    confidence = everywhere(0.8, [1, 11])
    gain = expected_gain(confidence, np.full(SLICES, 100), [1, 11])
    assert gain.argmax() == 6
    # 20 pixels in each of nine slices: its own, and half of four on either side.
    assert gain[6] == pytest.approx(20 + 0.5 * 80 + 0.5 * 80)
    assert gain[2] == pytest.approx(20 + 0.1 * 160)


def test_outwards_what_had_built_up_by_the_corrected_slice_is_mended_beyond_it():
    confidence = np.array([1, 0.9, 0.7, 0.6, 0.6])
    gain = expected_gain(confidence, np.full(5, 10), [0])
    one, two, three, four = 10 * (1 - confidence[1:] * (4 / 5) ** np.arange(1, 5))  # one end among five slices
    expected = [0, one + 3 * one, two + 0.5 * one + 2 * two, three + 0.5 * (one + two) + three, four]
    expected[4] += 0.5 * (one + two + three)
    np.testing.assert_allclose(gain, expected)


def test_a_sure_slice_may_still_lie_beyond_the_end_but_not_between_drawn_ones():
    gain = expected_gain(everywhere(1.0, []), np.full(SLICES, 10), [2, 6])
    assert not gain[2:7].any()
    assert (gain[:2] > 0).all()
    assert (gain[7:] > 0).all()


def test_a_large_slice_counts_more_than_a_small_one_that_is_less_sure():
    confidence, pixels = everywhere(0.95, [0, 4, 8]), np.full(SLICES, 1000)
    confidence[2], pixels[5:8] = 0.9, 10
    confidence[6] = 0.2
    confidence[9:] = np.nan
    assert next_slice({1: confidence}, {1: pixels}, {1: [0, 4, 8]}) == 2


def test_labels_are_added_up_and_seen_slices_are_passed_over():
    drawn = {1: [0, 11], 2: [0, 11]}
    first, second = everywhere(1.0, [0, 11]), everywhere(1.0, [0, 11])
    first[3] = second[3] = 0.5
    first[8] = 0.3
    sizes = {1: np.full(SLICES, 10), 2: np.full(SLICES, 10)}
    assert next_slice({1: first, 2: second}, sizes, drawn) == 3
    assert next_slice({1: first}, sizes, drawn) == 8
    assert next_slice({1: first, 2: second}, sizes, drawn, seen=[1, 2, 3, 4, 5]) == 8


def test_nothing_is_left_when_all_is_drawn_or_sure_or_empty():
    sizes = {1: np.full(SLICES, 10)}
    assert next_slice({}, {}, {}) is None
    assert next_slice({1: everywhere(0.5, [])}, sizes, {1: range(SLICES)}) is None
    assert next_slice({1: everywhere(1.0, [0])}, sizes, {1: [0, SLICES - 1]}) is None
    assert next_slice({1: everywhere(0.5, [0])}, {1: np.zeros(SLICES)}, {1: [0]}) is None
    assert next_slice({1: everywhere(0.5, [0])}, sizes, {1: [0]}, seen=range(SLICES)) is None
