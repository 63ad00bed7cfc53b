"""Signed distances in mm (negative inside) of simple shapes, and smooth ways to join and cut them.

All take coordinates z, y, x that broadcast together, dense arrays or points alike. Distances are exact to first
order near the surface, which is what soft edges need.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medssl.volumes.phantoms.fields import Floats

Point = tuple[float, float, float]


def ellipsoid(
    z: Floats, y: Floats, x: Floats, centre: Point, radii: Point, turn: NDArray[np.floating] | None = None
) -> Floats:
    """An ellipsoid; `centre`, `radii` in (z, y, x); `turn` rotates it (a matrix from `rotation`)."""
    dz, dy, dx = (axis - np.float32(c) for axis, c in zip((z, y, x), centre, strict=True))
    if turn is not None:
        m = np.asarray(turn, dtype=np.float32)
        dz, dy, dx = (m[0, i] * dz + m[1, i] * dy + m[2, i] * dx for i in range(3))
    rz, ry, rx = (np.float32(1 / r) for r in radii)
    dz, dy, dx = dz * rz, dy * ry, dx * rx
    near = np.sqrt(dz * dz + dy * dy + dx * dx)
    dz, dy, dx = dz * rz, dy * ry, dx * rx
    slope = np.sqrt(dz * dz + dy * dy + dx * dx)
    distance: Floats = near * (near - 1) / np.maximum(slope, np.float32(1e-6))
    # At the very centre the expression is 0 / 0; there the surface is the shortest half axis away.
    return np.where(near < 1e-3, np.float32(-min(radii)), distance)


def column(y: Floats, x: Floats, centre: tuple[ArrayLike, ArrayLike], radii: tuple[float, float]) -> Floats:
    """An elliptic column along z; the centre's (y, x) may depend on z."""
    dy, dx = (
        (y - np.asarray(centre[0], np.float32)) * np.float32(1 / radii[0]),
        (x - np.asarray(centre[1], np.float32)) * np.float32(1 / radii[1]),
    )
    near = np.sqrt(dy * dy + dx * dx)
    slope = np.hypot(dy * np.float32(1 / radii[0]), dx * np.float32(1 / radii[1]))
    distance: Floats = near * (near - 1) / np.maximum(slope, np.float32(1e-6))
    return np.where(near < 1e-3, np.float32(-min(radii)), distance)


def capsule(z: Floats, y: Floats, x: Floats, start: Point, end: Point, radius: float) -> Floats:
    """All that lies within `radius` of the line from `start` to `end`, both (z, y, x)."""
    along = np.subtract(end, start).astype(np.float32)
    dz, dy, dx = (axis - np.float32(s) for axis, s in zip((z, y, x), start, strict=True))
    t = np.clip((dz * along[0] + dy * along[1] + dx * along[2]) / np.float32(along @ along), 0, 1)
    dz, dy, dx = dz - t * along[0], dy - t * along[1], dx - t * along[2]
    distance: Floats = np.sqrt(dz * dz + dy * dy + dx * dx) - np.float32(radius)
    return distance


def union(a: Floats, b: Floats, blend: float = 0.0) -> Floats:
    """What lies in either, with a fillet about `blend` mm wide."""
    if blend <= 0:
        return np.minimum(a, b)
    overlap = np.maximum(np.float32(blend) - np.abs(a - b), 0)
    joined: Floats = np.minimum(a, b) - overlap * overlap * np.float32(0.25 / blend)
    return joined


def both(a: Floats, b: Floats, blend: float = 0.0) -> Floats:
    """What lies in both, with an edge rounded over about `blend` mm."""
    return -union(-a, -b, blend)


def cut(a: Floats, b: Floats, blend: float = 0.0) -> Floats:
    """What lies in `a` and not in `b`."""
    return -union(-a, b, blend)


def rotation(*turns: tuple[str, float]) -> NDArray[np.float64]:
    """A matrix for (z, y, x) vectors that turns about the named axes by degrees, one after the other.

    About z it turns from back to left, about y from left to head, about x from head to back.
    """
    matrix = np.eye(3)
    for name, degrees in turns:
        i, j = ((1, 2), (2, 0), (0, 1))["zyx".index(name)]
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        step = np.eye(3)
        step[[i, i, j, j], [i, j, i, j]] = c, -s, s, c
        matrix = step @ matrix
    return matrix


def smooth_step(values: Floats, start: float, end: float) -> Floats:
    """0 before `start`, 1 after `end`, with zero slope at both."""
    t = np.clip((values - np.float32(start)) * np.float32(1 / (end - start)), 0, 1)
    step: Floats = t * t * (3 - 2 * t)
    return step


def curve(points: Sequence[Sequence[float]], count: int) -> NDArray[np.float64]:
    """`count` points on a smooth curve (Catmull-Rom) through `points` (n, k), the first three columns being places."""
    knots = np.asarray(points, dtype=float)
    at = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots[:, :3], axis=0), axis=1))])
    slopes = np.gradient(knots, at, axis=0)
    wanted = np.linspace(0, at[-1], count)
    left = np.clip(np.searchsorted(at, wanted, side="right") - 1, 0, len(at) - 2)
    step = (at[left + 1] - at[left])[:, None]
    t = (wanted - at[left])[:, None] / step
    start, end = knots[left], knots[left + 1]
    bow = (1 - t) * slopes[left] * step - t * slopes[left + 1] * step + (2 * t - 1) * (end - start)
    through: NDArray[np.float64] = start + t * (end - start) + t * (1 - t) * bow
    return through
