"""Filling in between drawn slices by their shape alone, where the image is of no help."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medssl.propagation.interpolation import ShapeBetween
from napari_medssl.propagation.result import SliceResult
from napari_medssl.propagation.seeds import Mask, along
from napari_medssl.volumes.sizes import voxels_by_slice

Labels = NDArray[np.integer]


def fill_between(
    labels: Labels,
    spacing: Sequence[float],
    *,
    slices: Mapping[int, Sequence[int]] | None = None,
    axis: int = 0,
) -> Labels:
    """A copy with the gaps between drawn slices filled; only background and the label's own voxels change.

    Parameters
    ----------
    labels : (z, y, x)
    spacing : mm in array order
    slices : {label: drawn slices along `axis`}, kept as they are; an empty one is a stop, and nothing is filled up to
        it. None takes every slice that holds the label.
    """
    result = labels.copy()
    view = along(result, axis)
    drawn = slices_with(labels, axis) if slices is None else slices
    plane = (*spacing[:axis], *spacing[axis + 1 :])
    for label, own in drawn.items():
        for index, mask, _ in shapes_between(along(labels, axis), label, own, plane):
            now = view[index]
            now[(now == label) & ~mask] = 0
            now[(now == 0) & mask] = label
    return result


def shapes_between(
    view: Labels, label: int, slices: Sequence[int], spacing: Sequence[float]
) -> Iterator[tuple[int, Mask, float]]:
    """(index, mask, likeness of the two drawn masks around it) for each slice between two drawn ones of a label.

    `view`: labels, slices first; `spacing`: mm per row and column.
    """
    for first, second in pairwise(sorted(slices)):
        ends = view[first] == label, view[second] == label
        if second - first < 2 or not (ends[0].any() and ends[1].any()):
            continue
        shape = ShapeBetween(*ends, spacing)
        for index in range(first + 1, second):
            yield index, shape.mask((index - first) / (second - first)), shape.likeness


def iter_fill_between(
    volume: Any,
    seeds: Labels,
    *,
    seed_slices: Mapping[int, Sequence[int]],
    spacing: Sequence[float],
    axis: int = 0,
    slice_range: tuple[int, int] | None = None,
    cancelled: Callable[[], bool] | None = None,
    **_: Any,
) -> Iterator[SliceResult]:
    """Like `iter_propagate`, without looking at `volume`; slices not between drawn ones come back as they are."""
    view = along(seeds, axis)
    first, last = slice_range or (0, len(view))
    plane = (*spacing[:axis], *spacing[axis + 1 :])
    done: dict[int, Labels] = {}
    sure: dict[int, dict[int, float]] = {}
    for label, own in seed_slices.items():
        for index in own:
            sure.setdefault(index, {})[label] = 1.0
        for index, mask, likeness in shapes_between(view, label, own, plane):
            if cancelled is not None and cancelled():
                return
            if first <= index < last:
                now = done.setdefault(index, view[index].copy())
                now[(now == label) & ~mask] = 0
                now[(now == 0) & mask] = label
                sure.setdefault(index, {})[label] = likeness
    for number, index in enumerate(range(first, last), 1):
        if cancelled is not None and cancelled():
            return
        yield SliceResult(index, done.get(index, view[index]), sure.get(index, {}), number, last - first)


def slices_with(labels: Labels, axis: int = 0) -> dict[int, list[int]]:
    """{label: slices along `axis` that hold it}"""
    return {
        label: [int(index) for index in np.flatnonzero(counts)]
        for label, counts in voxels_by_slice(labels, axis).items()
    }
