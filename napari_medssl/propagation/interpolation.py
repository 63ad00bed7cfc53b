"""Shape interpolation: the outline between two drawn outlines, from signed distances, without the image.

Source: Raya, Udupa, "Shape-based interpolation of multidimensional objects", IEEE TMI 1990. Added here: pieces that
belong together are moved onto each other before their distances are mixed, so that a vessel that runs obliquely does
not vanish between two slices in which its sections do not overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import connected_components

from napari_medssl.propagation.region import Box, bounding_box
from napari_medssl.propagation.seeds import Mask

Distances = NDArray[np.float32]
_EIGHT = np.ones((3, 3), dtype=bool)


class ShapeBetween:
    """The shape between two drawn masks of one label.

    Parameters
    ----------
    first, second : 2D masks of one shape, both with some pixels
    spacing : mm per row and per column
    aligned : move pieces that belong together onto each other; False is the plain method of the source

    Attributes
    ----------
    likeness : Dice (0..1) of the two masks once their pieces lie on each other
    """

    def __init__(
        self, first: Mask, second: Mask, spacing: Sequence[float] = (1.0, 1.0), *, aligned: bool = True
    ) -> None:
        self.shape = first.shape
        self.spacing = (float(spacing[0]), float(spacing[1]))
        top, bottom, left, right = bounding_box(first | second)
        within = slice(top, bottom), slice(left, right)
        both = first[within], second[within]
        matched = _matched(*both, self.spacing) if aligned else [(*both, np.zeros(2))]
        # Room for the farthest way, so that no distance has to be guessed when the pieces are moved.
        self._room = 1 + int(np.ceil(max(np.abs(way).max() for _, _, way in matched)))
        self._corner = top - self._room, left - self._room
        self._pieces = [_Piece(self._distances(one), self._distances(other), way) for one, other, way in matched]
        shared = sum(piece.shared() for piece in self._pieces)
        self._areas = int(first.sum()), int(second.sum())
        self.likeness = 2 * shared / sum(self._areas)

    def distances(self, fraction: float) -> tuple[Box, Distances]:
        """Signed distances (mm, positive inside) in a box of the slice, from the first mask (0) to the second (1).

        Outside the box every pixel is outside the shape.
        """
        found = np.maximum.reduce([piece.at(fraction) for piece in self._pieces])
        top, left = self._corner
        box = (
            max(0, top),
            min(self.shape[0], top + found.shape[0]),
            max(0, left),
            min(self.shape[1], left + found.shape[1]),
        )
        return box, found[box[0] - top : box[1] - top, box[2] - left : box[3] - left]

    def radius(self, fraction: float) -> float:
        """Radius (mm) of a disk as large as the shape is expected to be."""
        pixels = (1 - fraction) * self._areas[0] + fraction * self._areas[1]
        return float(np.sqrt(pixels * self.spacing[0] * self.spacing[1] / np.pi))

    def mask(self, fraction: float) -> Mask:
        """The shape in the whole slice; at 0 and 1 the drawn masks themselves."""
        (top, bottom, left, right), found = self.distances(fraction)
        full = np.zeros(self.shape, dtype=bool)
        full[top:bottom, left:right] = found > 0
        return full

    def _distances(self, mask: Mask) -> Distances | None:
        return signed_distances(np.pad(mask, self._room), self.spacing) if mask.any() else None


@dataclass(frozen=True)
class _Piece:
    """Pieces of either mask that belong together: their signed distances (mm; None where there is none), and the way
    (rows, columns) from the first to the second."""

    first: Distances | None
    second: Distances | None
    way: NDArray[np.float64]

    def shared(self) -> int:
        """Pixels that both have when the first is moved onto the second."""
        if self.first is None or self.second is None:
            return 0
        return int(((_moved(self.first, self.way) > 0) & (self.second > 0)).sum())

    def at(self, fraction: float) -> Distances:
        if self.first is not None and self.second is not None:
            ahead, back = _moved(self.first, fraction * self.way), _moved(self.second, (fraction - 1) * self.way)
            return (1 - np.float32(fraction)) * ahead + np.float32(fraction) * back
        # One without a partner shrinks away.
        if self.first is not None:
            return _shrunk(self.first, fraction)
        assert self.second is not None
        return _shrunk(self.second, 1 - fraction)


def signed_distances(mask: Mask, spacing: Sequence[float]) -> Distances:
    """Distance (mm) of each pixel of a 2D mask from its edge, positive inside.

    The mask has true and false pixels; `spacing` is mm per row and per column.
    """
    inside = ndimage.distance_transform_edt(mask, sampling=spacing)
    outside = ndimage.distance_transform_edt(~mask, sampling=spacing)
    signed: Distances = (inside - outside).astype(np.float32)
    return signed


def _matched(first: Mask, second: Mask, spacing: tuple[float, float]) -> list[tuple[Mask, Mask, NDArray[np.float64]]]:
    """Which pieces of two masks belong together, and the way (rows, columns) between their centroids.

    Pieces that overlap belong together, in chains; those that overlap none are paired with the nearest such one of the
    other mask. What is left has no partner.
    """
    (pieces, n), (others, m) = ndimage.label(first, _EIGHT), ndimage.label(second, _EIGHT)
    if n == 1 and m == 1:
        return [(first, second, _centroid(second) - _centroid(first))]
    joined = np.zeros((n + m, n + m), dtype=bool)
    for i, j in {(int(i), int(j)) for i, j in zip(pieces[first & second], others[first & second], strict=True)}:
        joined[i - 1, n + j - 1] = True
    lone = np.flatnonzero(~(joined | joined.T).any(axis=0))
    ahead, back = [i for i in lone if i < n], [j for j in lone if j >= n]
    if ahead and back:
        apart = np.array(
            [
                [np.hypot(*((_centroid(others == j - n + 1) - _centroid(pieces == i + 1)) * spacing)) for j in back]
                for i in ahead
            ]
        )
        for row, column in zip(*linear_sum_assignment(apart), strict=True):
            joined[ahead[row], back[column]] = True
    count, group = connected_components(joined, directed=False)
    matched = []
    for number in range(count):
        members = np.flatnonzero(group == number) + 1
        one, other = np.isin(pieces, members[members <= n]), np.isin(others, members[members > n] - n)
        way = _centroid(other) - _centroid(one) if one.any() and other.any() else np.zeros(2)
        matched.append((one, other, way))
    return matched


def _shrunk(distances: Distances, by: float) -> Distances:
    shrunk: Distances = distances - np.float32(by) * distances.max()
    return shrunk


def _moved(distances: Distances, by: NDArray[np.float64]) -> Distances:
    """Distances moved by so many rows and columns; beyond the edge the edge is continued."""
    if not by.any():
        return distances
    moved: Distances = ndimage.shift(distances, by, order=1, mode="nearest")
    return moved


def _centroid(mask: Mask) -> NDArray[np.float64]:
    """(row, column) of the middle of a mask that has some pixels."""
    return np.array([axis.mean() for axis in np.nonzero(mask)])
