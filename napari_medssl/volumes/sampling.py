"""Reading a box of a scan at other steps than its voxels. Only the part that is needed is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Array = NDArray[np.float32]
_NARROW = 0.05  # voxels; smoothing by less does nothing


def sample(array: Any, starts: Sequence[float], steps: Sequence[float], shape: Sequence[int]) -> Array:
    """The values of a scan (z, y, x), perhaps lazy, at the voxels ``starts + steps * index``, for `shape` indices.

    Trilinear, after smoothing where steps are longer than a voxel; outside, the nearest value of the scan. Values that
    are no numbers count as 0.
    """
    places = [start + step * np.arange(n) for start, step, n in zip(starts, steps, shape, strict=True)]
    places = [np.clip(p, 0, size - 1) for p, size in zip(places, array.shape, strict=True)]
    margins = [int(np.ceil(1.5 * max(0.0, step - 1))) for step in steps]
    low = [max(0, int(p.min()) - m) for p, m in zip(places, margins, strict=True)]
    high = [min(size, int(np.ceil(p.max())) + 1 + m) for p, m, size in zip(places, margins, array.shape, strict=True)]
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    found: Array = np.nan_to_num(np.asarray(array[box], dtype=np.float32), posinf=0.0, neginf=0.0)
    found = smooth(found, steps)
    for axis, place in enumerate(places):
        found = _interpolated(found, place - low[axis], axis)
    return np.ascontiguousarray(found)


def smooth(array: Array, steps: Sequence[float]) -> Array:
    """Smooth for sampling at steps of so many voxels along each axis, by half of what a step exceeds a voxel."""
    for axis, step in enumerate(steps):
        if (step - 1) / 2 > _NARROW and array.shape[axis] > 1:
            array = gaussian_filter1d(array, (step - 1) / 2, axis=axis, mode="nearest", truncate=3)
    return array


def nearest(array: Any, starts: Sequence[float], steps: Sequence[float], shape: Sequence[int]) -> NDArray[Any]:
    """As `sample`, the value of the nearest voxel, of the array's own type; outside, the nearest one of the scan."""
    places = [
        np.clip(np.rint(start + step * np.arange(n)).astype(int), 0, size - 1)
        for start, step, n, size in zip(starts, steps, shape, array.shape, strict=True)
    ]
    box = tuple(slice(int(p.min()), int(p.max()) + 1) for p in places)
    part: NDArray[Any] = np.asarray(array[box])[np.ix_(*(p - p.min() for p in places))]
    return part


def _interpolated(values: Array, places: NDArray[np.floating], axis: int) -> Array:
    below = np.floor(places).astype(int)
    part = (places - below).astype(np.float32)
    if len(places) == values.shape[axis] and not part.any() and (below == np.arange(len(below))).all():
        return values
    above = np.minimum(below + 1, values.shape[axis] - 1)
    part = part.reshape([-1 if i == axis else 1 for i in range(3)])
    found: Array = values.take(below, axis)
    if part.any():
        found += (values.take(above, axis) - found) * part
    return found
