"""Pieces of chest CT that never were: lungs with vessels, airways and walls, nodules, and what looks like them.

Quick and varied rather than anatomical: a box of a lung in under a second, for training and for benchmarks whose truth
is exact. (`volumes.phantoms.chest` paints whole patients, which takes minutes at this resolution.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_medssl.nodules.learning.made_lungs import Lung, make_lung, smooth_field
from napari_medssl.nodules.learning.made_nodules import KINDS, Made, paint_lookalikes, paint_micronodules, paint_nodules

__all__ = ["KINDS", "MadeScan", "make_scan"]


@dataclass(frozen=True)
class MadeScan:
    """A made piece of chest CT with cubic voxels of 1 mm.

    Attributes
    ----------
    array : (z, y, x) int16, HU
    nodules : what is to be found
    irrelevant : findings under 3 mm, which nobody asks for
    """

    array: NDArray[np.int16]
    nodules: tuple[Made, ...]
    irrelevant: tuple[Made, ...]


def make_scan(
    rng: np.random.Generator, shape: tuple[int, int, int] = (96, 160, 160), nodules: int | None = None
) -> MadeScan:
    """A piece of lung of `shape` mm.

    Parameters
    ----------
    nodules : how many; None draws a number, at times 0
    """
    lung = make_lung(rng, shape)
    paint_lookalikes(rng, lung)
    count = int(rng.choice([0, 1, 2, 3, 4, 5], p=[0.1, 0.25, 0.25, 0.2, 0.12, 0.08])) if nodules is None else nodules
    found = paint_nodules(rng, lung, count)
    small = paint_micronodules(rng, lung, int(rng.integers(0, 4)), found)
    return MadeScan(scanned(rng, lung), tuple(found), tuple(small))


def scanned(rng: np.random.Generator, lung: Lung) -> NDArray[np.int16]:
    """The picture a scanner makes: softer along the body for thick slices, noisy, the noise as grainy as the kernel."""
    thick = float(rng.choice([0.3, 0.5, 0.9], p=[0.4, 0.4, 0.2]))
    plane = float(rng.uniform(0.25, 0.7))
    picture = gaussian_filter(lung.image, (thick, plane, plane), truncate=3)
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    grain = float(rng.uniform(0.0, 0.7))
    if grain > 0.25:
        noise = gaussian_filter(noise, (min(thick, grain), grain, grain), truncate=3)
        noise /= noise.std()
    level = np.float32(np.exp(rng.uniform(np.log(8), np.log(60))))
    picture += noise * level * (1 + 0.2 * smooth_field(rng, picture.shape, 60.0))
    return np.clip(np.rint(picture), -1024, 1500).astype(np.int16)
