"""How a network fits a set of scans: voxel size, patch, and where it pools. All of it travels in the model's card.

The rules follow nnU-Net (Isensee et al., Nature Methods 2021): work at the median voxel size; let a patch see about
as far along each axis in mm; pool an axis only while its voxels are not much larger than the others', and look along
it (kernel 3 instead of 1) only then, too.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_medssl.segmentation.intensities import Intensities
from napari_medssl.volumes.geometry import Ints, three_ints

Size = Literal["small", "medium"]
Millimetres = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Voxels = Annotated[int, Field(ge=1, le=1024)]
Kernel = Annotated[int, Field(ge=1, le=3)]
Stride = Annotated[int, Field(ge=1, le=2)]

_CHANNELS: dict[Size, tuple[int, int, int]] = {"small": (16, 128, 4), "medium": (32, 320, 6)}  # first, most, levels
_ANISOTROPIC = 3.0  # coarsest to finest voxel side from which on scans count as stacks of thick slices
_FINER = 0.1  # quantile of thick slices' thickness to work at: the median would throw thin ones away
_MUCH_LARGER = 2.0
_BOTTOM = 4  # fewest voxels along an axis that was pooled
_COARSER = 1.03


class Plan(BaseModel):
    """All that is needed to build a network and use it. Everything is in array order (z, y, x).

    Attributes
    ----------
    spacing : mm that scans are resampled to
    patch : voxels that the network sees at once
    kernels, strides, channels : of each level; the first level's stride is 1
    labels : the label in files of each of the network's outputs but the first, which is the background
    names : {label: what it is}, where that is known
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    spacing: tuple[Millimetres, Millimetres, Millimetres]
    patch: tuple[Voxels, Voxels, Voxels]
    kernels: tuple[tuple[Kernel, Kernel, Kernel], ...] = Field(min_length=1, max_length=8)
    strides: tuple[tuple[Stride, Stride, Stride], ...] = Field(min_length=1, max_length=8)
    channels: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = Field(min_length=1, max_length=8)
    intensities: Intensities
    labels: tuple[Annotated[int, Field(ge=1, lt=2**32)], ...] = Field(min_length=1, max_length=1000)
    names: dict[int, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_together(self) -> Plan:
        if not len(self.kernels) == len(self.strides) == len(self.channels):
            raise ValueError("kernels, strides and channels must be of as many levels")
        if self.strides[0] != (1, 1, 1):
            raise ValueError("the first level must have a stride of 1")
        if any(side % step for side, step in zip(self.patch, np.prod(self.strides, axis=0), strict=True)):
            raise ValueError("the patch must be a multiple of all strides")
        if list(self.labels) != sorted(set(self.labels)):
            raise ValueError("labels must rise")
        return self

    @property
    def outputs(self) -> int:
        return len(self.labels) + 1

    def values(self) -> NDArray[np.unsignedinteger]:
        """(outputs,) the label in files of each output, in the smallest type that holds them."""
        return np.array([0, *self.labels], dtype=np.min_scalar_type(self.labels[-1]))

    def outputs_of(self, labels: NDArray[np.integer]) -> NDArray[np.int64]:
        """Labels as in files -> the network's outputs, of the same shape; labels it does not know are background."""
        known = np.array(self.labels)
        places = np.searchsorted(known, labels).clip(max=len(known) - 1)
        return np.where(known[places] == labels, places + 1, 0)


def make_plan(
    shapes: ArrayLike, spacings: ArrayLike, *, labels: tuple[int, ...], intensities: Intensities, size: Size,
    side: int, most_voxels: float, names: dict[int, str] | None = None,
) -> Plan:  # fmt: skip
    """The plan for scans of these shapes (n, 3) and spacings (n, 3) in mm.

    `side`: a patch has as many voxels as a cube of this side, if scans are that large. `most_voxels`: of a typical
    scan; the spacing is made coarser until it has no more.
    """
    spacing, shape = working_grid(np.asarray(shapes, dtype=float), np.asarray(spacings, dtype=float), most_voxels)
    wanted = patch_shape(spacing, shape, side)
    kernels, strides = levels(wanted, spacing, _CHANNELS[size][2])
    first, most, _ = _CHANNELS[size]
    steps = np.prod(strides, axis=0)
    return Plan(
        spacing=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        patch=three_ints(np.ceil(np.array(wanted) / steps) * steps),
        kernels=tuple(kernels),
        strides=tuple(strides),
        channels=tuple(min(most, first * 2**level) for level in range(len(strides))),
        intensities=intensities,
        labels=labels,
        names=names or {},
    )


def working_grid(
    shapes: NDArray[np.floating], spacings: NDArray[np.floating], most_voxels: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The spacing (3,) in mm to work at, and the shape (3,) that a typical scan then has."""
    spacing = np.median(spacings, axis=0)
    if spacing.max() > _ANISOTROPIC * spacing.min():
        coarse = int(spacing.argmax())
        spacing[coarse] = max(np.quantile(spacings[:, coarse], _FINER), np.delete(spacing, coarse).max())
    extent = np.median(shapes * spacings, axis=0)
    while np.prod(np.maximum(1, extent / spacing)) > most_voxels:
        fine = spacing < spacing.max() / _MUCH_LARGER
        spacing[fine if fine.any() else slice(None)] *= _COARSER
    return np.round(spacing, 4), np.maximum(1, extent / np.round(spacing, 4))


def patch_shape(spacing: NDArray[np.floating], shape: NDArray[np.floating], side: int) -> Ints:
    """The patch that sees as far along each axis in mm, of about ``side ** 3`` voxels, no larger than a scan."""
    most = np.ceil(shape)
    patch = np.zeros(3)
    open_axes = np.ones(3, dtype=bool)
    while open_axes.any():
        room = side**3 / np.prod(np.where(open_axes, 1, patch))
        reach = (room * np.prod(spacing[open_axes])) ** (1 / open_axes.sum())  # mm
        patch[open_axes] = reach / spacing[open_axes]
        full = open_axes & (patch > most)
        if not full.any():
            break
        patch[full] = most[full]
        open_axes &= ~full
    return three_ints(np.maximum(1, np.round(patch)))


def levels(patch: Ints, spacing: NDArray[np.floating], most: int) -> tuple[list[Ints], list[Ints]]:
    """Kernels and strides of each level of a network for a patch."""
    voxels, sides = np.array(patch, dtype=float), np.array(spacing, dtype=float)
    stride: Ints = (1, 1, 1)
    kernels: list[Ints] = []
    strides: list[Ints] = []
    while True:
        strides.append(stride)
        looked_along = sides <= _MUCH_LARGER * sides.min()
        kernels.append(three_ints(np.where(looked_along, 3, 1)))
        large = voxels >= 2 * _BOTTOM
        if len(strides) == most or not large.any():
            return kernels, strides
        pooled = large & looked_along & (sides <= _MUCH_LARGER * sides[large].min())
        if not pooled.any():
            return kernels, strides
        stride = three_ints(np.where(pooled, 2, 1))
        voxels, sides = np.ceil(voxels / stride), sides * stride
