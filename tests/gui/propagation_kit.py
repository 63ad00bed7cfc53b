"""For tests of the Propagate widget: an engine that is slow or fails on demand, and a hand with a real mouse."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, Qt

from napari_medssl.propagation.result import SliceResult

SHAPE = (20, 64, 64)


class FakeEngine:
    """Copies each drawn mask to every other slice, outwards from the drawn ones, and never faster than it is told.

    The answer is known, so tests can tell to the voxel what must come out.
    """

    def __init__(self, pause: float = 0.0, *, fail_at: int | None = None, error: Exception | None = None) -> None:
        self.pause, self.fail_at, self.error = pause, fail_at, error
        self.calls: list[dict[str, Any]] = []
        self.handed_out: list[int] = []
        self.hold: Callable[[int], bool] = lambda _: False  # waits before a slice while this is true
        self.running = False

    def __call__(
        self,
        volume: Any,
        seeds: Any,
        *,
        seed_slices: dict[int, list[int]],
        axis: int = 0,
        slice_range: tuple[int, int] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        **settings: Any,
    ) -> Iterator[SliceResult]:
        self.calls.append(
            {"volume": volume, "seed_slices": seed_slices, "axis": axis, "slice_range": slice_range, **settings}
        )
        self.running = True
        try:
            yield from self._slices(seeds, seed_slices, axis, slice_range, cancelled)
        finally:
            self.running = False

    def _slices(
        self,
        seeds: Any,
        seed_slices: dict[int, list[int]],
        axis: int,
        slice_range: tuple[int, int] | None,
        cancelled: Callable[[], bool],
    ) -> Iterator[SliceResult]:
        view = np.moveaxis(seeds, axis, 0)
        first, last = slice_range or (0, len(view))
        order = sorted(range(first, last), key=lambda i: min(abs(i - s) for own in seed_slices.values() for s in own))
        for done, index in enumerate(order, 1):
            if done == self.fail_at and self.error is not None:
                raise self.error
            until = time.monotonic() + self.pause
            while time.monotonic() < until or self.hold(index):
                time.sleep(0.002)
                if cancelled():
                    return
            if cancelled():
                return
            self.handed_out.append(index)
            yield SliceResult(
                index, self.expected(view, seed_slices, index), _sure(seed_slices, index), done, len(order)
            )

    @staticmethod
    def expected(view: Any, seed_slices: dict[int, list[int]], index: int) -> Any:
        labels = np.zeros(view.shape[1:], dtype=view.dtype)
        for label, slices in seed_slices.items():
            nearest = min(slices, key=lambda s: abs(s - index))
            labels[view[nearest] == label] = label
        return labels


def _sure(seed_slices: dict[int, list[int]], index: int) -> dict[int, float]:
    return {label: 1 / (1 + min(abs(index - s) for s in slices)) for label, slices in seed_slices.items()}


class Hand:
    """A real mouse on the viewer's canvas."""

    def __init__(self, viewer: Any, qtbot: Any) -> None:
        self.viewer, self.qtbot = viewer, qtbot
        self.canvas = viewer.window._qt_viewer.canvas.native

    def point(self, right: int = 0, down: int = 0) -> QPoint:
        """A point of the canvas, in pixels from its middle."""
        return QPoint(self.canvas.width() // 2 + right, self.canvas.height() // 2 + down)

    def press(self, right: int = 0, down: int = 0) -> None:
        self.qtbot.mouseMove(self.canvas, self.point(right, down))
        self.qtbot.mousePress(self.canvas, Qt.MouseButton.LeftButton, pos=self.point(right, down))

    def move(self, right: int, down: int) -> None:
        self.qtbot.mouseMove(self.canvas, self.point(right, down))
        self.qtbot.wait(5)

    def release(self, right: int, down: int) -> None:
        self.qtbot.mouseRelease(self.canvas, Qt.MouseButton.LeftButton, pos=self.point(right, down))

    def stroke(self, *points: tuple[int, int]) -> None:
        """Hold the left button from the first point through the others."""
        self.press(*points[0])
        for point in points[1:]:
            self.move(*point)
        self.release(*points[-1])

    def keys(self, key: Any, modifier: Any = Qt.KeyboardModifier.ControlModifier) -> None:
        """Press a key with the canvas in focus."""
        self.canvas.setFocus()
        self.qtbot.keyClick(self.canvas, key, modifier)


def click(qtbot: Any, button: Any) -> None:
    """Click a button that can be clicked."""
    qtbot.waitUntil(button.isVisible, timeout=5000)
    qtbot.waitUntil(button.isEnabled, timeout=5000)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def dock(viewer: Any, qtbot: Any, engine: FakeEngine | None) -> Any:
    """The widget in a dock of a shown viewer."""
    from napari_medssl.widgets.propagate import PropagateWidget

    widget = PropagateWidget(viewer, engine=engine)
    viewer.window.add_dock_widget(widget, name="Propagate")
    qtbot.waitUntil(widget.isVisible, timeout=10000)
    return widget


def alone(model: Any, qtbot: Any, engine: FakeEngine) -> Any:
    """The widget by itself, on a viewer that has no window: for what needs no canvas, and ten times as quick."""
    from napari_medssl.widgets.propagate import PropagateWidget

    widget = PropagateWidget(model, engine=engine)
    qtbot.addWidget(widget)
    widget.resize(340, 900)
    widget.show()
    return widget


def wait_for_end(widget: Any, qtbot: Any, seconds: float = 30) -> None:
    qtbot.waitUntil(lambda: not widget.runs.running, timeout=int(1000 * seconds))


def says(widget: Any) -> str:
    """The first line, up to date."""
    widget.look()
    text: str = widget.form.hint.text()
    return text


def slices_of(labels: Any, label: int | None = None) -> list[int]:
    """Axial slices of a layer that a label, or any, is on."""
    there = labels.data > 0 if label is None else labels.data == label
    return [int(i) for i in np.flatnonzero(there.any(axis=(1, 2)))]
