"""Writing the slices of a propagation into a label volume that a person may be drawing on at the same time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import numpy as np
from numpy.typing import NDArray

from napari_medssl.propagation.history import Block, Run
from napari_medssl.propagation.seeds import along

Labels = NDArray[np.integer]


class Writer:
    """Puts propagated slices into a label volume, one by one, and notes in the run exactly what it changed.

    Only the run's labels are replaced, and only where nobody drew them: seed slices, slices drawn by hand while it ran
    and voxels that changed under it stay as the person left them, and voxels of other labels are never overwritten.

    Parameters
    ----------
    array : (z, y, x) labels to write into; others may write into it between two calls
    before : a copy of `array` from when the run began
    run : gets the changes and the confidence
    drawn_now : answers which labels have been drawn by hand on a slice, up to this moment
    kept : voxels that must not change, or None
    """

    def __init__(
        self,
        array: Labels,
        before: Labels,
        run: Run,
        drawn_now: Callable[[int], Collection[int]],
        kept: NDArray[np.bool_] | None = None,
    ) -> None:
        self.run = run
        self._array, self._drawn_now = array, drawn_now
        self._before = along(before, run.axis)
        self._kept = None if kept is None else along(kept, run.axis)
        self._expected: dict[int, Labels] = {}

    def write(self, index: int, labels: Labels) -> Block | None:
        """Put slice `index` in; returns what changed, or None where nothing did."""
        view = along(self._array, self.run.axis)[index]
        by_hand = self._drawn_now(index)
        mine = [label for label in self.run.labels if label not in by_hand and index not in self.run.seeds[label]]
        expected = self._expected.get(index, self._before[index])
        touched = view != expected
        free = ~touched if self._kept is None else ~(touched | self._kept[index])
        merged = merge(view, labels, mine, free)
        # What the person changed under the run is no part of it: the slice as the run alone would have left it keeps
        # differing there, so that the next result spares it too, and going back puts nothing of it into the volume.
        alone = np.where(touched, expected, merged)
        self._expected[index] = alone
        changed = alone != expected
        if not changed.any():
            return None
        rows, columns = (np.flatnonzero(changed.any(axis=1 - side)) for side in (0, 1))
        box = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
        where = (*box[: self.run.axis], slice(index, index + 1), *box[self.run.axis :])
        old, new = (np.expand_dims(plane[box], self.run.axis).copy() for plane in (expected, alone))
        view[box] = merged[box]
        block = Block.of(self.run.number, where, old, new)
        self.run.blocks.append(block)
        return block


def merge(now: Labels, propagated: Labels, labels: Iterable[int], free: NDArray[np.bool_]) -> Labels:
    """Replace `labels` on a slice by their propagated masks, within `free` voxels and never over other labels."""
    merged = now.copy()
    arriving = np.zeros(now.shape, dtype=bool)
    for label in labels:
        merged[(now == label) & free] = 0
        arriving |= propagated == label
    arriving &= free & (merged == 0)
    merged[arriving] = propagated[arriving]
    return merged
