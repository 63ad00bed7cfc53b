"""Scans and where they lie: Volume and Geometry, reading, writing, intensity windows, phantoms."""

from napari_medssl.volumes.dicom import SeriesInfo, list_series
from napari_medssl.volumes.geometry import Geometry
from napari_medssl.volumes.labels import read_labels
from napari_medssl.volumes.reading import read_volume
from napari_medssl.volumes.samples import open_sample, open_sample_seeds, sample_paths
from napari_medssl.volumes.volume import Volume
from napari_medssl.volumes.writing import write_labels, write_volume

__all__ = [
    "Geometry",
    "SeriesInfo",
    "Volume",
    "list_series",
    "open_sample",
    "open_sample_seeds",
    "read_labels",
    "read_volume",
    "sample_paths",
    "write_labels",
    "write_volume",
]
