"""The part of a slice that is worked on: a box around the structure, resampled to the model's working resolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Region:
    """A box of slice pixels and the shape it is resampled to.

    Attributes
    ----------
    box : (top, bottom, left, right) in slice pixels, half-open
    shape : (height, width) in working pixels, multiples of the network's stride
    """

    box: Box
    shape: tuple[int, int]

    @property
    def within(self) -> tuple[slice, slice]:
        top, bottom, left, right = self.box
        return slice(top, bottom), slice(left, right)

    def take(self, image: NDArray[np.generic]) -> Tensor:
        """(height, width) slice -> (1, 1, *shape) float32, resampled with antialiasing."""
        return self.resample(torch.from_numpy(np.ascontiguousarray(image[self.within], dtype=np.float32))[None, None])

    def resample(self, boxed: Tensor) -> Tensor:
        return _resize(boxed, self.shape)

    def back(self, maps: Tensor) -> Tensor:
        """(1, maps, *shape) -> (maps, box height, box width)."""
        top, bottom, left, right = self.box
        return _resize(maps, (bottom - top, right - left))[0]


def working_resolution(
    mask: NDArray[np.bool_], spacing: Sequence[float], *, pixels: float | None, finest: float
) -> float:
    """Millimetres per working pixel, so that the drawn structure is about `pixels` across.

    `mask` is a drawn slice, `spacing` its (row, column) spacing in mm. `finest` is how many working pixels the finest
    original pixel may be blown up to. With `pixels` None the slice keeps its own resolution.
    """
    native = min(spacing)
    if pixels is None:
        return native
    top, bottom, left, right = bounding_box(mask)
    across = float(np.sqrt((bottom - top) * spacing[0] * (right - left) * spacing[1]))
    return max(across / pixels, native / finest)


def region_around(
    mask: NDArray[np.bool_],
    spacing: Sequence[float],
    resolution: float | None,
    *,
    margin: float,
    multiple: int,
) -> Region:
    """The region that holds `mask` (2D) with `margin` working pixels around it, cut off at the slice's edge.

    `resolution` is in mm per working pixel; None keeps the slice's own pixels, square or not.
    """
    top, bottom, left, right = bounding_box(mask)
    steps = [1.0, 1.0] if resolution is None else [resolution / s for s in spacing]  # slice pixels per working pixel
    reach = [int(np.ceil(margin * step)) for step in steps]
    top, left = max(0, top - reach[0]), max(0, left - reach[1])
    bottom, right = min(mask.shape[0], bottom + reach[0]), min(mask.shape[1], right + reach[1])
    if resolution is None:  # keep the pixels: widen the box to the multiple instead of resampling by a hair
        shape = (bottom - top, right - left)
        return Region((top, bottom, left, right), (_up(shape[0], multiple), _up(shape[1], multiple)))
    height, width = (bottom - top) / steps[0], (right - left) / steps[1]
    return Region((top, bottom, left, right), (_up(height, multiple), _up(width, multiple)))


def still_inside(region: Region, mask: NDArray[np.bool_], *, margin: float) -> bool:
    """Whether `mask` keeps `margin` working pixels to each side of the region that is not the slice's own edge."""
    top, bottom, left, right = bounding_box(mask)
    r_top, r_bottom, r_left, r_right = region.box
    row = margin * (r_bottom - r_top) / region.shape[0]
    column = margin * (r_right - r_left) / region.shape[1]
    return bool(
        (r_top == 0 or top - r_top >= row)
        and (r_bottom == mask.shape[0] or r_bottom - bottom >= row)
        and (r_left == 0 or left - r_left >= column)
        and (r_right == mask.shape[1] or r_right - right >= column)
    )


def bounding_box(mask: NDArray[np.bool_]) -> Box:
    """(top, bottom, left, right), half-open, of the true pixels of a 2D mask that has some."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _resize(maps: Tensor, shape: tuple[int, int]) -> Tensor:
    if maps.shape[-2:] == shape:
        return maps
    return F.interpolate(maps, shape, mode="bilinear", antialias=True, align_corners=False)


def _up(value: float, multiple: int) -> int:
    return max(multiple, int(np.ceil(value / multiple - 1e-6)) * multiple)
