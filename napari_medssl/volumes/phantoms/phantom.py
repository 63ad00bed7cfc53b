"""What the anatomical phantoms hand out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_medssl.volumes.volume import Volume


@dataclass(frozen=True)
class Nodule:
    """A nodule put into a chest phantom: centre (x, y, z) in LPS mm, diameter in mm, and its kind."""

    centre: tuple[float, float, float]
    diameter: float
    kind: str


@dataclass(frozen=True)
class Phantom:
    """A procedural scan and its exact labels.

    Attributes
    ----------
    volume : the scan, int16 (HU, or arbitrary units in MR)
    labels : (z, y, x) uint8; a voxel has the label that covers at least half of it, else 0
    names : {label: name}
    nodules : the nodules that lie in the volume (chest only)
    """

    volume: Volume
    labels: NDArray[np.uint8]
    names: dict[int, str]
    nodules: tuple[Nodule, ...] = field(default=())
