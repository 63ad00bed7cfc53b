"""Slices of a volume, their intensities as the network wants them, and their features: each computed once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_medssl.propagation.model import PropagationModel
from napari_medssl.propagation.region import Region

_CACHE_BYTES = 768 * 2**20


class Slices:
    """The slices of a volume along one axis, read only when asked for (the volume may be a dask array or a memory
    map)."""

    def __init__(self, volume: NDArray[np.generic], axis: int, spacing: Sequence[float]) -> None:
        # Indexed one slice at a time: numpy's views would load a dask array or a memory map whole.
        self._volume, self._axis = volume, axis
        rows_columns = [s for i, s in enumerate(spacing) if i != axis]
        self.spacing = (rows_columns[0], rows_columns[1])

    def __len__(self) -> int:
        return int(self._volume.shape[self._axis])

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        where: tuple[slice | int, ...] = (*(slice(None),) * self._axis, index)
        image = np.asarray(self._volume[where], dtype=np.float32)
        return image if np.isfinite(image).all() else np.nan_to_num(image, nan=0.0, posinf=0.0, neginf=0.0)


class Intensities:
    """Stretches intensities to 0..1 between two percentiles of what surrounds the drawn structure.

    A CT's full range would leave soft tissue almost flat, so the range is taken from the region that is worked on. It
    is the same for all slices of a run, so that a structure keeps its brightness.
    """

    def __init__(self, samples: Sequence[NDArray[np.float32]], percentiles: tuple[float, float]) -> None:
        pooled = np.concatenate([s.ravel() for s in samples])
        self.low, high = (float(v) for v in np.percentile(pooled, percentiles))
        self.width = max(high - self.low, 1e-6)

    def __call__(self, image: Tensor) -> Tensor:
        return ((image - self.low) / self.width).clamp(0, 1)


class Features:
    """Working images and features by slice and region, least recently used dropped first."""

    def __init__(self, slices: Slices, model: PropagationModel, intensities: Intensities) -> None:
        self.slices, self.model, self.intensities = slices, model, intensities
        self.computed = 0
        self._kept: OrderedDict[tuple[int, Region], tuple[Tensor, Tensor]] = OrderedDict()
        self._bytes = 0

    def get(self, index: int, region: Region) -> tuple[Tensor, Tensor]:
        """The working image (1, 1, h, w) in 0..1 and its features, of slice `index` within `region`."""
        key = (index, region)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        image = self.intensities(region.take(self.slices[index]))
        with torch.inference_mode():
            found = (image, self.model.features(image))
        self.computed += 1
        self._kept[key] = found
        self._bytes += _size(found)
        while self._bytes > _CACHE_BYTES and len(self._kept) > 2:
            self._bytes -= _size(self._kept.popitem(last=False)[1])
        return found


def _size(tensors: tuple[Tensor, Tensor]) -> int:
    return sum(t.element_size() * t.nelement() for t in tensors)
