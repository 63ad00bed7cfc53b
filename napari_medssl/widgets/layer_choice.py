"""A menu of the viewer's layers of one kind, always up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QWidget

from napari_medssl.widgets.connections import Connections

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import ViewerModel


class LayerChoice(QComboBox):
    """Offers the layers of `kind`, the topmost one first; `chosen` is emitted when the choice becomes another layer."""

    chosen = Signal()

    def __init__(
        self, viewer: ViewerModel, kind: type[Layer], nothing: str, hint: str, parent: QWidget | None = None
    ) -> None:
        """`nothing` stands in the menu while there is no such layer; `hint` says what the menu is for."""
        super().__init__(parent)
        self._viewer, self._kind, self._nothing, self._hint = viewer, kind, nothing, hint
        self._layers: list[Layer] = []
        self._chosen: Layer | None = None
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        events = viewer.layers.events
        connections = Connections(self)
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            connections.add(event, self._update)
        self.currentIndexChanged.connect(self._on_index)
        self._update()

    @property
    def layers(self) -> list[Layer]:
        """Everything on offer, the topmost first."""
        return list(self._layers)

    @property
    def layer(self) -> Any:
        """The chosen layer, or None."""
        return self._chosen

    def choose(self, layer: Layer | None) -> None:
        if layer in self._layers:
            self.setCurrentIndex(self._layers.index(layer))

    def _update(self) -> None:
        layers = [layer for layer in reversed(self._viewer.layers) if isinstance(layer, self._kind)]
        chosen = self._chosen if self._chosen in layers else next(iter(layers), None)
        self.blockSignals(True)
        self.clear()
        self._layers = layers
        self.addItems([layer.name for layer in layers] or [self._nothing])
        if chosen is not None:
            self.setCurrentIndex(layers.index(chosen))
        self.blockSignals(False)
        self._take(chosen)

    def _on_index(self, index: int) -> None:
        self._take(self._layers[index] if 0 <= index < len(self._layers) else None)

    def _take(self, layer: Layer | None) -> None:
        self.setToolTip(self._hint if layer is None else f"{self._hint}\nChosen: {layer.name}")
        if layer is not self._chosen:
            self._chosen = layer
            self.chosen.emit()
