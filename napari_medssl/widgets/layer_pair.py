"""The scan and the labels that a widget works on: two menus that stay together and follow the viewer."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_medssl.widgets.connections import Connections
from napari_medssl.widgets.layer_choice import LayerChoice
from napari_medssl.widgets.layers import lies_on, reference_image


class LayerPair(QObject):
    """Keeps the chosen labels on the chosen scan, and follows the layer that the person selects in the viewer.

    `chosen` is emitted when a choice changed, `drawn` when something was drawn or another label was selected, and
    `moved` when the labels are shown anew: another slice, another plane, undo.
    """

    chosen = Signal()
    drawn = Signal()
    moved = Signal()

    def __init__(self, viewer: Any, scan: LayerChoice, labels: LayerChoice, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._scan, self._labels = viewer, scan, labels
        self.follows = True  # the layer selected in the viewer
        self._label_links, links = Connections(self), Connections(self)
        links.add(viewer.layers.selection.events.active, self._on_active)
        for event in (viewer.dims.events.order, viewer.dims.events.ndisplay):
            links.add(event, self._on_moved)
        scan.chosen.connect(self._on_scan)
        labels.chosen.connect(self._on_labels)
        self._on_labels()

    def _on_active(self) -> None:
        if self.follows:
            active = self._viewer.layers.selection.active
            self._labels.choose(active)
            self._scan.choose(active)

    def _on_scan(self) -> None:
        scan, labels = self._scan.layer, self._labels.layer
        if scan is not None and labels is not None and not lies_on(labels, scan):
            self._labels.choose(next((layer for layer in self._labels.layers if lies_on(layer, scan)), None))
        self.chosen.emit()

    def _on_labels(self) -> None:
        scan, labels = self._scan.layer, self._labels.layer
        self._label_links.clear()
        if labels is not None:
            for event in (labels.events.paint, labels.events.data, labels.events.selected_label):
                self._label_links.add(event, self._on_drawn)
            self._label_links.add(labels.events.set_data, self._on_moved)
            if scan is None or not lies_on(labels, scan):
                self._scan.choose(reference_image(self._viewer, labels))
        self.chosen.emit()

    def _on_drawn(self) -> None:
        self.drawn.emit()

    def _on_moved(self) -> None:
        self.moved.emit()
