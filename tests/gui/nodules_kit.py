"""For tests of the Nodules widget: a small chest, a detector whose answer is known, and a hand with a real mouse."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, Qt

from napari_medssl.nodules import Detection, Lungs, Nodule
from napari_medssl.volumes import Geometry, Volume
from napari_medssl.widgets.layers import layer_data
from napari_medssl.widgets.nodules import NodulesWidget
from tests.gui.propagation_kit import click
from tests.gui.waiting_engine import WaitingEngine
from tests.nodules.toys import chest

SHAPE = (36, 60, 80)
GEOMETRY = Geometry((4.0, 4.0, 5.0), (-158.0, -118.0, -90.0))  # shown head first: the slices are turned round
MIDDLE = tuple(GEOMETRY.world((np.array(SHAPE) - 1) / 2))
BALLS = [((-64.0, 5.0, 35.0), 22.0), ((64.0, -10.0, 0.0), 18.0), ((-60.0, 20.0, -40.0), 26.0)]
NODULES = [((MIDDLE[0] + x, MIDDLE[1] + y, MIDDLE[2] + z), d) for (x, y, z), d in BALLS]
SCORES = (0.9, 0.6, 0.2)
OWN = 0.3  # the model's threshold


def small_chest() -> Volume:
    return chest(GEOMETRY, SHAPE, NODULES, MIDDLE)


def answer(volume: Volume) -> Detection:
    """The nodules that are there."""
    lungs = (np.asarray(volume.array) < -500) & (np.indices(SHAPE)[1] > 8) & (np.indices(SHAPE)[1] < 52)
    lungs[:, :, :14] = lungs[:, :, -14:] = False
    marks = tuple(Nodule(centre, d, score) for (centre, d), score in zip(NODULES, SCORES, strict=True))
    return Detection(marks, Lungs(lungs, volume.geometry), OWN, (), 1.0)


class Desk:
    """The widget in a shown viewer."""

    def __init__(self, viewer: Any, qtbot: Any) -> None:
        self.viewer, self.qtbot = viewer, qtbot

    def open(self, volume: Volume | None = None, name: str = "thorax") -> Any:
        data, arguments, _ = layer_data(volume or small_chest(), name=name)
        return self.viewer.add_image(data, **arguments)

    def dock(self, engine: Any = None) -> Any:
        self.widget = NodulesWidget(self.viewer, engine=engine or WaitingEngine(answer))
        self.form, self.reader = self.widget.form, self.widget.reader
        self.container = self.viewer.window.add_dock_widget(self.widget, name="Nodules")
        self.qtbot.waitUntil(self.widget.isVisible, timeout=10000)
        return self.widget

    def find(self) -> None:
        click(self.qtbot, self.form.find)
        self.qtbot.waitUntil(lambda: self.widget.run is None, timeout=60000)

    @property
    def says(self) -> str:
        return str(self.form.hint.text())

    @property
    def numbers(self) -> list[int]:
        return list(self.form.table.keys)

    def state(self, number: int) -> str:
        return str(self.reader.reading[number].state)

    def spot(self, centre: Any) -> QPoint:
        """Where on the canvas a point in LPS mm lies; its slice is on screen."""
        canvas, camera = self.viewer.window._qt_viewer.canvas.native, self.viewer.scene.camera
        layer = self.reader.ground.layer
        world = np.asarray(layer.data_to_world(self.reader.ground.shown(centre)))
        down, right = (
            (world[axis] - camera.center[1 + place]) * camera.zoom
            for place, axis in enumerate(self.viewer.dims.displayed)
        )
        return QPoint(round(canvas.width() / 2 + right), round(canvas.height() / 2 + down))

    def click_at(self, centre: Any, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        canvas = self.viewer.window._qt_viewer.canvas.native
        self.qtbot.mouseMove(canvas, self.spot(centre))
        self.qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, modifier, pos=self.spot(centre))

    def drag(self, start: Any, end: Any) -> None:
        """Drag with Shift held."""
        canvas, shift = self.viewer.window._qt_viewer.canvas.native, Qt.KeyboardModifier.ShiftModifier
        self.qtbot.mouseMove(canvas, self.spot(start))
        self.qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, shift, pos=self.spot(start))
        for share in (0.3, 0.7, 1.0):
            way = np.asarray(start) + share * (np.asarray(end) - np.asarray(start))
            self.qtbot.mouseMove(canvas, self.spot(way))
            self.qtbot.wait(5)
        self.qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, shift, pos=self.spot(end))

    def key(self, key: Any, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        canvas = self.viewer.window._qt_viewer.canvas.native
        canvas.setFocus()
        self.qtbot.keyClick(canvas, key, modifier)

    def click_row(self, row: int) -> None:
        table = self.form.table
        spot = table.visualRect(table.model().index(row, 1)).center()
        self.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=spot)
