"""The literal sum of soft balls of the deep distance transform, at a cost that does not grow with K times the volume.

With ``Sigma = (z / 3)^2 I`` and ``c = sqrt((2 pi)^3 det Sigma)`` a ball's term is
``p_u exp(-|v - u|^2 / (2 (z / 3)^2))``, a product of three functions of one coordinate each. Small problems are summed
as they stand. Otherwise the centres are put into blocks, and those of one radius in a block are spread along the three
axes by matrix products, which take a small part of a convolution's time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

Points = NDArray[np.intp]
Values = NDArray[np.float64]

_WHOLE = 4e8  # centres x voxels up to which nothing is cut off: a second or less
_BLOCK = 24  # voxels
_DROPPED = 1e-5  # what a radius may lose in all at a voxel, p = 1 everywhere; the sum is cut at a half
_SMALLEST = 1e-3  # sigmas, in voxels, below which a ball is its own centre


def sum_of_soft_balls(
    shape: tuple[int, int, int], centres: Points, radii: Values, weights: Values, steps: Sequence[float]
) -> NDArray[np.float32]:
    """``sum over u of p_u c_u Phi(v; u, Sigma_u)`` at each voxel v.

    Parameters
    ----------
    shape : of the volume, (z, y, x)
    centres : (n, 3) voxel indices u
    radii : (n,) z_u in the unit of `steps`; 0 adds p_u at u only
    weights : (n,) p_u
    steps : voxel spacing in array order

    Returns
    -------
    (z, y, x) float32. Where centres x voxels come to more than 4e8, terms further than about two radii from their
    centre are left out: with any arrangement of centres this loses less than 1e-5 a radius.
    """
    total = np.zeros(shape, np.float64)
    points = radii < 3 * _SMALLEST * min(steps)
    np.add.at(total, tuple(centres[points].T), weights[points])
    centres, sigmas, weights = centres[~points], radii[~points] / 3, weights[~points]
    if len(centres) * total.size <= _WHOLE:
        _add_whole(total, centres, sigmas, weights, steps)
    else:
        for block in _blocks(centres, sigmas):
            _add_block(total, centres[block], float(sigmas[block[0]]), weights[block], steps)
    return total.astype(np.float32)


def _add_whole(total: Values, centres: Points, sigmas: Values, weights: Values, steps: Sequence[float]) -> None:
    """Every term at every voxel, as a matrix product."""
    at_once = max(1, int(4e6 // max(total.shape[0] * total.shape[1], 1)))
    for start in range(0, len(centres), at_once):
        part = slice(start, start + at_once)
        along = [
            np.exp(-0.5 * ((np.arange(size) - centres[part, axis, None]) * steps[axis] / sigmas[part, None]) ** 2)
            for axis, size in enumerate(total.shape)
        ]
        planes = (weights[part, None, None] * along[0][:, :, None] * along[1][:, None, :]).reshape(len(along[0]), -1)
        total += (planes.T @ along[2]).reshape(total.shape)


def _blocks(centres: Points, sigmas: Values) -> Iterator[Points]:
    """The numbers of the centres that share a radius and a block of voxels."""
    _, radius = np.unique(sigmas, return_inverse=True)
    blocks = centres // _BLOCK
    sizes = blocks.max(0, initial=0) + 1
    keys = ((radius * sizes[0] + blocks[:, 0]) * sizes[1] + blocks[:, 1]) * sizes[2] + blocks[:, 2]
    order = np.argsort(keys, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(keys[order])) + 1)


def _add_block(total: Values, centres: Points, sigma: float, weights: Values, steps: Sequence[float]) -> None:
    """The terms of centres near each other with one sigma: a product with one matrix for each axis."""
    first = centres.min(0)
    part = np.zeros(centres.max(0) + 1 - first, np.float64)
    np.add.at(part, tuple((centres - first).T), weights)
    volume = sigma**3 / float(np.prod(steps))
    into = []
    for axis, step in enumerate(steps):
        reach = int(np.ceil(_cut(volume) * sigma / step))
        low, high = max(first[axis] - reach, 0), min(first[axis] + part.shape[0] + reach, total.shape[axis])
        there, here = np.arange(low, high)[:, None], np.arange(first[axis], first[axis] + part.shape[0])
        # Always the first axis, which comes last in the product: after three turns all are in their places.
        part = np.tensordot(part, np.exp(-0.5 * ((there - here) * step / sigma) ** 2), axes=(0, 1))
        into.append(slice(low, high))
    total[tuple(into)] += part


def _cut(volume: float) -> float:
    """How many sigmas a ball reaches, so that the rest comes to `_DROPPED` at most; `volume` is sigma^3 in voxels."""
    mass = (2 * np.pi) ** 1.5 * max(volume, 0.1)
    return float(np.sqrt(2 * special.gammainccinv(1.5, min(_DROPPED / mass, 0.5))))
