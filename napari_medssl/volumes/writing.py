"""Writing scans and label maps with the exact geometry they came with."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.files import atomic_path
from napari_medssl.volumes.geometry import Geometry
from napari_medssl.volumes.volume import Volume

FORMATS = (".nii.gz", ".nii", ".seg.nrrd", ".nrrd", ".mha", ".mhd")


def write_volume(
    path: str | os.PathLike[str], volume: Volume | NDArray[np.generic], geometry: Geometry | None = None
) -> None:
    """Write a scan."""
    import SimpleITK

    path = Path(path)
    if not path.name.lower().endswith(FORMATS):
        raise BadInput(f"{path} has no known file extension; use one of {', '.join(FORMATS)}.")
    if isinstance(volume, Volume):
        array, geometry = volume.array, geometry or volume.geometry
    else:
        array, geometry = np.asarray(volume), geometry or Geometry()
    if array.dtype == bool:
        array = array.astype(np.uint8)
    image = SimpleITK.GetImageFromArray(array)
    geometry.apply_to(image)
    with atomic_path(path) as temporary:
        SimpleITK.WriteImage(image, str(temporary), True)


def write_labels(
    path: str | os.PathLike[str], labels: Volume | NDArray[np.generic], geometry: Geometry | None = None
) -> None:
    """Write a label map in the smallest unsigned integer type that holds its labels."""
    if isinstance(labels, Volume):
        geometry, labels = geometry or labels.geometry, labels.array
    write_volume(path, np.asarray(labels).astype(np.min_scalar_type(int(labels.max()))), geometry)
