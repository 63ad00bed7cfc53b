"""The voxel grid of a phantom and the patient's own deformation of a reference anatomy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.volumes.geometry import Geometry
from napari_medssl.volumes.phantoms.fields import Floats, SmoothField, generator

Vectors = tuple[Floats, Floats, Floats]


@dataclass(frozen=True)
class Grid:
    """Voxels (z, y, x) of `spacing` mm around `centre` (z, y, x) mm; axes point to head, posterior and left (LPS)."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    centre: tuple[float, float, float]

    @classmethod
    def checked(cls, shape: Sequence[int], spacing: Sequence[float], centre: tuple[float, float, float]) -> Grid:
        """A grid from what a caller gave.

        Raises
        ------
        BadInput
            A shape or spacing that is not three positive numbers.
        """
        if len(shape) != 3 or min(shape) < 1:
            raise BadInput(f"The shape must be three positive numbers (z, y, x), not {tuple(shape)}.")
        if len(spacing) != 3 or not np.isfinite(spacing).all() or min(spacing) <= 0:
            raise BadInput(f"The spacing must be three positive numbers (z, y, x) in mm, not {tuple(spacing)}.")
        nz, ny, nx = (int(n) for n in shape)
        sz, sy, sx = (float(s) for s in spacing)
        return cls((nz, ny, nx), (sz, sy, sx), centre)

    def axis(self, index: int) -> Floats:
        """Voxel centres in mm along one axis."""
        n = self.shape[index]
        return (self.centre[index] + (np.arange(n) - (n - 1) / 2) * self.spacing[index]).astype(np.float32)

    @property
    def geometry(self) -> Geometry:
        z, y, x = (c - (n - 1) / 2 * s for c, n, s in zip(self.centre, self.shape, self.spacing, strict=True))
        return Geometry(spacing=self.spacing[::-1], origin=(x, y, z))


class Body:
    """One patient: scales and bends the reference anatomy.

    Parameters
    ----------
    seed : the patient
    scale : size along (z, y, x) relative to the reference
    bend : {length in mm: displacement in mm} of the smooth random deformation
    """

    def __init__(self, seed: int, scale: Sequence[float], bend: dict[float, float]) -> None:
        self.scale = np.asarray(scale, dtype=float)
        self._fields = [
            [(np.float32(amount), SmoothField(generator(seed, "bend", length, axis), length)) for axis in "zyx"]
            for length, amount in bend.items()
        ]
        self.reach = 4.0 * sum(bend.values())

    def reference(self, z: Floats, y: Floats, x: Floats) -> Vectors:
        """Reference coordinates, each dense (len(z), len(y), len(x)), of the grid spanned by three vectors in mm."""
        dense = []
        for i, axis in enumerate((z[:, None, None], y[None, :, None], x[None, None, :])):
            shift = sum(fields[i][0] * fields[i][1](z, y, x) for fields in self._fields)
            dense.append((shift + axis * np.float32(1 / self.scale[i])).astype(np.float32))
        return dense[0], dense[1], dense[2]

    def place(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where reference points (n, 3) lie in this patient, in mm: the inverse of `reference`."""
        wanted = np.asarray(points, dtype=float)
        placed: NDArray[np.float64] = wanted * self.scale
        for _ in range(6):  # the deformation is gentle, so that the fixed point is reached to a few hundredths of a mm
            shift = np.zeros_like(placed)
            for fields in self._fields:
                for i, (amount, field) in enumerate(fields):
                    shift[:, i] += amount * field.at(placed)
            placed = (wanted - shift) * self.scale
        return placed
