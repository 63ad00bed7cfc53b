"""Saving a Labels layer as a mask that overlays its scan exactly."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medssl.errors import BadInput
from napari_medssl.propagation.session import Session
from napari_medssl.propagation.session_file import save_session, session_path
from napari_medssl.propagation.session_state import frozen
from napari_medssl.propagation.session_turn import Turn
from napari_medssl.volumes import Volume, write_labels
from napari_medssl.volumes.dicom_seg import check_dicom_output, is_dicom_name, write_dicom_seg
from napari_medssl.volumes.formats import plain_name
from napari_medssl.widgets.autosave import on_saving
from napari_medssl.widgets.hand_strokes import watched
from napari_medssl.widgets.layers import DICOM_SERIES, scan_info, volume_from_layer
from napari_medssl.widgets.session_layers import display_of

if TYPE_CHECKING:
    from napari.layers import Image, Labels
    from qtpy.QtWidgets import QWidget

FILTERS = "NIfTI (*.nii.gz *.nii);;NRRD (*.nrrd *.seg.nrrd);;MetaImage (*.mha *.mhd);;DICOM segmentation (*.dcm)"
DicomSource = tuple[Path, int | None]  # folder or file, and which of its series where there are several


def suggested_path(image: Image) -> Path:
    """``<scan>_labels.nii.gz`` beside the scan's file, or in the working folder where there is none."""
    info = scan_info(image) or {}
    name = plain_name(re.sub(r'[\\/:*?"<>|]+', "_", str(info.get("name") or image.name))).strip(" .") or "scan"
    source = getattr(image.source, "path", None)
    folder = Path(source).parent if source and Path(source).parent.is_dir() else Path.cwd()
    return folder / f"{name}_labels.nii.gz"


def ask_path(parent: QWidget, suggestion: Path) -> str:
    """Ask for a file name; an empty answer means never mind."""
    from qtpy.QtWidgets import QFileDialog

    return str(QFileDialog.getSaveFileName(parent, "Save mask", str(suggestion), FILTERS)[0])


def save_in_background(labels: Labels, image: Image, path: str, ended: Callable[[Any], Any]) -> None:
    """Write a layer in a thread, and its session beside it; `ended`, a method of a Qt object, gets the path, or a tuple
    of the error, which may be that the layer is empty.

    Raises
    ------
    BadInput
        The layer lies in a way that no file can express.
    """
    from napari.qt.threading import create_worker

    volume = volume_from_layer(labels, reference=image)
    tracker = watched(labels)
    session = None if tracker is None else frozen(tracker.sync())
    turn = Turn.to_file(display_of(labels, image), labels.data.shape)
    target = Path(path if Path(path).suffix else f"{path}.nii.gz")
    scan = dicom_source(image)
    if is_dicom_name(target):
        check_dicom_output(target, None if scan is None else scan[0])
    worker = create_worker(_write, volume, target, session, turn, on_saving(labels), scan)
    worker.returned.connect(ended)
    worker.start()


def _write(
    volume: Volume, path: Path, session: Session | None, turn: Turn, is_saved: Callable[[], None],
    scan: DicomSource | None = None,
) -> Path | tuple[Exception]:  # fmt: skip
    try:
        # What is drawn while it is copied may be in it or not; the session tells by its digests.
        volume = replace(volume, array=volume.array.copy())
        if not volume.array.any():
            raise BadInput(f"{volume.name} is empty; there is nothing to save yet.")
        write_mask(path, volume, scan)
        if session is not None:
            write_session(path, volume, turn.session(session))
        is_saved()
    except Exception as error:  # as a value: napari's worker would announce a plain sentence as a crash
        return (error,)
    return path


def dicom_source(image: Image | None) -> DicomSource | None:
    """The files that a scan was opened from, and which of their series it is, where there are any."""
    source = None if image is None else getattr(image.source, "path", None)
    return None if image is None or not source else (Path(source), (scan_info(image) or {}).get(DICOM_SERIES))


def session_for_file(labels: Labels, image: Image | None) -> Session | None:
    """The session of a layer as it lies beside its file; None where nobody watches what is drawn on it."""
    tracker = watched(labels)
    if tracker is None:
        return None
    return Turn.to_file(display_of(labels, image), labels.data.shape).session(frozen(tracker.sync()))


def write_mask(path: Path, volume: Volume, scan: DicomSource | None) -> None:
    """Write a mask in the format that its name says; a DICOM segmentation needs the scan's own files."""
    if is_dicom_name(path):
        write_dicom_seg(path, volume, None if scan is None else scan[0], series=None if scan is None else scan[1])
    else:
        write_labels(path, volume)


def write_session(mask: Path, volume: Volume, session: Session) -> None:
    """Write the session of a mask that has just been saved.

    Raises
    ------
    BadInput
        It cannot be written; the sentence says that the mask is safe.
    """
    try:
        save_session(session_path(mask), session, volume.array)
    except BadInput as error:
        raise BadInput(f"{mask.name} is saved, but not which of its slices you drew: {error}") from error
