"""From centre lines to space: signed distances to the surface of tubes, in voxels.

A signed distance (negative inside) says all that is rendered and learnt from: the mask, how much of a voxel a tube
fills, and how far neighbours are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from napari_medssl.tubes.learning.trees import draw_style, grow

REACH = 6.0  # voxels outside a tube to which distances are kept; beyond they are at least that
_GAP = 1.5  # voxels between tubes of different trees
_SMALLEST = 150  # voxels of a tree that is worth keeping


@dataclass(frozen=True)
class Shapes:
    """Trees in a box. Both are (z, y, x) signed distances in voxels, at most `REACH`.

    Attributes
    ----------
    tubes : of the tubes to find
    others : of tubes of the other kind (dark ones among bright ones), to be told apart from them
    """

    tubes: NDArray[Any]
    others: NDArray[Any]


def make_shapes(rng: np.random.Generator, side: int, *, largest: float = 12.0) -> Shapes:
    """Random trees in a cube: one large, a few, or many thin ones, that do not touch one another."""
    shape = (side, side, side)
    tubes, others = far(shape), far(shape)
    for _ in range(int(rng.choice([1, 2, 3, 5, 8], p=[0.25, 0.25, 0.2, 0.2, 0.1]))):
        tubes = _with_tree(rng, tubes, others, largest)
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(1, 4))):
            others = _with_tree(rng, others, tubes, largest)
    return Shapes(tubes.astype(np.float16), others.astype(np.float16))


def _with_tree(
    rng: np.random.Generator, own: NDArray[np.float32], other: NDArray[np.float32], largest: float
) -> NDArray[np.float32]:
    """`own` with one more tree, where that touches nothing."""
    shape = (own.shape[0], own.shape[1], own.shape[2])
    branches = grow(rng, shape, draw_style(rng, largest))
    there = np.minimum(own, other)
    kept = []
    for points in branches:
        inside = np.clip(points[:, :3].round().astype(int), 0, np.array(shape) - 1)
        free = there[tuple(inside.T)] > np.minimum(points[:, 3] + _GAP, REACH - 0.01)
        clear = len(points) if free.all() else int(free.argmin())
        if clear > 1:
            kept.append(points[:clear])
    tree = rasterise(kept, shape)
    if np.count_nonzero(tree <= 0) < _SMALLEST:
        return own
    # Thick trees reach further than `REACH`, so what was checked at the centre lines is checked in space, too.
    if (np.maximum(tree, there) < 0.5).any():
        return own
    joined: NDArray[np.float32] = np.minimum(own, tree)
    return joined


def rasterise(branches: Sequence[NDArray[np.float32]], shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """The signed distance (z, y, x) to the surface of tubes given by their centre lines (n, 4), up to `REACH`.

    Between two points the radius changes evenly, and the distance is that to the nearest point of the line less the
    radius there, which is exact for cylinders.
    """
    field = far(shape)
    box = np.array(shape)
    axes = [np.arange(n, dtype=np.float32) for n in shape]
    for points in branches:
        for start, end in pairwise(points):
            reach = max(start[3], end[3]) + REACH
            low = np.maximum(0, np.ceil(np.minimum(start[:3], end[:3]) - reach)).astype(int)
            high = np.minimum(box, np.floor(np.maximum(start[:3], end[:3]) + reach).astype(int) + 1)
            if (high <= low).any():
                continue
            z, y, x = (axis[a:b] for axis, a, b in zip(axes, low, high, strict=True))
            along, length = end[:3] - start[:3], float(((end[:3] - start[:3]) ** 2).sum())
            dz, dy, dx = (z - start[0])[:, None, None], (y - start[1])[None, :, None], (x - start[2])[None, None]
            part = ((along[0] * dz + along[1] * dy) + along[2] * dx) * (1 / max(length, 1e-9))
            np.clip(part, 0, 1, out=part)
            away = (dz - part * along[0]) ** 2 + (dy - part * along[1]) ** 2 + (dx - part * along[2]) ** 2
            np.sqrt(away, out=away)
            away -= start[3] + part * (end[3] - start[3])
            there = field[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
            np.minimum(there, away, out=there)
    return field


def from_mask(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The signed distance (z, y, x) to the surface of a drawn mask, in voxels, up to `REACH` outside."""
    if not mask.any():
        return far(mask.shape)
    outside = distance_transform_edt(~mask)
    inside = distance_transform_edt(mask)
    # The surface lies between the voxels: half a voxel off the centres of both sides.
    signed = np.where(mask, 0.5 - inside, outside - 0.5)
    limited: NDArray[np.float32] = np.minimum(signed, REACH).astype(np.float32)
    return limited


def far(shape: Sequence[int]) -> NDArray[np.float32]:
    """A box without tubes."""
    return np.full(tuple(shape), REACH, dtype=np.float32)
