"""The outline of a nodule on one slice, from its place and size alone: what a propagation starts from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_medssl.errors import BadInput

REACH = 1.5  # the outline lies within so many times the radius
_LEAST_HALO = 120.0  # HU between ground glass around a solid core and the lung
_LEAST_CONTRAST = 80.0  # HU between a nodule and the lung around it


def outline(
    plane: NDArray[np.generic], spacing: Sequence[float], centre: Sequence[float], radius: float
) -> NDArray[np.bool_]:
    """What belongs to a nodule on a slice: above half of the way from the lung around it to the nodule.

    The lung is the lower quarter of the grey values within 1.5 radii, the nodule the median within half a radius, so
    that ground glass has a lower threshold than a solid nodule; of a part-solid one it is the ground glass around the
    core. Of what is above it within 1.5 radii, the part at the
    centre is taken, without what hangs on it by something thinner than half of the radius: vessels, the pleura.

    Parameters
    ----------
    plane : (rows, columns) in HU
    spacing : mm (rows, columns)
    centre : (row, column), fractional
    radius : mm

    Raises
    ------
    BadInput
        The place lies outside the slice, or does not stand out from the lung around it.
    """
    values = np.asarray(plane, dtype=float)
    rows, columns = np.indices(values.shape)
    away = np.hypot((rows - centre[0]) * spacing[0], (columns - centre[1]) * spacing[1])
    reach = max(REACH * radius, 1.5 * max(spacing))
    near = away <= reach
    core = away <= max(radius / 2, float(away.min()))
    if away.min() > max(spacing):
        raise BadInput("The nodule's centre lies outside the scan; move it first.")
    inside, around = float(np.median(values[core])), float(np.percentile(values[near], 25))
    shell = (away > radius / 2) & (away <= 0.8 * radius)
    halo = float(np.median(values[shell])) if shell.any() else inside
    if halo - around >= _LEAST_HALO:
        inside = min(inside, halo)
    if inside - around < _LEAST_CONTRAST:
        raise BadInput(
            "The nodule does not stand out from what is around it here; draw it on its middle slice and use Propagate."
        )
    dense = near & (values >= (inside + around) / 2)
    thick = ndimage.distance_transform_edt(np.pad(dense, 1), sampling=tuple(spacing))[1:-1, 1:-1]
    found = _at_centre(dense & (thick > radius / 4), away)
    if not found.any():  # too small to be told from a vessel by its thickness
        return _filled(_at_centre(dense, away), near)
    grown = ndimage.distance_transform_edt(np.pad(~found, 1, constant_values=True), sampling=tuple(spacing))[1:-1, 1:-1]
    whole: NDArray[np.bool_] = dense & (grown <= radius / 4 + max(spacing) / 2)
    return _filled(whole, near)


def _filled(mask: NDArray[np.bool_], near: NDArray[np.bool_]) -> NDArray[np.bool_]:
    filled: NDArray[np.bool_] = ndimage.binary_fill_holes(mask) & near
    return filled


def within_ball(
    shape: Sequence[int], spacing: Sequence[float], centre: Sequence[float], radius: float
) -> NDArray[np.bool_]:  # fmt: skip
    """Voxels (z, y, x) whose middle lies within a ball; `centre` in voxels, fractional, the rest in mm."""
    squares = [((np.arange(n) - c) * s) ** 2 for n, c, s in zip(shape, centre, spacing, strict=True)]
    found: NDArray[np.bool_] = squares[0][:, None, None] + squares[1][:, None] + squares[2] <= radius**2
    return found


def _at_centre(mask: NDArray[np.bool_], away: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The connected part of a mask that comes nearest to where `away` is 0."""
    pieces, count = ndimage.label(mask, structure=np.ones((3, 3)))
    if not count:
        return mask
    found: NDArray[np.bool_] = pieces == pieces.flat[int(np.argmin(np.where(mask, away, np.inf)))]
    return found
