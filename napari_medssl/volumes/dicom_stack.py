"""From the positions of a series' slices to an order, a geometry, and what to say about gaps, tilt and copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.volumes.geometry import Geometry

_SAME_PLACE_MM = 1e-3
_EVEN = 0.2  # slices closer than this fraction of the spacing to an even grid are rounding, not gaps


@dataclass(frozen=True)
class Stack:
    """Slices in order.

    Attributes
    ----------
    places : for each place along the stack, the indices of the slices that lie there, in the order they came
    geometry : of the volume that has one slice a place
    notes : sentences about gaps, uneven spacing and tilt
    """

    places: tuple[tuple[int, ...], ...]
    geometry: Geometry
    notes: tuple[str, ...]


def stack_slices(
    positions: Sequence[Sequence[float]],
    orientation: Sequence[float],
    pixel_spacing: Sequence[float],
    thickness: float = 0.0,
) -> Stack:
    """Order slices along their normal and find the even grid that fits them.

    The grid is the one ITK's series reader takes: it begins at the first slice and ends at the last, with the mean
    distance between. Nothing is resampled or filled in; where slices lie off that grid, the notes say by how much.

    Parameters
    ----------
    positions : (n, 3) LPS mm of each slice's first voxel
    orientation : direction of a row (3) and of a column (3)
    pixel_spacing : mm between rows, and between columns
    thickness : mm, the spacing across where there is only one place; 1 mm where it is 0

    Raises
    ------
    BadInput
        A row and a column that are not perpendicular; the text is the end of a sentence, for the caller to begin.
    """
    points = np.asarray(positions, dtype=float)
    axes = slice_axes(orientation)
    along = points @ axes[:, 2]
    order = np.argsort(along, kind="stable")
    places = _group(along, order)
    first = points[places[0][0]]
    heights = np.array([along[place[0]] for place in places]) - along[places[0][0]]
    count = len(places)
    notes: list[str] = []
    if count > 1:
        step = float(heights[-1] / (count - 1))
        notes += _gap_notes(heights)
        notes += _tilt_notes(points[[place[0] for place in places]] - first, axes, min(pixel_spacing))
    else:
        step = thickness if thickness > 0 else 1.0
        if thickness <= 0:
            notes.append("The image holds one slice and does not state its thickness; 1 mm was assumed.")
    rows, columns = pixel_spacing
    geometry = Geometry((columns, rows, step), tuple(first), tuple(axes.ravel()))
    return Stack(places, geometry, tuple(notes))


def slice_axes(orientation: Sequence[float]) -> NDArray[np.float64]:
    """Direction cosines as a (3, 3) matrix: a row's direction, a column's, and the normal."""
    row, column = np.array(orientation[:3], dtype=float), np.array(orientation[3:6], dtype=float)
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if min(lengths) < 0.5 or abs(row @ column) > 1e-2 * lengths[0] * lengths[1]:
        raise BadInput("the directions of its rows and columns are not perpendicular")
    row = row / lengths[0]
    column = column - row * (row @ column)
    column = column / np.linalg.norm(column)
    return np.column_stack([row, column, np.cross(row, column)])


def _group(along: NDArray[np.float64], order: NDArray[np.intp]) -> tuple[tuple[int, ...], ...]:
    places: list[list[int]] = []
    for index in order.tolist():
        if places and along[index] - along[places[-1][0]] <= _SAME_PLACE_MM:
            places[-1].append(index)
        else:
            places.append([index])
    return tuple(tuple(sorted(place)) for place in places)


def _gap_notes(heights: NDArray[np.float64]) -> list[str]:
    gaps = np.diff(heights)
    usual = float(np.median(gaps))
    even = np.linspace(0.0, heights[-1], len(heights))
    off = float(np.abs(heights - even).max())
    if off <= _EVEN * usual and gaps.max() < 1.5 * usual:
        return []
    consequence = f"The slices were kept as they are, as if evenly spaced, so some lie up to {off:.3g} mm off."
    wide = [i for i, gap in enumerate(gaps) if gap > 1.5 * usual]
    whole = [round(gaps[i] / usual) for i in wide]
    missing = wide and all(abs(gaps[i] / usual - k) <= 0.2 for i, k in zip(wide, whole, strict=True))
    if missing and all(abs(gaps[i] - usual) <= 0.2 * usual for i in range(len(gaps)) if i not in wide):
        lost = sum(whole) - len(whole)
        slices = "1 slice is" if lost == 1 else f"{lost} slices are"
        where = _listed([f"{i} and {i + 1} (a gap of {gaps[i]:.3g} mm)" for i in wide])
        return [f"{slices} missing between slices {where}, where {usual:.3g} mm is usual. {consequence}"]
    widest = int(np.argmax(gaps))
    return [
        f"The slices are unevenly spaced, {gaps.min():.3g} to {gaps.max():.3g} mm apart "
        f"(the widest gap is between slices {widest} and {widest + 1}). {consequence}"
    ]


def _tilt_notes(offsets: NDArray[np.float64], axes: NDArray[np.float64], pixel: float) -> list[str]:
    sideways = np.linalg.norm(offsets @ axes[:, :2], axis=1)
    drift = float(sideways.max())
    if drift <= 0.5 * pixel:
        return []
    height = float(offsets[-1] @ axes[:, 2])
    angle = float(np.degrees(np.arctan2(sideways[-1], height)))
    return [
        f"The slices are stacked at a slant of {angle:.3g} degrees, as with a tilted gantry; "
        f"they were stacked straight, so some lie up to {drift:.3g} mm from their true place."
    ]


def _listed(parts: list[str], most: int = 3) -> str:
    shown = parts[:most]
    rest = len(parts) - most
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")
