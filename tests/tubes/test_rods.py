"""Straight rods in any direction are one branch, forks three, also on grids with thick slices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from napari_medssl.tubes import Branch, branches, refine_mask

Vector = np.ndarray


def rod(places: Vector, start: Vector, end: Vector, radius: float) -> np.ndarray:
    """Voxels within a radius of a straight line."""
    along = np.asarray(end) - start
    part = np.clip((places - start) @ along / (along @ along), 0, 1)
    return ((places - start - part[..., None] * along) ** 2).sum(-1) <= radius**2


def measured(mask: np.ndarray, spacing: Vector) -> list[Branch]:
    return branches(refine_mask(mask, spacing=tuple(spacing)), spacing=tuple(spacing))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from((1.0, 2.0, 3.3, 5.0, 10.0)), st.integers(0, 2), st.floats(0.7, 1.2))
@example(5, 10.0, 0, 1.2)
def test_a_rod_is_one_branch(seed: int, thick: float, axis: int, wide: float) -> None:
    rng = np.random.default_rng(seed)
    spacing = np.ones(3)
    spacing[axis] = thick
    spacing *= rng.uniform(0.5, 1)
    radius = max(wide * spacing.max(), 2.5 * spacing.min())
    length = 12 * radius
    direction = rng.normal(size=3)
    direction /= np.linalg.norm(direction)
    half = np.abs(direction) * length / 2 + radius + 2 * spacing
    shape = np.ceil(2 * half / spacing).astype(int) + 1
    places = np.moveaxis(np.indices(shape), 0, -1) * spacing - spacing * (shape - 1) / 2 - rng.uniform(-0.5, 0.5, 3)
    found = measured(rod(places, -direction * length / 2, direction * length / 2, radius), spacing)
    assert len(found) == 1


def fork(turn: Vector, spacing: Vector, size: int = 70) -> list[Branch]:
    """Three rods from the middle of a box, in one plane and 120 degrees apart, all turned."""
    shape = np.ceil(size / spacing).astype(int)
    places = np.moveaxis(np.indices(shape), 0, -1) * spacing - size / 2
    mask = np.zeros(shape, bool)
    for angle, radius in ((0.0, 4.5), (2 * np.pi / 3, 3.5), (-2 * np.pi / 3, 3.5)):
        mask |= rod(places, np.zeros(3), turn @ (0, 26 * np.sin(angle), 26 * np.cos(angle)), radius)
    return measured(mask, spacing)


def turned(about: int, degrees: float) -> Vector:
    a, (i, j) = np.radians(degrees), [axis for axis in range(3) if axis != about]
    turn = np.eye(3)
    turn[i, i] = turn[j, j] = np.cos(a)
    turn[i, j], turn[j, i] = -np.sin(a), np.sin(a)
    return turn


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.1, 0.9)])
def test_a_fork_has_three_branches_however_it_is_turned(spacing: tuple[float, ...]) -> None:
    tables = [fork(turn, np.asarray(spacing)) for turn in (np.eye(3), turned(1, 35) @ turned(0, 50))]
    for found in tables:
        assert [one.parent for one in found] == [None, 1, 1]
        assert [one.mean_radius for one in found] == pytest.approx([4.5, 3.5, 3.5], abs=0.3 + 0.3 * max(spacing))
