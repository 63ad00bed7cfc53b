"""Training samples: patches cut out of labelled scans at a random place, turned and sized a little at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from napari_medssl.segmentation.intensities import Scale
from napari_medssl.segmentation.plan import Plan
from napari_medssl.segmentation.survey import Aligned
from napari_medssl.volumes.sampling import smooth

_THICK = 3.0  # slices this much thicker than pixels are wide are turned in their plane only


@dataclass(frozen=True)
class Deformation:
    """How far samples may be turned (radians about each axis), sized (a factor and its inverse) and mirrored."""

    turn: float = 0.0
    size: float = 1.0
    mirror: bool = False
    chance: float = 0.5

    def draw(self, rng: np.random.Generator, spacing: Sequence[float]) -> NDArray[np.float64]:
        """A (3, 3) matrix that offsets in mm (z, y, x) are multiplied with. Always draws as many numbers."""
        angles = rng.uniform(-self.turn, self.turn, 3)
        sizes = np.exp(rng.uniform(-1, 1, 3) * np.log(self.size))
        mirrored = rng.random(3) < 0.5
        turned, sized = rng.random(2) < self.chance
        if max(spacing) > _THICK * min(spacing):
            angles[np.arange(3) != int(np.argmax(spacing))] = 0
        matrix = np.eye(3)
        for axis, angle in enumerate(angles if turned else ()):
            a, b = [i for i in range(3) if i != axis]
            turn = np.eye(3)
            turn[[a, b], [a, b]] = np.cos(angle)
            turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
            matrix = matrix @ turn
        if sized:
            matrix = matrix @ np.diag(sizes)
        if self.mirror:
            matrix = matrix @ np.diag(np.where(mirrored, -1.0, 1.0))
        return matrix


def draw_centre(
    rng: np.random.Generator, scan_shape: Sequence[int], places: Mapping[int, NDArray[np.int32]], share: float,
    reach: Sequence[float],
) -> NDArray[np.float64]:  # fmt: skip
    """The middle (3,) of a sample in voxels: with the chance `share` on a voxel of a label, each label as likely.

    `reach`: from a sample's middle to its edge, in voxels. Samples stay inside the scan, or in its middle if they are
    larger.
    """
    on_label = bool(places) and rng.random() < share
    if on_label:
        own = places[list(places)[int(rng.integers(len(places)))]]
        centre = own[int(rng.integers(len(own)))].astype(float)
    else:
        centre = rng.uniform(0, np.array(scan_shape) - 1.0)
    last = np.array(scan_shape) - 1.0
    low, high = np.minimum(reach, last / 2), np.maximum(last - reach, last / 2)
    clipped: NDArray[np.float64] = np.clip(centre, low, high)
    return clipped


def cut(
    scan: Aligned, scale: Scale, plan: Plan, centre: NDArray[np.float64], matrix: NDArray[np.float64]
) -> tuple[Tensor, Tensor]:
    """A patch of a scan at the plan's spacing: scaled grey values (z, y, x), and outputs' numbers (z, y, x).

    `centre`: its middle in voxels; `matrix`: as of `Deformation`. Outside the scan both are 0, as in use. Grey values
    are interpolated trilinearly, labels are those of the nearest voxel; only the part that is needed is read.
    """
    own, step = np.array(scan.spacing), np.array(plan.spacing)
    voxels = np.diag(1 / own) @ matrix @ np.diag(step)  # from steps of the patch to voxels of the scan
    sides = [np.arange(n) - (n - 1) / 2 for n in plan.patch]
    offsets = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1)
    points = (offsets @ voxels.T + centre).astype(np.float32)
    blur = step / own
    margin = np.ceil(1 + 1.5 * np.maximum(blur - 1, 0)).astype(int)
    flat = points.reshape(-1, 3)
    low = np.maximum(0, np.floor(flat.min(0)).astype(int) - margin)
    high = np.minimum(scan.array.shape, np.ceil(flat.max(0)).astype(int) + margin + 1)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    grey = torch.from_numpy(smooth(scale.apply(scan.array[box]), blur))
    grid = torch.from_numpy(points) - torch.from_numpy(low.astype(np.float32))
    image = _sampled(grey, grid, "bilinear")
    if scan.labels is None:
        return image, torch.zeros(plan.patch, dtype=torch.uint8)
    numbers = torch.from_numpy(plan.outputs_of(scan.labels[box]).astype(np.float32))
    kind = torch.uint8 if plan.outputs <= 256 else torch.int16
    return image, _sampled(numbers, grid, "nearest").to(kind)


def _sampled(volume: Tensor, points: Tensor, mode: str) -> Tensor:
    """A volume (z, y, x) at points (..., 3) in voxels; 0 outside."""
    size = torch.tensor(volume.shape, dtype=torch.float32)
    grid = ((2 * points + 1) / size - 1).flip(-1)  # x first, -1..1 from edge to edge
    found: Any = F.grid_sample(volume[None, None], grid[None], mode=mode, padding_mode="zeros", align_corners=False)
    sampled: Tensor = found[0, 0]
    return sampled
