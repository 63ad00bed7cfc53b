"""Which anchors have to answer for a nodule, which for none, and which are left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medssl.nodules.anchors import Anchors, Floats, encode

_FITS = np.log(1.45)  # an anchor answers for diameters up to this factor from its own
_LOOSELY = np.log(2.2)  # up to this factor it is left alone rather than told that there is nothing
_NEAR = 0.25  # of the nodule's diameter: how far from its middle an anchor may stand to answer for it
_AROUND = 0.6  # of the nodule's diameter: how far from its middle anchors are left alone


@dataclass(frozen=True)
class Targets:
    """What a detector should say, for every anchor in the order of `Anchors.flat`.

    Attributes
    ----------
    truth : (n,) 1 where an anchor answers for a nodule, else 0
    counted : (n,) whether the anchor enters the loss
    deltas : (n, 4) from the anchor to its nodule, 0 where it has none
    """

    truth: Floats
    counted: NDArray[np.bool_]
    deltas: Floats


def assign(
    anchors: Anchors, shape: Sequence[int], balls: NDArray[np.floating], irrelevant: NDArray[np.floating]
) -> Targets:
    """Compare every anchor with every nodule.

    An anchor answers for a nodule whose diameter fits its size and whose middle is near: within a quarter of the
    diameter, or within the anchor's own cell. The nearest one of the size that fits best always does. Those around it
    are left alone: a patch a voxel further on, they would answer themselves. (Overlap of boxes, as detectors of large
    things use it, is below 0.1 for the smallest nodules even for the best anchor.)

    Parameters
    ----------
    shape : of the working grid (z, y, x)
    balls : (k, 4) nodules' middles and diameters in mm, from the grid's first voxel
    irrelevant : (j, 4) findings that nobody asks for: anchors on them are left alone
    """
    centres, sizes = anchors.flat(shape)
    cells = _cells(anchors, shape)
    truth = np.zeros(len(sizes), dtype=np.float32)
    counted = np.ones(len(sizes), dtype=np.bool_)
    deltas = np.zeros((len(sizes), 4), dtype=np.float32)
    claimed = np.full(len(sizes), np.inf)  # how far the nodule is that an anchor answers for
    low, high = -0.5 * anchors.spacing_mm, (np.array(shape) - 0.5) * anchors.spacing_mm
    for ball in balls:
        away = np.sqrt(((centres - ball[:3]) ** 2).sum(1))
        misfit = np.abs(np.log(ball[3] / sizes))
        counted &= ~((away < np.maximum(_AROUND * ball[3], 0.75 * cells)) & (misfit < _LOOSELY))
        if not ((ball[:3] >= low) & (ball[:3] < high)).all():
            continue  # only part of it is in the patch, and nothing is asked of the anchors there
        mine = (away <= np.maximum(_NEAR * ball[3], 0.55 * cells)) & (misfit < _FITS)
        best = np.flatnonzero(misfit <= misfit.min() + 1e-6)
        mine[best[np.argmin(away[best])]] = True
        mine &= away < claimed
        claimed[mine] = away[mine]
        truth[mine] = 1
        deltas[mine] = encode(centres[mine], sizes[mine], np.broadcast_to(ball, (int(mine.sum()), 4)))
    for ball in irrelevant:
        away = np.sqrt(((centres - ball[:3]) ** 2).sum(1))
        counted &= away >= np.maximum(_AROUND * ball[3], cells)
    counted |= truth > 0
    return Targets(truth, counted, deltas)


def _cells(anchors: Anchors, shape: Sequence[int]) -> Floats:
    """The side of every anchor's cell in mm: (n,)."""
    sides = [
        np.full(int(np.prod(cells)) * len(sizes), stride * anchors.spacing_mm, dtype=np.float32)
        for stride, sizes, cells in zip(anchors.strides, anchors.sizes_mm, anchors.map_shapes(shape), strict=True)
    ]
    return np.concatenate(sides)
