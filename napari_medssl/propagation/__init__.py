"""Sli2Vol: one drawn slice to a whole volume."""

from napari_medssl.propagation.api import iter_propagate, propagate
from napari_medssl.propagation.hints import Hint
from napari_medssl.propagation.kept import KeptWork
from napari_medssl.propagation.result import Propagation, SliceResult
from napari_medssl.propagation.series import FramesPropagation, propagate_frames

__all__ = [
    "FramesPropagation",
    "Hint",
    "KeptWork",
    "Propagation",
    "SliceResult",
    "iter_propagate",
    "propagate",
    "propagate_frames",
]
