"""Cleaning up masks: holes, islands, rough edges, a little larger or smaller; in mm, and never over other labels.

A step gives each voxel near a label a score, positive inside the cleaned label. Where two labels that are cleaned
together both want a voxel, the higher score gets it; voxels of all other labels stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_medssl.errors import BadInput

Labels = NDArray[np.integer]
Mask = NDArray[np.bool_]
Score = NDArray[np.floating]
Box = tuple[slice, ...]
Name = Literal["fill_holes", "keep_largest", "remove_small", "smooth", "grow", "shrink"]

NAMES: tuple[Name, ...] = ("fill_holes", "keep_largest", "remove_small", "smooth", "grow", "shrink")
_SIGMAS = 3.0  # how far a Gaussian reaches
_SLACK = 1e-3  # mm; distances that are equal on paper differ in their last digit
_OWN = 2.0  # the score of what stays as it was, above that of what is new


@dataclass(frozen=True)
class Step:
    """One way of cleaning.

    Attributes
    ----------
    name : "fill_holes": fill what is enclosed on all sides (face neighbours). "keep_largest": remove all pieces but the
        largest (pieces that touch at a corner are one). "remove_small": remove pieces below `amount` ml. "smooth": a
        Gaussian of `amount` mm standard deviation, cut where the label keeps its volume, so that round things do not
        shrink. "grow", "shrink": by `amount` mm.
    amount : see `name`; the first two need none
    """

    name: Name
    amount: float = 0.0

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise BadInput(f"There is no way of tidying called {self.name}; choose from {', '.join(NAMES)}.")
        if not (math.isfinite(self.amount) and self.amount >= 0):
            raise BadInput(f"The amount must be a number of 0 or more, not {self.amount}.")

    def margin(self, spacing: Sequence[float]) -> tuple[int, ...]:
        """How many voxels beyond the label may change, or be looked at, along each axis."""
        reach = {"smooth": _SIGMAS * self.amount, "grow": self.amount}.get(self.name, 0.0)
        return tuple(1 + math.ceil(reach / step) for step in spacing)

    def score(self, mask: Mask, free: Mask, spacing: Sequence[float], voxel_ml: float) -> Score:
        """Positive where the label is to be; `free` says which voxels it may have."""
        if self.name == "smooth":
            return _smoothed(mask, free, self.amount, spacing)
        if self.name == "grow":
            return self.amount + _SLACK - ndimage.distance_transform_edt(~mask, sampling=spacing)
        if self.name == "shrink":
            if mask.all():  # nothing outside that one could measure from
                return np.ones(mask.shape)
            return ndimage.distance_transform_edt(mask, sampling=spacing) - self.amount - _SLACK
        new = _filled(mask) if self.name == "fill_holes" else _without_islands(mask, self, voxel_ml)
        return np.where(new & mask, _OWN, new.astype(np.float64))


def tidy(
    labels: Labels,
    steps: Sequence[Step],
    spacing: Sequence[float],
    *,
    which: Collection[int] | None = None,
    axis: int | None = None,
) -> Labels:
    """Clean up labels, step after step.

    Parameters
    ----------
    labels : (z, y, x)
    spacing : mm in array order
    which : the labels to clean up; None for all. Others are never changed.
    axis : None to work in three dimensions; else each slice along this axis is cleaned up on its own

    Returns
    -------
    A changed copy.
    """
    result = labels.copy()
    for step in steps:
        wanted = labels_in(result) if which is None else which
        for where, _, new in tidied(result, step, spacing, wanted, axis=axis):
            result[where] = new
    return result


def tidied(
    labels: Labels,
    step: Step,
    spacing: Sequence[float],
    which: Collection[int],
    *,
    axis: int | None = None,
    index: int | None = None,
) -> Iterator[tuple[Box, Labels, Labels]]:
    """One step as (box, what it held, what it is to hold); `labels` stays as it is, and may change meanwhile.

    `axis`, `index`: as for `tidy`, and only the one slice `index`, if it is given.
    """
    spacing = tuple(float(value) for value in spacing)
    if len(spacing) != labels.ndim or not all(math.isfinite(value) and value > 0 for value in spacing):
        raise BadInput(f"The spacing must be {labels.ndim} positive numbers in mm, in array order, not {spacing}.")
    voxel_ml = math.prod(spacing) / 1000
    wanted = sorted({int(label) for label in which} - {0})
    if axis is None:
        changed = _tidied(labels, step, spacing, voxel_ml, wanted)
        if changed is not None:
            yield changed
        return
    plane_spacing = (*spacing[:axis], *spacing[axis + 1 :])
    for number in range(labels.shape[axis]) if index is None else [index]:
        plane = np.moveaxis(labels, axis, 0)[number]
        changed = _tidied(plane, step, plane_spacing, voxel_ml, wanted)
        if changed is not None:
            box, old, new = changed
            where = (*box[:axis], slice(number, number + 1), *box[axis:])
            yield where, np.expand_dims(old, axis), np.expand_dims(new, axis)


def labels_in(labels: Labels) -> list[int]:
    """The labels that occur, 0 left out."""
    return [int(label) for label in np.unique(labels) if label]


def _tidied(
    labels: Labels, step: Step, spacing: tuple[float, ...], voxel_ml: float, which: Sequence[int]
) -> tuple[Box, Labels, Labels] | None:
    """The box that changes, what it held, and what it is to hold."""
    margin = step.margin(spacing)
    boxes = {label: box for label in which if (box := _box(labels == label, margin)) is not None}
    if not boxes:
        return None
    whole = tuple(
        slice(min(box[axis].start for box in boxes.values()), max(box[axis].stop for box in boxes.values()))
        for axis in range(labels.ndim)
    )
    now = labels[whole].copy()
    mine = np.isin(now, list(boxes))
    free = mine | (now == 0)
    new = np.where(mine, 0, now).astype(labels.dtype)
    best = np.zeros(now.shape, dtype=np.float32)
    for label, box in boxes.items():
        inside = tuple(slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, whole, strict=True))
        score = step.score(now[inside] == label, free[inside], spacing, voxel_ml).astype(np.float32)
        better = (score > best[inside]) & free[inside]
        best[inside][better] = score[better]
        new[inside][better] = label
    return (whole, now, new) if (new != now).any() else None


def _box(mask: Mask, margin: Sequence[int]) -> Box | None:
    """The box around a mask, so much wider as far as the array goes; None for an empty mask."""
    sides = []
    for axis, extra in enumerate(margin):
        hit = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        if not hit.size:
            return None
        sides.append(slice(max(0, int(hit[0]) - extra), min(mask.shape[axis], int(hit[-1]) + 1 + extra)))
    return tuple(sides)


def _filled(mask: Mask) -> Mask:
    # Background that does not hang together with the outside; many times faster than dilating from the outside.
    pieces, _ = ndimage.label(np.pad(~mask, 1, constant_values=True))
    inside = tuple(slice(1, -1) for _ in mask.shape)
    filled: Mask = pieces[inside] != pieces[(0,) * mask.ndim]
    return filled


def _without_islands(mask: Mask, step: Step, voxel_ml: float) -> Mask:
    pieces, count = ndimage.label(mask, np.ones((3,) * mask.ndim))
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    sizes[0] = 0
    kept = sizes > 0
    if step.name == "keep_largest":
        kept = np.arange(count + 1) == sizes.argmax()
    else:
        kept &= sizes * voxel_ml >= step.amount * (1 - 1e-9)
    kept[0] = False
    return np.asarray(kept[pieces], dtype=bool)


def _smoothed(mask: Mask, free: Mask, sigma: float, spacing: Sequence[float]) -> Score:
    blurred = ndimage.gaussian_filter(
        mask.astype(np.float32), [sigma / value for value in spacing], mode="nearest", truncate=_SIGMAS
    )
    # The level at which as many voxels lie above it as the label has.
    allowed = blurred[free]
    count = int(np.count_nonzero(mask))
    level = np.partition(allowed, len(allowed) - count)[len(allowed) - count]
    above, at_least = (int(np.count_nonzero(values)) for values in (allowed > level, allowed >= level))
    if at_least - count < count - above:
        level = np.nextafter(level, np.float32(0))
    score: Score = blurred - max(level, np.float32(0))
    return score
