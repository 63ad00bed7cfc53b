"""What a person drew by hand, stroke by stroke."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medssl.propagation.survey import labels_on

Where = tuple[slice, ...]
# A box, the mask of the voxels in it that changed (None for all of them), and their values before and after: one value,
# one for each voxel of the mask, or one for each of the box.
Change = tuple[Where, NDArray[np.bool_] | None, Any, Any]


@dataclass(frozen=True, eq=False)
class Stroke:
    """Something drawn or erased by hand in one go.

    Attributes
    ----------
    axis : axis that counts the slices of the plane it was drawn in; None for a stroke in the 3D view
    parts : boxes that it touched, each with the mask of its voxels (None for all of them)
    slices : {axis: {label: slice indices}} for each label that gained or lost voxels
    forgets : the slices no longer count as drawn by hand, whatever was drawn on them before
    """

    axis: int | None
    parts: tuple[tuple[Where, NDArray[np.bool_] | None], ...]
    slices: Mapping[int, Mapping[int, frozenset[int]]]
    forgets: bool = False

    @property
    def accepts(self) -> bool:
        """Whether it says that slices are right as they are, and changes nothing."""
        return not self.parts and not self.forgets


def stroke_of(axis: int | None, changes: Iterable[Change], shape: Sequence[int]) -> Stroke:
    """A stroke from its changes, which may overlap.

    Parameters
    ----------
    axis : see `Stroke`
    changes : in the order they were made
    shape : of the volume
    """
    parts = []
    slices: dict[int, dict[int, set[int]]] = {0: {}, 1: {}, 2: {}}
    for where, mask, before, after in changes:
        extent = [range(*part.indices(n)) for part, n in zip(where, shape, strict=True)]
        box = tuple(len(steps) for steps in extent)
        full = np.ones(box, dtype=bool) if mask is None else np.broadcast_to(np.asarray(mask, dtype=bool), box)
        parts.append((where, None if mask is None else full))
        for values in (before, after):
            spread = np.zeros(box, dtype=np.int64)
            spread[full] = np.broadcast_to(values, box)[full] if np.shape(values) == box else values
            for label in labels_on(spread):
                for other in range(3):
                    hit = np.flatnonzero((spread == label).any(axis=tuple(a for a in range(3) if a != other)))
                    slices[other].setdefault(label, set()).update(extent[other][i] for i in hit)
    frozen = {a: {label: frozenset(s) for label, s in of.items()} for a, of in slices.items()}
    return Stroke(axis, tuple(parts), frozen)
