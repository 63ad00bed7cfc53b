"""Branching trees of tubes, grown at random: centre lines with exact radii, in voxels of a box.

Radii follow Murray's law at branches (the cubes of the daughters' radii sum to the parent's; Murray 1926), directions
wander, and some tubes narrow on a short way, as stenoses do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

THINNEST = 0.6  # voxels; thinner tubes would leave gaps in a mask
_STEP = 0.7  # of the radius, but no less than half a voxel
_MOST_BRANCHES = 150


@dataclass(frozen=True)
class Style:
    """How a tree grows.

    Attributes
    ----------
    radius : of the root, in voxels
    thinnest : radius at which branches end
    wander : how much the direction changes (radians) over a way of ten radii
    length : way between two branchings, in radii
    even : how alike the two daughters of a branching are, 0 (one keeps nearly all) to 1
    narrow : chance that a branch has a stenosis
    """

    radius: float
    thinnest: float
    wander: float
    length: float
    even: float
    narrow: float


def draw_style(rng: np.random.Generator, largest: float) -> Style:
    """A style with a root of at most `largest` voxels' radius; thin and thick roots are as likely."""
    radius = float(np.exp(rng.uniform(np.log(0.8), np.log(largest))))
    return Style(
        radius=radius,
        thinnest=float(max(THINNEST, radius * rng.uniform(0.12, 0.6))),
        wander=float(rng.uniform(0.05, 1.0)),
        length=float(rng.uniform(6, 25)),
        even=float(rng.uniform(0.1, 0.9)),
        narrow=float(rng.choice([0.0, 0.3])),
    )


def grow(rng: np.random.Generator, shape: tuple[int, int, int], style: Style) -> list[NDArray[np.float32]]:
    """The branches of one tree in a box of `shape` (z, y, x) voxels: each (n, 4) points z, y, x and radius."""
    box = np.array(shape, dtype=float)
    if rng.random() < 0.5:  # from outside into the box
        axis, side = int(rng.integers(3)), int(rng.integers(2))
        start = rng.uniform(0, box)
        start[axis] = -2 if side == 0 else box[axis] + 1
        towards = rng.uniform(0.25, 0.75, 3) * box - start
    else:
        start, towards = rng.uniform(0.1, 0.9, 3) * box, rng.normal(size=3)
    waiting = [(start, _unit(towards), style.radius)]
    branches: list[NDArray[np.float32]] = []
    while waiting and len(branches) < _MOST_BRANCHES:
        place, direction, radius = waiting.pop(0)
        points, end, heading = _branch(rng, place, direction, radius, style, box)
        if len(points) > 1:
            branches.append(points)
        if end is None or radius <= style.thinnest:
            continue
        share = 0.5 * style.even ** rng.uniform(0.3, 3)
        for part, turn in ((1 - share, share), (share, 1 - share)):  # the thinner one turns more
            thin = radius * part ** (1 / 3)
            if thin >= style.thinnest:
                waiting.append((end, _turned(rng, heading, np.radians(15) + np.radians(70) * turn), thin))
    return branches


def _branch(
    rng: np.random.Generator, place: NDArray[np.float64], direction: NDArray[np.float64], radius: float, style: Style,
    box: NDArray[np.float64],
) -> tuple[NDArray[np.float32], NDArray[np.float64] | None, NDArray[np.float64]]:  # fmt: skip
    """Points of one branch, where it ends (None outside the box) and its direction there."""
    step = max(0.5, _STEP * radius)
    count = max(3, int(rng.exponential(style.length) * max(radius, 1.0) / step) + 2)
    jitter = style.wander * np.sqrt(step / (10 * max(radius, 1.0)))
    bend = np.zeros(3)
    points = np.empty((count, 4), dtype=np.float32)
    used = 0
    for index in range(count):
        points[index] = (*place, radius)
        used = index + 1
        bend = 0.8 * bend + 0.6 * jitter * rng.normal(size=3)  # turns come in curves, not in kinks
        direction = _unit(direction + bend)
        place = place + step * direction
        if (place < -2 - radius).any() or (place > box + 1 + radius).any():
            break
    points = points[:used]
    left = used < count
    _vary_radius(rng, points[:, 3], style)
    return points, None if left else place, direction


def _vary_radius(rng: np.random.Generator, radii: NDArray[np.float32], style: Style) -> None:
    """Let radii waver a little, and narrow at a stenosis."""
    where = np.arange(len(radii))
    phase, pace = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.4)
    radii *= 1 + rng.uniform(0, 0.12) * np.sin(phase + pace * where)
    if rng.random() < style.narrow and len(radii) > 6:
        middle, width = rng.uniform(0.2, 0.8) * len(radii), rng.uniform(1, 4)
        radii *= 1 - rng.uniform(0.3, 0.8) * np.exp(-(((where - middle) / width) ** 2) / 2)
    np.maximum(radii, THINNEST, out=radii)


def _turned(rng: np.random.Generator, direction: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    aside = np.cross(direction, rng.normal(size=3))
    return _unit(np.cos(angle) * direction + np.sin(angle) * _unit(aside))


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)
