"""What a person says of a slice without painting: it is right as it is, or what was drawn on it does not count."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_medssl.propagation.strokes import Stroke, Where, stroke_of

Labels = NDArray[np.integer]


class Mark(tuple[Where, Labels, Labels]):
    """A stroke and the box of voxels that it changes, perhaps an empty one: (where, before, after).

    It is a plain tuple of three, so that it can stand on an undo stack of such changes, and knows its stroke.
    """

    stroke: Stroke

    @classmethod
    def of(cls, stroke: Stroke, where: Where, before: Labels, after: Labels) -> Mark:
        mark = cls((where, before, after))
        mark.stroke = stroke
        return mark


def right_as_it_is(array: Labels, axis: int, index: int, labels: list[int]) -> Mark:
    """Slice `index` along `axis` counts as drawn by hand as it is: each label where it is, or as absent."""
    where = tuple(slice(index, index + 1) if other == axis else slice(0, 0) for other in range(3))
    slices = {other: dict.fromkeys(labels, frozenset([index])) if other == axis else {} for other in range(3)}
    return Mark.of(Stroke(axis, (), slices), where, array[where].copy(), array[where].copy())


def forgotten(array: Labels, axis: int, index: int, label: int, *, cleared: bool) -> Mark:
    """Slice `index` along `axis` no longer counts as drawn by hand for a label, which is `cleared` from it or stays."""
    here = np.moveaxis(array, axis, 0)[index] == label
    rows, columns = (np.flatnonzero(here.any(axis=1 - side)) for side in (0, 1))
    box = [slice(int(i[0]), int(i[-1]) + 1) if cleared and i.size else slice(0, 0) for i in (rows, columns)]
    box.insert(axis, slice(index, index + 1))
    where = tuple(box)
    before = array[where].copy()
    after = np.where(before == label, 0, before).astype(before.dtype)
    drawn = stroke_of(axis, [(where, before == label, label, 0)], array.shape) if before.size else None
    slices = {other: dict(drawn.slices[other]) if drawn else {} for other in range(3)}
    slices[axis] = {label: frozenset([index])}
    return Mark.of(Stroke(axis, drawn.parts if drawn else (), slices, forgets=True), where, before, after)
