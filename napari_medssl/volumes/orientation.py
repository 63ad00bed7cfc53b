"""Showing a volume the way a radiologist reads it, whatever order its file keeps the voxels in.

A scan is shown with its array's axes running head to foot, front to back, and patient's right to patient's left. A
viewer that draws the last axis rightwards and the one before downwards then shows axial slices in the radiological way
(patient's right at the screen's left, front up) and coronal and sagittal slices with the head up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medssl.volumes.geometry import Geometry, Ints, three_ints

# Unit vectors (LPS) that the displayed axes 0, 1, 2 should come closest to: foot, back, patient's left.
WANTED = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
# Letters of the sides at which a displayed axis begins and ends.
SIDES = (("H", "F"), ("A", "P"), ("R", "L"))
AXIS_LABELS = ("head-foot", "front-back", "right-left")


@dataclass(frozen=True)
class Display:
    """Which axis of the file's array (z, y, x) is shown on each displayed axis, and which of these run backwards.

    Attributes
    ----------
    permutation : the file's array axis shown on displayed axes 0, 1 and 2
    flips : whether displayed axes 0, 1 and 2 run against the file's axis
    """

    permutation: tuple[int, int, int] = (0, 1, 2)
    flips: tuple[bool, bool, bool] = (False, False, False)

    def forward(self, array: Any) -> Any:
        """A view of `array`, whose last three axes are the file's (z, y, x), in display order. Nothing is copied."""
        lead = array.ndim - 3
        order = (*range(lead), *(lead + axis for axis in self.permutation))
        return array.transpose(order)[(slice(None),) * lead + self._steps(self.flips)]

    def back(self, array: Any) -> Any:
        """A view of `array`, whose last three axes are in display order, in the file's order: undoes `forward`."""
        lead = array.ndim - 3
        unflipped = array[(slice(None),) * lead + self._steps(self.flips)]
        return unflipped.transpose((*range(lead), *(lead + int(axis) for axis in np.argsort(self.permutation))))

    def shape(self, file_shape: Sequence[int]) -> Ints:
        """The displayed shape of a volume of `file_shape` (z, y, x)."""
        return three_ints(file_shape[axis] for axis in self.permutation)

    def to_json(self) -> dict[str, list[int] | list[bool]]:
        return {"permutation": list(self.permutation), "flips": list(self.flips)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Display:
        a, b, c = (bool(v) for v in values["flips"])
        return cls(three_ints(values["permutation"]), (a, b, c))

    @staticmethod
    def _steps(flips: Sequence[bool]) -> tuple[slice, ...]:
        return tuple(slice(None, None, -1 if flip else None) for flip in flips)


def array_axes(geometry: Geometry) -> NDArray[np.float64]:
    """Unit vectors (LPS) along which the array's axes (z, y, x) run: shape (3, 3), one row an axis."""
    return geometry.matrix.T[::-1]


def display_for(geometry: Geometry) -> Display:
    """The display in which the axes come closest to head-foot, front-back and right-left.

    Of the six orders, the one with the largest sum of absolute cosines is taken; on a tie (a volume turned by exactly
    45 degrees) the one closest to the file's own order, so that rounding in a header never decides.
    """
    cosines = WANTED @ array_axes(geometry).T

    def fit(order: tuple[int, ...]) -> float:
        # 1e-3 is what Geometry itself tolerates in a direction matrix
        return round(float(sum(abs(cosines[shown, axis]) for shown, axis in enumerate(order))), 3)

    a, b, c = max(permutations(range(3)), key=fit)
    # on the best order's axes no cosine is zero: another order would then have a larger sum
    d, e, f = (bool(cosines[shown, axis] < 0) for shown, axis in enumerate((a, b, c)))
    return Display((a, b, c), (d, e, f))


def displayed_geometry(geometry: Geometry, display: Display, file_shape: Sequence[int]) -> Geometry:
    """The geometry of ``display.forward(array)`` for an `array` of `file_shape` (z, y, x) with `geometry`."""
    ends = [0, 0, 0]
    axes = np.empty((3, 3))
    spacing = np.empty(3)
    for shown, (axis, flip) in enumerate(zip(display.permutation, display.flips, strict=True)):
        ends[axis] = file_shape[axis] - 1 if flip else 0
        axes[shown] = array_axes(geometry)[axis] * (-1 if flip else 1)
        spacing[shown] = geometry.spacing_zyx[axis]
    return geometry_from_axes(axes, spacing, geometry.world(ends))


def file_geometry(shown: Geometry, display: Display, shown_shape: Sequence[int]) -> Geometry:
    """The geometry of ``display.back(array)`` for an `array` of `shown_shape` in display order, lying at `shown`."""
    first = shown.world([n - 1 if flip else 0 for n, flip in zip(shown_shape, display.flips, strict=True)])
    axes = np.empty((3, 3))
    spacing = np.empty(3)
    for position, (axis, flip) in enumerate(zip(display.permutation, display.flips, strict=True)):
        axes[axis] = array_axes(shown)[position] * (-1 if flip else 1)
        spacing[axis] = shown.spacing_zyx[position]
    return geometry_from_axes(axes, spacing, first)


def geometry_from_axes(
    axes: NDArray[np.float64], spacing_zyx: NDArray[np.float64], first_voxel: NDArray[np.float64]
) -> Geometry:
    """A geometry from the array axes' unit vectors (LPS, one a row), spacing in array order and voxel 0's LPS mm."""
    x, y, z = (float(v) for v in spacing_zyx[::-1])
    i, j, k = (float(v) for v in first_voxel)
    return Geometry((x, y, z), (i, j, k), tuple(float(v) for v in axes[::-1].T.ravel()))
