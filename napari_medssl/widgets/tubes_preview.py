"""What the thresholds would take, drawn at once on the slices around the one on screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_medssl.widgets.layers import place_of
from napari_medssl.widgets.planes import shown_axis, shown_slice
from napari_medssl.widgets.tubes_source import Source

if TYPE_CHECKING:
    from napari.layers import Labels

TAKEN, LEFT_OUT = 1, 2
AROUND = 3  # slices on each side of the one that is shown
_COLOURS = {TAKEN: (0.15, 0.85, 0.85, 1.0), LEFT_OUT: (0.95, 0.55, 0.0, 1.0)}


def preview_of(slab: NDArray[np.float32], threshold: float, sure: float) -> NDArray[np.uint8]:
    """What would be taken (1) and left out as unsure (2) in a few slices (n, rows, columns).

    A part that goes on beyond the first or last slice counts as sure, since that may be decided there.
    """
    mask = slab >= threshold
    parts, count = ndimage.label(mask, np.ones((3, 3, 3)))
    keep = np.zeros(count + 1, np.uint8)
    keep[1:] = LEFT_OUT
    keep[parts[slab > max(sure, threshold)]] = TAKEN
    if len(slab) > 1:
        keep[parts[[0, -1]]] = TAKEN
    keep[0] = 0
    return keep[parts]


class Preview:
    """A Labels layer that lives while the thresholds are being chosen."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layer: Labels | None = None
        self._source: Source | None = None
        self._probability: Any = None
        self._written: tuple[slice, ...] | None = None

    @property
    def layer(self) -> Any:
        """The layer, as long as it is in the viewer."""
        return self._layer if self._layer is not None and self._layer in self._viewer.layers else None

    def show(self, source: Source, probability: NDArray[np.float32], threshold: float, sure: float) -> bool:
        """Draw it on the slices around the one on screen; `probability` is in the file's order. False in 3D."""
        axis = shown_axis(self._viewer, source.layer)
        if axis is None:
            self.remove()
            return False
        if self.layer is None or self._source is None or self._source.layer is not source.layer:
            self.remove()
            self._begin(source, probability)
        self._probability = source.display.forward(probability)
        layer = self.layer
        index = shown_slice(self._viewer, source.layer, axis)
        slab = slice(max(index - AROUND, 0), max(index + AROUND + 1, 0))
        where = tuple(slab if side == axis else slice(None) for side in range(3))
        if self._written is not None and self._written != where:
            layer.data[self._written] = 0
        self._written = where
        values = np.moveaxis(self._probability[where], axis, 0)
        if values.size:
            np.moveaxis(layer.data[where], axis, 0)[...] = preview_of(values, threshold, sure)
        layer.refresh()
        return True

    def _begin(self, source: Source, probability: NDArray[np.float32]) -> None:
        from napari.layers import Labels
        from napari.utils.colormaps import DirectLabelColormap

        colours: dict[int | None, Any] = {None: "transparent", 0: "transparent", **_COLOURS}
        self._source, self._written = source, None
        active = self._viewer.layers.selection.active
        self._layer = Labels(
            np.zeros(source.display.forward(probability).shape, np.uint8), name=f"{source.name} preview",
            colormap=DirectLabelColormap(color_dict=colours), opacity=0.55,
            features={"index": [0, TAKEN, LEFT_OUT], "preview": ["", "would be taken", "too unsure"]},
            **place_of(source.layer),
        )  # fmt: skip
        self._layer.editable = False
        self._viewer.add_layer(self._layer)
        self._viewer.layers.selection.active = active

    def remove(self) -> None:
        """Take the preview away."""
        layer, self._layer, self._source = self.layer, None, None
        if layer is not None:
            self._viewer.layers.remove(layer)
