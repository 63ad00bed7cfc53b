"""Grey value windows: what a viewer shows as black and as white."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medssl.volumes.volume import Volume

# A sample of this many voxels gives percentiles to a fraction of a grey level, in milliseconds.
_SAMPLE = 500_000


@dataclass(frozen=True)
class Window:
    """A window as radiologists name it: `level` is the grey value in the middle, `width` from black to white (HU)."""

    name: str
    level: float
    width: float


CT_WINDOWS: tuple[Window, ...] = (
    Window("soft tissue", 40, 400),
    Window("lung", -600, 1500),
    Window("bone", 400, 1800),
    Window("brain", 40, 80),
)


def limits(window: Window) -> tuple[float, float]:
    """The grey values shown as black and as white."""
    return window.level - window.width / 2, window.level + window.width / 2


def auto_window(array: NDArray[np.generic], percentiles: tuple[float, float] = (1.0, 99.0)) -> Window:
    """A window that spans the given percentiles of an array's finite grey values.

    Where these agree, as in a nearly empty mask, it spans the whole range instead, and has a width of 1 where
    that is a single value.
    """
    flat = np.asarray(array).reshape(-1)
    sample = flat[:: max(1, flat.size // _SAMPLE)].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return Window("auto", 0.5, 1.0)
    low, high = (float(value) for value in np.percentile(sample, percentiles))
    if high <= low:
        low, high = float(np.nanmin(flat)), float(np.nanmax(flat))
    if not high > low:
        high = low + 1.0
    return Window("auto", (low + high) / 2, high - low)


def is_ct(volume: Volume) -> bool:
    """Whether a scan's grey values are HU: its modality says so or, where it says nothing, its range does.

    Without a modality, a scan counts as CT when it has air (below -300), its densest voxels are those of tissue, bone
    or metal (between 0 and 32767), and its darkest is no lower than scanners' fill values (-8192).
    """
    if volume.modality:
        return volume.modality == "CT"
    if volume.array.dtype.kind == "u":
        return False
    flat = volume.array.reshape(-1)
    sample = flat[:: max(1, flat.size // _SAMPLE)].astype(np.float64)
    low, high = (float(value) for value in np.percentile(sample, (0.1, 99.9)))
    return float(sample.min()) >= -8192 and low < -300 and 0 < high <= 32767
