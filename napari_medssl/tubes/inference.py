"""A tube network's answer for a whole scan, on the scan's own grid, block by block. Used while training and after.

Beside the scan and the two results only one block is in memory: the parts of the scan's grid that blocks answer for do
not overlap, and each block sees a margin around its part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_medssl.tubes.greys import Greys, measure
from napari_medssl.tubes.grids import sample, working_spacing
from napari_medssl.tubes.model import TubePlan

MARGIN = 16  # working voxels that a block sees beyond its part
_SIDE = {"cuda": 192}  # working voxels of a block with its margins, at most
_USUAL_SIDE = 160
_LARGE = 0.35  # of K: radii from which on a coarser look is trusted
Array = NDArray[np.float32]


@dataclass(frozen=True)
class _Block:
    """A part of the scan's grid (half-open voxels), and the box of the working grid that is looked at for it."""

    part: tuple[slice, slice, slice]
    starts: tuple[float, float, float]  # of the box, in the scan's voxels
    shape: tuple[int, int, int]


def find(
    network: nn.Module, plan: TubePlan, array: Any, spacing: Sequence[float], on: torch.device, *,
    inverted: bool = False, pause: Callable[[], None] = lambda: None,
    on_block: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Array, Array]:  # fmt: skip
    """Probability (0..1) and radius (in the unit of `spacing`), each (z, y, x) float32, of a scan (z, y, x).

    `network` is in evaluation mode on its device. `inverted` looks for dark tubes with a network for bright ones.
    `pause` is called often and may raise.
    """
    probability, radius = np.zeros(array.shape, np.float32), np.zeros(array.shape, np.float32)
    finest = working_spacing(spacing, finest=plan.spacing, anisotropy=plan.anisotropy)
    scales = [[side * 2**level for side in finest] for level in range(plan.scales)]
    looks = [(level, working, list(_blocks(array.shape, spacing, working, plan, on))) for level, working in
             enumerate(scales)]  # fmt: skip
    total, done = sum(len(blocks) for _, _, blocks in looks), 0
    with torch.inference_mode():
        for level, working, blocks in reversed(looks):  # the coarsest first, which finer ones add to
            steps = [w / s for w, s in zip(working, spacing, strict=True)]
            greys = measure(array, [plan.window * min(working) / s for s in spacing])
            for block in blocks:
                pause()
                seen = _look(network, plan, array, greys, block, steps, inverted, on, pause)
                back = [(p.start - a) / s for p, a, s in zip(block.part, block.starts, steps, strict=True)]
                shape = [p.stop - p.start for p in block.part]
                chance, size = (sample(values, back, [1 / s for s in steps], shape) for values in seen)
                _merge(probability[block.part], radius[block.part], chance, size * np.float32(min(working)),
                       trusted=_LARGE * plan.classes * min(working) if level else 0.0)  # fmt: skip
                done += 1
                on_block(done, total)
    return probability, radius


def _merge(probability: Array, radius: Array, chance: Array, size: Array, *, trusted: float) -> None:
    """Add a look to what coarser ones found, in place: the surer one counts, a coarse one where tubes are large."""
    if trusted:
        chance = chance * np.clip((size - 0.5 * trusted) / (0.5 * trusted), 0, 1)
    surer = chance > probability
    np.copyto(probability, chance, where=surer)
    np.copyto(radius, np.maximum(size, radius), where=probability >= 0.5)
    np.copyto(radius, size, where=probability < 0.5)


def _look(
    network: nn.Module, plan: TubePlan, array: Any, greys: Greys, block: _Block, steps: Sequence[float],
    inverted: bool, on: torch.device, pause: Callable[[], None],
) -> tuple[Array, Array]:  # fmt: skip
    """Probability, and expected distance class, of a block's box."""
    values = greys.scale(sample(array, block.starts, steps, block.shape), block.starts, steps)
    image = torch.from_numpy(-values if inverted else values)[None, None].to(on)
    answer = network(image, pause)[0].float()
    chance = torch.sigmoid(answer[0])
    classes = torch.softmax(answer[1:], 0)
    numbers = torch.arange(len(classes), device=classes.device, dtype=classes.dtype)
    size = torch.tensordot(numbers, classes, dims=1)
    return chance.cpu().numpy(), size.cpu().numpy()


def _blocks(
    shape: Sequence[int], spacing: Sequence[float], working: Sequence[float], plan: TubePlan, on: torch.device
) -> Iterator[_Block]:
    """Parts that fill the scan's grid, each with its box: as few as their sides allow."""
    most = _SIDE.get(on.type, _USUAL_SIDE) // plan.multiple * plan.multiple
    along = []
    for size, own, step in zip(shape, spacing, working, strict=True):
        length = size * own / step  # in working voxels
        count = 1 if length <= most else int(np.ceil((length - 2 * MARGIN) / (most - 2 * MARGIN)))
        edges = np.linspace(0, size, count + 1).round().astype(int)
        along.append([(int(a), int(b)) for a, b in pairwise(edges) if b > a])
    for parts in product(*along):
        starts, sides = [], []
        for (a, b), size, own, step in zip(parts, shape, spacing, working, strict=True):
            ratio = step / own  # of the scan's voxels in a working one
            first = max(-0.5, a - 0.5 - MARGIN * ratio)
            last = min(size - 0.5, b - 0.5 + MARGIN * ratio)
            need = max(1, int(np.ceil((last - first) / ratio - 1e-6)))
            side = -(-need // plan.multiple) * plan.multiple
            starts.append(first + 0.5 * ratio - (side - need) / 2 * ratio)
            sides.append(side)
        z, y, x = (slice(a, b) for a, b in parts)
        yield _Block((z, y, x), (starts[0], starts[1], starts[2]), (sides[0], sides[1], sides[2]))
