"""From tissue to picture: blur, noise and shading of a CT or MR scanner."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_medssl.errors import BadInput
from napari_medssl.volumes.phantoms.fields import Floats, SmoothField, generator
from napari_medssl.volumes.phantoms.space import Grid

_NOISE = {"ct": 12.0, "mr": 22.0}
_BLUR_MM = 0.55  # of the reconstruction, as a Gaussian's deviation
_GRAIN_MM = 0.75
_SLICES = 8


def acquire(tissue: Floats, grid: Grid, seed: int, modality: str, noise: float | None) -> NDArray[np.int16]:
    """Scan `tissue` (changed in place): in-plane blur, then noise, and in MR a bias field.

    Parameters
    ----------
    tissue : (z, y, x) intensities without noise
    noise : standard deviation in HU (CT) or in units of which fat has some 800 (MR); None: 12 HU or 22

    Raises
    ------
    BadInput
        Negative noise.
    """
    amount = _NOISE[modality] if noise is None else float(noise)
    if not np.isfinite(amount) or amount < 0:
        raise BadInput(f"The noise must be a number of at least 0, not {noise}.")
    rng = generator(seed, "noise", modality)
    bias = SmoothField(generator(seed, "bias"), 130.0, 12)
    scan = np.empty(tissue.shape, dtype=np.int16)
    blur = (0.0, _BLUR_MM / grid.spacing[1], _BLUR_MM / grid.spacing[2])
    grain = tuple(float(np.clip(_GRAIN_MM / s, 0, 1.2)) for s in grid.spacing[1:])
    z, y, x = (grid.axis(i) for i in range(3))
    middle = np.exp(-((y[:, None] - grid.centre[1]) ** 2 + (x - grid.centre[2]) ** 2) / np.float32(2 * 90**2))
    level = np.float32(amount) * (0.8 + 0.4 * middle)  # X-rays through the middle are weakened most
    for part in _parts(len(z)):
        clean = ndimage.gaussian_filter(tissue[part], blur, truncate=3)
        if modality == "ct":
            picture = clean + level * _grain(clean.shape, grain, rng)
        else:
            clean *= np.exp(np.float32(0.16) * bias(z[part], y, x))
            real, imaginary = (np.float32(amount) * _grain(clean.shape, grain, rng) for _ in range(2))
            picture = np.hypot(clean + real, imaginary)
        scan[part] = np.clip(np.rint(picture), -1024, 3071).astype(np.int16)
    return scan


def _grain(shape: tuple[int, ...], width: tuple[float, ...], rng: np.random.Generator) -> Floats:
    """Noise of unit deviation, correlated within slices."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    if max(width) < 0.25:
        return noise
    noise = ndimage.gaussian_filter(noise, (0, *width), truncate=3)
    # What the filter leaves of white noise, from its own response to a single point.
    point = np.zeros((15, 15))
    point[7, 7] = 1
    left = np.sqrt(np.sum(ndimage.gaussian_filter(point, width, truncate=3) ** 2))
    scaled: Floats = noise * np.float32(1 / left)
    return scaled


def _parts(slices: int) -> Iterator[slice]:
    for start in range(0, slices, _SLICES):
        yield slice(start, min(start + _SLICES, slices))
