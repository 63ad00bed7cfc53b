"""Scans and where they lie: Volume and Geometry, reading, writing, intensity windows, phantoms."""

from napari_medssl.volumes.geometry import Geometry
from napari_medssl.volumes.volume import Volume

__all__ = ["Geometry", "Volume"]
