"""How far inside a tube a voxel lies: formulas (1) and (2) of the deep distance transform, and its classes."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_medssl.errors import BadInput
from napari_medssl.metrics.masks import as_labels, as_mask, as_spacing, bounding_box

Mask = NDArray[np.bool_]
Distances = NDArray[np.float32]

_RANK = {6: 1, 18: 2, 26: 3}  # SciPy's name for a neighbourhood
_TIE = 1e-4  # distances are computed with seven digits; those so near to a half count as a half
_THREADS = 2


def distance_classes(
    mask: ArrayLike,
    *,
    spacing: Sequence[float] | None = None,
    bin_mm: float | None = None,
    neighbourhood: int = 6,
) -> NDArray[np.int32]:
    """Formula (2), rounded to the nearest integer: the distance class of each voxel of a tube.

    The surface (formula (1)) are the voxels of the mask with a neighbour outside it; they and the background have
    class 0. Other voxels of the mask have their Euclidean distance, between voxel centres, to the nearest voxel of the
    surface. Halves are rounded to the even number. What lies beyond the array is no neighbour, so that the cut end of a
    tube is not a surface; a mask that fills its whole array has no surface of its own and gets the array's.

    Parameters
    ----------
    mask : (z, y, x) booleans or labels; everything that is not 0 is the tube
    spacing : mm in array order. None: distances and classes in voxels.
    bin_mm : width of a class in mm; None: 1 mm. Only together with `spacing`.
    neighbourhood : 6, 18 or 26 neighbours

    Returns
    -------
    (z, y, x) int32; all 0 for an empty mask

    Raises
    ------
    BadInput
        The array holds no labels or is not 3D, or the spacing, the width or the neighbourhood is none.

    References
    ----------
    Y. Wang et al., Deep Distance Transform for Tubular Structure Segmentation in CT Scans, CVPR 2020, (1) and (2).
    """
    if bin_mm is not None and (spacing is None or not isfinite(bin_mm) or bin_mm <= 0):
        raise BadInput("bin_mm must be a number of mm above 0, and needs the spacing.")
    tube = as_tube(mask)
    distances = surface_distance(tube, spacing=spacing, neighbourhood=neighbourhood)
    return rounded(distances / np.float32(bin_mm or 1.0))


def rounded(distances: Distances) -> NDArray[np.int32]:
    """To the nearest integer, halves to the even one, blind to the last digits of 32-bit numbers."""
    halves = np.floor(distances) + np.float32(0.5)
    steady = np.where(np.abs(distances - halves) < _TIE * np.maximum(halves, 1), halves, distances)
    return np.rint(steady).astype(np.int32)


def surface_distance(tube: Mask, *, spacing: Sequence[float] | None = None, neighbourhood: int = 6) -> Distances:
    """Formula (2) before rounding: (z, y, x) float32, in mm with a `spacing` and in voxels without."""
    steps = steps_of(spacing, tube.ndim)
    if neighbourhood not in _RANK:
        raise BadInput(f"The neighbourhood must be 6, 18 or 26 voxels, not {neighbourhood}.")
    distances = np.zeros(tube.shape, np.float32)
    box = bounding_box(tube)
    if box is None:
        return distances
    within = grown(box, tube.shape)  # one voxel more, since the neighbours there count
    around = ndimage.generate_binary_structure(tube.ndim, _RANK[neighbourhood])
    inner = ndimage.binary_erosion(tube[within], around, border_value=0 if tube.all() else 1)
    part = edt_mm(inner, steps)
    distances[within] = np.where(inner, part, 0)
    return distances


def edt_mm(mask: Mask, steps: Sequence[float], *, border: bool = False) -> Distances:
    """Distance in mm of each voxel of `mask` to the nearest voxel outside it; with `border` the array's rim is outside.

    Infinite where there is nothing outside.
    """
    import edt

    solid = np.ascontiguousarray(mask).view(np.uint8)  # twice as quick as booleans
    found: Distances = edt.edt(solid, anisotropy=tuple(steps), black_border=border, parallel=_THREADS)
    return found


def as_tube(mask: ArrayLike) -> Mask:
    """A mask as (z, y, x) booleans.

    Raises
    ------
    BadInput
        It is not three-dimensional or does not hold labels.
    """
    tube = as_mask(as_labels(mask, "mask"), None)
    if tube.ndim != 3 or 0 in tube.shape:
        raise BadInput(f"The mask must have three dimensions (z, y, x), not the shape {tube.shape}.")
    return tube


def steps_of(spacing: Sequence[float] | None, ndim: int = 3) -> tuple[float, ...]:
    """The spacing in mm in array order; ones for None, which makes a voxel the unit."""
    return (1.0,) * ndim if spacing is None else as_spacing(spacing, ndim)


def grown(box: tuple[slice, ...], shape: tuple[int, ...], by: Sequence[int] | int = 1) -> tuple[slice, ...]:
    """A box that is larger by so many voxels on each side, as far as the array reaches."""
    margins = [by] * len(shape) if isinstance(by, int) else by
    return tuple(
        slice(max(part.start - m, 0), min(part.stop + m, size))
        for part, size, m in zip(box, shape, margins, strict=True)
    )
