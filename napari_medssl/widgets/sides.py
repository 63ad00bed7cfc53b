"""Letters at the canvas' edges that say which side of the patient lies there: R and L, A and P, H and F.

They are drawn by napari as overlays of the canvas, so screenshots have them, and they follow the view: which axes are
shown, whether the camera is mirrored, which layers are visible. Where a visible layer does not say how it lies in the
patient, or has been turned in the viewer, no letters are shown rather than perhaps wrong ones; none are shown in 3D.
"""

from __future__ import annotations

import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medssl.volumes.orientation import SIDES
from napari_medssl.widgets.canvas_colours import marking
from napari_medssl.widgets.layers import reference_image, to_world, world_frame

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import ViewerModel

EDGES = {"left": "middle_left", "right": "middle_right", "top": "top_center", "bottom": "bottom_center"}
_PREFIX = "napari_medssl_side_"


def mark_sides(viewer: ViewerModel) -> None:
    """Show the patient's sides at the edges of the canvas from now on. Calling it again changes nothing."""
    from napari.components.overlays import TextOverlay

    overlays = viewer.canvas.overlays
    if _PREFIX + "left" not in overlays:
        for edge, position in EDGES.items():
            overlays[_PREFIX + edge] = TextOverlay(position=position, font_size=14)
        refresh = partial(_refresh, weakref.ref(viewer))
        dims, camera, layers = viewer.dims.events, viewer.scene.camera.events, viewer.layers.events
        for event in (dims.order, dims.ndisplay, dims.ndim, camera.orientation, layers.inserted, layers.removed):
            event.connect(refresh)
        viewer.events.theme.connect(refresh)
        layers.inserted.connect(partial(_follow, refresh))
        for layer in viewer.layers:
            _connect(layer, refresh)
    update_sides(viewer)


def mark_current() -> None:
    """`mark_sides` for napari's current viewer, where there is one: readers and samples do not know their viewer."""
    from napari import current_viewer

    viewer = current_viewer()
    if viewer is not None and threading.current_thread() is threading.main_thread():
        mark_sides(viewer)


def update_sides(viewer: ViewerModel) -> None:
    """Set the letters to what the viewer shows now, for changes that napari does not announce."""
    letters, colour = side_letters(viewer), marking(viewer)
    for edge in EDGES:
        overlay = viewer.canvas.overlays.get(_PREFIX + edge)
        if overlay is None:
            continue
        letter = "" if letters is None else letters[edge]
        overlay.text, overlay.color = letter, colour
        overlay.visible = bool(letter)


def side_letters(viewer: ViewerModel) -> dict[str, str] | None:
    """The letter for each edge ("left", "right", "top", "bottom"; "" for an axis such as time), or None for none."""
    dims = viewer.dims
    if dims.ndisplay != 2 or dims.ndim < 3 or not _all_placed(viewer):
        return None
    vertical, horizontal = (_ends(axis - (dims.ndim - 3)) for axis in dims.displayed)
    _, down, right = viewer.scene.camera.orientation
    if str(down) == "up":
        vertical = vertical[::-1]
    if str(right) == "left":
        horizontal = horizontal[::-1]
    return {"top": vertical[0], "bottom": vertical[1], "left": horizontal[0], "right": horizontal[1]}


def _ends(axis: int) -> tuple[str, str]:
    # layers with a geometry are shown so that the world's axes run nearest to head-foot, front-back and right-left
    return SIDES[axis] if axis >= 0 else ("", "")


def _all_placed(viewer: ViewerModel) -> bool:
    from napari.layers import Image, Labels

    shown = [layer for layer in viewer.layers if layer.visible and isinstance(layer, Image | Labels)]
    return bool(shown) and all(_placed(viewer, layer) for layer in shown)


def _placed(viewer: ViewerModel, layer: Layer) -> bool:
    if layer.ndim < 3 or world_frame(layer, reference_image(viewer, layer)) is None:
        return False
    linear, _ = to_world(layer)
    return bool((np.diag(linear) > 0).all() and np.allclose(linear, np.diag(np.diag(linear)), atol=1e-6))


def _refresh(viewer_reference: weakref.ref[ViewerModel], event: Any = None) -> None:
    viewer = viewer_reference()
    if viewer is not None:
        update_sides(viewer)


def _follow(refresh: Any, event: Any) -> None:
    _connect(event.value, refresh)


def _connect(layer: Layer, refresh: Any) -> None:
    for event in (layer.events.visible, layer.events.scale, layer.events.rotate, layer.events.affine):
        event.connect(refresh)
