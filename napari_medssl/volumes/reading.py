"""Reading scans and label maps: NIfTI, NRRD, MetaImage and DICOM, all through SimpleITK."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_medssl.errors import BadInput
from napari_medssl.volumes.geometry import Geometry
from napari_medssl.volumes.volume import Volume

SUFFIXES = (".nii.gz", ".nii", ".hdr", ".img", ".seg.nrrd", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm", ".ima", ".dicom")


def plain_name(path: str | os.PathLike[str]) -> str:
    """A file's name without its extension: "scan" of "folder/scan.nii.gz"."""
    name = Path(path).name
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


def read_volume(path: str | os.PathLike[str], *, series: str | int | None = None, frame: int | None = None) -> Volume:
    """Read a scan from a file or a DICOM folder."""
    import SimpleITK

    path = Path(path)
    if not path.exists():
        raise BadInput(f"There is no file or folder {path}.")
    try:
        if path.is_dir():
            reader = SimpleITK.ImageSeriesReader()
            reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(path)))
            image = reader.Execute()
        else:
            image = SimpleITK.ReadImage(str(path))
    except RuntimeError as error:
        raise BadInput(f"{path} cannot be read as a scan.") from error
    if image.GetNumberOfComponentsPerPixel() > 1:
        raise BadInput(f"{path} holds colours or vectors; a scan has one number per voxel.")
    if image.GetDimension() == 4:
        count = image.GetSize()[3]
        if frame is None and count > 1:
            raise BadInput(f"{path} holds {count} frames; choose one from 0 to {count - 1} (--frame).")
        image = image[:, :, :, frame or 0]
    elif image.GetDimension() == 2:
        image = SimpleITK.JoinSeries(image)
    return Volume(SimpleITK.GetArrayFromImage(image), Geometry.from_image(image), plain_name(path))


def read_labels(path: str | os.PathLike[str], *, like: Volume | None = None) -> Volume:
    """Read an integer label map."""
    volume = read_volume(path)
    array = volume.array
    if array.dtype.kind == "f":
        if not (array == np.round(array)).all():
            raise BadInput(f"{path} holds fractions; labels are whole numbers.")
        array = array.astype(np.int32)
    if int(array.min()) < 0:
        raise BadInput(f"{path} holds negative numbers; labels are 0 or more.")
    if like is not None and like.shape != volume.shape:
        raise BadInput(f"{path} has shape {volume.shape}, {like.name} has {like.shape}.")
    return replace(volume, array=array)
