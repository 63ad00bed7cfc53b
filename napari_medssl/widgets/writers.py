"""File > Save: one image or labels layer into a scan file that lies exactly where the scan lies.

napari hands a writer a layer's data and settings, not the layer. A mask made with napari's own "new labels" knows
nothing of the patient, so the image it lies on is looked for in the open viewer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medssl.errors import BadInput
from napari_medssl.volumes.volume import Volume
from napari_medssl.volumes.writing import WRITABLE, write_volume
from napari_medssl.widgets.autosave import on_saving
from napari_medssl.widgets.layers import reference_image, volume_from_layer
from napari_medssl.widgets.save_mask import DicomSource, dicom_source, session_for_file, write_mask, write_session

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

Write = Callable[[Path, Volume, DicomSource | None], None]


def write_labels_layer(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save a labels layer with the geometry of the scan it lies on, and its session, if it has one, beside it; the path
    of the mask. See `volumes.write_labels`.

    Raises
    ------
    OSError
        What is wrong, in a sentence.
    """
    return _write(path, data, meta, "labels", write_mask)


def write_image_layer(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save an image layer as a scan file; the paths written. See `volumes.write_volume`.

    Raises
    ------
    OSError
        What is wrong, in a sentence.
    """
    return _write(path, data, meta, "image", lambda target, volume, _: write_volume(target, volume))


def _write(path: str, data: Any, meta: dict[str, Any], kind: str, write: Write) -> list[str]:
    path = with_extension(path)
    try:
        layer, reference = _find(data, meta, kind)
        volume = volume_from_layer(layer, reference)
        volume = replace(volume, array=np.asarray(volume.array))
        write(Path(path), volume, dicom_source(reference))
        if kind == "labels":
            _write_session(Path(path), volume, layer, reference)
    except BadInput as error:
        # napari takes a ValueError, which BadInput is, for "no writer was found" and drops its message
        raise OSError(str(error)) from error
    return [path]


def _write_session(path: Path, volume: Volume, layer: Any, reference: Any) -> None:
    """Which slices were drawn goes with the mask, as from Save mask; then nothing of it is unsaved any more."""
    is_saved = on_saving(layer)
    session = session_for_file(layer, reference)
    if session is not None:
        write_session(path, volume, session)
    is_saved()


def with_extension(path: str) -> str:
    """`path`, with ".nii.gz" added where the name has no extension ("mask", "mask 2.5"), as save dialogs leave it."""
    if path.lower().endswith(WRITABLE) or Path(path).suffix[1:].isalpha():
        return path
    return path + WRITABLE[0]


def _find(data: Any, meta: dict[str, Any], kind: str) -> tuple[Layer, Layer | None]:
    """The layer that `data` and `meta` came from, or one made from them, and the image in the viewer it lies on."""
    from napari import current_viewer
    from napari.layers import Layer

    viewer: Viewer | None = current_viewer()
    layers = [] if viewer is None else list(viewer.layers)
    layer = next((layer for layer in layers if layer.data is data and layer.name == meta.get("name")), None)
    if layer is None:
        layer = Layer.create(data, meta, kind)
    return layer, reference_image(layers, layer)
