"""Hints: single voxels that a person said to belong to a structure, or not to, in any plane.

A drawn slice says all about itself; a hint says something about one place. Propagation is steered by it on the slice
where it lies, and carries on what came of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_medssl.errors import BadInput
from napari_medssl.propagation.region import Region

_RADIUS = 1.5  # working pixels: a click covers what it was meant for, not one pixel of a blown-up slice


@dataclass(frozen=True)
class Hint:
    """One voxel, (z, y, x), that is `inside` the structure of that label, or is not."""

    label: int
    voxel: tuple[int, int, int]
    inside: bool


@dataclass(frozen=True)
class SliceHints:
    """The hints for one label on one slice: (n,) rows and columns, and whether each is inside."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    inside: NDArray[np.bool_]

    def apply(self, mask: NDArray[np.bool_]) -> None:
        """Make a slice's mask agree with the hints, in place."""
        mask[self.rows, self.columns] = self.inside

    def wanted(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """The pixels that were said to be inside, as a mask of a slice."""
        mask = np.zeros(shape, dtype=bool)
        mask[self.rows[self.inside], self.columns[self.inside]] = True
        return mask

    def within(self, region: Region) -> Tensor:
        """(1, 1, *region.shape): 1 where the structure is said to be, -1 where it is said not to be, 0 elsewhere."""
        top, bottom, left, right = region.box
        height, width = region.shape
        rows = (self.rows - top + 0.5) * height / (bottom - top) - 0.5
        columns = (self.columns - left + 0.5) * width / (right - left) - 0.5
        # at least as large as the voxel itself is there
        reach = max(_RADIUS, 0.5 * height / (bottom - top), 0.5 * width / (right - left))
        here = (rows > -0.5) & (rows < height - 0.5) & (columns > -0.5) & (columns < width - 0.5)
        found = np.zeros((height, width), dtype=np.float32)
        for inside in (True, False):  # where they contradict each other, "not here" was the correction
            chosen = here & (self.inside == inside)
            for row, column in set(zip(rows[chosen].round(1), columns[chosen].round(1), strict=True)):
                y = slice(max(0, int(np.ceil(row - reach))), int(row + reach) + 1)
                x = slice(max(0, int(np.ceil(column - reach))), int(column + reach) + 1)
                found[y, x] = 1.0 if inside else -1.0
        return torch.from_numpy(found)[None, None]

    def digest(self) -> bytes:
        order = np.lexsort((self.inside, self.columns, self.rows))
        return np.stack([self.rows, self.columns, self.inside], axis=1)[order].astype(np.int64).tobytes()


@dataclass(frozen=True)
class Hints:
    """Hints by slice along an axis: {label: {slice index: its hints}}."""

    slices: Mapping[int, Mapping[int, SliceHints]] = field(default_factory=dict)

    @classmethod
    def along(cls, axis: int, hints: Iterable[Hint], shape: tuple[int, ...]) -> Hints:
        """Sort hints by label and slice.

        Raises
        ------
        BadInput
            A hint lies outside the volume, or has no label.
        """
        sorted_ones: dict[int, dict[int, dict[tuple[int, ...], bool]]] = {}
        for hint in hints:
            if hint.label <= 0:
                raise BadInput(f"A hint is for label {hint.label}; labels are positive whole numbers.")
            if not all(0 <= place < size for place, size in zip(hint.voxel, shape, strict=True)):
                raise BadInput(
                    f"A hint lies at voxel {tuple(hint.voxel)}, outside the volume of {tuple(shape)} voxels."
                )
            place = tuple(int(p) for i, p in enumerate(hint.voxel) if i != axis)
            sorted_ones.setdefault(hint.label, {}).setdefault(int(hint.voxel[axis]), {})[place] = hint.inside
        return cls(
            {
                label: {index: _slice_hints(places) for index, places in by_slice.items()}
                for label, by_slice in sorted_ones.items()
            }
        )

    def on(self, label: int, index: int) -> SliceHints | None:
        """The hints for a label on a slice."""
        return self.slices.get(label, {}).get(index)

    def of(self, labels: Iterable[int]) -> Hints:
        """Those for some labels."""
        return Hints({label: self.slices[label] for label in labels if label in self.slices})

    def digests(self, index: int) -> Iterator[bytes]:
        """What tells the hints on a slice from others."""
        for label in sorted(self.slices):
            if (found := self.on(label, index)) is not None:
                yield repr(("hints", label)).encode() + found.digest()


def hints_for(
    labels: Collection[int],
    clicks: Iterable[Hint],
    kept: NDArray[np.bool_] | None,
    array: NDArray[np.integer],
) -> list[Hint]:
    """All that is known of single voxels for some labels: clicks, and strokes in other planes.

    Parameters
    ----------
    kept : (z, y, x) voxels that were drawn or erased in other planes (`Session.kept_voxels`), or None
    array : (z, y, x) the labels, which say what was drawn there
    """
    known: dict[tuple[int, tuple[int, int, int]], bool] = {}
    if kept is not None:
        for voxel in np.argwhere(kept).tolist():
            z, y, x = voxel
            for label in labels:
                known[label, (z, y, x)] = bool(array[z, y, x] == label)
    known |= {(hint.label, hint.voxel): hint.inside for hint in clicks if hint.label in labels}
    return [Hint(label, voxel, inside) for (label, voxel), inside in known.items()]


def _slice_hints(places: Mapping[tuple[int, ...], bool]) -> SliceHints:
    rows, columns = np.array(list(places), dtype=np.intp).T
    return SliceHints(rows, columns, np.fromiter(places.values(), dtype=bool, count=len(places)))
