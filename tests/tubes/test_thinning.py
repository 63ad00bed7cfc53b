"""Thinning keeps how things hang together, and stays in the middle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage
from skimage.measure import euler_number

from napari_medssl.tubes.distances import edt_mm
from napari_medssl.tubes.thinning import is_simple, thin

CUBE = np.ones((3, 3, 3))


def pieces(mask: np.ndarray) -> int:
    return int(ndimage.label(mask, CUBE)[1])


def holes(mask: np.ndarray) -> int:
    return int(ndimage.label(np.pad(~mask, 1, constant_values=True))[1])


@settings(max_examples=60, deadline=None)
@given(
    arrays(bool, array_shapes(min_dims=3, max_dims=3, max_side=8), elements=st.sampled_from((True, True, False))),
    st.sampled_from(((1.0, 1.0, 1.0), (5.0, 0.5, 0.5))),
)
def test_pieces_tunnels_and_holes_stay(mask: np.ndarray, steps: tuple[float, float, float]) -> None:
    line = thin(mask, edt_mm(mask, steps, border=bool(mask.all())), 0.1)
    assert not (line & ~mask).any()
    assert pieces(line) == pieces(mask)
    assert holes(line) == holes(mask)
    assert euler_number(line, 3) == euler_number(mask, 3)


def test_simple_is_what_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    around = rng.random((400, 3, 3, 3)) < rng.uniform(0.2, 0.9, (400, 1, 1, 1))
    codes = (around.reshape(400, 27) @ (1 << np.arange(27))).astype(np.uint32)
    for cube, simple in zip(around, is_simple(codes), strict=True):
        full, empty = cube.copy(), cube.copy()
        full[1, 1, 1], empty[1, 1, 1] = True, False
        same = (pieces(full), holes(full), euler_number(full, 3)) == (
            pieces(empty),
            holes(empty),
            euler_number(empty, 3),
        )
        assert simple == same


@pytest.mark.parametrize("steps", [(1.0, 1.0, 1.0), (4.0, 0.8, 0.8)])
def test_the_line_lies_in_the_middle(steps: tuple[float, float, float]) -> None:
    z, y, x = np.indices((int(80 / steps[0]), 41, 41)) * np.reshape(steps, (3, 1, 1, 1))
    middle = 20 * steps[1] + 0.1 * (z - 40)
    mask = (y - middle) ** 2 + (x - middle) ** 2 <= (6 * steps[1]) ** 2
    line = np.argwhere(thin(mask, edt_mm(mask, steps), 0.25 * min(steps))) * steps
    line = line[(line[:, 0] > 7 * steps[1]) & (line[:, 0] < 72 - 7 * steps[1])]
    assert len(line) >= 8
    centre = 20 * steps[1] + 0.1 * (line[:, 0] - 40)
    assert np.abs(line[:, 1:] - centre[:, None]).max() <= 1.5 * steps[1]
