"""The strip over all slices: what it holds, and which pixels and slices belong together."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_medssl.propagation.history import Run
from napari_medssl.propagation.marks import forgotten, right_as_it_is
from napari_medssl.propagation.session import Session
from napari_medssl.propagation.strip import Strip, lowest_by_pixel, pixel_of, slices_at, strip_of, worst_at
from tests.propagation.test_marks import say
from tests.propagation.test_session import SHAPE, paint, propagate

counts = st.integers(1, 900)
widths = st.integers(1, 700)


@given(counts, widths)
def test_every_slice_has_its_pixels_and_every_pixel_its_slices(count: int, pixels: int) -> None:
    shown = [set(range(*pixel_of(index, count, pixels))) for index in range(count)]
    assert all(shown)
    assert set.union(*shown) == set(range(pixels))
    for pixel in range(pixels):
        assert set(slices_at(pixel, count, pixels)) == {index for index in range(count) if pixel in shown[index]}
    assert [min(pixels_of) for pixels_of in shown] == sorted(min(pixels_of) for pixels_of in shown)
    assert slices_at(-5, count, pixels)[0] == 0
    assert slices_at(pixels + 5, count, pixels)[-1] == count - 1


@given(st.lists(st.one_of(st.just(np.nan), st.floats(0, 1)), min_size=1, max_size=700), widths)
def test_each_pixel_shows_the_worst_of_its_slices(values: list[float], pixels: int) -> None:
    array = np.array(values)
    row = lowest_by_pixel(array, pixels)
    for pixel in range(pixels):
        known = [values[i] for i in slices_at(pixel, len(values), pixels) if np.isfinite(values[i])]
        assert row[pixel] == min(known) if known else np.isnan(row[pixel])
        worst = values[worst_at(array, pixel, pixels)]
        assert worst == min(known) if known else np.isnan(worst)


def test_one_bad_slice_among_600_is_seen_on_250_pixels() -> None:
    for index in range(600):
        values = np.ones(600)
        values[index] = 0.1
        assert (lowest_by_pixel(values, 250) == 0.1).sum() == 1


def test_first_seeds_corrections_and_stops_are_told_apart() -> None:
    array, session = np.zeros(SHAPE, np.uint8), Session()
    paint(array, session, 0, 2, 1, half=5)
    paint(array, session, 0, 3, 2)
    propagate(array, session, 0, {1: [2], 2: [3]}, until=7)
    paint(array, session, 0, 4, 1, half=5)  # corrected, and over label 2
    paint(array, session, 0, 6, 0, half=5)  # rubbed out
    say(session, right_as_it_is(array, 0, 5, [1]), array)

    def now(*labels: int) -> Strip:
        drawn, stops = session.drawn(0, array), session.stops(0, array)
        return strip_of(session.runs, 0, SHAPE[0], {label: drawn[label] for label in labels}, stops)

    strip = now(1)
    assert (strip.first, strip.corrected, strip.stops) == ({1: [2]}, {1: [4, 5]}, {1: [6]})
    run = session.runs[0]
    expected = [run.confidence[1][0], run.confidence[1][1], 1, run.confidence[1][3], 1, 1, 1, np.nan]
    np.testing.assert_array_equal(strip.lowest(), expected)
    both = now(1, 2)
    assert both.first == {1: [2], 2: [3]}
    assert both.lowest()[0] == min(run.confidence[1][0], run.confidence[2][0])
    assert [flags.nonzero()[0].tolist() for flags in both.marks()] == [[2, 3], [4, 5], [4, 6]]

    again = propagate(array, session, 0, {1: [2, 4, 5, 6]})
    assert now(1).corrected == {1: [4, 5]}  # they stay corrections
    assert now(1).confidence[1].keys() == {0, 1, 3, 7}
    again.undone = True
    assert now(1).confidence[1].keys() == {0, 1, 3}
    say(session, forgotten(array, 0, 4, 1, cleared=True), array)
    assert now(1).corrected == {1: [5]}
    assert now(1).lowest()[4] == run.confidence[1][4]


def test_a_run_under_way_replaces_the_one_before_for_its_labels_alone() -> None:
    first = Run(1, 0, {1: (2,), 2: (2,)})
    for index in range(5):
        first.note(index, {1: 0.5, 2: 0.9}, np.zeros((1, 1), int))
    second = Run(2, 0, {1: (2,)})
    second.note(3, {1: 0.7}, np.zeros((1, 1), int))
    other_way = Run(3, 1, {1: (2,)}, confidence={1: {0: 0.1}})
    strip = strip_of([first, second, other_way], 0, 5, {1: [2], 2: [2]}, {})
    np.testing.assert_array_equal(strip.lowest(), [0.9, 0.9, 1, 0.7, 0.9])
    assert np.isnan(strip_of([], 0, 3, {}, {}).lowest()).all()
