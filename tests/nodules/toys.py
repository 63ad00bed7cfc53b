"""A detector whose answer is known without training, and chests that are quick to make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_medssl.files import write_text
from napari_medssl.nodules import Nodule, write_findings
from napari_medssl.nodules.load import DetectorModel
from napari_medssl.nodules.model import NodulePlan
from napari_medssl.volumes import Geometry, Volume, write_volume

PLAN = NodulePlan(widths=(8, 8, 8), sizes=((8.0,), (16.0,)), spacing=2.5, window=(-1000.0, 200.0), threshold=0.5)
_NEAR, _FAR = 9, 15  # working voxels around a voxel that are weighed, and in which there must be no more than that


class Weighing(nn.Module):
    """Marks what is dense and stands alone: where the middle of its mass is, and how large a ball it makes."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, x: Tensor, pause: Callable[[], None] = lambda: None) -> list[tuple[Tensor, Tensor]]:
        pause()
        self.shapes.append(tuple(x.shape[2:]))
        with torch.autocast("cpu", enabled=False):  # places are too large for bfloat16
            return self._weighed(x)

    def _weighed(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        mass = (x > 0.6).float()
        places = torch.stack(torch.meshgrid(*(torch.arange(n).float() for n in x.shape[2:]), indexing="ij"))[None]
        total = around(mass, _NEAR)
        middle = torch.cat([around(mass * places[:, i : i + 1], _NEAR) for i in range(3)], 1) / total.clamp_min(1e-6)
        alone = (around(mass, _FAR) < total + 0.5) & (total > 10)
        score = torch.where(alone, 4 - (middle - places).norm(dim=1, keepdim=True), -20.0)
        diameter = (6 / torch.pi * total) ** (1 / 3) * PLAN.spacing
        answers = []
        for stride, size in ((4, 8.0), (8, 16.0)):
            logits, best = F.max_pool3d(score, stride, return_indices=True)

            def of_best(values: Tensor, best: Tensor = best) -> Tensor:
                return (
                    values.flatten(2)
                    .gather(2, best.flatten(2).expand(-1, values.shape[1], -1))
                    .unflatten(2, best.shape[2:])
                )

            cells = places[(slice(None), slice(None), *(slice(stride // 2, None, stride),) * 3)] - 0.5
            moved = (of_best(middle) - cells) * PLAN.spacing / size
            deltas = torch.cat([moved, (of_best(diameter) / size).clamp_min(1e-3).log()], 1)
            answers.append((logits, deltas[:, None]))
        return answers


def around(values: Tensor, side: int) -> Tensor:
    """Sums over cubes of an odd side around every voxel."""
    for axis in range(3):
        window = [side if i == axis else 1 for i in range(3)]
        pad = [n // 2 for n in window[::-1] for _ in range(2)]
        values = F.avg_pool3d(F.pad(values, pad), window, 1) * side
    return values


def toy_model(**plan: object) -> DetectorModel:
    return DetectorModel(Weighing().eval(), PLAN.model_copy(update=plan), torch.device("cpu"))


def ball(centre: Sequence[float], diameter: float, geometry: Geometry, shape: Sequence[int]) -> np.ndarray:
    """Where a ball (centre x, y, z in LPS mm) covers voxels of a scan (z, y, x): bool."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), -1)
    return np.linalg.norm(geometry.world(index) - centre, axis=-1) <= diameter / 2


def chest(
    geometry: Geometry, shape: Sequence[int], nodules: Sequence[tuple[Sequence[float], float]], middle: Sequence[float]
) -> Volume:
    """Two lungs (ellipsoids 64 mm to both sides of `middle`, LPS mm) in a body in air, with balls of soft tissue."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), -1)
    x, y, z = np.moveaxis(geometry.world(index) - np.asarray(middle), -1, 0)
    hu = np.full(shape, -1000.0)
    hu[(x / 150) ** 2 + (y / 95) ** 2 < 1] = 40
    hu[(x / 16) ** 2 + ((y - 70) / 16) ** 2 < 1] = 300  # the spine
    texture = np.random.default_rng(0).normal(0, 60, shape)
    for side in (-1, 1):
        lung = ((x - 64 * side) / 52) ** 2 + (y / 72) ** 2 + (z / 90) ** 2 < 1
        hu[lung] = -850 + texture[lung]
    for centre, diameter in nodules:
        hu[ball(centre, diameter, geometry, shape)] = 40
    return Volume(hu.astype(np.int16), geometry, "toy chest")


GRID = Geometry((1.0, 1.0, 1.25), (-20.0, 35.5, -300.0))


def scans_with_balls(folder: Path) -> Path:
    """A training folder with five scans of lung with a ball in each; nobody looked at the last two."""
    (folder / "images").mkdir(parents=True)
    findings = {}
    for index in range(5):
        rng = np.random.default_rng(index)
        middle, diameter = rng.uniform(12, 34, 3) / (1.25, 1, 1), float(rng.uniform(8, 13))
        z, y, x = np.ogrid[:36, :44, :44]
        away = np.sqrt(((z - middle[0]) * 1.25) ** 2 + (y - middle[1]) ** 2 + (x - middle[2]) ** 2)
        array = np.where(away < diameter / 2, 30, -850) + rng.normal(0, 20, away.shape)
        write_volume(folder / "images" / f"scan{index}.nii.gz", Volume(array.astype(np.int16), GRID))
        x, y, z = GRID.world(middle).tolist()
        findings[f"scan{index}"] = [Nodule((x, y, z), diameter)]
    write_findings(folder / "annotations.csv", findings, probability=False)
    write_text(folder / "seriesuids.csv", "scan0\nscan1\nscan2\n")
    return folder
