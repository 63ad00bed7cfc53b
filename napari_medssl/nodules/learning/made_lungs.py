"""The surroundings of made nodules: lung, chest wall with ribs, mediastinum, fissures, vessels and airways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from napari_medssl.volumes.phantoms.tubes import Tubes, distance_to_tubes, grow_tree

Floats = NDArray[np.float32]


@dataclass
class Lung:
    """A box of lung in the making, cubic voxels of 1 mm.

    Attributes
    ----------
    image : (z, y, x) HU, painted on
    depth : mm from the pleura, positive within the lung
    vessel : mm from the nearest vessel's wall, negative inside; at most 6
    roots : (n, 3) where large vessels enter
    """

    image: Floats
    depth: Floats
    vessel: Floats
    roots: NDArray[np.float64]

    def lay(self, cover: Floats, value: Floats | float, box: tuple[slice, ...] = (slice(None),) * 3) -> None:
        """Let a tissue of so many HU cover a share (0..1) of each voxel."""
        self.image[box] += cover * (value - self.image[box])


def make_lung(rng: np.random.Generator, shape: tuple[int, int, int]) -> Lung:
    """A box of lung with everything but nodules and what looks like them."""
    depth = _pleura(rng, shape)
    haze = 25 * smooth_field(rng, shape, 25.0) + rng.uniform(5, 25) * smooth_field(rng, shape, 3.0)
    tilt = np.linspace(0, rng.uniform(0, 80), shape[1], dtype=np.float32)[:, None]
    image = np.float32(rng.uniform(-900, -820)) + haze + tilt
    if rng.random() < 0.25:  # emphysema
        bullae = smooth_field(rng, shape, float(rng.uniform(6, 14)))
        image = np.where(bullae > 1.6, np.minimum(image, -970), image)
    lung = Lung(image.astype(np.float32), depth, np.full(shape, 6, np.float32), np.zeros((0, 3)))
    for _ in range(int(rng.integers(0, 3))):
        _paint_fissure(rng, lung)
    _paint_vessels(rng, lung)
    _paint_wall(rng, lung)
    return lung


def soft_step(distance: Floats, width: float = 1.0) -> Floats:
    """The share of a voxel that lies inside, from signed distances (negative inside), over an edge of `width` mm."""
    share: Floats = np.clip(0.5 - distance / np.float32(width), 0, 1)
    return share


def smooth_field(rng: np.random.Generator, shape: tuple[int, ...], wavelength: float) -> Floats:
    """A random field of unit deviation that changes over `wavelength` mm."""
    coarse = [max(2, int(np.ceil(n / wavelength)) + 2) for n in shape]
    noise = torch.from_numpy(rng.standard_normal(coarse, dtype=np.float32))
    size = [int(np.ceil(c * wavelength)) for c in coarse]
    fine = F.interpolate(noise[None, None], size, mode="trilinear", align_corners=False)[0, 0].numpy()
    start = [int(rng.integers(0, have - n + 1)) for have, n in zip(size, shape, strict=True)]
    part = fine[tuple(slice(s, s + n) for s, n in zip(start, shape, strict=True))]
    return np.ascontiguousarray(part / np.float32(0.62))  # what linear interpolation leaves of the deviation


def grid(shape: tuple[int, ...]) -> tuple[Floats, Floats, Floats]:
    """Voxels' middles in mm along each axis, to be broadcast."""
    z, y, x = (np.arange(n, dtype=np.float32) for n in shape)
    return z[:, None, None], y[:, None], x


def _pleura(rng: np.random.Generator, shape: tuple[int, int, int]) -> Floats:
    """Depth below the pleura: a chest wall, perhaps a mediastinum and a diaphragm, each part of a large ball."""
    z, y, x = grid(shape)
    box = np.array(shape, dtype=float)
    depth = np.full(shape, 60.0, np.float32)
    for kind, chance in (("wall", 0.9), ("mediastinum", 0.5), ("diaphragm", 0.35)):
        if rng.random() >= chance:
            continue
        radius = float(rng.uniform(80, 150) if kind == "wall" else rng.uniform(35, 90))
        side = rng.normal(size=3) * (0.25, 1, 1) if kind != "diaphragm" else np.array([1.0, 0.2, 0.2])
        side /= np.linalg.norm(side)
        reach = float(np.abs(side) @ box / 2) - rng.uniform(4, 35)
        away = radius - reach if kind == "wall" else radius + reach
        middle = box / 2 + side * (-away if kind == "wall" else away)
        distance = np.sqrt((z - middle[0]) ** 2 + (y - middle[1]) ** 2 + (x - middle[2]) ** 2)
        this = radius - distance if kind == "wall" else distance - radius
        depth = np.minimum(depth, this.astype(np.float32))
    bumps = 1.5 * smooth_field(rng, shape, 25.0) + 0.6 * smooth_field(rng, shape, 9.0)
    return depth + bumps


def _paint_wall(rng: np.random.Generator, lung: Lung) -> None:
    """Muscle, fat and ribs beyond the pleura."""
    shape = lung.image.shape
    beyond = -lung.depth
    streaks = smooth_field(rng, shape, 10.0)
    tissue = np.where(streaks + 0.08 * (beyond - 12) > 0.4, np.float32(-95), np.float32(rng.uniform(20, 70)))
    tissue = tissue + 10 * smooth_field(rng, shape, 4.0)
    z = grid(shape)[0]
    pitch, phase = rng.uniform(18, 30), rng.uniform(0, 6.3)
    slope = 0.3 * grid(shape)[1]
    across = np.abs((z + slope + phase) % pitch - pitch / 2)
    rib = soft_step(np.maximum(across - 4, np.abs(beyond - 6) - 3.5).astype(np.float32), 1.5)
    tissue = tissue + rib * np.float32(rng.uniform(150, 500))
    lung.lay(soft_step(lung.depth), tissue.astype(np.float32))


def _paint_fissure(rng: np.random.Generator, lung: Lung) -> None:
    """A thin, slightly bent sheet."""
    z, y, x = grid(lung.image.shape)
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    middle = np.array(lung.image.shape) * rng.uniform(0.25, 0.75, 3)
    sheet = (z - middle[0]) * normal[0] + (y - middle[1]) * normal[1] + (x - middle[2]) * normal[2]
    sheet = sheet + 4 * smooth_field(rng, lung.image.shape, 40.0)
    lung.lay(soft_step((np.abs(sheet) - 0.4).astype(np.float32)) * np.float32(rng.uniform(0.1, 0.5)), -100.0)


def _paint_vessels(rng: np.random.Generator, lung: Lung) -> None:
    """Arteries and veins from one or two roots, and airways with walls beside some of them."""
    shape = lung.image.shape
    box = np.array(shape, dtype=float)
    trees: list[Tubes] = []
    roots = []
    for _ in range(int(rng.integers(1, 4))):
        side = rng.normal(size=3)
        root = box / 2 + side / np.abs(side / box).max() * rng.uniform(0.3, 0.6)
        leaves = int(rng.uniform(40, 130) * box.prod() / 2.4e6) + 8
        targets = rng.uniform(-0.05, 1.05, (leaves, 3)) * box
        trees.append(
            grow_tree(root, targets, rng, leaf_radius=float(rng.uniform(0.45, 0.8)), waviness=0.12, exponent=2.7)
        )
        roots.append(root)
    axes = tuple(np.arange(n, dtype=np.float32) for n in shape)
    distance, _ = distance_to_tubes(trees[0].joined(*trees[1:]), (axes[0], axes[1], axes[2]), 6.0)
    lung.vessel, lung.roots = distance, np.array(roots)
    blood = rng.uniform(10, 70) if rng.random() < 0.7 else rng.uniform(100, 300)
    lung.lay(soft_step(distance), float(blood))
    if rng.random() < 0.8:
        targets = rng.uniform(0, 1, (int(rng.integers(4, 20)), 3)) * box
        root = roots[0] + rng.uniform(-6, 6, 3)
        airway = grow_tree(root, targets, rng, leaf_radius=float(rng.uniform(0.8, 1.3)), exponent=2.3, reach=0.36)
        air, _ = distance_to_tubes(airway, (axes[0], axes[1], axes[2]), 4.0)
        wall = float(rng.uniform(0.7, 1.6))
        lung.lay(soft_step(air - np.float32(wall)), float(rng.uniform(-250, 20)))
        lung.lay(soft_step(air), -980.0)
