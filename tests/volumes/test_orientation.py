"""Display orientation, against SimpleITK's own reorientation filter and the geometry's definition."""

from itertools import permutations, product

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_medssl.volumes.geometry import Geometry
from napari_medssl.volumes.orientation import (
    WANTED,
    Display,
    array_axes,
    display_for,
    displayed_geometry,
    file_geometry,
)

AXIS_ALIGNED = [
    np.eye(3)[list(order)] * signs for order in permutations(range(3)) for signs in product((1, -1), repeat=3)
]
SHAPE = (3, 4, 5)


def geometry(matrix: np.ndarray, rng: np.random.Generator) -> Geometry:
    spacing = rng.uniform(0.3, 6, 3)
    origin = rng.uniform(-300, 300, 3)
    return Geometry(tuple(spacing), tuple(origin), tuple(matrix.ravel()))


@pytest.mark.parametrize("tilt", [0.0, 20.0])
@pytest.mark.parametrize("number", range(len(AXIS_ALIGNED)))
def test_agrees_with_simpleitk_on_every_orientation(number: int, tilt: float) -> None:
    rng = np.random.default_rng(number)
    turn = Rotation.from_rotvec(np.radians(tilt) * np.array([0.6, -0.64, 0.48])).as_matrix()
    place = geometry(turn @ AXIS_ALIGNED[number], rng)
    array = rng.integers(0, 1000, SHAPE, dtype=np.int16)
    image = SimpleITK.GetImageFromArray(array)
    place.apply_to(image)
    wanted = SimpleITK.DICOMOrient(image, "LPI")  # x to the left, y to the back, z to the feet

    display = display_for(place)
    shown = displayed_geometry(place, display, SHAPE)

    np.testing.assert_array_equal(display.forward(array), SimpleITK.GetArrayFromImage(wanted))
    np.testing.assert_allclose(shown.origin, wanted.GetOrigin(), atol=1e-9)
    np.testing.assert_allclose(shown.spacing, wanted.GetSpacing())
    np.testing.assert_allclose(shown.direction, wanted.GetDirection(), atol=1e-9)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_any_rotation_comes_back_and_no_order_fits_better(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = Rotation.random(random_state=seed).as_matrix() * rng.choice([-1, 1])
    place = geometry(matrix, rng)
    array = rng.normal(size=(2, *SHAPE))  # with time points
    display = display_for(place)
    shown = displayed_geometry(place, display, SHAPE)

    np.testing.assert_array_equal(display.back(display.forward(array)), array)
    assert np.shares_memory(display.forward(array), array)
    assert display.shape(SHAPE) == display.forward(array).shape[-3:]
    assert Display.from_json(display.to_json()) == display
    back = file_geometry(shown, display, display.shape(SHAPE))
    np.testing.assert_allclose(back.affine, place.affine, atol=1e-9)

    index = rng.integers(0, display.shape(SHAPE))
    value = display.forward(array)[0][tuple(index)]
    where = np.argwhere(array[0] == value)[0]
    np.testing.assert_allclose(shown.world(index), place.world(where), atol=1e-9)

    cosines = np.sum(WANTED * array_axes(shown), axis=1)
    assert (cosines > 0).all()
    fits = np.abs(WANTED @ array_axes(place).T)
    best = max(sum(fits[shown, axis] for shown, axis in enumerate(order)) for order in permutations(range(3)))
    assert cosines.sum() >= best - 2e-3


@pytest.mark.parametrize("noise", [0.0, 1e-7, -1e-7])
def test_a_tie_keeps_the_files_own_order(noise: float) -> None:
    turn = Rotation.from_euler("x", 45 + noise, degrees=True).as_matrix()
    assert display_for(Geometry(direction=tuple(turn.ravel()))).permutation == (0, 1, 2)


def test_already_in_display_order_is_left_alone() -> None:
    assert display_for(Geometry(direction=(1, 0, 0, 0, 1, 0, 0, 0, -1))) == Display()
