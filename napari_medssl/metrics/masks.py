"""What every metric asks of its input, and the one place that turns labels into a mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medssl.errors import BadInput

Mask = NDArray[np.bool_]
Labels = NDArray[np.bool_] | NDArray[np.integer]
Box = tuple[slice, ...]


def as_labels(array: ArrayLike, what: str) -> Labels:
    """`array` as booleans or integers, without a copy where it is one already."""
    labels = np.asarray(array)
    if labels.dtype == bool or np.issubdtype(labels.dtype, np.integer):
        return labels
    raise BadInput(
        f"The {what} has values of type {labels.dtype}; metrics take whole numbers (labels) or true and false."
    )


def as_pair(prediction: ArrayLike, truth: ArrayLike) -> tuple[Labels, Labels]:
    """Both as labels of one shape.

    Raises
    ------
    BadInput
        Their shapes differ, or one does not hold labels.
    """
    pair = as_labels(prediction, "prediction"), as_labels(truth, "truth")
    if pair[0].shape != pair[1].shape:
        raise BadInput(
            f"The prediction has shape {pair[0].shape} and the truth {pair[1].shape}; resample one onto the other."
        )
    return pair


def as_mask(labels: Labels, label: int | None) -> Mask:
    """Where `labels` equals `label`; where it is not zero when `label` is None."""
    if labels.dtype == bool and label in (None, 1):
        return labels.astype(bool, copy=False)
    return np.not_equal(labels, 0) if label is None else np.equal(labels, label)


def as_spacing(spacing: Sequence[float], ndim: int) -> tuple[float, ...]:
    """`spacing` in mm, one positive number for each axis, in array order."""
    values = tuple(float(value) for value in spacing)
    if len(values) != ndim or not np.isfinite(values).all() or min(values) <= 0:
        raise BadInput(f"The spacing must be {ndim} positive numbers in mm, in array order, not {values}.")
    return values


def bounding_box(*masks: Mask) -> Box | None:
    """The smallest box that holds all that is true in any of `masks`, or None when nothing is."""
    box = []
    for axis in range(masks[0].ndim):
        others = tuple(a for a in range(masks[0].ndim) if a != axis)
        hit = np.flatnonzero(np.logical_or.reduce([mask.any(axis=others) for mask in masks]))
        if not len(hit):
            return None
        box.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return tuple(box)
