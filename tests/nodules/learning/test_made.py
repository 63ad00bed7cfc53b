from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_medssl.nodules.learning.made_lungs import Lung, make_lung, smooth_field
from napari_medssl.nodules.learning.made_nodules import KINDS, _place, paint_micronodules, paint_nodules
from napari_medssl.nodules.learning.made_scans import make_scan

SHAPE = (48, 64, 64)


def empty_lung() -> Lung:
    z = np.arange(SHAPE[0], dtype=np.float32)[:, None, None]
    depth = np.broadcast_to(z - 4, SHAPE).copy()  # the pleura is a plane
    y = np.arange(SHAPE[1], dtype=np.float32)[:, None]
    vessel = np.minimum(np.abs(np.broadcast_to(y, SHAPE) - 32) - 3, 6).astype(np.float32)
    return Lung(np.full(SHAPE, -850, np.float32), depth, vessel, np.array([[24.0, 32.0, 32.0]]))


def test_a_scan_depends_on_its_random_numbers_alone() -> None:
    first, again, other = (make_scan(np.random.default_rng(seed), SHAPE, 2) for seed in (3, 3, 4))
    assert np.array_equal(first.array, again.array)
    assert first.nodules == again.nodules
    assert not np.array_equal(first.array, other.array)
    assert first.array.dtype == np.int16
    assert first.array.shape == SHAPE


def test_what_is_painted_has_the_size_and_the_place_that_are_told() -> None:
    for seed in range(12):
        lung = empty_lung()
        for nodule in paint_nodules(np.random.default_rng(seed), lung, 1):
            if nodule.kind == "juxtapleural":
                continue  # half of it is in the wall
            changed, _ = ndimage.label(lung.image > -800)
            largest = changed == 1 + np.bincount(changed.ravel())[1:].argmax()
            volume = float((lung.image[largest] + 850).sum() / (np.percentile(lung.image[largest], 90) + 850))
            seen = (6 * volume / np.pi) ** (1 / 3)
            assert seen == pytest.approx(nodule.diameter, rel=0.35)
            middle = ndimage.center_of_mass(largest)
            assert np.linalg.norm(np.array(middle) - nodule.centre) < 0.2 * nodule.diameter + 0.7


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_place(kind: str) -> None:
    lung, rng = empty_lung(), np.random.default_rng(0)
    places = [place for _ in range(12) if (place := _place(rng, lung, kind, 8.0, [])) is not None]
    assert len(places) >= 6
    depth = np.array([place[0] - 4 for place in places])
    gap = np.array([abs(place[1] - 32) - 3 for place in places])
    if kind == "juxtapleural":
        assert ((depth > -0.5) & (depth < 4.5)).all()
    else:
        assert (depth > 4.5).all()
    if kind == "juxtavascular":
        assert (gap < 5).all()


def test_nodules_lie_apart_and_in_the_box() -> None:
    lung, rng = empty_lung(), np.random.default_rng(1)
    nodules = paint_nodules(rng, lung, 5)
    small = paint_micronodules(rng, lung, 3, nodules)
    assert len(nodules) >= 2
    assert all(one.diameter < 3 for one in small)
    assert all(3.5 <= one.diameter <= 25 for one in nodules)
    every = [*nodules, *small]
    for index, one in enumerate(every):
        assert all(0 <= c < n for c, n in zip(one.centre, SHAPE, strict=True))
        for other in every[:index]:
            assert np.linalg.norm(np.subtract(one.centre, other.centre)) > (one.diameter + other.diameter) / 2


def test_a_made_lung_is_mostly_lung_with_dense_walls() -> None:
    lung = make_lung(np.random.default_rng(5), SHAPE)
    within, beyond = lung.image[lung.depth > 3], lung.image[lung.depth < -3]
    assert -950 < np.median(within) < -750
    assert not beyond.size or np.median(beyond) > -150
    assert (lung.image[(lung.vessel < -1) & (lung.depth > 3)] > -400).mean() > 0.9


def test_a_smooth_field_has_unit_deviation_and_its_wavelength() -> None:
    field = smooth_field(np.random.default_rng(0), (60, 60, 60), 5.0)
    assert field.std() == pytest.approx(1, abs=0.15)
    steps = np.abs(np.diff(field, axis=0)).mean()
    assert steps == pytest.approx(
        np.abs(np.diff(smooth_field(np.random.default_rng(0), (60, 60, 60), 10.0), axis=0)).mean() * 2, rel=0.25
    )
