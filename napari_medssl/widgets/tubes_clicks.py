"""Clicks in the viewer, in slices and in 3D, told apart from dragging and drawing, as places in a mask."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from napari.layers import Labels

STILL = 4  # pixels; more is a drag
_ALIVE: set[Any] = set()  # Qt's `destroyed` does not keep alive what it is to call


class ViewerClicks(QObject):
    """`clicked` is emitted with a click (napari's mouse event) while no tool that draws or selects is in hand."""

    clicked = Signal(object)

    def __init__(self, viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        weak = weakref.ref(self)

        def on_press(shown: Any, event: Any) -> Iterator[None]:
            if event.button != 1 or event.modifiers or tool_in_hand(shown):
                return
            start, moved = np.asarray(event.pos, float), False
            yield
            while event.type == "mouse_move":
                moved |= bool(np.abs(np.asarray(event.pos) - start).max() > STILL)
                yield
            alive = weak()
            if alive is not None and not moved:
                alive.clicked.emit(event)

        call_while_there(self, viewer, on_press)


def call_while_there(owner: QObject, viewer: Any, on_press: Callable[[Any, Any], Iterator[None]]) -> None:
    """Have the viewer call `on_press` at each press of the mouse until `owner` is gone, which it must not hold."""

    def end(*_: Any) -> None:
        if on_press in viewer.mouse_drag_callbacks:
            viewer.mouse_drag_callbacks.remove(on_press)
        _ALIVE.discard(end)

    viewer.mouse_drag_callbacks.append(on_press)
    _ALIVE.add(end)
    owner.destroyed.connect(end)


def tool_in_hand(viewer: Any) -> bool:
    """Whether a click would draw or select on the selected layer."""
    active = viewer.layers.selection.active
    return active is not None and str(getattr(active, "mode", "pan_zoom")) not in ("pan_zoom", "Mode.PAN_ZOOM")


def voxel_under(event: Any, layer: Labels) -> tuple[float, ...] | None:
    """The place (z, y, x) in a mask's voxels that a click means; None where in 3D nothing lies under it.

    In a slice it is the place itself. In 3D it is the first voxel of the mask that one sees there.
    """
    position = np.asarray(event.position, float)
    if len(event.dims_displayed) == 2:
        place: tuple[float, ...] = tuple(float(v) for v in layer.world_to_data(position[-3:]))
        return place
    direction = np.asarray(event.view_direction, float)[-3:]
    near, far = layer.get_ray_intersections(list(position[-3:]), direction, [0, 1, 2])
    if near is None or far is None:
        return None
    near, far = np.asarray(near, float), np.asarray(far, float)
    steps = int(np.ceil(np.abs(far - near).max() * 2)) + 1
    path = near + np.linspace(0, 1, steps)[:, None] * (far - near)
    voxels = np.clip(np.rint(path).astype(int), 0, np.asarray(layer.data.shape) - 1)
    hits = np.flatnonzero(layer.data[tuple(voxels.T)])
    return tuple(float(v) for v in voxels[hits[0]]) if len(hits) else None
