"""Clicks on what belongs to a structure and what does not: a Points layer beside the labels.

The layer is napari's own: its tools move and delete clicks. What it holds goes into the session of the labels.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_medssl.errors import BadInput
from napari_medssl.propagation.hints import Hint
from napari_medssl.widgets.connections import Connections
from napari_medssl.widgets.layers import to_world

if TYPE_CHECKING:
    from napari.layers import Labels, Points

    from napari_medssl.widgets.propagate_job import Work

# Told apart by shape as well as by colour, and by eyes that do not tell red from green.
_LOOKS = {True: ("cross", "#35b0ff"), False: ("x", "#ff8c1a")}
_ON_SCREEN = (9, 18)  # pixels
_LAYERS: weakref.WeakKeyDictionary[Any, weakref.ref[Any]] = weakref.WeakKeyDictionary()  # of labels


def points_of(work: Work) -> Points | None:
    """The layer of clicks on the labels that are worked on."""
    layer = _LAYERS.get(work.labels, lambda: None)()
    return layer if layer is not None and layer in work.viewer.layers else None


def take_in(work: Work) -> None:
    """Bring the clicks into the session; clicks that came with the session are shown."""
    layer, session = points_of(work), work.session
    if layer is None and session.hints and work.labels not in _LAYERS:
        layer = _make(work)
        layer.data = np.array([hint.voxel for hint in session.hints], dtype=float)
        layer.features = {
            "label": [hint.label for hint in session.hints], "inside": [hint.inside for hint in session.hints],
        }  # fmt: skip
        looks = [_LOOKS[hint.inside] for hint in session.hints]
        layer.symbol, layer.face_color = [symbol for symbol, _ in looks], [colour for _, colour in looks]
    session.hints = () if layer is None else tuple(_hints(layer, work.labels))


def _hints(layer: Points, labels: Labels) -> list[Hint]:
    found = {}
    for place, label, inside in zip(layer.data, layer.features["label"], layer.features["inside"], strict=True):
        voxel = tuple(round(float(part)) for part in place)
        if all(0 <= part < size for part, size in zip(voxel, labels.data.shape, strict=True)):
            found[int(label), voxel] = Hint(int(label), (voxel[0], voxel[1], voxel[2]), bool(inside))
    return list(found.values())


def _make(work: Work) -> Points:
    from napari.layers import Points

    linear, offset = to_world(work.labels, in_mm=False)
    layer = Points(
        ndim=3,
        name=f"Clicks on {work.labels.name}",
        features={"label": np.zeros(0, dtype=int), "inside": np.zeros(0, dtype=bool)},
        size=max(1.0, max(work.labels.data.shape) / 60),
        canvas_size_limits=_ON_SCREEN,
        border_width=0.1,
        border_color="black",
        affine=np.vstack([np.column_stack([linear, offset]), (0, 0, 0, 1)]),
        units=work.labels.units,
        axis_labels=work.labels.axis_labels,
    )
    work.viewer.add_layer(layer)
    _LAYERS[work.labels] = weakref.ref(layer)
    return layer


class HintClicks(QObject):
    """Puts clicks into the viewer; `changed` when there is one more, or one less, or one has moved."""

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._links = Connections(self)
        self._watched: weakref.ref[Any] = weakref.ref(self)

    def begin(self, work: Work, inside: bool) -> None:
        """From now on a click in the viewer says that the place belongs to the selected label, or does not.

        Raises
        ------
        BadInput
            The viewer shows three dimensions, or the selected label is the background or locked.
        """
        label = int(work.labels.selected_label)
        if work.viewer.dims.ndisplay == 3:
            raise BadInput("Turn to a slice to click on; the view shows three dimensions.")
        if label == 0:
            raise BadInput("Label 0 is the background; select the label that the clicks are about.")
        if label in work.structures.locked:
            raise BadInput(f"Label {label} is locked, and stays as it is; unlock it first.")
        layer = points_of(work) or _make(work)
        self.watch(work)
        symbol, colour = _LOOKS[inside]
        layer.selected_data = set()  # what is set below is for the next click, not for the last one
        layer.feature_defaults = {"label": label, "inside": inside}
        layer.current_symbol, layer.current_face_color = symbol, colour
        layer.visible = True
        work.viewer.layers.selection.active = layer
        layer.mode = "add"

    def end(self, work: Work) -> None:
        """Clicks draw again."""
        layer = points_of(work)
        if layer is not None and layer.mode == "add":
            layer.mode = "pan_zoom"
            work.viewer.layers.selection.active = work.labels

    def watch(self, work: Work) -> None:
        """Tell of changes of the clicks on these labels."""
        layer = points_of(work)
        if layer is not None and self._watched() is not layer:
            self._links.clear()
            self._links.add(layer.events.data, self._on_data)
            self._watched = weakref.ref(layer)

    def _on_data(self) -> None:
        self.changed.emit()
