"""Sli2Vol: one drawn slice to a whole volume."""

from napari_medssl.propagation.api import iter_propagate, propagate
from napari_medssl.propagation.result import Propagation, SliceResult

__all__ = ["Propagation", "SliceResult", "iter_propagate", "propagate"]
