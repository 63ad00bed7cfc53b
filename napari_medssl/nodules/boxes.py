"""From balls in the patient to boxes of a scan's voxels and back, and balls that mean the same nodule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_medssl.nodules.finding import Box, Nodule
from napari_medssl.volumes import Geometry

Array = NDArray[np.float64]


def box_of(centre: Sequence[float], diameter: float, geometry: Geometry, shape: Sequence[int] | None = None) -> Box:
    """The voxels that a ball touches: (z0, y0, x0, z1, y1, x1), half-open.

    Parameters
    ----------
    centre : (x, y, z) in LPS mm
    diameter : mm
    geometry : of the scan, which may lie obliquely: a ball reaches equally far along each of its axes
    shape : (z, y, x); the box is cut to it, and keeps one voxel at least
    """
    middle = geometry.indices(centre)
    reach = diameter / 2 / np.array(geometry.spacing_zyx)
    # A voxel with index i reaches from i - 1/2 to i + 1/2; rounding keeps a ball that ends at a voxel's edge out of it.
    low = np.floor(np.round(middle - reach + 0.5, 9)).astype(int)
    high = np.maximum(np.ceil(np.round(middle + reach + 0.5, 9)).astype(int), low + 1)
    if shape is not None:
        low = np.clip(low, 0, np.array(shape) - 1)
        high = np.clip(high, low + 1, shape)
    (z0, y0, x0), (z1, y1, x1) = (tuple(int(value) for value in corner) for corner in (low, high))
    return z0, y0, x0, z1, y1, x1


def ball_of(box: Sequence[float], geometry: Geometry) -> tuple[tuple[float, float, float], float]:
    """Centre (x, y, z) in LPS mm and diameter in mm of a box (z0, y0, x0, z1, y1, x1) of voxels, half-open.

    The diameter is the mean of the box's three sides.
    """
    low, high = np.asarray(box[:3], dtype=float), np.asarray(box[3:], dtype=float)
    x, y, z = geometry.world((low + high - 1) / 2).tolist()
    return (x, y, z), float(((high - low) * np.array(geometry.spacing_zyx)).mean())


def in_scan(nodule: Nodule, geometry: Geometry, shape: Sequence[int]) -> Nodule:
    """The nodule with its box in a scan of this geometry and shape (z, y, x)."""
    return replace(nodule, box=box_of(nodule.centre, 2 * nodule.radius, geometry, shape))


def inside(nodules: Sequence[Nodule], geometry: Geometry, shape: Sequence[int]) -> NDArray[np.bool_]:
    """Which nodules have their centre within a scan, up to half a voxel beyond its outermost voxels: shape (n,)."""
    if not nodules:
        return np.zeros(0, dtype=bool)
    index = geometry.indices([nodule.centre for nodule in nodules])
    return _within(index, shape)


def _within(index: Array, shape: Sequence[int]) -> NDArray[np.bool_]:
    fits: NDArray[np.bool_] = np.all((index >= -0.5) & (index <= np.array(shape) - 0.5), axis=1)
    return fits


def outside_sentence(
    nodules: Sequence[Nodule], geometry: Geometry, shape: Sequence[int], scan: str, table: str
) -> str | None:
    """What to say where centres lie outside their scan, and which other convention would explain it; None if none do.

    Parameters
    ----------
    scan, table : what the sentence calls the scan and the file that the nodules come from
    """
    wrong = [nodule for nodule, fits in zip(nodules, inside(nodules, geometry, shape), strict=True) if not fits]
    if not wrong:
        return None
    x, y, z = wrong[0].centre
    sentence = (
        f"{len(wrong)} of {len(nodules)} findings of {scan} in {table} lie outside the scan, the first at "
        f"({x:.1f}, {y:.1f}, {z:.1f}) mm"
    )
    turned = [replace(nodule, centre=(-nodule.centre[0], -nodule.centre[1], nodule.centre[2])) for nodule in nodules]
    if inside(turned, geometry, shape).all():
        return f"{sentence}; x and y seem to run the other way (RAS): change the signs of coordX and coordY."
    values = np.array([nodule.centre for nodule in nodules])
    for order, numbers in (("x, y, z", values[:, ::-1]), ("z, y, x", values)):
        if _within(numbers, shape).all():
            return f"{sentence}; they look like voxel numbers ({order}): give positions x, y, z in world mm (LPS)."
    return f"{sentence}; check that the table is of this scan and that positions are in world mm (LPS)."


def keep_best(centres: Array, radii: Array, scores: Array, most: int = 1000) -> NDArray[np.intp]:
    """Non-maximum suppression of balls: indices of those that are kept, the surest first.

    A ball goes where a surer one has its centre in it or lies with its own centre in that one: the marks of one nodule
    that overlap. This is LUNA16's rule for a hit, so that no two marks that are kept can be hits of each other.

    Parameters
    ----------
    centres : (n, 3) mm
    radii : (n,) mm
    scores : (n,)
    most : to keep
    """
    kept: list[int] = []
    left = np.argsort(-scores, kind="stable")
    while len(left) and len(kept) < most:
        first = left[0]
        kept.append(int(first))
        apart = ((centres[left] - centres[first]) ** 2).sum(axis=1)
        left = left[apart >= np.maximum(radii[left], radii[first]) ** 2]
        left = left[left != first]  # a ball without extent is not within itself
    return np.array(kept, dtype=np.intp)
