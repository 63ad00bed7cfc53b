"""What is shown of a refinement: one part of it, what it changed, its centre line, and the places to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.segmentation import flood

from napari_medssl.errors import BadInput
from napari_medssl.metrics.masks import as_labels, bounding_box
from napari_medssl.tubes.branching import Branch
from napari_medssl.tubes.narrowings import Narrowing
from napari_medssl.tubes.refinement import Refinement

KEPT, ADDED, REMOVED = 1, 2, 3


def keep_part(mask: Refinement | ArrayLike, point: Sequence[float], *, reach: float = 3.0) -> NDArray[np.bool_]:
    """The connected part (26 neighbours) of a tube that a click means.

    Parameters
    ----------
    mask : Refinement, or (z, y, x) booleans or labels; parts of different labels are kept apart
    point : (z, y, x) in voxels; need not be whole, nor inside the mask
    reach : how many voxels beside a tube a click still means it

    Returns
    -------
    (z, y, x) booleans

    Raises
    ------
    BadInput
        There is no tube within `reach` of the point.
    """
    labels = as_labels(mask.labels if isinstance(mask, Refinement) else mask, "mask")
    if labels.ndim != 3 or len(point) != 3:
        raise BadInput("Keeping a part takes a mask of three dimensions (z, y, x) and a point in it.")
    seed = _nearest(labels, np.asarray(point, np.float64), reach)
    own = labels == labels[seed]
    box = bounding_box(own)
    assert box is not None
    part: NDArray[np.bool_] = np.zeros(labels.shape, bool)
    within = tuple(int(place - side.start) for place, side in zip(seed, box, strict=True))
    part[box] = flood(own[box], within, connectivity=3)  # type: ignore[no-untyped-call]
    return part


def _nearest(
    labels: NDArray[np.bool_] | NDArray[np.integer], point: NDArray[np.float64], reach: float
) -> tuple[int, ...]:
    nothing = BadInput(f"There is no tube within {reach:g} voxels of this place; click on one.")
    if not np.isfinite(point).all():
        raise nothing
    low = np.maximum(np.floor(point - reach), 0).astype(int)
    high = np.minimum(np.ceil(point + reach) + 1, labels.shape).astype(int)
    if (low >= high).any():
        raise nothing
    near = np.argwhere(labels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]) + low
    away = np.linalg.norm(near - point, axis=1)
    inside = (np.abs(near - point) <= 0.5).all(axis=1)  # a click anywhere on a voxel is at that voxel
    away[inside] = 0
    if not len(near) or away.min() > reach:
        raise nothing
    return tuple(int(place) for place in near[np.argmin(away)])


def difference(before: ArrayLike, after: Refinement | ArrayLike) -> NDArray[np.uint8]:
    """What a refinement changed: (z, y, x) uint8, 1 kept, 2 added, 3 removed, 0 neither before nor after.

    A voxel that went from one label to another is added to the other.

    Raises
    ------
    BadInput
        The shapes differ, or one does not hold labels.
    """
    old = as_labels(before, "mask before")
    new = as_labels(after.labels if isinstance(after, Refinement) else after, "mask after")
    if old.shape != new.shape:
        raise BadInput(f"The mask before has shape {old.shape} and the one after {new.shape}; they must be the same.")
    found = np.where(new != 0, np.uint8(ADDED), np.where(old != 0, np.uint8(REMOVED), np.uint8(0)))
    found[(new != 0) & (old == new)] = KEPT
    return found


def centre_points(refinement: Refinement) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The centre line as (n, 3) voxels and their (n,) radii; `Refinement.radius` is the same as a map."""
    points = np.argwhere(refinement.skeleton)
    return points, refinement.radius[tuple(points.T)]


def narrow_places(found: Sequence[Branch]) -> list[tuple[Branch, Narrowing]]:
    """All narrow places of a tree with their branches, the narrowest first; `Narrowing.voxel` says where."""
    places = [(branch, narrow) for branch in found for narrow in branch.narrowings]
    return sorted(places, key=lambda place: -place[1].percent)
