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
from scipy.ndimage import maximum_filter
from torch import nn

from napari_medssl.tubes.greys import Greys, measure_all
from napari_medssl.tubes.model import TubePlan
from napari_medssl.volumes.sampling import sample

MARGIN = 16  # working voxels that a block sees beyond its part
_SIDE = {"cuda": 192}  # working voxels of a block with its margins, at most
_USUAL_SIDE = 160
_ALL_AXES = (2, 3, 4)
_LARGE = 0.35  # of K: radii from which on a coarser look is trusted
_COARSEST = 4.0  # mm; nothing in a body that is a tube for coarser looks is a vessel
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
    looks = [
        (level, working, list(_blocks(array.shape, spacing, working, plan, on)))
        for level, working in _resolutions(plan, array.shape, spacing)
    ]
    total, done = sum(len(blocks) for _, _, blocks in looks), 0
    with torch.inference_mode():
        for level, working, blocks in reversed(looks):  # the coarsest first, which finer ones add to
            steps = [w / s for w, s in zip(working, spacing, strict=True)]
            greys = measure_all(array, plan.windows, spacing, working)
            for block in blocks:
                pause()
                seen = _look(network, plan, array, greys, block, steps, inverted, on, pause)
                back = [(p.start - a) / s for p, a, s in zip(block.part, block.starts, steps, strict=True)]
                shape = [p.stop - p.start for p in block.part]
                if level > 0:
                    seen = seen[0] * _trust(*seen, _LARGE * plan.classes), seen[1]
                chance, size = (sample(values, back, [1 / s for s in steps], shape) for values in seen)
                _merge(probability[block.part], radius[block.part], chance, size * np.float32(min(working)))
                done += 1
                on_block(done, total)
    return probability, radius


def _resolutions(
    plan: TubePlan, shape: Sequence[int], spacing: Sequence[float]
) -> list[tuple[int, tuple[float, float, float]]]:
    """The looks to take, from fine to coarse: 0 at the working spacing, each next one with twice as long voxels."""
    z, y, x = plan.working_spacing(spacing)
    voxels = np.prod([n * own / new for n, own, new in zip(shape, spacing, (z, y, x), strict=True)])
    first = -1 if voxels < plan.finer_below * 1e6 else 0
    levels = [n for n in range(first, plan.scales) if n <= 0 or min(z, y, x) * 2.0**n <= _COARSEST]
    return [(level, (z * 2.0**level, y * 2.0**level, x * 2.0**level)) for level in levels]


def _trust(chance: Array, size: Array, large: float) -> Array:
    """How far (0..1) to believe a coarse look, voxel by voxel: where tubes are `large`, to their walls."""
    inside = np.where(chance >= 0.5, size, 0)
    thickest = maximum_filter(inside, 2 * round(large) + 1, mode="nearest")
    trust: Array = np.clip(thickest / (0.5 * large) - 1, 0, 1).astype(np.float32)
    return trust


def _merge(probability: Array, radius: Array, chance: Array, size: Array) -> None:
    """Add a look to what coarser ones found, in place: the surer one counts."""
    surer = chance > probability
    np.copyto(probability, chance, where=surer)
    np.copyto(radius, np.maximum(size, radius), where=probability >= 0.5)
    np.copyto(radius, size, where=probability < 0.5)


def _look(
    network: nn.Module, plan: TubePlan, array: Any, greys: Sequence[Greys], block: _Block, steps: Sequence[float],
    inverted: bool, on: torch.device, pause: Callable[[], None],
) -> tuple[Array, Array]:  # fmt: skip
    """Probability, and expected distance class, of a block's box."""
    values = sample(array, block.starts, steps, block.shape)
    scaled = np.stack([grey.scale(values, block.starts, steps) for grey in greys])
    image = torch.from_numpy(-scaled if inverted else scaled)[None].to(on)
    chance, size = _answer(network, image, pause)
    if plan.mirrored:
        again = _answer(network, image.flip(_ALL_AXES), pause)
        chance, size = ((one + two.flip(0, 1, 2)) / 2 for one, two in zip((chance, size), again, strict=True))
    return chance.cpu().numpy(), size.cpu().numpy()


def _answer(network: nn.Module, image: torch.Tensor, pause: Callable[[], None]) -> tuple[torch.Tensor, torch.Tensor]:
    answer = network(image, pause)[0].float()
    classes = torch.softmax(answer[1:], 0)
    numbers = torch.arange(len(classes), device=classes.device, dtype=classes.dtype)
    return torch.sigmoid(answer[0]), (numbers[:, None, None, None] * classes).sum(0)


def _blocks(
    shape: Sequence[int], spacing: Sequence[float], working: Sequence[float], plan: TubePlan, on: torch.device
) -> Iterator[_Block]:
    """Parts that fill the scan's grid, each with its box: as few as their sides allow.

    Boxes begin at multiples of the network's coarsest stride, counted from the scan's first voxel, so that the network
    sees the same voxels in pairs wherever blocks are cut.
    """
    most = _SIDE.get(on.type, _USUAL_SIDE) // plan.multiple * plan.multiple
    margin = MARGIN + plan.multiple
    along: list[list[tuple[slice, float, int]]] = []
    for size, own, step in zip(shape, spacing, working, strict=True):
        ratio = step / own  # of the scan's voxels in a working one
        length = size / ratio
        if length <= most:
            count = 1
        else:
            count = max(2, int(np.ceil(length / (most - (margin if length / 2 + margin <= most else 2 * margin)))))
        edges = np.unique(np.linspace(0, size, count + 1).round().astype(int))
        parts = []
        for a, b in pairwise(edges.tolist()):
            first = max(0, int((a / ratio - MARGIN) // plan.multiple) * plan.multiple)
            last = min(np.ceil(length - 1e-6), np.ceil(b / ratio + MARGIN))
            side = -(-max(1, int(last) - first) // plan.multiple) * plan.multiple
            parts.append((slice(a, b), (first + 0.5) * ratio - 0.5, side))
        along.append(parts)
    for z, y, x in product(*along):
        yield _Block((z[0], y[0], x[0]), (z[1], y[1], x[1]), (z[2], y[2], x[2]))
