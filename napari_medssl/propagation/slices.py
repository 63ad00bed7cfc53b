"""Slices of a volume, their intensities as the network wants them, and their features: each computed once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_medssl.devices import use_bfloat16
from napari_medssl.propagation.bounded import Bounded
from napari_medssl.propagation.model import PropagationModel
from napari_medssl.propagation.region import Region

ALONE_BYTES = 64 * 2**20  # a sweep by itself needs the last two slices only


class Slices:
    """The slices of a volume along one axis, read only when asked for (the volume may be a dask array or a memory
    map)."""

    def __init__(self, volume: NDArray[np.generic], axis: int, spacing: Sequence[float]) -> None:
        # Indexed one slice at a time: numpy's views would load a dask array or a memory map whole.
        self.volume, self.axis = volume, axis
        rows_columns = [s for i, s in enumerate(spacing) if i != axis]
        self.spacing = (rows_columns[0], rows_columns[1])
        self.thickness = float(spacing[axis])

    def __len__(self) -> int:
        return int(self.volume.shape[self.axis])

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        where: tuple[slice | int, ...] = (*(slice(None),) * self.axis, index)
        image = np.asarray(self.volume[where], dtype=np.float32)
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
    """Working images and features by slice and region.

    Attributes
    ----------
    kept : where they are kept, perhaps together with those of other runs, whence `mark` tells them apart: whatever
        but slice and region they depend on
    computed : how many were not to be found there
    """

    def __init__(
        self,
        slices: Slices,
        model: PropagationModel,
        intensities: Intensities,
        kept: Bounded[Hashable, tuple[Tensor, Tensor]] | None = None,
        mark: Hashable = None,
    ) -> None:
        self.slices, self.model, self.intensities = slices, model, intensities
        self.kept = Bounded[Hashable, tuple[Tensor, Tensor]](ALONE_BYTES) if kept is None else kept
        self.computed = 0
        self._mark = (mark, intensities.low, intensities.width)
        self._quick = use_bfloat16("auto", model.device)  # half the time where the hardware has it, as in training

    def get(self, index: int, region: Region) -> tuple[Tensor, Tensor]:
        """The working image (1, 1, h, w) in 0..1 and its features, of slice `index` within `region`."""
        key = (self._mark, index, region)
        found = self.kept.get(key)
        if found is None:
            image = self.image(index, region)
            with torch.inference_mode(), torch.autocast(self.model.device.type, torch.bfloat16, enabled=self._quick):
                found = (image, self.model.features(image))
            self.computed += 1
            self.kept.put(key, found)
        return found[0], found[1].float()  # kept as they were computed, perhaps in half the memory

    def image(self, index: int, region: Region) -> Tensor:
        """The working image alone."""
        return self.intensities(region.take(self.slices[index]))
