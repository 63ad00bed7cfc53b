"""File > IO Utilities: opening a scan or a DICOM folder without being asked which of the installed readers to use.

napari's own reader also claims these files, so its Open dialogs ask. These two do not.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QFileDialog

PLUGIN = "napari-medssl"
PATTERNS = "*.nii *.nii.gz *.nrrd *.nhdr *.mha *.mhd *.hdr *.img *.dcm *.dicom *.ima"


def open_scan() -> list[Any]:
    """Ask for scan files and open them; the layers made."""
    viewer, window = _viewer()
    if viewer is None:
        return []
    paths, _ = QFileDialog.getOpenFileNames(window, "Open scans", "", f"Scans ({PATTERNS});;All files (*)")
    return [layer for path in paths for layer in viewer.open(path, plugin=PLUGIN)]


def open_dicom_folder() -> list[Any]:
    """Ask for a folder and open the DICOM series in it; the layers made."""
    from napari_medssl.widgets.notices import tell_error
    from napari_medssl.widgets.readers import holds_dicom

    viewer, window = _viewer()
    folder = QFileDialog.getExistingDirectory(window, "Open a DICOM folder") if viewer is not None else ""
    if not folder:
        return []
    if not holds_dicom(folder):
        tell_error(f"{folder} is a folder without DICOM images; choose the folder that holds the slices.")
        return []
    return list(viewer.open(folder, plugin=PLUGIN))


def _viewer() -> tuple[Any, Any]:
    from napari import current_viewer

    viewer = current_viewer()
    return viewer, None if viewer is None else viewer.window._qt_window
