"""Layers > Annotate > New labels on this scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_medssl.errors import BadInput
from napari_medssl.widgets.layers import new_labels

if TYPE_CHECKING:
    from napari.layers import Image, Labels


def new_labels_on_scan() -> Labels | None:
    """Add an empty labels layer on the selected scan of the current viewer, ready to draw on."""
    from napari import current_viewer

    from napari_medssl.widgets.notices import tell_error

    viewer = current_viewer()
    scan = None if viewer is None else active_scan(viewer)
    if viewer is None or scan is None:
        tell_error("There is no scan to draw on; open one first.")
        return None
    try:
        return new_labels(viewer, scan)
    except BadInput as error:
        tell_error(str(error))
        return None


def active_scan(viewer: Any) -> Image | None:
    """The selected image layer, or the image that the selected labels lie on, or the topmost visible image."""
    from napari.layers import Image, Labels

    from napari_medssl.widgets.layers import reference_image

    active = viewer.layers.selection.active
    if isinstance(active, Image):
        return active
    under = reference_image(viewer, active) if isinstance(active, Labels) else None
    shown = [layer for layer in viewer.layers if isinstance(layer, Image) and layer.visible]
    return under or (shown[-1] if shown else None)
