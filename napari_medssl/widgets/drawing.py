"""Getting ready to draw: new labels on a scan, with a brush in hand that suits it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_medssl.widgets.layers import check_image_layer, new_labels

if TYPE_CHECKING:
    from napari.layers import Image, Labels


def labels_to_draw_on(viewer: Any, image: Image) -> Labels:
    """Add labels exactly on a scan, select them and take up the brush.

    Raises
    ------
    BadInput
        The scan is not a volume.
    """
    shape = check_image_layer(image, frame=0).shape
    viewer.dims.ndisplay = 2  # napari has no brush for an empty layer in 3D
    labels = new_labels(viewer, image)
    viewer.layers.selection.active = labels
    labels.selected_label = 1
    labels.brush_size = brush_size(shape)
    labels.mode = "paint"
    return labels


def brush_size(shape: tuple[int, ...]) -> int:
    """Voxels across; about a twenty-fifth of the scan, so that an organ takes a few strokes."""
    return min(40, max(3, round(sorted(shape)[-2] / 25)))
