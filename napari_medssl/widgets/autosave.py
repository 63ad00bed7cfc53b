"""Everything that is drawn and propagated in a viewer is kept on disk until it is saved as a mask."""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_medssl.propagation.recovery import About, Recovery
from napari_medssl.widgets.connections import Connections
from napari_medssl.widgets.desk import Desk
from napari_medssl.widgets.hand_strokes import watched
from napari_medssl.widgets.keeper import Keeper, State
from napari_medssl.widgets.layers import KEY, reference_image
from napari_medssl.widgets.notices import tell_error
from napari_medssl.widgets.session_layers import WAITING

if TYPE_CHECKING:
    from napari.layers import Labels

LOOK_MS = 500
AFTER_S = 3.0  # from a change until it is written; more may follow
COPY_MS = 20  # between two turns of copying
COPY_S = 0.006  # of the main thread's time in one turn

_KEEPERS: weakref.WeakKeyDictionary[Any, Keeper] = weakref.WeakKeyDictionary()
_AUTOSAVES: weakref.WeakKeyDictionary[Any, Autosave] = weakref.WeakKeyDictionary()


def keep_safe(viewer: Any, fallback: QObject) -> Autosave:
    """Keep safe what is made in a viewer, for as long as its window lives (or `fallback`, where it has no window)."""
    autosave = _AUTOSAVES.get(viewer)
    if autosave is None:
        window = getattr(getattr(viewer, "window", None), "_qt_window", None)
        autosave = _AUTOSAVES[viewer] = Autosave(viewer, window or fallback)
    return autosave


def on_saving(labels: Labels) -> Callable[[], None]:
    """To be called when a layer is about to be saved as a mask; and the answer, in any thread, once it is."""
    keeper = _KEEPERS.get(labels)
    if keeper is None:
        return lambda: None
    keeper.look()
    version = keeper.version

    def is_saved() -> None:
        keeper.saved_version = version

    return is_saved


class Autosave(QObject):
    """Looks at the Labels layers of a viewer now and then, and has what changed written by a thread."""

    def __init__(self, viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = weakref.ref(viewer)
        self._kept: dict[Keeper, weakref.ref[Labels]] = {}
        self._writing: set[Keeper] = set()
        self._told = ""
        self._stopped = False
        self._desk = Desk(self)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()
        Connections(self).add(viewer.layers.events.removed, self._on_removed)
        kept = self._kept
        end = lambda *_: _finish(kept)  # noqa: E731  (nothing of Qt in it: it outlives the object)
        self.destroyed.connect(end)
        atexit.register(end)

    def keeper(self, layer: Labels) -> Keeper | None:
        """The keeper of a layer on which something was drawn or propagated, or can be."""
        tracker, viewer = watched(layer), self._viewer()
        if tracker is None or viewer is None or self._stopped:
            return None
        keeper = _KEEPERS.get(layer)
        if keeper is None:
            keeper = _KEEPERS[layer] = Keeper(layer, tracker, describe(viewer, layer))
            self._kept[keeper] = weakref.ref(layer)
        return keeper

    def stop(self) -> None:
        """Keep nothing of what is made in this viewer, as in a demonstration."""
        self._timer.stop()
        self._stopped = True

    def brought_back(self, layer: Labels, recovery: Recovery) -> None:
        """A layer holds unsaved work from `recovery`, which goes on there."""
        keeper = self.keeper(layer)
        if keeper is not None:
            keeper.recovery = recovery
            keeper.changed()

    def begin_anew(self, layer: Labels) -> None:
        """What is on a layer now was computed, and can be again: only what is drawn from here on is unsaved work."""
        keeper = _KEEPERS.pop(layer, None)
        if keeper is not None:
            self._kept.pop(keeper, None)
            if keeper.recovery is not None:
                keeper.recovery.remove()
        self.keeper(layer)

    def look(self) -> None:
        """One turn: notice, copy a little, have it written."""
        from napari.layers import Labels

        viewer, copying = self._viewer(), False
        for layer in [] if viewer is None else [layer for layer in viewer.layers if isinstance(layer, Labels)]:
            keeper = self.keeper(layer)
            if keeper is None or keeper in self._writing:
                continue
            keeper.forget_if_saved()
            keeper.look()
            if keeper.since is not None and time.monotonic() - keeper.since >= AFTER_S:
                keeper.about = describe(viewer, layer)
                state = keeper.copy(COPY_S)
                if state is None:
                    copying = True
                else:
                    self._send(keeper, state)
        self._timer.setInterval(COPY_MS if copying else LOOK_MS)

    def _send(self, keeper: Keeper, state: State) -> None:
        self._writing.add(keeper)

        def written(found: Any) -> None:
            self._writing.discard(keeper)
            keeper.is_written(state, found)

        def failed(error: BaseException) -> None:
            self._writing.discard(keeper)
            keeper.not_written(state)
            if str(error) != self._told:  # once, not each few seconds
                self._told = str(error)
                tell_error(f"{error} Save the mask often.")

        self._desk.send(lambda: keeper.write(state), written, failed)

    def _on_removed(self) -> None:
        viewer = self._viewer()
        left = [] if viewer is None else list(viewer.layers)
        for keeper, layer in list(self._kept.items()):
            gone = layer()
            if gone is None or gone not in left:
                del self._kept[keeper]
                if gone is not None:
                    _KEEPERS.pop(gone, None)
                last = keeper.finish()
                # not a daemon: the process waits for it
                threading.Thread(target=keeper.write_and_release, args=(last,)).start()


def _finish(kept: dict[Keeper, Any]) -> None:
    while kept:
        keeper, _ = kept.popitem()
        keeper.write_and_release(keeper.finish())


def describe(viewer: Any, layer: Labels) -> About:
    """Where labels belong, as plain values."""
    image = reference_image(viewer, layer)
    source = None if image is None else image.source
    sample = getattr(source, "sample", None)
    info = layer.metadata.get(KEY)
    return About(
        name=layer.name,
        shape=layer.data.shape,
        dtype=layer.data.dtype.newbyteorder("<").str,
        scan_path=str(getattr(source, "path", None) or ""),
        scan_name="" if image is None else image.name,
        sample=tuple(sample) if sample else None,
        place={
            "scale": [float(v) for v in layer.scale],
            "translate": [float(v) for v in layer.translate],
            "rotate": [[float(v) for v in row] for row in layer.rotate],
            "shear": [float(v) for v in layer.shear],
            "affine": [[float(v) for v in row] for row in layer.affine.affine_matrix],
            "units": [str(unit) for unit in layer.units],
            "axis_labels": list(layer.axis_labels),
            "opacity": float(layer.opacity),
            "info": {k: v for k, v in info.items() if k != WAITING} if isinstance(info, dict) else None,
        },
    )
