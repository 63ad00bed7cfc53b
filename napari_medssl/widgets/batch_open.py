"""Opening a case of the review list: its files are read in a thread, its layers added on the main thread."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medssl.errors import BadInput

if TYPE_CHECKING:
    from napari.layers import Image, Labels

CASE = "batch_case"  # under this name the path of its mask stands in a labels layer's metadata
LayerData = tuple[Any, dict[str, Any], str]


def read_case(scan: Path, mask: Path) -> tuple[LayerData, LayerData, str]:
    """A scan and its mask as napari layer data, with the mask's session, and a sentence about that where it is of no
    use; for a thread.

    Raises
    ------
    BadInput
        One of them cannot be read, or they do not lie on each other.
    """
    from napari_medssl.propagation.session_file import load_session, session_path
    from napari_medssl.volumes import read_labels, read_volume
    from napari_medssl.volumes.frames import frame_count, read_frames
    from napari_medssl.widgets.layers import layer_data, time_layer_data
    from napari_medssl.widgets.session_layers import with_session

    if frame_count(mask) > 1:
        frames, first = read_frames(scan)
        masks, place = read_frames(mask)
        if masks.shape != frames.shape:
            raise BadInput(f"{mask} has the shape {masks.shape} and {scan} has {frames.shape}; they do not belong.")
        return time_layer_data(frames, first), time_layer_data(masks, place, kind="labels"), ""
    volume = read_volume(scan, frame=0 if frame_count(scan) > 1 else None)
    labels = read_labels(mask, like=volume)
    trouble = ""
    if session_path(mask).is_file():
        try:
            load_session(session_path(mask), labels.array)
        except BadInput as error:
            trouble = f"{error} The mask was opened without it."
    found = layer_data(labels, kind="labels") if trouble else with_session(labels, mask)
    return layer_data(volume), found, trouble


def add_case(viewer: Any, read: tuple[LayerData, LayerData, str], scan: Path, mask: Path) -> tuple[Image, Labels]:
    """Add what `read_case` has read, and select the labels."""
    from napari.layers import Layer
    from napari.layers._source import layer_source

    layers = []
    for (data, arguments, kind), path in zip(read[:2], (scan, mask), strict=True):
        if kind == "labels":
            arguments["name"] = f"{arguments['name']} mask" if arguments["name"] in viewer.layers else arguments["name"]
            arguments["metadata"][CASE] = str(mask)
        with layer_source(path=str(path), reader_plugin="napari-medssl"):
            layers.append(viewer.add_layer(Layer.create(data, arguments, kind)))
    image, labels = layers
    viewer.layers.selection = {labels}
    return image, labels


def opened_case(viewer: Any, mask: Path) -> Labels | None:
    """The layer in which this mask is open, or None."""
    return next((layer for layer in viewer.layers if layer.metadata.get(CASE) == str(mask)), None)
