"""Volumes made to learn propagation from: their masks are known on every slice. Each is made when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, overload

import numpy as np

from napari_medssl.propagation.learning.sampling import TrainingVolume
from napari_medssl.volumes.phantoms import abdomen, blobs, chest

LABELS = 7  # the most that any of them has: the phantoms' organs
_BLOBS, _BLOB_LABELS = (24, 128, 128), 3
_PHANTOM_SHAPE, _PHANTOM_SPACING = (80, 112, 112), (3.2, 3.2, 3.2)
_MODALITIES: tuple[Literal["ct"], Literal["mr"]] = ("ct", "mr")


class Made(Sequence[TrainingVolume]):
    """So many volumes that a function makes from their numbers. Sent to another process, they are made anew there."""

    def __init__(self, count: int, make: Callable[[int], TrainingVolume]) -> None:
        self._count, self._make = count, make
        self._made: dict[int, TrainingVolume] = {}

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> TrainingVolume: ...

    @overload
    def __getitem__(self, index: slice) -> list[TrainingVolume]: ...

    def __getitem__(self, index: int | slice) -> TrainingVolume | list[TrainingVolume]:
        if isinstance(index, slice):
            return [self[i] for i in range(self._count)[index]]
        if not 0 <= index < self._count:
            raise IndexError(index)
        if index not in self._made:
            self._made[index] = self._make(index)
        return self._made[index]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_made": {}}


class Mixture(Sequence[TrainingVolume]):
    """Volumes of the first kind, and half as many places again that the few of the second kind take by turns."""

    def __init__(self, many: Made, few: Made) -> None:
        self._many, self._few = many, few
        self._places = max(len(few), len(many) // 2) if len(few) else 0

    def __len__(self) -> int:
        return len(self._many) + self._places

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._many[index] if index < len(self._many) else self._few[(index - len(self._many)) % len(self._few)]


def made_blobs(count: int, *, seed: int) -> Made:
    """Random shapes with three labels."""
    return Made(count, partial(_blobs, seed))


def made_phantoms(count: int, *, seed: int) -> Made:
    """Abdomen and chest phantoms, CT and MR by turns, with the labels of their organs."""
    return Made(count, partial(_phantom, seed))


def _blobs(seed: int, index: int) -> TrainingVolume:
    image, labels = blobs(_BLOBS, seed=seed * 100_003 + index, n_labels=_BLOB_LABELS)
    return TrainingVolume(image, (1.0, 1.0, 1.0), labels)


def _phantom(seed: int, index: int) -> TrainingVolume:
    make, modality = (abdomen, chest)[index % 2], _MODALITIES[index // 2 % 2]
    phantom = make(_PHANTOM_SHAPE, _PHANTOM_SPACING, seed=seed * 100_003 + index, modality=modality)
    return TrainingVolume(np.asarray(phantom.volume.array, dtype=np.float32), _PHANTOM_SPACING, phantom.labels)
