"""Marking nodules in the picture: a click adds one, dragging moves one, a click on a ring chooses it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject

from napari_medssl.errors import BadInput
from napari_medssl.widgets import nodules_texts as texts
from napari_medssl.widgets.nodules_clicks import ShiftMouse
from napari_medssl.widgets.tubes_clicks import ViewerClicks

if TYPE_CHECKING:
    from napari_medssl.widgets.nodules_form import NodulesForm
    from napari_medssl.widgets.nodules_ground import Ground
    from napari_medssl.widgets.nodules_reader import Reader

NEW_MM = 6.0  # diameter of a mark by hand that nothing is seen under
_RADII_MM = (3.0, 5.0, 8.0, 13.0, 20.0)  # of what a mark by hand may be on


class Hand(QObject):
    """Passes on what the mouse does in the picture to the reading."""

    def __init__(self, viewer: Any, form: NodulesForm, reader: Reader) -> None:
        super().__init__(reader)
        self._viewer, self._form, self._reader = viewer, form, reader
        self._clicks, self._shift = ViewerClicks(viewer, self), ShiftMouse(viewer, reader.marks.at, self)
        form.add.toggled.connect(self._on_add)
        self._clicks.clicked.connect(self._on_click)
        self._shift.clicked.connect(self._on_mark)
        self._shift.dragged.connect(self._on_dragged)

    def _on_add(self, on: bool) -> None:
        active = self._viewer.layers.selection.active
        if on and active is not None and hasattr(active, "mode"):
            active.mode = "pan_zoom"  # a click is to reach the picture, not the brush
        if on:
            self._reader.said.emit("next", texts.ADD)

    def _on_click(self, event: Any) -> None:
        if not self._form.isVisible() or self._reader.ground is None:
            return
        if self._form.add.isChecked():
            self._form.add.setChecked(False)
            self._on_mark(np.asarray(event.position, float)[-3:])
            return
        number = self._reader.marks.at(event)
        if number is not None:
            self._reader.choose(number)

    def _on_mark(self, position: Any) -> None:
        ground, reading = self._reader.ground, self._reader.reading
        if ground is None or reading is None or not self._form.isVisible():
            return
        shown = _voxel(ground, position)
        if not ground.contains(shown):
            self._reader.said.emit("trouble", "That is outside the scan; click on the nodule.")
            return
        self._reader.chosen = number = reading.add(ground.centre_at(shown), diameter_at(ground, shown))
        self._reader.touched()
        self._reader.said.emit("done", f"No. {number} added, accepted. Drag its ring with Shift held to move it.")

    def _on_dragged(self, number: int, offset: Any) -> None:
        ground, reading = self._reader.ground, self._reader.reading
        if ground is None or reading is None or number not in reading:
            return
        layer = ground.layer
        place = np.array(layer.data_to_world((*(0,) * (layer.ndim - 3), *ground.shown(reading[number].centre)))[-3:])
        shown = _voxel(ground, place + offset)
        if not ground.contains(shown):
            self._reader.said.emit("trouble", "That is outside the scan; the finding stays where it was.")
            return
        before = reading[number]
        key = reading.move(number, ground.centre_at(shown))
        self._reader.chosen = number
        self._reader.touched()
        if key is not None:
            self._reader.moved.emit(before, key)


def _voxel(ground: Ground, position: Any) -> Any:
    """Fractional voxels of the displayed array at a world position (z, y, x)."""
    layer = ground.layer
    return np.asarray(layer.world_to_data((*(0,) * (layer.ndim - 3), *position)), float)[-3:]


def diameter_at(ground: Ground, shown: Any) -> float:
    """The diameter in mm of a disc as large as what stands out from the lung at a place, on its axial slice."""
    from napari_medssl.nodules.outlining import outline

    at, rows, columns = np.rint(shown).astype(int)
    reach = [math.ceil(1.5 * _RADII_MM[-1] / side) for side in ground.spacing[1:]]
    low = [max(0, place - n) for place, n in zip((rows, columns), reach, strict=True)]
    array: Any = ground.source.display.forward(ground.volume.array)
    plane = np.asarray(array[at, low[0] : rows + reach[0] + 1, low[1] : columns + reach[1] + 1])
    best = NEW_MM
    for radius in _RADII_MM:  # a larger one where the smaller is filled
        try:
            mask = outline(plane, ground.spacing[1:].tolist(), [shown[1] - low[0], shown[2] - low[1]], radius)
        except BadInput:
            continue
        size = 2 * math.sqrt(np.count_nonzero(mask) * ground.spacing[1] * ground.spacing[2] / math.pi)
        best = float(np.clip(size, 3.0, 2 * _RADII_MM[-1]))
        if size < 2.4 * radius:
            break
    return round(best, 1)
