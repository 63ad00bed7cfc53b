"""Branches of tubes whose lengths, radii and forks are known."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from napari_medssl.errors import BadInput
from napari_medssl.tubes import Branch, branches, refine_mask, write_branches
from napari_medssl.tubes.branching import COLUMNS

Curve = np.ndarray


def tube(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], *curves: tuple[Curve, float | np.ndarray]
) -> np.ndarray:
    """Voxels within a radius of curves of points in mm."""
    places = np.moveaxis(np.indices(shape), 0, -1) * np.array(spacing)
    mask = np.zeros(shape, bool)
    for curve, radius in curves:
        for point, r in zip(curve, np.broadcast_to(radius, len(curve)), strict=True):
            mask |= ((places - point) ** 2).sum(-1) <= r**2
    return mask


def straight(start: tuple[float, ...], end: tuple[float, ...], count: int = 80) -> Curve:
    return np.linspace(start, end, count)


def measured(mask: np.ndarray, spacing: tuple[float, float, float]) -> list[Branch]:
    return branches(refine_mask(mask, spacing=spacing), spacing=spacing)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.7, 0.7)])
@pytest.mark.parametrize("end", [(10.0, 12.0, 48.0), (22.0, 30.0, 44.0)])
def test_a_straight_tube(spacing: tuple[float, float, float], end: tuple[float, ...]) -> None:
    shape = tuple(int(60 / s) for s in (spacing[0] * 1.5, spacing[1], spacing[2]))
    start = (10.0, 12.0, 8.0)
    (one,) = measured(tube(shape, spacing, (straight(start, end), 4.2)), spacing)
    length = float(np.linalg.norm(np.subtract(end, start)))
    assert length - 2 < one.length < length + 9  # it may end inside the round caps, or at their tips
    assert one.mean_radius == pytest.approx(4.2, abs=0.5 * spacing[1] + 0.15)
    assert one.tortuosity < 1.03
    assert one.parent is None
    assert one.ends_freely
    assert one.narrowings == ()


def test_length_and_tortuosity_of_a_bent_tube() -> None:
    angles = np.linspace(0, np.pi, 200)
    arc = np.stack([np.full(200, 9.0), 10 + 30 * np.sin(angles), 45 + 30 * np.cos(angles)], axis=1)
    (one,) = measured(tube((18, 52, 90), (1, 1, 1), (arc, 3.0)), (1.0, 1.0, 1.0))
    assert np.pi * 30 * 0.95 < one.length < np.pi * 30 + 6
    assert one.tortuosity == pytest.approx(np.pi / 2, rel=0.05)
    assert one.volume == pytest.approx(np.pi * 9 * np.pi * 30 + 4 / 3 * np.pi * 27, rel=0.08)


def test_a_fork_has_a_parent_and_two_children() -> None:
    trunk = (straight((12, 40, 5), (12, 40, 45)), 6.0)
    left = (straight((12, 40, 45), (12, 15, 80)), 3.0)
    right = (straight((12, 40, 45), (12, 65, 80)), 3.0)
    found = measured(tube((24, 80, 90), (1, 1, 1), trunk, left, right), (1.0, 1.0, 1.0))
    assert [one.parent for one in found] == [None, 1, 1]
    assert [one.generation for one in found] == [0, 1, 1]
    assert found[0].mean_radius == pytest.approx(6, abs=0.6)
    for child in found[1:]:
        assert child.mean_radius == pytest.approx(3, abs=0.5)
        assert child.length == pytest.approx(np.hypot(25, 35), abs=5)
        assert child.ends_freely
    assert not found[0].ends_freely
    assert {found[1].end[1] > 40, found[2].end[1] > 40} == {True, False}


def test_a_ring_is_one_branch() -> None:
    angles = np.linspace(0, 2 * np.pi, 300)
    ring = np.stack([np.full(300, 8.0), 30 + 20 * np.sin(angles), 30 + 20 * np.cos(angles)], axis=1)
    (one,) = measured(tube((16, 60, 60), (1, 1, 1), (ring, 3.0)), (1.0, 1.0, 1.0))
    assert one.length == pytest.approx(2 * np.pi * 20, rel=0.04)
    assert np.isnan(one.tortuosity)


def test_a_loop_between_two_forks() -> None:
    angles = np.linspace(0, 2 * np.pi, 300)
    ring = np.stack([np.full(300, 8.0), 35 + 20 * np.sin(angles), 50 + 20 * np.cos(angles)], axis=1)
    mask = tube(
        (16, 70, 100), (1, 1, 1), (ring, 3.0), (straight((8, 35, 4), (8, 35, 30)), 3.0),
        (straight((8, 35, 70), (8, 35, 95)), 3.0),
    )  # fmt: skip
    found = measured(mask, (1.0, 1.0, 1.0))
    assert len(found) == 4
    assert sorted(one.generation for one in found) == [0, 1, 1, 2]
    halves = [one for one in found if one.generation == 1]
    assert all(one.length == pytest.approx(np.pi * 20, rel=0.08) for one in halves)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 0.8, 0.8)])
def test_a_narrow_place_is_found(spacing: tuple[float, float, float]) -> None:
    x = np.linspace(6, 84, 200)
    radius = 5 - 2.5 * np.exp(-0.5 * ((x - 45) / 4) ** 2)
    curve = np.stack([np.full(200, 10.0), np.full(200, 10.0), x], axis=1)
    shape = tuple(int(n / s) for n, s in zip((20, 20, 90), spacing, strict=True))
    (one,) = measured(tube(shape, spacing, (curve, radius)), spacing)
    (narrow,) = one.narrowings
    assert narrow.percent == pytest.approx(50, abs=12)
    assert narrow.voxel[2] * spacing[2] == pytest.approx(45, abs=2)
    assert narrow.usual_radius == pytest.approx(5, abs=0.6)


def test_a_taper_is_no_narrowing() -> None:
    x = np.linspace(6, 84, 200)
    curve = np.stack([np.full(200, 10.0), np.full(200, 10.0), x], axis=1)
    (one,) = measured(tube((20, 20, 90), (1, 1, 1), (curve, np.linspace(6, 2, 200))), (1.0, 1.0, 1.0))
    assert one.narrowings == ()
    assert one.start[2] < one.end[2]  # it starts at the thick end


def test_labels_are_kept_apart_and_volumes_add_up() -> None:
    mask = tube((16, 40, 60), (1, 1, 1), (straight((8, 10, 5), (8, 10, 55)), 3.0)).astype(np.uint16)
    mask[tube((16, 40, 60), (1, 1, 1), (straight((8, 28, 5), (8, 28, 55)), 4.0))] = 700
    result = refine_mask(mask)
    found = branches(result)
    assert {one.label for one in found} == {1, 700}
    for one in found:
        assert one.volume == np.count_nonzero(result.labels == one.label)


def test_without_a_mask_the_volume_is_that_of_circles() -> None:
    skeleton = np.zeros((5, 5, 40), bool)
    skeleton[2, 2, 3:34] = True
    (one,) = branches(skeleton, np.where(skeleton, 2.0, 0.0), spacing=(1, 1, 0.5))
    assert one.length == pytest.approx(15)
    assert one.volume == pytest.approx(np.pi * 4 * 15)


def test_a_single_voxel_and_nothing() -> None:
    skeleton = np.zeros((3, 3, 3), bool)
    assert branches(skeleton, np.ones((3, 3, 3))) == []
    skeleton[1, 1, 1] = True
    (one,) = branches(skeleton, np.ones((3, 3, 3)))
    assert (one.length, one.mean_radius, one.start) == (0, 1, (1, 1, 1))


def test_the_table_holds_what_was_measured(tmp_path: Path) -> None:
    x = np.linspace(6, 54, 200)
    curve = np.stack([np.full(200, 8.0), np.full(200, 8.0), x], axis=1)
    found = measured(tube((16, 16, 60), (1, 1, 1), (curve, 4 - 2 * (np.abs(x - 30) < 4))), (1.0, 1.0, 1.0))
    write_branches(tmp_path / "branches.csv", found)
    with (tmp_path / "branches.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert tuple(rows[0]) == COLUMNS
    (row,), (one,) = rows, found
    assert float(row["length_mm"]) == pytest.approx(one.length, rel=1e-3)
    assert float(row["volume_ml"]) == pytest.approx(one.volume / 1000, rel=1e-3)
    assert (row["parent"], row["generation"], row["ends_freely"]) == ("", "0", "1")
    assert float(row["narrowing_percent"]) == pytest.approx(one.narrowings[0].percent, abs=1)


def test_bad_input_is_one_sentence() -> None:
    skeleton = np.ones((2, 2, 2), bool)
    with pytest.raises(BadInput, match="must be the same"):
        branches(skeleton, np.ones((2, 2, 3)))
    with pytest.raises(BadInput, match="above 0"):
        branches(skeleton, np.zeros((2, 2, 2)))
