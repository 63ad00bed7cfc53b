"""Tapered tubes along curves and branching trees, and how far a voxel is from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medssl.volumes.phantoms.fields import Floats
from napari_medssl.volumes.phantoms.shapes import curve
from napari_medssl.volumes.phantoms.space import Body


@dataclass(frozen=True)
class Tubes:
    """Straight, tapered pieces: ends (n, 3) in (z, y, x) mm and the radii there (n,) in mm."""

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    start_radius: NDArray[np.float64]
    end_radius: NDArray[np.float64]

    @classmethod
    def along(cls, points: Sequence[Sequence[float]], count: int = 24) -> Tubes:
        """One tube along a smooth curve through `points`, each (z, y, x, radius), in `count` pieces."""
        path = curve(points, count + 1)
        return cls(path[:-1, :3], path[1:, :3], path[:-1, 3], path[1:, 3])

    def joined(self, *others: Tubes) -> Tubes:
        """These and the others as one."""
        every = (self, *others)
        return Tubes(
            np.concatenate([t.start for t in every]),
            np.concatenate([t.end for t in every]),
            np.concatenate([t.start_radius for t in every]),
            np.concatenate([t.end_radius for t in every]),
        )

    def placed(self, body: Body) -> Tubes:
        """The same tubes, given in the reference anatomy, in a patient; radii stay."""
        return Tubes(body.place(self.start), body.place(self.end), self.start_radius, self.end_radius)

    def with_radius(self, change: float) -> Tubes:
        """The same tubes with `change` mm added to each radius (at least 0.1 mm remain)."""
        return Tubes(
            self.start,
            self.end,
            np.maximum(self.start_radius + change, 0.1),
            np.maximum(self.end_radius + change, 0.1),
        )


def distance_to_tubes(tubes: Tubes, axes: tuple[Floats, Floats, Floats], reach: float) -> tuple[Floats, Floats]:
    """Signed distance to the nearest tube wall, and that tube's radius, on the grid spanned by three vectors (mm).

    Only distances up to `reach` are right; farther away the value is `reach`.
    """
    shape = tuple(len(axis) for axis in axes)
    distance = np.full(shape, np.float32(reach), dtype=np.float32)
    radius = np.zeros(shape, dtype=np.float32)
    margin = np.maximum(tubes.start_radius, tubes.end_radius)[:, None] + reach
    low = np.minimum(tubes.start, tubes.end) - margin
    high = np.maximum(tubes.start, tubes.end) + margin
    first = np.stack([np.searchsorted(axis, low[:, i]) for i, axis in enumerate(axes)], axis=1)
    last = np.stack([np.searchsorted(axis, high[:, i]) for i, axis in enumerate(axes)], axis=1)
    along = tubes.end - tubes.start
    for n in np.flatnonzero((last > first).all(axis=1)):
        box = tuple(slice(a, b) for a, b in zip(first[n], last[n], strict=True))
        z, y, x = (axis[part] - np.float32(s) for axis, part, s in zip(axes, box, tubes.start[n], strict=True))
        z, y = z[:, None, None], y[:, None]
        dz, dy, dx = (np.float32(v) for v in along[n])
        length = np.float32(max(along[n] @ along[n], 1e-9))
        t = np.clip((z * (dz / length) + y * (dy / length)) + x * (dx / length), 0, 1)
        here = np.float32(tubes.start_radius[n]) + t * np.float32(tubes.end_radius[n] - tubes.start_radius[n])
        a, b, c = z - t * dz, y - t * dy, x - t * dx
        found = np.sqrt(a * a + b * b + c * c) - here
        nearer = found < distance[box]
        np.copyto(distance[box], found, where=nearer)
        np.copyto(radius[box], here, where=nearer)
    return distance, radius


def grow_tree(
    root: Sequence[float],
    targets: NDArray[np.floating],
    rng: np.random.Generator,
    *,
    leaf_radius: float,
    exponent: float = 2.8,
    reach: float = 0.42,
    waviness: float = 0.06,
) -> Tubes:
    """A tree from `root` to every target: the targets are split in two again and again, a fork at each split.

    Radii follow Murray's law with `exponent`: at a fork the powers of the branches' radii add up to the stem's, so
    that a stem to n leaves has leaf_radius * n ** (1 / exponent).

    Parameters
    ----------
    root : (z, y, x)
    targets : (n, 3) points that the tips reach
    reach : how far towards its targets' centre a stem goes before it forks
    waviness : sideways noise of forks relative to a stem's length
    """
    pieces: list[tuple[NDArray[np.float64], NDArray[np.float64], float, float]] = []
    stem = leaf_radius * len(targets) ** (1 / exponent)
    todo = [(np.asarray(root, dtype=float), np.asarray(targets, dtype=float), stem)]
    while todo:
        here, group, before = todo.pop()
        radius = leaf_radius * len(group) ** (1 / exponent)
        if len(group) == 1:
            pieces.append((here, group[0], radius, 0.7 * radius))
            continue
        step = (group.mean(axis=0) - here) * reach
        fork = here + step + rng.normal(0, waviness, 3) * np.linalg.norm(step)
        pieces.append((here, fork, min(before, 1.1 * radius), radius))
        spread = group - group.mean(axis=0)
        # Mostly across the longest direction, at times across the second: real trees do not split by a rule.
        axis = np.linalg.eigh(spread.T @ spread)[1][:, 1 if len(group) > 3 and rng.random() < 0.2 else 2]
        order = np.argsort(spread @ axis, kind="stable")
        share = int(np.clip(round(len(group) * rng.uniform(0.3, 0.7)), 1, len(group) - 1))
        todo += [(fork, group[order[:share]], radius), (fork, group[order[share:]], radius)]
    start, end, start_radius, end_radius = (np.array(part, dtype=float) for part in zip(*pieces, strict=True))
    return Tubes(start, end, start_radius, end_radius)
