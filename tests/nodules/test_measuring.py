"""Long and short axis and volume of masks against shapes whose size is known and a search over all pairs of voxels."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medssl.errors import BadInput
from napari_medssl.nodules import Nodule, measure

GRID = np.stack(np.meshgrid(np.arange(24), np.arange(60), np.arange(60), indexing="ij"), -1).astype(float)


def ellipsoid(spacing: tuple[float, float, float], half: tuple[float, float, float], angle: float) -> np.ndarray:
    """(z, y, x): half axes in mm along z and, turned by `angle`, in the slice."""
    z, y, x = np.moveaxis((GRID - (12, 30, 30)) * spacing, -1, 0)
    a, b = x * math.cos(angle) + y * math.sin(angle), -x * math.sin(angle) + y * math.cos(angle)
    return (z / half[0]) ** 2 + (a / half[1]) ** 2 + (b / half[2]) ** 2 <= 1


@settings(max_examples=25, deadline=None)
@given(angle=st.floats(0, math.pi), long=st.floats(6, 12), ratio=st.floats(0.4, 0.9))
def test_a_turned_ellipsoid(angle: float, long: float, ratio: float) -> None:
    spacing = (2.0, 0.7, 0.7)
    found = measure(mask=ellipsoid(spacing, (9.0, long, long * ratio), angle), spacing=spacing)
    assert found.slice == 12
    assert found.long_mm == pytest.approx(2 * long, abs=0.8)
    assert found.short_mm == pytest.approx(2 * long * ratio, abs=1.1)
    assert found.volume_ml == pytest.approx(4 / 3 * math.pi * 9 * long * long * ratio / 1000, rel=0.06)
    (_, *start), (_, *end) = found.long_axis
    (_, *low), (_, *high) = found.short_axis
    along, across = np.subtract(end, start) * 0.7, np.subtract(high, low) * 0.7
    assert np.linalg.norm(along) == pytest.approx(found.long_mm)
    assert abs(along @ across) < 1e-6 * found.long_mm * found.short_mm
    assert found.mean_mm == (found.long_mm + found.short_mm) / 2


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12))
def test_any_mask_against_a_search(cells: list[tuple[int, int]]) -> None:
    mask = np.zeros((3, 7, 7), dtype=bool)
    for y, x in cells:
        mask[1, y, x] = True
    found = measure(mask=mask, spacing=(5.0, 1.0, 2.0))
    edges = [(y + dy, (x + dx) * 2) for y, x in cells for dy, dx in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))]
    assert found.long_mm == pytest.approx(max(math.dist(a, b) for a, b in combinations(edges, 2)))
    # No two edges at right angles to the long axis lie further apart than the outline is wide.
    start, end = (np.array(point[1:]) * (1, 2) for point in found.long_axis)
    along = (end - start) / found.long_mm
    for a, b in combinations(edges, 2):
        step = np.subtract(b, a)
        if abs(step @ along) < 1e-9:
            assert np.linalg.norm(step) <= found.short_mm + 1e-6
    assert found.short_mm <= found.long_mm + 1e-9


def test_other_directions_of_slices() -> None:
    mask = np.zeros((9, 9, 9), dtype=bool)
    mask[2:7, 4:6, 3] = True
    found = measure(mask=mask, spacing=(1.0, 1.0, 3.0), axis=2)
    assert found.slice == 3
    assert found.long_mm == pytest.approx(math.hypot(5, 1))
    assert [point[2] for point in found.long_axis] == [3, 3]


def test_a_ball_and_nothing() -> None:
    found = measure(Nodule((0, 0, 0), 10.0))
    assert (found.long_mm, found.short_mm, found.slice) == (10, 10, None)
    assert found.volume_ml == pytest.approx(0.5236, abs=1e-4)
    for wrong in ({}, {"mask": np.zeros((3, 3, 3)), "spacing": (1, 1, 1)}, {"mask": np.ones((3, 3, 3))}):
        with pytest.raises(BadInput):
            measure(**wrong)
    with pytest.raises(BadInput):
        measure(Nodule((0, 0, 0), math.nan))
