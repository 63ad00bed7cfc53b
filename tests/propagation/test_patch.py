import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_medssl.propagation.patch import Patch, compose, fuse


def test_half_is_background_and_more_is_the_label():
    patch = Patch.from_strength((1, 2, 0, 4), np.array([[0.0, 0.5, 0.505, 1.0]]))
    np.testing.assert_array_equal(patch.mask((3, 4))[1], [False, False, True, True])


def test_what_was_drawn_beats_everything_propagated():
    drawn = np.zeros((4, 4), dtype=bool)
    drawn[1:3, 1:3] = True
    strong = Patch.from_strength((0, 4, 0, 4), np.ones((4, 4)))
    labels = compose({1: strong, 7: Patch.drawn(drawn)}, (4, 4), np.dtype(np.uint8))
    np.testing.assert_array_equal(labels, np.where(drawn, 7, 1))
    labels = compose({9: strong, 7: Patch.drawn(drawn)}, (4, 4), np.dtype(np.uint8))
    np.testing.assert_array_equal(labels, np.where(drawn, 7, 9))


@given(share=st.floats(0, 1))
def test_fusing_is_the_weighted_mean(share):
    first = Patch((0, 2, 0, 2), np.full((2, 2), 200, np.uint8))
    second = Patch((1, 3, 1, 3), np.full((2, 2), 100, np.uint8))
    fused = fuse([(first, share), (second, 1 - share)])
    whole = np.zeros((3, 3))
    whole[:2, :2] += share * 200
    whole[1:, 1:] += (1 - share) * 100
    assert fused.box == (0, 3, 0, 3)
    np.testing.assert_allclose(fused.strength, whole, atol=0.51)
