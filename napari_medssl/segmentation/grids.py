"""From a scan's own grid to the grid a network works on, and probabilities back. Both grids span the same box.

Coarser grids are smoothed first, as much as keeps fine patterns from turning into false coarse ones: a standard
deviation of half of what the step exceeds a voxel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_medssl.segmentation.intensities import Scale
from napari_medssl.volumes.sampling import smooth


def working_shape(shape: Sequence[int], spacing: Sequence[float], wanted: Sequence[float]) -> tuple[int, int, int]:
    """The shape of a scan resampled from its spacing to the one that is wanted."""
    z, y, x = (max(1, round(n * own / new)) for n, own, new in zip(shape, spacing, wanted, strict=True))
    return z, y, x


def to_working_grid(
    array: Any, shape: tuple[int, int, int], scale: Scale, pause: Callable[[], None] = lambda: None
) -> Tensor:
    """A scan (z, y, x), perhaps lazy, scaled and trilinearly resampled to `shape`: (z, y, x) float32 on the CPU.

    It is read slice by slice, so no copy of the whole at its own resolution is made.
    """
    depth = int(array.shape[0])
    steps = [own / new for own, new in zip(array.shape, shape, strict=True)]
    slices = torch.empty((depth, *shape[1:]))
    for z in range(depth):
        pause()
        own = smooth(scale.apply(array[z]), steps[1:])
        slices[z] = _resized(torch.from_numpy(np.ascontiguousarray(own))[None], shape[1:])[0]
    if shape[0] == depth:
        return slices
    pause()
    columns = torch.from_numpy(smooth(slices.numpy(), (steps[0], 1, 1))).reshape(1, depth, -1)
    along = F.interpolate(columns[:, None], (shape[0], columns.shape[2]), mode="bilinear", align_corners=False)
    return along[0, 0].reshape(shape)


def to_own_grid(slices: Iterable[Tensor], depth: int, shape: Sequence[int]) -> Iterator[Tensor]:
    """Slices (maps, y, x) of a working grid `depth` slices deep, in order -> those of a scan of `shape` (z, y, x).

    Trilinear; no more than two slices are held at a time.
    """
    coming = iter(slices)
    held: dict[int, Tensor] = {}
    taken = 0
    for z in range(shape[0]):
        place = min(max((z + 0.5) * depth / shape[0] - 0.5, 0.0), depth - 1.0)
        below = int(place)
        above = min(below + 1, depth - 1)
        held = {index: kept for index, kept in held.items() if index >= below}
        while taken <= above:
            slice_ = next(coming)
            if taken >= below:
                held[taken] = _resized(slice_, shape[1:])
            taken += 1
        part = place - below
        yield held[below] if part == 0 else torch.lerp(held[below], held[above], part)


def _resized(maps: Tensor, shape: Sequence[int]) -> Tensor:
    """(maps, y, x) bilinearly resampled to `shape`."""
    if tuple(maps.shape[-2:]) == tuple(shape):
        return maps
    return F.interpolate(maps[None], tuple(shape), mode="bilinear", align_corners=False)[0]
