"""A DICOM segmentation dropped on the viewer: labels on the scan that it was made from, where that is open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_medssl.errors import BadInput
from napari_medssl.volumes.dicom_seg_reading import read_dicom_seg
from napari_medssl.volumes.geometry import Geometry
from napari_medssl.widgets.layers import layer_data, scan_info
from napari_medssl.widgets.session_layers import with_session


def segmentation_layer(path: Path) -> tuple[Any, dict[str, Any], str]:
    """The segmentation as napari layer data: on the open scan whose slices it lies on, else as far as it reaches.

    Raises
    ------
    BadInput
        It cannot be read.
    """
    from napari import current_viewer
    from napari.layers import Image

    viewer = current_viewer()
    for layer in [] if viewer is None else reversed(list(viewer.layers)):
        info = scan_info(layer) if isinstance(layer, Image) else None
        if info is None:
            continue
        values = info["geometry"]
        grid = Geometry(tuple(values["spacing"]), tuple(values["origin"]), tuple(values["direction"]))
        try:
            return with_session(read_dicom_seg(path, grid, info["shape"]), path)
        except BadInput as error:
            if "does not lie on the slices" not in str(error):
                raise
    return layer_data(read_dicom_seg(path), kind="labels")
