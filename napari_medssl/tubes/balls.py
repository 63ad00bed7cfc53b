"""The union of the balls along a centre line, as an exact signed distance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.intp]
Radii = NDArray[np.floating]
Depth = NDArray[np.float32]

OUTSIDE = np.float32(-np.inf)


def depth_in_balls(
    shape: tuple[int, int, int], centres: Points, radii: Radii, steps: Sequence[float], reach: float
) -> Depth:
    """How deep each voxel lies in a union of balls: ``max over u of r_u - |v - u|``.

    Parameters
    ----------
    shape : of the volume, (z, y, x)
    centres : (n, 3) voxel indices
    radii : (n,) in the unit of `steps`, each above -`reach`
    steps : voxel spacing in array order
    reach : how far outside a ball the depth is still wanted

    Returns
    -------
    (z, y, x) float32: positive inside, negative outside, -inf further than `reach` from all balls. Exact.

    The cost is the balls' own volume. A ball inside a larger one adds nothing and costs nothing: balls come from the
    largest to the smallest, and one whose centre already lies as deep as its radius is left out, which the triangle
    inequality allows.
    """
    depth = np.full(shape, OUTSIDE, np.float32)
    if not len(centres):
        return depth
    sizes = np.asarray(shape)
    widest = np.minimum(((float(np.max(radii)) + reach) / np.asarray(steps)).astype(int) + 1, sizes)
    away = _distances(widest, steps)
    order = np.argsort(-np.asarray(radii), kind="stable")
    limit = np.asarray(((np.asarray(radii, np.float64)[:, None] + reach) / np.asarray(steps)).astype(int))
    limit = np.minimum(limit, widest)
    lowest, highest = np.maximum(centres - limit, 0), np.minimum(centres + limit + 1, sizes)
    kernel_low, kernel_high = lowest - centres + widest, highest - centres + widest
    for one in order:
        radius = np.float32(radii[one])
        if depth[tuple(centres[one])] >= radius:
            continue
        (a, b, c), (d, e, f) = lowest[one], highest[one]
        (g, h, i), (j, k, m) = kernel_low[one], kernel_high[one]
        there = depth[a:d, b:e, c:f]
        np.maximum(there, radius - away[g:j, h:k, i:m], out=there)
    depth[depth < -reach] = OUTSIDE
    return depth


def _distances(widest: NDArray[np.intp], steps: Sequence[float]) -> NDArray[np.float32]:
    """Distance from the middle of an array that reaches `widest` voxels to each side."""
    squares = [
        (np.arange(-size, size + 1) * float(step)) ** 2 for size, step in zip(widest.tolist(), steps, strict=True)
    ]
    total = squares[0][:, None, None] + squares[1][:, None] + squares[2]
    return np.sqrt(total).astype(np.float32)
