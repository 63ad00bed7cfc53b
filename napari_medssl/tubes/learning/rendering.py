"""Scans of tubes that never were: random tissues, neighbours and scanners, so that only the shape of tubes stays.

Domain randomisation, as vesselFM (Wittmann et al., CVPR 2025) uses it to find vessels in modalities that a network has
not seen. Grey values have no unit: the spread within tissue is about 1, and each patch is scaled to its own mean and
spread afterwards, as scans are in use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Look:
    """What a made scan is like; all contrasts in units of its tissues' spread.

    Attributes
    ----------
    contrast : of tubes against what surrounds them
    gap : voxels of common tissue between tubes and brighter neighbours
    noise, blur : of the scanner; blur in voxels
    lung : tubes run through something far darker than the tissue around it, and are darker than that tissue themselves
    """

    contrast: float
    gap: float
    noise: float
    blur: float
    lung: bool


def draw_look(rng: np.random.Generator) -> Look:
    """From coarse and noisy to clear; noise never drowns the contrast."""
    contrast = float(np.exp(rng.uniform(np.log(1.0), np.log(6))))
    return Look(
        contrast=contrast,
        gap=float(rng.choice([0.3, rng.uniform(0.3, 2), rng.uniform(1, 4)], p=[0.2, 0.4, 0.4])),
        noise=float(contrast * rng.choice([rng.uniform(0.02, 0.1), rng.uniform(0.1, 0.3)])),
        blur=float(rng.uniform(0.0, 0.9)),
        lung=bool(rng.random() < 0.25),
    )


def render(rng: np.random.Generator, tubes: Array, others: Array) -> Array:
    """A scan (z, y, x) of bright tubes and, if there are any, dark ones, from their signed distances in voxels."""
    look = draw_look(rng)
    shape = tubes.shape
    free = np.minimum(tubes, others)
    image = _tissues(rng, shape, look, free)
    image = _neighbours(rng, image, look, free)
    inside = fill(tubes)
    image += inside * (_brightness(rng, shape, look, tubes, image) - image)
    image = _other_tubes(rng, image, look, others)
    if rng.random() < 0.3:
        image *= np.exp(rng.uniform(0.1, 0.6) * smooth_noise(rng, shape, 2))
    return _scanner(rng, image, look)


def fill(distance: Array) -> Array:
    """How much of each voxel lies inside a surface, from signed distances: 0..1, a half on the surface."""
    filled: Array = np.clip(0.5 - distance, 0, 1).astype(np.float32)
    return filled


def _tissues(rng: np.random.Generator, shape: tuple[int, ...], look: Look, free: Array) -> Array:
    """Common tissue with texture; large organs darker or a little brighter; lung or air."""
    image = np.zeros(shape, dtype=np.float32)
    if look.lung:
        depth = look.contrast * rng.uniform(1.2, 5)
        image -= _region(rng, shape, rng.uniform(-1.2, 0.3), int(rng.integers(2, 4))) * np.float32(depth)
    for _ in range(0 if look.lung else int(rng.integers(0, 4))):
        level = rng.uniform(-2.5, 0.5) * look.contrast
        image += _region(rng, shape, rng.uniform(-0.3, 1.0), 4) * np.float32(level - float(image.mean()))
    if not look.lung and rng.random() < 0.4:  # much darker than all else
        depth = look.contrast * rng.uniform(0.5, 6)
        image -= _region(rng, shape, rng.uniform(-0.8, 1.0), int(rng.integers(2, 5))) * np.float32(depth)
    for cells in rng.choice([3, 6, 12, 24], size=int(rng.integers(1, 4)), replace=False):
        image += smooth_noise(rng, shape, int(cells)) * np.float32(rng.uniform(0, 0.25) * look.contrast)
    return image


def _neighbours(rng: np.random.Generator, image: Array, look: Look, free: Array) -> Array:
    """What is as bright as tubes, or brighter, and is none: bones, organs, nodules, sheets. They leave tubes a gap."""
    room = np.clip(free - look.gap, 0, 1)  # 0 in tubes and their gap
    shape = image.shape
    if rng.random() < 0.45:  # organs and bones
        for _ in range(int(rng.integers(1, 3))):
            level = look.contrast * rng.uniform(0.3, 3)
            body = _region(rng, shape, rng.uniform(0.7, 1.8), int(rng.integers(3, 6))) * room
            image = image + body * (np.float32(level) + smooth_noise(rng, shape, 10) * np.float32(0.2 * level) - image)
    if rng.random() < 0.5:  # ellipsoids
        for _ in range(int(rng.integers(1, 6))):
            level = look.contrast * rng.uniform(0.4, 2.2)
            body = _ellipsoid(rng, shape) * room
            image = image + body * (np.float32(level) - image)
    if rng.random() < 0.4:  # sheets: cortex, fissures, walls, skin
        for _ in range(int(rng.integers(1, 3))):
            level = look.contrast * rng.uniform(0.3, 2)
            body = _sheet(rng, shape, rng.uniform(0.4, 2.5)) * room
            image = image + body * (np.float32(level) - image)
    return image


def _brightness(rng: np.random.Generator, shape: tuple[int, ...], look: Look, tubes: Array, around: Array) -> Array:
    """The grey values that tubes have inside: uneven along them, sometimes another in the middle than at the wall."""
    level = np.full(shape, look.contrast, dtype=np.float32)
    level += smooth_noise(rng, shape, 3) * np.float32(rng.uniform(0, 0.25) * look.contrast)
    if rng.random() < 0.2:
        level += smooth_noise(rng, shape, 12) * np.float32(rng.uniform(0, 0.25) * look.contrast)
    if rng.random() < 0.2:  # slow flow at the wall, or a bright wall
        level += np.clip(-tubes / 4, 0, 1) * np.float32(rng.uniform(-0.3, 0.5) * look.contrast)
    if look.lung or rng.random() < 0.3:  # against what it runs through, and not all else
        lifted: Array = around + np.float32(rng.uniform(0.5, 1.1)) * level
        return lifted
    # as bright everywhere, but always brighter than what it runs through
    lifted = np.maximum(level, np.minimum(around, look.contrast) + np.float32(0.35 * look.contrast))
    return lifted


def _other_tubes(rng: np.random.Generator, image: Array, look: Look, others: Array) -> Array:
    """Tubes of air or dark blood, with or without a bright wall; and ribs, whose cortex is brighter than the rest."""
    inside = fill(others)
    if not inside.any():
        return image
    if rng.random() < 0.35:
        marrow, cortex = look.contrast * rng.uniform(0.1, 1.0), look.contrast * rng.uniform(1.0, 3.5)
        wall = np.clip(1 - np.abs(others + 0.8) / rng.uniform(0.8, 1.6), 0, 1)
        image = image + inside * (np.float32(marrow) - image)
        hard: Array = image + wall * (np.float32(cortex) - image)
        return hard
    depth = look.contrast * rng.uniform(0.7, 4)
    if rng.random() < 0.6:
        wall = np.clip(1 - np.abs(others - 0.7) / rng.uniform(0.8, 1.8), 0, 1)
        image = image + wall * np.float32(look.contrast * rng.uniform(0.2, 1.0))
    darkened: Array = image + inside * (np.float32(-depth) - image)
    return darkened


def _scanner(rng: np.random.Generator, image: Array, look: Look) -> Array:
    """Blur, thick slices, noise of a scanner and what is done to its pictures."""
    widths = np.full(3, look.blur) * rng.uniform(0.7, 1.3, 3)
    if rng.random() < 0.25:
        widths[int(rng.integers(3))] += rng.uniform(0.3, 1.5)
    for axis, width in enumerate(widths):
        if width > 0.2:
            image = gaussian_filter1d(image, width, axis=axis, mode="nearest", truncate=2.5)
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    kind = rng.random()
    if kind < 0.35:  # of reconstruction kernels, which smooth
        width = rng.uniform(0.4, 1.0)
        for axis in range(3):
            noise = gaussian_filter1d(noise, width, axis=axis, truncate=2.5)
        noise /= max(float(noise.std()), 1e-6)
    strength = np.float32(look.noise)
    if kind > 0.8:  # Rician, of MR magnitudes
        floor = image - np.float32(image.min())
        other = rng.standard_normal(image.shape, dtype=np.float32)
        image = np.sqrt((floor + strength * noise) ** 2 + (strength * other) ** 2)
    else:
        image = image + strength * noise
    if rng.random() < 0.3:  # windows cut off what is too bright or dark
        low, high = np.percentile(image, [rng.uniform(0, 10), rng.uniform(97, 100)])
        image = np.clip(image, low, high)
    if rng.random() < 0.3:
        low, high = float(image.min()), float(image.max())
        image = ((image - low) / max(high - low, 1e-6)) ** np.float32(np.exp(rng.uniform(-0.6, 0.6)))
    done: Array = image.astype(np.float32)
    return done


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], cells: int) -> Array:
    """Noise (z, y, x) of spread 1 whose features are a `cells`-th of the box large."""
    coarse = rng.standard_normal((1, 1, cells + 1, cells + 1, cells + 1), dtype=np.float32)
    fine: Any = F.interpolate(torch.from_numpy(coarse), shape, mode="trilinear", align_corners=True)
    found: Array = fine[0, 0].numpy()
    found *= np.float32(1 / max(float(found.std()), 1e-6))
    return found


def _region(rng: np.random.Generator, shape: tuple[int, ...], above: float, cells: int) -> Array:
    """Where smooth noise exceeds `above` spreads: soft-edged 0..1, the edge about a voxel wide."""
    field = smooth_noise(rng, shape, cells)
    steep = shape[0] / cells / 2
    region: Array = np.clip((field - np.float32(above)) * np.float32(steep) + 0.5, 0, 1)
    return region


def _sheet(rng: np.random.Generator, shape: tuple[int, ...], thick: float) -> Array:
    """A curved sheet of so many voxels' thickness, 0..1."""
    grids = [np.linspace(-1, 1, n, dtype=np.float32) for n in shape]
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    z, y, x = (part * grid for part, grid in zip(normal, grids, strict=True))
    flat = z[:, None, None] + y[None, :, None] + x[None, None]
    bent = flat.astype(np.float32) + np.float32(rng.uniform(0.05, 0.25)) * smooth_noise(rng, shape, 3)
    away = np.abs(bent - np.float32(rng.uniform(-0.6, 0.6))) * np.float32(shape[0] / 2)
    sheet: Array = np.clip(np.float32(thick / 2 + 0.5) - away, 0, 1)
    return sheet


def _ellipsoid(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """A solid of random axes and place, 0..1."""
    radii = np.exp(rng.uniform(np.log(2), np.log(14))) * np.exp(rng.uniform(-0.5, 0.5, 3))
    centre = rng.uniform(0, shape)
    parts = [((np.arange(n) - c) / r).astype(np.float32) ** 2 for n, c, r in zip(shape, centre, radii, strict=True)]
    squared = parts[0][:, None, None] + parts[1][None, :, None] + parts[2][None, None]
    solid: Array = np.clip((1 - np.sqrt(squared)) * np.float32(radii.min()) + 0.5, 0, 1)
    return solid
