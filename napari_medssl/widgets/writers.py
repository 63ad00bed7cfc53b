"""File > Save: one image or labels layer into a scan file that lies exactly where the scan lies.

napari hands a writer a layer's data and settings, not the layer. A mask made with napari's own "new labels" knows
nothing of the patient, so the image it lies on is looked for in the open viewer.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medssl.volumes.volume import Volume
from napari_medssl.widgets.layers import check_labels_layer, reference_image, volume_from_layer

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

EXTENSIONS = (".nii.gz", ".nii", ".seg.nrrd", ".nrrd", ".mha", ".mhd")


def write_labels_layer(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save a labels layer with the geometry of the scan it lies on. See `volumes.write_labels`."""
    from napari_medssl.volumes import write_labels

    layer, reference = _find(data, meta, "labels")
    check_labels_layer(layer)
    volume = volume_from_layer(layer, reference)
    path = with_extension(path)
    write_labels(path, volume)
    return [path]


def write_image_layer(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save an image layer as a scan file. See `volumes.write_volume`."""
    import numpy as np

    from napari_medssl.volumes import write_volume

    layer, reference = _find(data, meta, "image")
    volume = volume_from_layer(layer, reference)
    path = with_extension(path)
    write_volume(path, Volume(np.asarray(volume.array), volume.geometry, volume.name, modality=volume.modality))
    return [path]


def with_extension(path: str) -> str:
    """`path`, with ".nii.gz" added where the name has no extension ("mask", "mask 2.5"), as save dialogs leave it."""
    if path.lower().endswith(EXTENSIONS) or Path(path).suffix[1:].isalpha():
        return path
    return path + EXTENSIONS[0]


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
