"""What a detector marks in a whole scan: tile by tile, only where there is lung.

Beside the scan only one tile is in memory. Tiles overlap by a margin; a mark counts for the tile whose own part its
centre lies in, and what several anchors say of one nodule becomes one mark.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_medssl.nodules.boxes import keep_best
from napari_medssl.nodules.hounsfield import AIR
from napari_medssl.nodules.load import DetectorModel
from napari_medssl.volumes.geometry import Ints, three_ints
from napari_medssl.volumes.sampling import sample

MARGIN = 16  # working voxels that a tile sees beyond its own part
_PART = {"cuda": 160}  # working voxels of a tile's own part, at most
_USUAL_PART = 96
_MOST = 20_000  # marks that are compared with each other; with a sensible threshold there are hundreds
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Tile:
    """Half-open working voxels (z, y, x): the part whose marks count, and what the network is shown for it."""

    part: tuple[slice, slice, slice]
    start: Ints
    shape: Ints


def find_balls(
    model: DetectorModel,
    array: Any,
    spacing: Sequence[float],
    where: NDArray[np.bool_],
    cell: Sequence[float],
    *,
    least: float,
    offset: float = 0.0,
    pause: Callable[[], None] = lambda: None,
    on_tile: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Floats, Floats]:
    """The marks in a scan (z, y, x), perhaps lazy, the surest first.

    Parameters
    ----------
    spacing : mm (z, y, x)
    where : bool (z, y, x), coarser than the scan and from the same corner on: only marks in it count
    cell : sides of a voxel of `where` in mm (z, y, x)
    least : score from which on a mark counts
    offset : to be added to the grey values to make them HU
    pause : called often; may raise
    on_tile : told (tiles done, all tiles)

    Returns
    -------
    balls : (n, 4) z, y, x of the centre in mm from the middle of the scan's first voxel, and the diameter in mm
    scores : (n,) 0..1
    """
    plan = model.settings
    found = [np.zeros((0, 5), dtype=np.float32)]
    ends = [max(1, int(np.ceil(n * own / plan.spacing))) for n, own in zip(array.shape, spacing, strict=True)]
    tiles = tiles_over(where, [side / plan.spacing for side in cell], ends, plan.multiple, model.device.type)
    for done, tile in enumerate(tiles, 1):
        pause()
        image = plan.scale(_shown(array, spacing, tile, plan.spacing, offset))
        with torch.inference_mode():
            outputs = model.network(torch.from_numpy(image)[None, None].to(model.device), pause)
        balls, scores = model.anchors.decode_above(outputs, least)
        balls[:, :3] += np.array(tile.start) * plan.spacing
        own = np.array([(part.start, part.stop) for part in tile.part]) * plan.spacing - plan.spacing / 2
        mine = ((balls[:, :3] >= own[:, 0]) & (balls[:, :3] < own[:, 1])).all(axis=1)
        mine &= _in_mask(balls[:, :3] + np.array(spacing, np.float32) / 2, where, cell)  # before they are compared
        marks = np.concatenate([balls, scores[:, None]], axis=1)[mine]
        found.append(_surest(marks))
        on_tile(done, len(tiles))
    marks = _surest(np.concatenate(found))
    return marks[:, :4], marks[:, 4]


def tiles_over(
    where: NDArray[np.bool_], cell: Sequence[float], ends: Sequence[int], multiple: int, device: str = "cpu"
) -> list[Tile]:
    """Tiles whose parts cover everything that is True in `where`, each cut to what is True in it and a margin.

    Parameters
    ----------
    where : bool (z, y, x)
    cell : working voxels in a voxel of `where`, fractional
    ends : how many working voxels the scan has
    multiple : sides and starts of what the network is shown are multiples of this
    """
    if not where.any():
        return []
    most = _PART.get(device, _USUAL_PART) // multiple * multiple
    ratio = np.array(cell, dtype=float)
    low, high = _reach(where, ratio)
    cuts: list[list[tuple[int, int]]] = []
    for a, b, end in zip(low, high, ends, strict=True):
        first, last = max(0, int(a)), min(end, int(b))
        count = max(1, -(-(last - first) // most))
        edges = np.linspace(first, last, count + 1).round().astype(int).tolist()
        edges[0], edges[-1] = 0, end  # a mark a little beside the lungs belongs to the tile next to it
        cuts.append(list(pairwise(edges)))
    tiles = []
    for parts in product(*cuts):
        cells = tuple(
            slice(int(a / r), max(int(a / r) + 1, int(np.ceil(b / r)))) for (a, b), r in zip(parts, ratio, strict=True)
        )
        inner = where[cells]
        if not inner.any():
            continue
        near, far = _reach(inner, ratio)
        base = np.array([cell.start for cell in cells]) * ratio
        start, size = [], []
        for (a, b), n, f, o, end in zip(parts, near, far, base, ends, strict=True):
            first = max(0, int((max(a, n + o) - MARGIN) // multiple) * multiple)
            last = min(end, int(np.ceil(min(b, f + o))) + MARGIN)
            start.append(first)
            size.append(max(multiple, -(-(last - first) // multiple) * multiple))
        z, y, x = (slice(a, b) for a, b in parts)
        tiles.append(Tile((z, y, x), three_ints(start), three_ints(size)))
    return tiles


def _reach(where: NDArray[np.bool_], ratio: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The box of what is True, half-open, in working voxels."""
    spans = [np.flatnonzero(where.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    return np.array([s[0] for s in spans]) * ratio, np.array([s[-1] + 1 for s in spans]) * ratio


def _in_mask(places: NDArray[np.floating], where: NDArray[np.bool_], cell: Sequence[float]) -> NDArray[np.bool_]:
    """Which places (n, 3), in mm from the mask's first corner, lie in it; beyond its ends its last voxels count."""
    index = np.clip(np.floor(places / np.array(cell)), 0, np.array(where.shape) - 1).astype(int)
    found: NDArray[np.bool_] = where[tuple(index.T)]
    return found


def _shown(array: Any, spacing: Sequence[float], tile: Tile, working: float, offset: float) -> Floats:
    """A tile of the working grid in HU; beyond the scan there is air."""
    steps = [working / own for own in spacing]
    starts = [first * step for first, step in zip(tile.start, steps, strict=True)]
    image = sample(array, starts, steps, tile.shape)
    image += np.float32(offset)
    for axis, (first, step, size) in enumerate(zip(starts, steps, array.shape, strict=True)):
        beyond = first + step * np.arange(tile.shape[axis]) > size - 0.5
        image[(slice(None),) * axis + (beyond,)] = AIR
    return image


def _surest(marks: Floats) -> Floats:
    """One mark a nodule, the surest first."""
    marks = marks[np.argsort(-marks[:, 4], kind="stable")[:_MOST]]
    values = marks.astype(float)
    return marks[keep_best(values[:, :3], values[:, 3] / 2, values[:, 4])]
