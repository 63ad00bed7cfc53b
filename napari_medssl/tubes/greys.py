"""Grey values as a tube network sees them: mean 0 and spread 1 within a window around each voxel.

What a tube is like does not depend on the scanner's units nor on what lies far away, so no scale is common to scans.
The windows slide: a voxel's value does not depend on how the scan was cut into blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_medssl.volumes.sampling import sample

_CLIP = (0.1, 99.9)  # percentiles of a scan: metal and padding beyond them say nothing
_CELLS = 8  # a window is measured on so many cells along an axis
_FLAT = 0.15  # of the whole scan's spread: less is noise, which is not to be blown up
_MOST = 6.0  # spreads from the mean
_SAMPLED = 2_000_000  # voxels that the percentiles are taken from
_WINDOW_SIGMAS = 12**0.5  # a box of a side w spreads as a Gaussian of w over this
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Greys:
    """How a scan's grey values are scaled.

    Attributes
    ----------
    low, high : what is beyond is cut off
    mean, spread : on a coarse grid of cells
    cell : voxels of the scan along each axis of a cell
    """

    low: float
    high: float
    mean: Array
    spread: Array
    cell: tuple[int, int, int]

    def scale(self, values: Array, starts: Sequence[float] = (0, 0, 0), steps: Sequence[float] = (1, 1, 1)) -> Array:
        """Scale values (z, y, x) that were sampled from the scan at ``starts + steps * index`` voxels."""
        into = [((a + 0.5) / c - 0.5, s / c) for a, s, c in zip(starts, steps, self.cell, strict=True)]
        there = ([a for a, _ in into], [s for _, s in into], values.shape)
        scaled = (np.clip(values, self.low, self.high) - sample(self.mean, *there)) / sample(self.spread, *there)
        limited: Array = np.clip(scaled, -_MOST, _MOST)
        return limited


def measure(array: Any, window: Sequence[float]) -> Greys:
    """How to scale a scan (z, y, x), perhaps lazy, with a `window` in its voxels. It is read slab by slab."""
    depth, height, width = (int(n) for n in array.shape)
    cz, cy, cx = (max(1, min(round(w / _CELLS), n)) for w, n in zip(window, array.shape, strict=True))
    low, high = _limits(array)
    shape = -(-depth // cz), -(-height // cy), -(-width // cx)
    mean, square = np.zeros(shape), np.zeros(shape)
    for index in range(shape[0]):
        slab = np.clip(finite(array[index * cz : (index + 1) * cz]), low, high)
        flat, squared = slab.mean(0), (slab.astype(np.float64) ** 2).mean(0)
        for sums, values in ((mean, flat), (square, squared)):
            sums[index] = _cell_means(values, cy, cx)
    whole = float(np.sqrt(max(square.mean() - mean.mean() ** 2, 0.0)))
    sigmas = [w / _WINDOW_SIGMAS / c for w, c in zip(window, (cz, cy, cx), strict=True)]
    mean, square = (gaussian_filter(values, sigmas, mode="nearest", truncate=2.5) for values in (mean, square))
    spread = np.sqrt(np.maximum(square - mean**2, (_FLAT * whole) ** 2))
    spread[spread <= 0] = 1.0
    return Greys(low, high, mean.astype(np.float32), spread.astype(np.float32), (cz, cy, cx))


def measure_all(
    array: Any, windows: Sequence[float], spacing: Sequence[float], working: Sequence[float]
) -> list[Greys]:
    """How to scale a scan for each window of a plan, which are in the finest sides of the working voxels."""
    return [measure(array, [window * min(working) / own for own in spacing]) for window in windows]


def scale_patch(values: Array, windows: Sequence[float] = (0.0,)) -> Array:
    """A made patch (z, y, x) as a scan would be, (windows, z, y, x): in its first window it is all there is."""
    return np.stack([_scale_whole(values), *(measure(values, [w] * 3).scale(values) for w in windows[1:])])


def _scale_whole(values: Array) -> Array:
    low, high = np.percentile(values, _CLIP)
    clipped = np.clip(values, low, high)
    spread = float(clipped.std())
    scaled: Array = np.clip((clipped - clipped.mean()) / (spread if spread > 0 else 1.0), -_MOST, _MOST)
    return scaled.astype(np.float32)


def finite(values: Any) -> Array:
    """As float32; what is no number counts as 0."""
    plain: Array = np.nan_to_num(np.asarray(values, dtype=np.float32), posinf=0.0, neginf=0.0)
    return plain


def _limits(array: Any) -> tuple[float, float]:
    every = max(1, round((np.prod(array.shape, dtype=float) / _SAMPLED) ** (1 / 3)))
    values = np.concatenate([finite(array[z])[::every, ::every].ravel() for z in range(0, array.shape[0], every)])
    low, high = (float(value) for value in np.percentile(values, _CLIP))
    return low, high


def _cell_means(values: NDArray[Any], height: int, width: int) -> NDArray[np.float64]:
    """Means (y, x) over cells; those at the end may be smaller."""
    rows, columns = np.arange(0, values.shape[0], height), np.arange(0, values.shape[1], width)
    sums = np.add.reduceat(np.add.reduceat(values, rows, axis=0, dtype=np.float64), columns, axis=1)
    sizes = np.diff(np.append(rows, values.shape[0]))[:, None] * np.diff(np.append(columns, values.shape[1]))[None]
    means: NDArray[np.float64] = sums / sizes
    return means
