"""Blocks of scans, cut into regions: volumes with structures to learn from that nobody had to draw."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medssl.propagation.learning.made import Made
from napari_medssl.propagation.learning.regions import regions
from napari_medssl.propagation.learning.sampling import TrainingVolume
from napari_medssl.training.randomness import generator

_LARGEST = (96, 128, 128)  # voxels of a block
_BASINS = (3.0, 7.0)  # voxels across a basin
_VOLUME_OF_BASIN = 60  # basins to a region, about


def region_blocks(scans: Sequence[TrainingVolume], count: int, *, seed: int) -> Made:
    """`count` blocks of scans drawn at random, each with its regions as labels; each made when first asked for."""
    return Made(count if len(scans) else 0, partial(_block, scans, seed))


def _block(scans: Sequence[TrainingVolume], seed: int, index: int) -> TrainingVolume:
    rng = generator(seed, 7, index)
    scan = scans[index % len(scans)]
    array, spacing = _cut(scan, rng)
    low, high = np.percentile(array, [rng.uniform(0, 35), rng.uniform(96, 99.8)])
    if not high > low:
        low, high = float(array.min()), float(array.max()) + 1
    window = np.clip((array - low) / (high - low), 0, 1).astype(np.float32)
    size = rng.uniform(*_BASINS) * float(np.prod(spacing)) ** (1 / 3)
    count = max(12, round(array.size * np.prod(spacing) / (_VOLUME_OF_BASIN * size**3)))
    labels = regions(window, spacing, size=size, count=min(count, 5000), rng=rng)
    return TrainingVolume(_smaller(array), spacing, labels, ragged=True)


def _cut(scan: TrainingVolume, rng: np.random.Generator) -> tuple[NDArray[Any], tuple[float, ...]]:
    """A block at a random place, at half the resolution half of the time where the scan is large enough."""
    halved = rng.random() < 0.5 and min(scan.array.shape[1:]) >= 160
    finest = min(scan.spacing)
    steps = [2 if halved and s < 2 * finest else 1 for s in scan.spacing]
    where = []
    for length, most, step in zip(scan.array.shape, _LARGEST, steps, strict=True):
        extent = min(length, most * step)
        start = int(rng.integers(length - extent + 1))
        where.append(slice(start, start + extent // step * step))
    block = np.asarray(scan.array[tuple(where)], dtype=np.float32)
    shape = [n for length, step in zip(block.shape, steps, strict=True) for n in (length // step, step)]
    block = np.nan_to_num(block.reshape(shape).mean(axis=(1, 3, 5)), copy=False)
    return block, tuple(s * step for s, step in zip(scan.spacing, steps, strict=True))


def _smaller(array: NDArray[Any]) -> NDArray[Any]:
    """Half the memory, where the values fit: many blocks are kept."""
    return array.astype(np.float16) if np.abs(array).max() < 60000 else array
