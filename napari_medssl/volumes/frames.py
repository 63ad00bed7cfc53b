"""Images with a fourth dimension (time points, echoes, channels): how many frames there are, and all at once."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_medssl.volumes.formats import kind_by_name
from napari_medssl.volumes.quiet import quiet_itk
from napari_medssl.volumes.reading import read_volume
from napari_medssl.volumes.volume import Volume


def frame_count(path: str | os.PathLike[str], *, series: str | int | None = None) -> int:
    """How many volumes a file or DICOM series holds at the same place; 1 for a plain scan, or one that is unreadable.

    Only headers are read. What is wrong with a file is said by `read_volume`.
    """
    import SimpleITK

    source = Path(path)
    if source.is_dir() or kind_by_name(source) in ("", "DICOM"):
        return _dicom_frames(source, series)
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(source))
    try:
        with quiet_itk():
            reader.ReadImageInformation()
    except RuntimeError:
        return 1
    longer = [int(n) for n in reader.GetSize()[3:] if n > 1]
    return longer[0] if longer else int(reader.GetNumberOfComponents())


def read_frames(path: str | os.PathLike[str], *, series: str | int | None = None) -> tuple[NDArray[np.generic], Volume]:
    """All frames of a file or DICOM series, as an array (t, z, y, x), and the first of them as a volume.

    Raises
    ------
    BadInput
        As `read_volume`.
    """
    import SimpleITK

    source, count = Path(path), frame_count(path, series=series)
    first = read_volume(source, series=series, frame=0)
    if count == 1:
        return first.array[np.newaxis], first
    if source.is_dir() or kind_by_name(source) in ("", "DICOM"):
        rest = (read_volume(source, series=series, frame=frame).array for frame in range(1, count))
        return np.stack([first.array, *rest]), first
    with quiet_itk():
        image = SimpleITK.ReadImage(str(source))
    array: NDArray[np.generic] = SimpleITK.GetArrayFromImage(image)
    if image.GetNumberOfComponentsPerPixel() > 1:
        array = np.moveaxis(array, -1, 0)
    frames = array.reshape((count, *first.shape))
    if frames.dtype.kind == "f":
        finite = np.isfinite(frames)
        if not finite.all():
            frames = np.where(finite, frames, first.array.min())
    return frames, first


def _dicom_frames(path: Path, series: str | int | None) -> int:
    from napari_medssl.errors import BadInput
    from napari_medssl.volumes.dicom import list_series

    try:
        found = list_series(path if path.is_dir() else path.parent)
    except BadInput:
        return 1
    if path.is_file() and series is None:
        return next((info.frames for info in found if any(image.path == path for image in info.images)), 1)
    if series is None:
        return found[0].frames if len(found) == 1 else 1
    text = str(series).strip()
    if text.isdecimal() and 1 <= int(text) <= len(found):
        return found[int(text) - 1].frames
    return next((info.frames for info in found if info.uid == text), 1)
