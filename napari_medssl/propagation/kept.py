"""What runs on one volume keep for the next: features, and what the sweeps found, so that a correction costs only what
depends on it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from napari_medssl.propagation.bounded import Bounded
from napari_medssl.propagation.hints import Hints
from napari_medssl.propagation.model import PropagationModel
from napari_medssl.propagation.seeds import Drawn
from napari_medssl.propagation.slices import Features
from napari_medssl.propagation.sweep import Sweep, SweptSlice

MIB = 2**20
FEATURES_BYTES = 384 * MIB  # 350 slices of a region of 130 x 130
SWEEPS_BYTES = 256 * MIB  # ten runs through 275 slices with a structure 120 pixels across
_MODELS = 4


@dataclass(frozen=True)
class Found:
    """What a sweep found on a slice (None: no label reached it), and perhaps the sweep as it stood there."""

    swept: SweptSlice | None
    sweep: Sweep | None = None


def set_aside(sweep: Sweep) -> Sweep:
    """A copy of a sweep as it stands, without what it works with."""
    shared = (sweep.features, sweep.drawn, sweep.cancelled, sweep.settings, sweep.hints)
    copied = copy.deepcopy(sweep, {id(thing): thing for thing in shared})
    del copied.features, copied.drawn, copied.cancelled, copied.hints
    return copied


def take_up(
    sweep: Sweep, features: Features, drawn: Drawn, hints: Hints, cancelled: Callable[[], bool] | None
) -> Sweep:
    """A sweep that goes on from where one that was set aside stood."""
    copied = copy.deepcopy(sweep, {id(sweep.settings): sweep.settings})
    copied.features, copied.drawn, copied.hints, copied.cancelled = features, drawn, hints, cancelled
    return copied


class KeptWork:
    """Give the same one to every run on a volume: `propagate(..., kept=work)`.

    A run with it gives exactly what it would give without, only sooner. It holds the volume of the last run (by
    reference; do not change its values in place) and, beside that, at most `features_bytes` and `sweeps_bytes`.
    Another volume empties it. Several threads may use one at a time.
    """

    def __init__(self, features_bytes: int = FEATURES_BYTES, sweeps_bytes: int = SWEEPS_BYTES) -> None:
        self.features: Bounded[Hashable, tuple[Tensor, Tensor]] = Bounded(features_bytes)
        self.sweeps: Bounded[bytes, Found] = Bounded(sweeps_bytes)
        self._volume: Any = None
        self._models: dict[int, PropagationModel] = {}  # held, so that no other network can come to lie in its place
        self._volumes_seen = self._models_seen = 0
        self._lock = Lock()

    def volume_number(self, volume: Any) -> int:
        """The number by which this volume goes; a volume other than the last one empties what is kept."""
        with self._lock:
            if not _same_array(volume, self._volume):
                self._empty()
                self._volume = volume
                self._volumes_seen += 1
            return self._volumes_seen

    def model_number(self, model: PropagationModel) -> int:
        """The number by which this loaded model goes: its very networks and settings, not its name."""
        with self._lock:
            for number, known in self._models.items():
                if known == model:
                    return number
            self._models_seen += 1
            self._models[self._models_seen] = model
            if len(self._models) > _MODELS:
                del self._models[min(self._models)]
            return self._models_seen

    def clear(self) -> None:
        """Let go of everything, the volume included."""
        with self._lock:
            self._empty()
            self._volume = None

    def _empty(self) -> None:
        self.features.clear()
        self.sweeps.clear()
        self._models.clear()


def _same_array(one: Any, other: Any) -> bool:
    """Whether two volumes are the same values: the same object, the same memory, or the same dask graph."""
    if one is other:
        return True
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return _place(one) == _place(other)
    names = getattr(one, "dask", None) is not None and getattr(other, "dask", None) is not None
    return names and bool(one.name == other.name)


def _place(array: NDArray[Any]) -> tuple[Any, ...]:
    return array.__array_interface__["data"], array.shape, array.strides, array.dtype
