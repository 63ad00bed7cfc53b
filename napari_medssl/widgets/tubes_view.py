"""Looking at tubes: in 3D from the front and back again, and at a place of the tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medssl.widgets.planes import shown_axis

if TYPE_CHECKING:
    from napari.layers import Layer


class View3D:
    """Shows only some layers in 3D; `back` brings back the slices as they were."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._before: tuple[dict[Any, tuple[bool, float]], tuple[int, ...], Any, float, Any] | None = None

    @property
    def on(self) -> bool:
        return self._before is not None and self._viewer.dims.ndisplay == 3

    def show(self, layers: list[Layer]) -> None:
        """From the front, head up, patient's right at the left."""
        viewer, camera = self._viewer, self._viewer.scene.camera
        if self._before is None or viewer.dims.ndisplay == 2:
            looks = {layer: (layer.visible, layer.opacity) for layer in viewer.layers}
            self._before = looks, viewer.dims.order, camera.center, camera.zoom, camera.angles
        for layer in viewer.layers:
            layer.visible = layer in layers
            layer.opacity = 1.0 if layer in layers else layer.opacity
        viewer.dims.order = tuple(range(viewer.dims.ndim))
        viewer.dims.ndisplay = 3
        viewer.reset_view()
        camera.set_view_direction(view_direction=(0, 1, 0), up_direction=(-1, 0, 0))

    def back(self) -> None:
        if self._before is None:
            return
        looks, order, centre, zoom, angles = self._before
        self._before, viewer, camera = None, self._viewer, self._viewer.scene.camera
        for layer, (visible, opacity) in looks.items():
            if layer in viewer.layers:
                layer.visible, layer.opacity = visible, opacity
        viewer.dims.ndisplay = 2
        if len(order) == viewer.dims.ndim:
            viewer.dims.order = order
        camera.angles, camera.center, camera.zoom = angles, centre, zoom


def go_to(viewer: Any, layer: Layer, voxel: Any) -> None:
    """Show a voxel of a layer: its slice in the plane on screen, and in the middle of the picture."""
    point = np.asarray(layer.data_to_world(np.asarray(voxel, float)), float)[-3:]
    lead = viewer.dims.ndim - 3
    for axis in range(3):
        viewer.dims.set_point(lead + axis, float(point[axis]))
    camera = viewer.scene.camera
    if shown_axis(viewer, layer) is None:
        camera.center = tuple(float(v) for v in point)
    else:
        rows, columns = (axis - lead for axis in viewer.dims.displayed[-2:])
        camera.center = (0.0, float(point[rows]), float(point[columns]))
