"""What a scanner makes of made tissue: blur, thick slices, noise, windows.

Grey values are in units of the tubes' contrast.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from napari_medssl.tubes.learning.textures import Array, smooth_noise


def scan(rng: np.random.Generator, image: Array, *, noise: float, blur: float) -> Array:
    """The image (z, y, x) as a scanner of such a noise and a blur in voxels would show it."""
    if rng.random() < 0.3:  # coils, scatter
        image = (image + 1) * np.exp(np.float32(rng.uniform(0.05, 0.25)) * smooth_noise(rng, image.shape, 2)) - 1
    image = _with_noise(rng, _blurred(rng, image, blur), noise)
    if rng.random() < 0.2:  # windows cut off what is far brighter or darker than tubes
        image = np.clip(image, -rng.uniform(0.3, 2), rng.uniform(1.0, 2.0))
    if rng.random() < 0.2:
        low, high = float(image.min()), float(image.max())
        image = ((image - low) / max(high - low, 1e-6)) ** np.float32(np.exp(rng.uniform(-0.4, 0.4)))
    done: Array = image.astype(np.float32)
    return done


def _blurred(rng: np.random.Generator, image: Array, blur: float) -> Array:
    widths = np.full(3, blur) * rng.uniform(0.8, 1.2, 3)
    if rng.random() < 0.2:  # thick slices
        widths[int(rng.integers(3))] += rng.uniform(0.2, 1.0)
    for axis, width in enumerate(widths):
        if width > 0.2:
            image = gaussian_filter1d(image, width, axis=axis, mode="nearest", truncate=2.5)
    return image


def _with_noise(rng: np.random.Generator, image: Array, strength: float) -> Array:
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    kind = rng.random()
    if kind < 0.5:  # of reconstruction kernels and of finer grids than the scan's, which smooth
        width = rng.uniform(0.4, 1.2)
        for axis in range(3):
            noise = gaussian_filter1d(noise, width, axis=axis, truncate=2.5)
        noise /= max(float(noise.std()), 1e-6)
    if kind < 0.85:
        return image + np.float32(strength) * noise
    floor = image - np.float32(image.min())  # Rician, of MR magnitudes
    other = rng.standard_normal(image.shape, dtype=np.float32)
    rician: Array = np.sqrt((floor + strength * noise) ** 2 + (strength * other) ** 2)
    return rician
