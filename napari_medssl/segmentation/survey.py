"""What has to be known of labelled scans before training: their grey values, and where their structures lie.

Scans are seen in display order (head to foot, front to back, right to left), whatever order their files keep: left and
right mean something to a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medssl.segmentation.intensities import Intensities, Scale, decide, looks_like_ct
from napari_medssl.training.collection import Collection

_PLACES = 1000  # voxels of a label in a scan to centre samples on
_SLAB = 2**22  # voxels looked at at once
_VALUES = 20_000  # of a scan's grey values in structures


@dataclass(frozen=True)
class Aligned:
    """A scan in display order: array and labels (z, y, x), which are views, and spacing in mm."""

    array: NDArray[Any]
    spacing: tuple[float, float, float]
    labels: NDArray[np.integer] | None


@dataclass(frozen=True)
class Found:
    """What is known of one labelled scan; shape and spacing in display order.

    Attributes
    ----------
    places : {label: (n, 3) voxels that have it}, evenly spread
    values : grey values in the structures
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    is_ct: bool
    places: dict[int, NDArray[np.int32]]
    values: NDArray[np.float32]


def aligned(collection: Collection, index: int) -> Aligned:
    """A scan of a collection in display order."""
    scan = collection.scan(index)
    z, y, x = (scan.spacing[axis] for axis in scan.display.permutation)
    labels = None if scan.labels is None else scan.display.forward(scan.labels)
    return Aligned(scan.display.forward(scan.array), (z, y, x), labels)


def look_at(scan: Aligned) -> Found:
    """Look through a labelled scan once."""
    assert scan.labels is not None
    places = places_of(scan.labels)
    everywhere = np.concatenate(list(places.values())) if places else np.zeros((0, 3), dtype=np.int32)
    some = everywhere[:: max(1, len(everywhere) // _VALUES)]
    z, y, x = scan.array.shape
    return Found(
        (z, y, x), scan.spacing, looks_like_ct(scan.array), places,
        np.asarray(scan.array[tuple(some.T)], dtype=np.float32),
    )  # fmt: skip


def places_of(labels: NDArray[np.integer], most: int = _PLACES) -> dict[int, NDArray[np.int32]]:
    """{label: (n, 3) voxels that have it}, about `most` of each, evenly spread over the scan; slab by slab."""
    thick = max(1, _SLAB // max(1, labels[0].size))
    slabs = [(z, np.asarray(labels[z : z + thick])) for z in range(0, len(labels), thick)]
    counts: dict[int, int] = {}
    for _, slab in slabs:
        for value, count in zip(*np.unique(slab[slab != 0], return_counts=True), strict=True):
            counts[int(value)] = counts.get(int(value), 0) + int(count)
    found: dict[int, list[NDArray[np.int32]]] = {value: [] for value in sorted(counts)}
    seen = dict.fromkeys(counts, 0)
    for start, slab in slabs:
        inside = np.flatnonzero(slab)
        if not inside.size:
            continue
        values = slab.ravel()[inside]
        order = np.argsort(values, kind="stable")
        kinds, firsts = np.unique(values[order], return_index=True)
        for value, own in zip(kinds.tolist(), np.split(inside[order], firsts[1:]), strict=True):
            every = max(1, counts[value] // most)
            kept = own[-seen[value] % every :: every]
            seen[value] += len(own)
            voxels = np.stack(np.unravel_index(kept, slab.shape), axis=1).astype(np.int32)
            voxels[:, 0] += start
            found[value].append(voxels)
    return {value: np.concatenate(parts) for value, parts in found.items()}


def scaling(found: Sequence[Found]) -> Intensities:
    """How the grey values of scans like these are scaled."""
    return decide([one.is_ct for one in found], np.concatenate([one.values for one in found]))


def scales(collection: Collection, indices: Sequence[int], intensities: Intensities) -> dict[int, Scale]:
    """The scale of each of these scans."""
    return {index: intensities.scale_for(collection.scan(index).array) for index in indices}
