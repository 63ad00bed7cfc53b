"""Grey values as a network sees them: about zero in the mean and one in spread, in every scan alike.

CT has a scale of its own (HU), on which tissues lie at known places: one window for all scans keeps that. MR and the
rest have none: each scan is brought to its own mean and spread, measured where it is not exactly 0, which is how
masked-out air is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from napari_medssl.volumes.volume import Volume
from napari_medssl.volumes.windows import is_ct

_PERCENTILES = (0.5, 99.5)
_SLICES, _PIXELS = 48, 65_536  # so many slices and pixels of each are looked at: percentiles to a grey level
_FLAT = 1e-6


class Scale(BaseModel):
    """Clip to `low`..`high`, take off `mean`, divide by `spread`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float
    high: float
    mean: float
    spread: float = Field(gt=0)

    def apply(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """The scaled grey values; what is not a number counts as `low`."""
        clipped = np.clip(np.asarray(values, dtype=np.float32), self.low, self.high)
        scaled: NDArray[np.float32] = (np.nan_to_num(clipped, copy=False, nan=self.low) - self.mean) / self.spread
        return scaled


class Intensities(BaseModel):
    """How a model's scans are scaled: by one `fixed` scale, or each by its own where that is None."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["fixed", "scan"]
    fixed: Scale | None = None

    def scale_for(self, array: Any) -> Scale:
        """The scale of a scan (z, y, x), which may be lazy."""
        if self.kind == "fixed" and self.fixed is not None:
            return self.fixed
        values = sample_of(array)
        return scale_of(values[values != 0] if values.any() else values)


def scale_of(values: NDArray[Any]) -> Scale:
    """The scale that the given grey values ask for; flat ones come out as 0."""
    values = np.asarray(values, dtype=np.float64)
    if not values.size:
        return Scale(low=0, high=1, mean=0, spread=1)
    low, high = (float(value) for value in np.percentile(values, _PERCENTILES))
    clipped = np.clip(values, low, high)
    spread = float(clipped.std())
    return Scale(low=low, high=high, mean=float(clipped.mean()), spread=spread if spread > _FLAT else 1.0)


def decide(arrays_are_ct: Sequence[bool], structures: NDArray[Any]) -> Intensities:
    """How to scale scans of which these are CT, with the grey values in their labelled structures.

    For CT the window spans the structures' values, so that the network spends nothing on the rest of the HU scale.
    """
    if 2 * sum(arrays_are_ct) > len(arrays_are_ct):
        return Intensities(kind="fixed", fixed=scale_of(structures[np.isfinite(structures)]))
    return Intensities(kind="scan")


def looks_like_ct(array: Any) -> bool:
    """Whether grey values are HU, by their range."""
    dtype = np.dtype(array.dtype)
    values = sample_of(array)
    if dtype.kind == "u" or not values.size:
        return False
    return is_ct(Volume(values.reshape(1, 1, -1)))


def sample_of(array: Any) -> NDArray[np.float32]:
    """Finite grey values of some slices, evenly spread; of a scan on disk only these are read."""
    depth, height, width = array.shape
    places = np.unique(np.linspace(0, depth - 1, min(depth, _SLICES)).round().astype(int))
    step = max(1, int(np.sqrt(height * width / _PIXELS)))
    values = np.concatenate([np.asarray(array[z][::step, ::step], dtype=np.float32).ravel() for z in places])
    finite: NDArray[np.float32] = values[np.isfinite(values)]
    return finite
