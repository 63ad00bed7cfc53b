import numpy as np
import pytest

from napari_medssl.errors import BadInput
from napari_medssl.propagation.seeds import collect_seeds


@pytest.fixture
def drawn():
    labels = np.zeros((6, 8, 9), dtype=np.uint8)
    labels[2, 1:4, 1:4] = 1
    labels[4, 1:4, 1:4] = 1
    labels[2, 5:7, 5:7] = 3
    return labels


def test_without_a_list_every_slice_that_holds_the_label_is_a_seed(drawn):
    seeds = collect_seeds(drawn)
    assert {label: sorted(masks) for label, masks in seeds.drawn.items()} == {1: [2, 4], 3: [2]}
    np.testing.assert_array_equal(seeds.drawn[3][2], drawn[2] == 3)


def test_named_slices_are_taken_and_empty_ones_are_stops(drawn):
    seeds = collect_seeds(drawn, seed_slices={1: [2, 5]})
    assert sorted(seeds.drawn[1]) == [2, 5]
    assert not seeds.drawn[1][5].any()
    assert seeds.labels == [1]


def test_other_axes_count_their_own_slices(drawn):
    seeds = collect_seeds(drawn, axis=2)
    assert sorted(seeds.drawn[3]) == [5, 6]
    assert seeds.shape == (9, 6, 8)


def test_drawn_slices_outside_the_range_are_left_out(drawn):
    assert sorted(collect_seeds(drawn, slice_range=(3, 6)).drawn) == [1]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"axis": 3}, "axis must be 0, 1 or 2"),
        ({"seed_slices": {2: [1]}}, "Label 2 is not drawn"),
        ({"seed_slices": {1: [0]}}, "Label 1 is not drawn"),
        ({"seed_slices": {1: [6]}}, "slice 6 of label 1 does not exist"),
        ({"seed_slices": {1: [-1]}}, "does not exist"),
        ({"seed_slices": {0: [2]}}, "labels are positive"),
        ({"seed_slices": {}}, "Nothing is drawn"),
        ({"slice_range": (4, 4)}, "slice range 4:4 does not fit"),
        ({"slice_range": (0, 7)}, "does not fit"),
        ({"slice_range": (0, 2)}, "Nothing is drawn within slices 0 to 1"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(drawn, options, sentence):
    with pytest.raises(BadInput, match=sentence):
        collect_seeds(drawn, **options)
