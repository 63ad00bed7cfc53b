"""Where a voxel grid lies in the patient: spacing, origin and direction, as SimpleITK keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsInt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medssl.errors import BadInput

if TYPE_CHECKING:
    import SimpleITK

Triple = tuple[float, float, float]
Ints = tuple[int, int, int]
IDENTITY: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def three_ints(values: Iterable[SupportsInt]) -> Ints:
    """Three numbers, such as a shape in an array, as a tuple of three ints; fractions are cut off."""
    z, y, x = (int(value) for value in values)
    return z, y, x


@dataclass(frozen=True)
class Geometry:
    """Spacing (mm), origin (mm) and direction cosines of a voxel grid, in SimpleITK's (x, y, z) order and LPS world.

    A voxel index (i, j, k) along (x, y, z) lies at ``origin + D @ (spacing * (i, j, k))``, where D is `direction`
    read as a 3 x 3 matrix row by row: its columns are the world directions of the grid's axes. World axes point to
    the patient's Left, Posterior and Superior. Arrays are indexed (z, y, x).

    Raises
    ------
    BadInput
        A spacing that is not positive and finite, or a direction that is not a rotation (or reflection).
    """

    spacing: Triple = (1.0, 1.0, 1.0)
    origin: Triple = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = IDENTITY

    def __post_init__(self) -> None:
        for name, count in (("spacing", 3), ("origin", 3), ("direction", 9)):
            values = tuple(float(v) for v in getattr(self, name))
            if len(values) != count or not np.isfinite(values).all():
                raise BadInput(f"The {name} must be {count} finite numbers, not {values}.")
            object.__setattr__(self, name, values)
        if min(self.spacing) <= 0:
            raise BadInput(f"The voxel spacing {self.spacing} is not positive; repair the header first.")
        if not np.allclose(self.matrix.T @ self.matrix, np.eye(3), atol=1e-3):
            raise BadInput("The direction matrix is not made of three perpendicular unit vectors.")

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Direction cosines as a (3, 3) matrix; columns are the world directions of the x, y and z axes."""
        return np.array(self.direction, dtype=float).reshape(3, 3)

    @property
    def spacing_zyx(self) -> Triple:
        """Spacing in mm in array order (z, y, x)."""
        return (self.spacing[2], self.spacing[1], self.spacing[0])

    @property
    def affine(self) -> NDArray[np.float64]:
        """(4, 4) matrix from (i, j, k) along (x, y, z) to LPS mm."""
        affine = np.eye(4)
        affine[:3, :3] = self.matrix * np.array(self.spacing)
        affine[:3, 3] = self.origin
        return affine

    def world(self, indices: ArrayLike) -> NDArray[np.float64]:
        """LPS mm (x, y, z), shape (..., 3), of array indices (z, y, x), shape (..., 3); fractions are allowed."""
        xyz = np.asarray(indices, dtype=float)[..., ::-1]
        points: NDArray[np.float64] = xyz @ self.affine[:3, :3].T + np.array(self.origin)
        return points

    def indices(self, world: ArrayLike) -> NDArray[np.float64]:
        """Array indices (z, y, x), fractional, shape (..., 3), of LPS mm points, shape (..., 3)."""
        offset = np.asarray(world, dtype=float) - np.array(self.origin)
        xyz: NDArray[np.float64] = offset @ np.linalg.inv(self.affine[:3, :3]).T
        return xyz[..., ::-1]

    def corners(self, shape: Sequence[int]) -> NDArray[np.float64]:
        """LPS mm of the eight corner voxels' centres of an array of `shape` (z, y, x): shape (8, 3)."""
        ends = [(0, n - 1) for n in shape]
        return self.world([(z, y, x) for z in ends[0] for y in ends[1] for x in ends[2]])

    def same_grid(self, other: Geometry, tolerance: float = 1e-3) -> bool:
        """Whether both place the same index at the same point, within `tolerance` mm near the origin."""
        return bool(
            np.allclose(self.affine[:3, :3], other.affine[:3, :3], atol=tolerance)
            and np.allclose(self.origin, other.origin, atol=tolerance)
        )

    @classmethod
    def from_image(cls, image: SimpleITK.Image) -> Geometry:
        """The geometry of a three-dimensional SimpleITK image."""
        return cls(image.GetSpacing(), image.GetOrigin(), image.GetDirection())

    def apply_to(self, image: SimpleITK.Image) -> None:
        """Give a three-dimensional SimpleITK image this geometry."""
        image.SetSpacing(self.spacing)
        image.SetOrigin(self.origin)
        image.SetDirection(self.direction)

    @classmethod
    def from_spacing(cls, spacing_zyx: Sequence[float]) -> Geometry:
        """An axis-aligned geometry at the origin from a spacing in array order (z, y, x), in mm."""
        z, y, x = spacing_zyx
        return cls(spacing=(x, y, z))
