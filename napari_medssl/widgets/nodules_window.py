"""How a chest CT is shown while it is read: in the lung window at first, in that of soft tissue at a click."""

from __future__ import annotations

import weakref
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_medssl.volumes.windows import CT_WINDOWS, limits
from napari_medssl.widgets.controls import button

_WINDOWS = {window.name: window for window in CT_WINDOWS}
LUNG, SOFT = "lung", "soft tissue"
_SHOWN: weakref.WeakSet[Any] = weakref.WeakSet()  # scans that have been in the lung window


def show_window(layer: Any, name: str) -> None:
    """Show a scan in one of the windows of `CT_WINDOWS`."""
    _SHOWN.add(layer)
    layer.contrast_limits = limits(_WINDOWS[name])


def show_lungs(layer: Any) -> None:
    """Show a scan in the lung window, once, and only where nobody has chosen a window for it.

    Every CT opens in the window of soft tissue, in which lungs are black.
    """
    if layer not in _SHOWN and tuple(layer.contrast_limits) == limits(_WINDOWS[SOFT]):
        show_window(layer, LUNG)


class WindowButtons(QWidget):
    """A button for each; `chosen` is emitted with a window's name."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.buttons = {}
        for name in (LUNG, SOFT):
            window = _WINDOWS[name]
            made = button(name.capitalize(), f"Level {window.level:g}, width {window.width:g} HU.")
            made.clicked.connect(lambda _=False, name=name: self.chosen.emit(name))
            layout.addWidget(made, 1)
            self.buttons[name] = made
