"""Watches what is drawn by hand on a Labels layer, and keeps its session in step with napari's undo and redo."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medssl.propagation.history import Block, Run
from napari_medssl.propagation.marks import Mark
from napari_medssl.propagation.session import Session
from napari_medssl.propagation.strokes import Stroke, stroke_of
from napari_medssl.widgets import brush_history
from napari_medssl.widgets.planes import shown_axis
from napari_medssl.widgets.session_layers import take_waiting

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import ViewerModel

# A layer's history outlives the widget that shows it, and ends with the layer.
_TRACKERS: weakref.WeakKeyDictionary[Any, HandStrokes] = weakref.WeakKeyDictionary()


def strokes_on(layer: Labels, viewer: ViewerModel) -> HandStrokes:
    """The one watcher of a three-dimensional NumPy Labels layer."""
    tracker = _TRACKERS.get(layer)
    if tracker is None:
        tracker = _TRACKERS[layer] = HandStrokes(layer, viewer)
    return tracker


def watched(layer: Labels) -> HandStrokes | None:
    """The watcher of a layer, if it has one."""
    return _TRACKERS.get(layer)


class HandStrokes:
    """Turns the layer's paint events into strokes of its `session`.

    A stroke that is undone is forgotten until it is redone. One that napari drops at the far end of its undo stack can
    no longer be undone, and stays.
    """

    def __init__(self, layer: Labels, viewer: ViewerModel) -> None:
        self._layer = weakref.ref(layer)
        self._viewer = weakref.ref(viewer)
        # The changes are held on to, so that no other object gets their ids.
        self._strokes: dict[int, tuple[Any, Any, Stroke]] = {}
        self._redoable: set[int] = set()
        self._start(layer)
        layer.events.paint.connect(self._on_paint)
        layer.events.data.connect(self._on_data)

    def _start(self, layer: Labels) -> None:
        # a session from a file stands before everything that is drawn here
        self.session = take_waiting(layer) or Session()
        self._earlier = list(self.session.strokes)
        self._data = weakref.ref(layer.data)
        self._strokes.clear()
        self._redoable.clear()
        for step in brush_history.past(layer):
            self._add(layer, step, axis=None)
        self._settle()

    def sync(self) -> Session:
        """The session, brought in step with what has been undone and redone."""
        layer = self._layer()
        if layer is None:
            return self.session
        if self._data() is not layer.data:
            self._start(layer)
            return self.session
        past, future = brush_history.past(layer), brush_history.future(layer)
        now = {key for step in past if (key := self._key(step)) is not None}
        later = {key for step in future if (key := self._key(step)) is not None}
        for key in self._redoable - now - later:
            self._strokes.pop(key, None)
        self._redoable = later
        self._settle()
        gone, back = brush_history.runs_in(future), brush_history.runs_in(past)
        for run in self.session.runs:
            undone = (run.undone or run.number in gone) and run.number not in back
            if run.taken_back_by is not None:
                undone = run.taken_back_by not in gone
            if undone != run.undone:
                run.undone = undone
                self.session.look_again()
        return self.session

    @property
    def from_file(self) -> int:
        """How many strokes of the session came with a file."""
        return len(self._earlier)

    @property
    def redoable_run(self) -> Run | None:
        """The propagation that redo would bring back next."""
        layer = self._layer()
        steps = reversed(brush_history.future(layer)) if layer is not None else ()
        for step in steps:
            numbers = brush_history.runs_in([step])
            if numbers:
                return next((run for run in self.session.runs if run.number in numbers), None)
        return None

    def _settle(self) -> None:
        drawn_here = (stroke for key, (_, _, stroke) in self._strokes.items() if key not in self._redoable)
        strokes = [*self._earlier, *drawn_here]
        for stroke in set(strokes) ^ set(self.session.strokes):
            self.session.touched(stroke)
        self.session.strokes = strokes

    def _on_paint(self, event: Any) -> None:
        layer, viewer = self._layer(), self._viewer()
        if layer is None or not event.value:
            return
        self.sync()
        self._add(layer, event.value, None if viewer is None else shown_axis(viewer, layer), exact=True)
        self._settle()

    def _on_data(self, event: Any = None) -> None:
        self.sync()

    def _add(self, layer: Labels, step: list[Any], axis: int | None, exact: bool = False) -> None:
        changes = [change for change in step if not isinstance(change, Block)]
        key = self._key(step)
        if key is None or key in self._strokes or layer.data.ndim != 3:
            return
        if isinstance(changes[0], Mark):
            stroke = changes[0].stroke
        else:
            described = [_describe(change) for change in changes]
            stroke = stroke_of(axis if exact else _guess_axis(described), described, layer.data.shape)
        self._strokes[key] = (changes[0], changes[-1], stroke)

    @staticmethod
    def _key(step: list[Any]) -> int | None:
        # undoing and redoing turn a step around, so its first change is the first or the last one
        changes = [change for change in step if not isinstance(change, Block)]
        return min(id(changes[0]), id(changes[-1])) if changes else None


def _describe(change: Any) -> tuple[tuple[slice, ...], Any, Any, Any]:
    """One change of napari's history as (box, mask or None, values before, values after)."""
    if hasattr(change, "slice_key"):
        return change.slice_key, change.mask, change.old_values, change.new_value
    indices, before, after = change
    if all(isinstance(part, slice) for part in indices):
        return tuple(indices), None, before, after
    places = [np.asarray(part) for part in np.broadcast_arrays(*indices)]
    where = tuple(slice(int(part.min()), int(part.max()) + 1) for part in places)
    mask = np.zeros(tuple(part.stop - part.start for part in where), dtype=bool)
    inside = tuple(part - box.start for part, box in zip(places, where, strict=True))
    mask[inside] = True
    return where, mask, _in_order(before, inside, mask), _in_order(after, inside, mask)


def _in_order(values: Any, inside: tuple[Any, ...], mask: Any) -> Any:
    """Values listed by index, as values listed in the order of the mask's voxels."""
    if np.ndim(values) == 0:
        return values
    spread = np.zeros(mask.shape, dtype=np.asarray(values).dtype)
    spread[inside] = values
    return spread[mask]


def _guess_axis(changes: list[tuple[tuple[slice, ...], Any, Any, Any]]) -> int | None:
    """The plane of a stroke nobody watched: the axis along which all of it lies on one slice, if there is just one."""
    flat = [
        axis
        for axis in range(3)
        if max(where[axis].stop for where, *_ in changes) - min(where[axis].start for where, *_ in changes) == 1
    ]
    return flat[0] if len(flat) == 1 else None
