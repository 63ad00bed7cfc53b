"""Which labels lie on which slices of a label volume."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_medssl.propagation.seeds import along

Box = tuple[slice, ...]


def labels_on(plane: NDArray[np.generic]) -> list[int]:
    """The positive labels in an array, sorted."""
    # counting is many times faster than sorting, for the small numbers that labels are
    if plane.size and int(plane.max()) < 2**16 and int(plane.min()) >= 0:
        return [int(label) for label in np.flatnonzero(np.bincount(plane.ravel().astype(np.intp))) if label]
    return [int(label) for label in np.unique(plane) if label > 0]


def labels_by_slice(array: NDArray[np.integer], axis: int) -> dict[int, list[int]]:
    """{slice index: labels} along `axis`, for the slices of a (z, y, x) volume that hold any."""
    box = filled_box(array)
    if box is None:
        return {}
    first = box[axis].start
    found = {first + i: labels_on(plane) for i, plane in enumerate(along(array[box], axis))}
    return {index: labels for index, labels in found.items() if labels}


def filled_box(array: NDArray[np.integer]) -> Box | None:
    """The smallest box around everything that is not 0; None for an empty volume."""
    rows = np.flatnonzero(array.any(axis=(1, 2)))
    if not rows.size:
        return None
    # reducing along the first axis reads the memory in order, which is what takes the time
    flat = np.asarray(array[rows[0] : rows[-1] + 1].any(axis=0))
    sides = [rows, *(np.flatnonzero(flat.any(axis=1 - side)) for side in (0, 1))]
    return tuple(slice(int(side[0]), int(side[-1]) + 1) for side in sides)


def likely_plane(array: NDArray[np.integer]) -> int | None:
    """The axis that counts the slices of the plane something was drawn in: the one with the fewest filled slices.

    The first axis wins where it is about as good as the others, as for a whole organ. None for an empty volume.
    """
    box = filled_box(array)
    if box is None:
        return None
    filled = array[box]
    counts = [int(filled.any(axis=tuple(a for a in range(3) if a != axis)).sum()) for axis in range(3)]
    best = min(range(3), key=counts.__getitem__)
    return best if 2 * counts[best] <= counts[0] else 0
