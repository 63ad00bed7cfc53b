"""Window presets: what is shown as black and as white, at one click, as on a reading station."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_medssl.volumes.volume import Volume
from napari_medssl.volumes.windows import CT_WINDOWS, Window, auto_window, is_ct, limits
from napari_medssl.widgets.layer_arrays import finest_level
from napari_medssl.widgets.layers import reference_image, scan_info

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

AUTO = "auto"


class WindowsWidget(QWidget):
    """A button for each window, applied to the selected scans, or to the scan under the selected labels.

    With nothing selected that is or lies on a scan, the topmost visible scan is meant.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = weakref.ref(napari_viewer)
        self.message = QLabel("Applies to the selected scan.")
        self.message.setWordWrap(True)
        self.buttons: dict[str, QPushButton] = {}
        grid = QGridLayout()
        for place, window in enumerate((*CT_WINDOWS, None)):
            name = AUTO if window is None else window.name
            button = QPushButton(name.capitalize())
            button.setToolTip(
                "From the scan's own grey values"
                if window is None
                else f"Level {window.level:g}, width {window.width:g} HU"
            )
            button.clicked.connect(partial(self.apply, name))
            grid.addWidget(button, place // 2, place % 2)
            self.buttons[name] = button
        layout = QVBoxLayout(self)
        layout.addLayout(grid)
        layout.addWidget(self.message)
        layout.addStretch()

    def apply(self, name: str, *_: Any) -> None:
        """Show the selected scans in the window of this name ("soft tissue", ..., "auto")."""
        scans = self._scans()
        if not scans:
            self.message.setText("Open a scan first.")
            return
        refused = []
        for layer in scans:
            window = _window(layer, name)
            if window is None:
                refused.append(layer.name)
                continue
            layer.contrast_limits = limits(window)
            self.message.setText(f"{layer.name}: level {window.level:.4g}, width {window.width:.4g}")
        if refused:
            self.message.setText(f"{refused[0]} is not a CT in Hounsfield units; use Auto.")

    def _scans(self) -> list[Image]:
        from napari.layers import Image, Labels

        viewer = self._viewer()
        if viewer is None:
            return []
        chosen = [layer for layer in viewer.layers if layer in viewer.layers.selection]
        lying_on = [reference_image(viewer, layer) for layer in chosen if isinstance(layer, Labels)]
        scans = [layer for layer in (*chosen, *lying_on) if isinstance(layer, Image) and not layer.rgb]
        if scans:
            return list(dict.fromkeys(scans))
        shown = [layer for layer in viewer.layers if isinstance(layer, Image) and layer.visible and not layer.rgb]
        return shown[-1:]


def _window(layer: Image, name: str) -> Window | None:
    """The window of this name for a layer; None for a CT window on a scan that is no CT."""
    array = np.asarray(_sample(finest_level(layer)))
    if name == AUTO:
        return auto_window(array)
    modality = (scan_info(layer) or {}).get("modality", "")
    if not is_ct(Volume(array.reshape(1, 1, -1), name=layer.name, modality=modality)):
        return None
    return next(window for window in CT_WINDOWS if window.name == name)


def _sample(array: Any) -> Any:
    # of a lazy array only some planes are read
    step = max(1, array.shape[0] // 16) if not isinstance(array, np.ndarray) else 1
    return array[::step]
