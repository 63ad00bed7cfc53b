"""Planes of a volume in the viewer: which one is shown, at which slice, and how to go to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import ViewerModel

# Volumes are shown with their axes running head to foot, front to back and right to left.
NAMES = ("axial", "coronal", "sagittal")


def shown_axis(viewer: ViewerModel, layer: Layer) -> int | None:
    """Which of a layer's last three axes counts the slices of the plane on screen; None in the 3D view."""
    dims = viewer.dims
    if dims.ndisplay != 2:
        return None
    spatial = [axis - (dims.ndim - 3) for axis in dims.not_displayed if axis >= dims.ndim - 3]
    return spatial[0] if len(spatial) == 1 and layer.ndim >= 3 else None


def shown_slice(viewer: ViewerModel, layer: Layer, axis: int) -> int:
    """The index along one of a layer's last three axes of the slice that the viewer's sliders point at."""
    point = np.asarray(layer.world_to_data(np.asarray(viewer.dims.point)[-layer.ndim :]))
    return round(float(point[layer.ndim - 3 + axis]))


def shown_frame(viewer: ViewerModel, layer: Layer) -> int | None:
    """The frame of a (t, z, y, x) layer that the viewer's sliders point at; None for one without frames."""
    if layer.ndim != 4:
        return None
    return round(float(np.asarray(layer.world_to_data(np.asarray(viewer.dims.point)[-4:]))[0]))


def show_slice(viewer: ViewerModel, layer: Layer, axis: int, index: int) -> None:
    """Show slice `index` along one of a layer's last three axes, in the plane across that axis."""
    lead = viewer.dims.ndim - 3
    if shown_axis(viewer, layer) != axis:
        others = [lead + other for other in range(3) if other != axis]
        viewer.dims.order = (*range(lead), lead + axis, *others)
        viewer.dims.ndisplay = 2
    point = np.asarray(layer.world_to_data(np.asarray(viewer.dims.point)[-layer.ndim :]), dtype=float)
    point[layer.ndim - 3 + axis] = index
    viewer.dims.set_point(lead + axis, float(layer.data_to_world(point)[layer.ndim - 3 + axis]))
