"""File > Open: scans and masks as layers, head up and in mm.

A file opens as Labels when two things hold: its name says so, by the extension .seg.nrrd, by ending (before the
extension) in seg, segmentation, label(s), labelmap or mask(s), or by lying in a folder called labels, labelsTr,
labelsTs or masks, or a session of ours (.session.json) lies beside it; and it holds only whole numbers, none negative,
at most 256 different ones. Everything else is an Image.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.volumes.dicom_seg_reading import is_dicom_seg
from napari_medssl.widgets.dicom_seg_layer import segmentation_layer
from napari_medssl.widgets.layers import DICOM_SERIES, KEY, layer_data, scan_info, time_layer_data
from napari_medssl.widgets.notices import shown_viewer, tell, tell_error, tell_notes
from napari_medssl.widgets.session_layers import with_session

LayerTuple = tuple[Any, ...]
NOTHING: list[LayerTuple] = [(None,)]  # napari's way of saying "read, but there is no layer"

STAMP = "series"
_SERIES_UID = "0020|000e"
_LABEL_NAME = re.compile(r"(^|[^a-z])(seg|segmentation|labels?|labelmap|masks?)$", re.IGNORECASE)
_LABEL_FOLDERS = {"labels", "labelstr", "labelsts", "masks"}
_MOST_LABELS = 256
_LOOKED_AT = 300
_ZARR = {".zarray", ".zgroup", ".zattrs", "zarr.json"}


def get_reader(path: str | list[str]) -> Callable[[Any], list[LayerTuple]] | None:
    """The reader for a file or folder, or None where it is not for us: napari then asks other readers.

    A folder is only taken if it holds DICOM. A list (files opened "as a stack") is only taken if it is DICOM files,
    any of which stands for its whole series.
    """
    from napari_medssl.volumes.formats import kind_by_name

    if isinstance(path, list):
        if len(path) > 1 and any(kind_by_name(name) != "DICOM" for name in path):
            return None
        path = path[0]
    if os.path.isdir(path) and not holds_dicom(path):
        return None
    first = path
    return lambda _: read_layers(first)


def read_layers(path: str | os.PathLike[str]) -> list[LayerTuple]:
    """The layer of a scan, mask or DICOM folder, as napari layer data.

    Where a viewer is on the screen, a person is asked which of several DICOM series to open, and what is wrong with a
    file is shown there; then there is no layer.

    Raises
    ------
    BadInput
        The file cannot be used, and there is no viewer to say so in.
    """
    from napari_medssl.widgets.sides import mark_current

    try:
        layers = _read(Path(path))
    except BadInput as error:
        if shown_viewer() is None:
            raise
        tell_error(str(error))
        return NOTHING
    mark_current()
    return layers


def _read(path: Path) -> list[LayerTuple]:
    series = None
    if path.is_dir():
        series = _wanted_series(path)
        if series == 0:
            return NOTHING
    if is_dicom_seg(path):
        return [segmentation_layer(path)]
    stamp = dicom_stamp(path) if path.is_file() else ""
    opened = layer_with_stamp(stamp)
    if opened is not None:
        tell(f"{path.name} belongs to {opened.name}, which is open already.")
        return NOTHING
    layer = _read_series(path, series)
    if series is not None:
        layer[1]["metadata"][KEY][DICOM_SERIES] = series
    if stamp:
        layer[1]["metadata"][KEY][STAMP] = stamp
    return [layer]


def _read_series(path: Path, series: int | None) -> LayerTuple:
    from napari_medssl.volumes import read_volume
    from napari_medssl.volumes.frames import frame_count, read_frames

    if frame_count(path, series=series) > 1:
        frames, first = read_frames(path, series=series)
        tell_notes(first)
        return time_layer_data(frames, first, kind="labels" if is_label_map(path, frames) else "image")
    volume = read_volume(path, series=series)
    tell_notes(volume)
    if is_label_map(path, volume.array):
        return with_session(volume, path)
    return layer_data(volume)


def _wanted_series(folder: Path) -> int | None:
    """The number (from 1) of the series to read, None where there is only one, 0 if the person cancelled."""
    from napari_medssl.volumes.dicom import list_series

    viewer = shown_viewer()
    if viewer is None:
        return None
    found = list_series(folder)
    if len(found) == 1:
        return None
    from napari_medssl.widgets.series_dialog import choose_series

    return choose_series(found, folder.name, viewer.window._qt_window)


def is_label_map(path: str | os.PathLike[str], array: NDArray[np.generic]) -> bool:
    """Whether a file with these voxels opens as Labels; the rule stands at the top of this module."""
    from napari_medssl.propagation.session_file import session_path
    from napari_medssl.volumes.formats import extension, plain_name

    named = (
        extension(path) == ".seg.nrrd"
        or _LABEL_NAME.search(plain_name(path)) is not None
        or Path(path).absolute().parent.name.lower() in _LABEL_FOLDERS
        or session_path(path).is_file()
    )
    if not named or array.dtype.kind not in "biuf":
        return False
    if array.dtype.kind == "f" and (not np.isfinite(array).all() or (array != np.round(array)).any()):
        return False
    return bool(array.min() >= 0 and array.max() <= np.iinfo(np.int32).max) and len(np.unique(array)) <= _MOST_LABELS


def holds_dicom(folder: str | os.PathLike[str]) -> bool:
    """Whether one of the first 300 files in a folder and its subfolders is DICOM; never for a Zarr store."""
    from napari_medssl.volumes.formats import kind_by_content

    looked_at = 0
    for parent, folders, names in os.walk(folder):
        if _ZARR & set(names):
            folders.clear()
            continue
        folders.sort()
        for name in sorted(names):
            if looked_at == _LOOKED_AT:
                return False
            looked_at += 1
            try:
                with open(os.path.join(parent, name), "rb") as handle:
                    if kind_by_content(handle.read(256)) == "DICOM":
                        return True
            except OSError:
                continue
    return False


def dicom_stamp(path: Path) -> str:
    """What the files of one DICOM series in one folder have in common, as a hash; empty for other files.

    A person who selects all files of a series and opens them means the series, once.
    """
    import SimpleITK

    from napari_medssl.volumes.formats import kind_by_content, read_start
    from napari_medssl.volumes.quiet import quiet_itk

    try:
        if kind_by_content(read_start(path)) != "DICOM":
            return ""
        reader = SimpleITK.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(path))
        with quiet_itk():
            reader.ReadImageInformation()
    except (OSError, RuntimeError):
        return ""
    if not reader.HasMetaDataKey(_SERIES_UID):
        return ""
    turned = [round(value, 3) for value in reader.GetDirection()]
    parts = (path.absolute().parent, reader.GetMetaData(_SERIES_UID), reader.GetSize()[:2], turned)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def layer_with_stamp(stamp: str) -> Any:
    """The layer in the current viewer that was read with this stamp, or None."""
    from napari import current_viewer

    viewer = current_viewer()
    if viewer is None or not stamp:
        return None
    return next((layer for layer in viewer.layers if (scan_info(layer) or {}).get(STAMP) == stamp), None)
