"""Measuring a nodule as radiologists do: long and short axis on the slice where it is largest, and its volume.

MacMahon et al., Guidelines for management of incidental pulmonary nodules detected on CT images: from the Fleischner
Society 2017, Radiology 284 (2017): long and short axis on the same slice, reported with their mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, prod

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from napari_medssl.errors import BadInput
from napari_medssl.nodules.finding import Nodule

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A nodule's size.

    Attributes
    ----------
    long_mm, short_mm : the longest diameter on the slice, and the largest one at right angles to it
    volume_ml
    slice : along the measured axis, where the nodule's area is largest; None for a ball
    long_axis, short_axis : ends of the two lines: two points (z, y, x) in voxels each; None for a ball
    """

    long_mm: float
    short_mm: float
    volume_ml: float
    slice: int | None = None
    long_axis: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
    short_axis: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None

    @property
    def mean_mm(self) -> float:
        return (self.long_mm + self.short_mm) / 2


def measure(
    nodule: Nodule | None = None, mask: NDArray[np.generic] | None = None, *,
    spacing: Sequence[float] | None = None, axis: int = 0,
) -> Measured:  # fmt: skip
    """Long and short axis and volume of a nodule: of its mask or, where there is none, of its ball.

    Parameters
    ----------
    nodule : its ball, for which both axes are the diameter
    mask : (z, y, x), not 0 in the nodule; goes before the ball
    spacing : mm (z, y, x) of the mask
    axis : across the slices that are measured on; 0 is axial in most files

    Raises
    ------
    BadInput
        Neither a mask nor a ball, an empty mask, or no spacing for it.
    """
    if mask is None:
        if nodule is None or np.isnan(nodule.diameter):
            raise BadInput("There is nothing to measure: the nodule has neither a mask nor a diameter.")
        return Measured(nodule.diameter, nodule.diameter, pi / 6 * nodule.diameter**3 / 1000)
    if spacing is None or len(spacing) != 3 or min(spacing) <= 0:
        raise BadInput("A mask needs its spacing in mm (z, y, x) to be measured.")
    if mask.ndim != 3 or axis not in (0, 1, 2):
        raise BadInput(f"A mask to measure must have three dimensions, not {mask.ndim}.")
    inside = np.asarray(mask) != 0
    areas = inside.sum(axis=tuple({0, 1, 2} - {axis}))
    if not areas.any():
        raise BadInput("The nodule's mask is empty, so there is nothing to measure.")
    # Of several slices with the largest area the middle one.
    widest = np.flatnonzero(areas == areas.max())
    at = int(widest[len(widest) // 2])
    sides = [float(side) for number, side in enumerate(spacing) if number != axis]
    corners = _outline(inside.take(at, axis), sides)
    long_ends, short_ends = _longest(corners), _across(corners)

    def in_voxels(ends: Points) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        first, last = (np.insert(end / sides, axis, at).tolist() for end in ends)
        return (first[0], first[1], first[2]), (last[0], last[1], last[2])

    return Measured(
        float(np.linalg.norm(long_ends[1] - long_ends[0])), float(np.linalg.norm(short_ends[1] - short_ends[0])),
        float(areas.sum()) * prod(spacing) / 1000, at, in_voxels(long_ends), in_voxels(short_ends),
    )  # fmt: skip


def _outline(slice_: NDArray[np.bool_], sides: Sequence[float]) -> Points:
    """Corners of the convex outline of a slice's voxels, in order, in mm from the middle of its first voxel."""
    cells = np.argwhere(slice_)
    # Midpoints of the voxels' edges instead of their corners: staircases would lengthen every oblique diameter.
    steps = np.array([(-0.5, 0.0), (0.5, 0.0), (0.0, -0.5), (0.0, 0.5)])
    points = (cells[:, None] + steps).reshape(-1, 2) * np.array(sides)
    try:
        corners: Points = points[ConvexHull(points).vertices]
    except QhullError:  # pragma: no cover - edges around a voxel always span a surface
        corners = points
    return corners


def _longest(corners: Points) -> Points:
    """The two corners (2, 2) that lie furthest apart."""
    apart = ((corners[:, None] - corners[None]) ** 2).sum(axis=-1)
    first, last = np.unravel_index(int(apart.argmax()), apart.shape)
    found: Points = corners[[first, last]]
    return found


def _across(corners: Points) -> Points:
    """Ends (2, 2) of the longest line within a convex outline at right angles to its longest one."""
    first, last = _longest(corners)
    along = (last - first) / np.linalg.norm(last - first)
    normal = np.array([-along[1], along[0]])
    s, t = (corners - first) @ along, (corners - first) @ normal
    # The width as a function of the place along the long axis is concave and bends only at corners.
    best = (0.0, float(s[0]), 0.0, 0.0)
    around_s, around_t = np.append(s, s[0]), np.append(t, t[0])
    for place in s:
        hits = []
        for i in range(len(s)):
            a, b = around_s[i], around_s[i + 1]
            if min(a, b) - 1e-9 <= place <= max(a, b) + 1e-9:
                share = 0.0 if a == b else (place - a) / (b - a)
                hits.append(around_t[i] + share * (around_t[i + 1] - around_t[i]))
                hits += [around_t[i + 1]] if a == b else []
        width = max(hits) - min(hits)
        if width > best[0]:
            best = (float(width), float(place), float(min(hits)), float(max(hits)))
    _, place, low, high = best
    return np.stack([first + place * along + low * normal, first + place * along + high * normal])
