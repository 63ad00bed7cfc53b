"""Regions of an unlabelled scan: pieces that its own edges bound, to stand for structures in training.

Super-pixels as structures is what made few-shot segmentation trainable without labels (Ouyang et al., "Self-supervision
with Superpixels", ECCV 2020); here they are three-dimensional and of many sizes, so that their outlines can be followed
from slice to slice: a watershed of the gradient, whose basins are merged, first across weak edges, then the smallest
ones with the neighbour that the weakest edge divides them from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

_SMOOTHING = 0.5  # standard deviation before the gradient, as a share of the basins' size
_EDGE = 40.0  # weight, in mm, of the gradient between two regions against the difference of their means
_LARGEST = (0.05, 0.25)  # no region grows beyond a share of the volume drawn from this range
_WEAK = (0.0, 0.6)  # share of the basins' borders that count as weak, drawn from this range


def regions(
    image: NDArray[np.floating],
    spacing: Sequence[float],
    *,
    size: float,
    count: int,
    rng: np.random.Generator,
) -> NDArray[np.uint16]:
    """Cut a volume into about `count` regions.

    Parameters
    ----------
    image : (z, y, x), intensities in 0..1
    spacing : mm (z, y, x)
    size : mm across a basin of the watershed; details smaller than about half of it are smoothed away
    count : regions to end with, fewer than 65536; more remain where merging would make too large ones

    Returns
    -------
    (z, y, x) region numbers from 1
    """
    steps = [size / s for s in spacing]
    smooth = ndimage.gaussian_filter(np.asarray(image, dtype=np.float32), [_SMOOTHING * step for step in steps])
    gradient = _gradient(smooth, spacing)
    lowest = ndimage.minimum_filter(gradient, size=[max(3, round(step) | 1) for step in steps])
    seeds = ndimage.label(gradient == lowest)[0]
    basins = watershed(gradient, seeds).astype(np.int64) - 1  # type: ignore[no-untyped-call]
    borders = _Borders.between(basins, gradient)
    volumes = np.bincount(basins.ravel()).astype(float)
    sums = np.bincount(basins.ravel(), smooth.ravel())
    largest = image.size * rng.uniform(*_LARGEST)
    parents = _merged(borders, volumes, sums, count=count, largest=largest, weak=rng.uniform(*_WEAK))
    numbers = np.unique(parents, return_inverse=True)[1] + 1
    return np.asarray(numbers[basins], dtype=np.uint16)


@dataclass(frozen=True)
class _Borders:
    """Pairs of touching basins, first < second, with the number of faces between them and the gradient's sum there."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    faces: NDArray[np.float64]
    gradient: NDArray[np.float64]

    @classmethod
    def between(cls, basins: NDArray[np.int64], gradient: NDArray[np.float32]) -> _Borders:
        total = int(basins.max()) + 1
        pairs, strengths = [], []
        for axis in range(3):
            here, there = (
                tuple(part if a == axis else slice(None) for a in range(3)) for part in (slice(0, -1), slice(1, None))
            )
            differ = basins[here] != basins[there]
            a, b = basins[here][differ], basins[there][differ]
            pairs.append(np.minimum(a, b) * total + np.maximum(a, b))
            strengths.append(np.maximum(gradient[here][differ], gradient[there][differ]))
        return cls._grouped(np.concatenate(pairs), None, np.concatenate(strengths), total)

    @classmethod
    def _grouped(
        cls,
        pairs: NDArray[np.int64],
        faces: NDArray[np.floating] | None,
        gradient: NDArray[np.floating],
        total: int,
    ) -> _Borders:
        found, place = np.unique(pairs, return_inverse=True)
        return cls(
            found // total,
            found % total,
            np.bincount(place, faces, minlength=len(found)).astype(float),
            np.bincount(place, gradient, minlength=len(found)).astype(float),
        )

    def of(self, roots: NDArray[np.int64]) -> _Borders:
        """The borders that remain once each basin belongs to its root."""
        a, b = roots[self.first], roots[self.second]
        apart = a != b
        pairs = np.minimum(a, b)[apart] * len(roots) + np.maximum(a, b)[apart]
        return self._grouped(pairs, self.faces[apart], self.gradient[apart], len(roots))


def _gradient(image: NDArray[np.float32], spacing: Sequence[float]) -> NDArray[np.float32]:
    """Length of the gradient, per mm."""
    squares = sum(ndimage.sobel(image, axis) ** 2 / np.float32(32 * spacing[axis]) ** 2 for axis in range(3))
    return np.sqrt(squares).astype(np.float32)


def _merged(
    borders: _Borders,
    volumes: NDArray[np.number],
    sums: NDArray[np.number],
    *,
    count: int,
    largest: float,
    weak: float,
) -> NDArray[np.int64]:
    """The root of each basin after merging.

    Round by round each region joins its nearest neighbour, by the mean gradient on their border and the difference of
    their means: first wherever these are weak, then where one of the two is smaller than a rising size, until about
    `count` are left.
    """
    roots = np.arange(len(volumes))
    small, threshold = 0.0, np.inf
    while True:
        left = borders.of(roots)
        sizes = np.bincount(roots, volumes, minlength=len(roots))
        alive = int((sizes > 0).sum())
        if not len(left.first):
            return roots
        first, second = left.first, left.second
        means = np.bincount(roots, sums, minlength=len(roots)) / np.maximum(sizes, 1)
        cost = _EDGE * left.gradient / left.faces + np.abs(means[first] - means[second])
        if np.isinf(threshold):
            threshold = float(np.quantile(cost, weak))
        smaller = np.where(sizes[first] <= sizes[second], first, second)
        bigger = first + second - smaller
        fits = sizes[first] + sizes[second] < largest
        allowed = fits & (cost < threshold)
        most = alive - 1
        if not allowed.any():
            if alive <= count or small > largest:
                return roots
            small = max(small * 1.5, float(np.median(sizes[sizes > 0])))
            allowed, most = fits & (sizes[smaller] < small), alive - count
        chosen = np.flatnonzero(allowed)[np.argsort(cost[allowed], kind="stable")]
        roots = _join(smaller[chosen], bigger[chosen], most, len(roots))[roots]


def _join(smaller: NDArray[np.int64], bigger: NDArray[np.int64], most: int, total: int) -> NDArray[np.int64]:
    """Where each root goes: pairs in the order given, each region in one pair at most."""
    goes, taken = np.arange(total), np.zeros(total, dtype=bool)
    for a, b in zip(smaller.tolist(), bigger.tolist(), strict=True):
        if taken[a] or taken[b]:
            continue
        taken[a] = taken[b] = True
        goes[a] = b
        most -= 1
        if most <= 0:
            break
    return goes
