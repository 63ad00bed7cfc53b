"""Sliding windows over a scan, weighted by a Gaussian, with memory for one row of windows only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import torch
import torch.nn.functional as F
from monai.data.utils import compute_importance_map
from torch import Tensor, nn

from napari_medssl.segmentation.plan import Plan

OVERLAP = 0.5
_ON_DEVICE = 2**30  # bytes of sums that may lie beside the network
_AT_ONCE = {"cuda": 4}

Windows = Callable[[int, int], None]


def slide(
    network: nn.Module, scan: Tensor, plan: Plan, on: torch.device, *, overlap: float = OVERLAP,
    pause: Callable[[], None] = lambda: None, on_window: Windows = lambda done, total: None,
) -> Iterator[Tensor]:  # fmt: skip
    """The probabilities (outputs, y, x) of each slice of a scan (z, y, x), in order, on the CPU.

    Windows of the plan's patch overlap by `overlap` of their sides; where several see a voxel, they are averaged with
    weights that fall towards their edges. A scan smaller than the patch is set into zeros. Only the slices that windows
    still to come will change are held.
    """
    patch = plan.patch
    depth, height, width = scan.shape
    padded, before = _set_into(scan, patch)
    rows, columns = starts(padded.shape[1], patch[1], overlap), starts(padded.shape[2], patch[2], overlap)
    layers = starts(padded.shape[0], patch[0], overlap)
    total, done = len(layers) * len(rows) * len(columns), 0
    size = plan.outputs * patch[0] * padded.shape[1] * padded.shape[2] * 4
    where = on if size <= _ON_DEVICE else torch.device("cpu")
    weight = compute_importance_map(patch, mode="gaussian", sigma_scale=0.125, device=where, dtype=torch.float32)
    sums = torch.zeros((plan.outputs, patch[0], *padded.shape[1:]), device=where)
    weights = torch.zeros((patch[0], *padded.shape[1:]), device=where)
    inside = slice(before[1], before[1] + height), slice(before[2], before[2] + width)
    at_once = _AT_ONCE.get(on.type, 1)
    for layer, z in enumerate(layers):
        places = list(product(rows, columns))
        for first in range(0, len(places), at_once):
            pause()
            part = places[first : first + at_once]
            cut = torch.stack([_window(padded, (z, y, x), patch) for y, x in part])[:, None]
            found = network(cut.to(on), pause).float().softmax(1).to(where)
            for (y, x), probabilities in zip(part, found, strict=True):
                there = slice(y, y + patch[1]), slice(x, x + patch[2])
                sums[:, :, *there] += probabilities * weight
                weights[:, *there] += weight
            done += len(part)
            on_window(done, total)
        finished = (layers[layer + 1] if layer + 1 < len(layers) else z + patch[0]) - z
        for index in range(finished):
            if before[0] <= z + index < before[0] + depth:
                yield (sums[:, index, *inside] / weights[index][inside]).cpu()
        sums = torch.cat([sums[:, finished:], torch.zeros_like(sums[:, :finished])], dim=1)
        weights = torch.cat([weights[finished:], torch.zeros_like(weights[:finished])])


def starts(length: int, side: int, overlap: float) -> list[int]:
    """Where windows of a side begin along an axis; the last one ends where the axis does."""
    step = max(1, int(side * (1 - overlap)))
    count = -(-(length - side) // step) + 1
    return [min(index * step, length - side) for index in range(count)]


def _window(scan: Tensor, corner: tuple[int, int, int], patch: tuple[int, int, int]) -> Tensor:
    z, y, x = (slice(start, start + side) for start, side in zip(corner, patch, strict=True))
    return scan[z, y, x]


def _set_into(scan: Tensor, patch: tuple[int, int, int]) -> tuple[Tensor, tuple[int, ...]]:
    """The scan in the middle of zeros, at least as large as the patch; and how many zeros come before it."""
    missing = [max(0, side - n) for side, n in zip(patch, scan.shape, strict=True)]
    before = tuple(n // 2 for n in missing)
    if not any(missing):
        return scan, before
    sides = [(first, n - first) for first, n in zip(before, missing, strict=True)]
    return F.pad(scan, [amount for pair in reversed(sides) for amount in pair]), before
