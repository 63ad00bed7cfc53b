"""Sli2Vol: one drawn slice to a whole volume."""

from napari_medssl.propagation.api import iter_propagate, propagate
from napari_medssl.propagation.hints import Hint
from napari_medssl.propagation.kept import KeptWork
from napari_medssl.propagation.result import Propagation, SliceResult

__all__ = ["Hint", "KeptWork", "Propagation", "SliceResult", "iter_propagate", "propagate"]
