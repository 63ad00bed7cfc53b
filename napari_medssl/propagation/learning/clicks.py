"""Clicks and scribbles as a person would make them on a mask that is not right yet."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

_HINTED = 0.35  # share of the masks that get any
_AGREEING = 0.2  # share of the clicks that confirm what is right already
_SECOND = 0.3  # share of the hinted masks that get a second click
_DRAGGED = 0.3  # share of the clicks that are drawn out to a scribble
_WORTH_IT = 12  # pixels of the smallest mistake that is clicked on


def clicks_on(found: Tensor, truth: Tensor, keys: Tensor, step: int) -> Tensor | None:
    """Clicks on some of a batch of masks.

    Parameters
    ----------
    found, truth : (batch, 1, height, width), 0 or 1
    keys : (batch,) whole numbers that, with `step`, decide what happens to each mask

    Returns
    -------
    (batch, 1, height, width): 1 where the structure was said to be, -1 where it was said not to be, 0 elsewhere; None
    where nobody clicked
    """
    hints = np.zeros(tuple(found.shape), dtype=np.float32)
    found_masks, truths = found.cpu().numpy() > 0, truth.cpu().numpy() > 0
    for position, key in enumerate(keys.tolist()):
        rng = np.random.default_rng([key, step])
        if rng.random() < _HINTED:
            for _ in range(1 + (rng.random() < _SECOND)):
                _click(hints[position, 0], found_masks[position, 0], truths[position, 0], rng)
    return torch.from_numpy(hints).to(found.device) if hints.any() else None


def _click(
    hints: NDArray[np.float32], found: NDArray[np.bool_], truth: NDArray[np.bool_], rng: np.random.Generator
) -> None:
    """Add one click: mostly into the largest mistake that has none yet, else somewhere that is right."""
    if rng.random() < _AGREEING:
        where = (
            found & truth
            if rng.random() < 0.5
            else ~found & ~truth & ndimage.binary_dilation(found | truth, iterations=8)
        )
    else:
        where = _largest((found != truth) & (hints == 0))
    if where.sum() < _WORTH_IT:
        return
    depth = ndimage.distance_transform_edt(np.pad(where, 1))[1:-1, 1:-1]
    deep = np.argwhere(depth >= rng.uniform(0.5, 1.0) * depth.max())
    start = deep[rng.integers(len(deep))]
    end = deep[rng.integers(len(deep))] if rng.random() < _DRAGGED else start
    rows, columns = np.indices(where.shape)
    along = np.linspace(0, 1, 2 * int(np.hypot(*(end - start))) + 1)
    points = start + along[:, None] * (end - start)
    points = points[where[tuple(points.round().astype(int).T)]]  # a person lifts the pen at the edge
    radius = rng.uniform(0.5, 3)
    for row, column in points:
        near = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        hints[near & where] = 1.0 if truth[tuple(start)] else -1.0


def _largest(where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    pieces, count = ndimage.label(where)
    if count < 2:
        return where
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    largest: NDArray[np.bool_] = pieces == sizes.argmax()
    return largest
