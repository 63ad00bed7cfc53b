"""The first outline of a nodule, and where in the lungs it lies."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medssl.errors import BadInput
from napari_medssl.nodules import Lungs
from napari_medssl.nodules.outlining import outline, within_ball
from napari_medssl.nodules.reading_places import Places
from napari_medssl.volumes import Geometry

SPACING = (0.8, 1.1)
ROWS, COLUMNS = np.indices((90, 70))
CENTRE = (45.3, 36.8)
AWAY = np.hypot((ROWS - CENTRE[0]) * SPACING[0], (COLUMNS - CENTRE[1]) * SPACING[1])


def plane(nodule: np.ndarray, hu: float = 40, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 30, nodule.shape)
    return np.where(nodule, hu, -850) + noise


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


@pytest.mark.parametrize("hu", [40, -600])  # solid, ground glass
@pytest.mark.parametrize(("diameter", "stated"), [(14.0, 14.0), (14.0, 11.0), (12.0, 15.0), (5.0, 5.0)])
def test_a_round_nodule_is_outlined_whatever_it_is_made_of(hu: float, diameter: float, stated: float) -> None:
    true = diameter / 2 >= AWAY
    assert dice(outline(plane(true, hu), SPACING, CENTRE, stated / 2), true) > 0.93


def test_ground_glass_around_a_solid_core_belongs_to_the_nodule() -> None:
    true, core = AWAY <= 8, AWAY <= 3.5
    scan = np.where(core, plane(core), plane(true, -600))
    assert dice(outline(scan, SPACING, CENTRE, 8), true) > 0.93


def test_a_vessel_and_the_chest_wall_are_cut_off() -> None:
    true = AWAY <= 6
    vessel = (np.abs(ROWS - CENTRE[0]) * SPACING[0] <= 1.2) & (CENTRE[1] < COLUMNS)
    found = outline(plane(true | vessel), SPACING, CENTRE, 6)
    assert dice(found, true) > 0.9
    assert not found[AWAY > 9].any()
    wall = ROWS > 55
    assert dice(outline(plane(true | wall), SPACING, CENTRE, 6), true) > 0.8


def test_what_does_not_stand_out_is_refused() -> None:
    with pytest.raises(BadInput, match="does not stand out"):
        outline(plane(AWAY < 0), SPACING, CENTRE, 5)
    with pytest.raises(BadInput, match="outside the scan"):
        outline(plane(AWAY < 5), SPACING, (200, 10), 5)


def test_balls_are_measured_in_mm() -> None:
    found = within_ball((20, 30, 40), (2.0, 1.0, 0.5), (9.5, 14.0, 21.0), 6.0)
    index = np.argwhere(np.ones((20, 30, 40), bool)).reshape(20, 30, 40, 3)
    apart = np.linalg.norm((index - (9.5, 14.0, 21.0)) * (2.0, 1.0, 0.5), axis=-1)
    np.testing.assert_array_equal(found, apart <= 6)


def lungs(*columns: slice) -> Lungs:
    mask = np.zeros((80, 60, 100), bool)  # from -120 mm up, to the left from -150 mm
    for part in columns:
        mask[10:70, 10:50, part] = True
    return Lungs(mask, Geometry((3.0, 3.0, 3.0), (-150.0, -90.0, -120.0)))


def test_sides_and_thirds_are_the_patients() -> None:
    places = Places.of(lungs(slice(5, 45), slice(55, 95)))
    assert places.side((-60, 0, 0)) == "right"
    assert places.side((60, 0, 0)) == "left"
    assert [places.third((60, 0, z)) for z in (80, 60, 20, 0, -40, -80)] == [
        "upper", "upper", "middle", "middle", "lower", "lower",
    ]  # fmt: skip


def test_a_piece_of_lung_has_no_sides_and_a_low_one_no_thirds() -> None:
    places = Places.of(lungs(slice(5, 45)))
    assert places.side((60, 0, 0)) == ""
    assert places.third((60, 0, 80)) == "upper"
    mask = np.zeros((30, 60, 100), bool)
    mask[:, 10:50, 5:95] = True
    low = Places.of(Lungs(mask, Geometry((3.0, 3.0, 3.0), (-150.0, -90.0, -45.0))))
    assert low.side((60, 0, 0)) == "left"
    assert low.third((60, 0, 0)) == ""
