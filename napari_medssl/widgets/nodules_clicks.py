"""Shift with the mouse in the viewer: a click marks a nodule, dragging a ring moves its finding."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_medssl.widgets.tubes_clicks import STILL, call_while_there, tool_in_hand


class ShiftMouse(QObject):
    """Tells of what is done with Shift held, while no tool that draws or selects is in hand.

    `clicked` is emitted with the viewer's world position (z, y, x) of a click; `dragged` with a finding's number, and
    how far (z, y, x) it was dragged, once the mouse is let go.

    Parameters
    ----------
    hit : the number of the finding that a mouse event lies on, or None; a bound method, which is not kept alive
    """

    clicked = Signal(object)
    dragged = Signal(int, object)

    def __init__(self, viewer: Any, hit: Callable[[Any], int | None], parent: QObject) -> None:
        super().__init__(parent)
        weak, target = weakref.ref(self), weakref.WeakMethod(hit)

        def on_press(shown: Any, event: Any) -> Iterator[None]:
            modifiers = {str(getattr(key, "name", key)) for key in event.modifiers}
            if event.button != 1 or modifiers != {"Shift"} or tool_in_hand(shown) or len(event.dims_displayed) != 2:
                return
            look = target()
            number = look(event) if look is not None else None
            pressed, start, moved = np.asarray(event.pos, float), np.asarray(event.position, float)[-3:], False
            yield
            while event.type == "mouse_move":
                moved |= bool(np.abs(np.asarray(event.pos) - pressed).max() > STILL)
                yield
            alive = weak()
            if alive is None:
                return
            if not moved:
                alive.clicked.emit(start)
            elif number is not None:
                alive.dragged.emit(number, np.asarray(event.position, float)[-3:] - start)

        call_while_there(self, viewer, on_press)
