"""What made scans are put together from: smooth noise, regions, sheets, solids. All (z, y, x) float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

Array = NDArray[np.float32]


def fill(distance: Array) -> Array:
    """How much of each voxel lies inside a surface, from signed distances: 0..1, a half on the surface."""
    filled: Array = np.clip(0.5 - distance, 0, 1).astype(np.float32)
    return filled


def shell(distance: Array, at: float, half: float) -> Array:
    """A wall around a surface: 1 at the distance `at`, falling to 0 at `half` voxels on both sides."""
    wall: Array = np.clip(1 - np.abs(distance - np.float32(at)) / np.float32(half), 0, 1)
    return wall


def paint(image: Array, where: Array, level: Array | float) -> Array:
    """The image with a level where `where` is 1, and mixed where it is between 0 and 1."""
    painted: Array = image + where * (np.asarray(level, dtype=np.float32) - image)
    return painted


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], cells: int) -> Array:
    """Noise of spread 1 whose features are a `cells`-th of the box large."""
    coarse = rng.standard_normal((1, 1, cells + 1, cells + 1, cells + 1), dtype=np.float32)
    fine: Any = F.interpolate(torch.from_numpy(coarse), shape, mode="trilinear", align_corners=True)
    found: Array = fine[0, 0].numpy()
    found *= np.float32(1 / max(float(found.std()), 1e-6))
    return found


def region(rng: np.random.Generator, shape: tuple[int, ...], above: float, cells: int) -> Array:
    """Where smooth noise exceeds `above` spreads: soft-edged 0..1, the edge about a voxel wide."""
    field = smooth_noise(rng, shape, cells)
    found: Array = np.clip((field - np.float32(above)) * np.float32(shape[0] / cells / 2) + 0.5, 0, 1)
    return found


def sheet(rng: np.random.Generator, shape: tuple[int, ...], thick: float) -> Array:
    """A curved sheet of so many voxels' thickness, 0..1."""
    grids = [np.linspace(-1, 1, n, dtype=np.float32) for n in shape]
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    z, y, x = (part * grid for part, grid in zip(normal, grids, strict=True))
    flat = z[:, None, None] + y[None, :, None] + x[None, None]
    bent = flat.astype(np.float32) + np.float32(rng.uniform(0.05, 0.25)) * smooth_noise(rng, shape, 3)
    away = np.abs(bent - np.float32(rng.uniform(-0.6, 0.6))) * np.float32(shape[0] / 2)
    found: Array = np.clip(np.float32(thick / 2 + 0.5) - away, 0, 1)
    return found


def ellipsoid(rng: np.random.Generator, shape: tuple[int, ...], small: float, large: float) -> Array:
    """Signed distance, about, to a solid of random axes and place; its radius lies between the two, in voxels."""
    radii = np.exp(rng.uniform(np.log(small), np.log(large))) * np.exp(rng.uniform(-0.25, 0.25, 3))
    centre = rng.uniform(0, shape)
    parts = [((np.arange(n) - c) / r).astype(np.float32) ** 2 for n, c, r in zip(shape, centre, radii, strict=True)]
    squared = parts[0][:, None, None] + parts[1][None, :, None] + parts[2][None, None]
    away: Array = (np.sqrt(squared) - 1) * np.float32(radii.min())
    return away
