"""Connections from the viewer's events to a widget, cut when Qt deletes the widget."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject

# Qt's `destroyed` does not keep the object alive whose method it is to call.
_ALIVE: set[Connections] = set()


class Connections:
    """Calls a widget's methods (without the event) until the widget is gone or `clear` is called.

    The viewer outlives its widgets: an event that reached one whose C++ half is deleted would raise, and a viewer that
    held on to a closed widget would never let it go.
    """

    def __init__(self, owner: QObject) -> None:
        self._made: list[tuple[Any, Callable[..., None]]] = []
        _ALIVE.add(self)
        owner.destroyed.connect(self._end)

    def add(self, event: Any, method: Callable[[], Any]) -> None:
        """Call `method`, a widget's bound method, at each `event`."""
        weak = weakref.WeakMethod(method)

        def call(_: Any = None) -> None:
            alive = weak()
            if alive is not None:
                alive()

        event.connect(call)
        self._made.append((event, call))

    def clear(self) -> None:
        while self._made:
            event, call = self._made.pop()
            event.disconnect(call)

    def _end(self, *_: Any) -> None:
        self.clear()
        _ALIVE.discard(self)
