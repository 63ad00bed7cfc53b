"""The keys of the Propagate widget: one table for the viewer, the tooltips, the help page and docs/keyboard.md."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from napari.utils.key_bindings import coerce_keybinding
from qtpy.QtCore import QObject


@dataclass(frozen=True)
class Shortcut:
    """A key and what it does.

    Attributes
    ----------
    action : which action of the widget; the button of the same name does the same
    key : as napari spells it
    does : what it does, as a sentence without its full stop
    """

    action: str
    key: str
    does: str


# None of them is a key of napari's own for scans, labels or the viewer.
SHORTCUTS = (
    Shortcut("new_labels", "Shift+N", "New labels on the scan"),
    Shortcut("propagate", "G", "Propagate what is drawn"),
    Shortcut("cancel", "Shift+G", "Stop; the slices that are done stay"),
    Shortcut("check", "N", "Show the slice most worth checking, then the next one"),
    Shortcut("right", "R", "The slice that is shown is right: it counts as drawn by hand"),
    Shortcut("not_here", "H", "The selected label is not here: it is rubbed out, and the propagation stops here"),
    Shortcut("forget", "Shift+R", "Forget what was drawn of the selected label on the slice that is shown"),
    Shortcut("belongs", "I", "Clicks that follow are on what belongs to the selected label"),
    Shortcut("foreign", "Shift+I", "Clicks that follow are on what does not belong to it"),
    Shortcut("previous_drawn", "Shift+Left", "Show the previous drawn slice"),
    Shortcut("next_drawn", "Shift+Right", "Show the next drawn slice"),
    Shortcut("from_here", "Shift+F", "Fill slices from the one that is shown on"),
    Shortcut("to_here", "Shift+T", "Fill slices up to the one that is shown"),
    Shortcut("undo", "U", "Undo the last propagation"),
    Shortcut("redo", "Shift+U", "Bring the undone propagation back"),
    Shortcut("save", "Shift+S", "Save the mask"),
    Shortcut("help", "F1", "Show this help"),
)
# What napari itself has for the same work.
OF_NAPARI = (
    ("1, 2, 3, 4", "Eraser, brush, outline to fill, paint bucket"),
    ("[ and ]", "Smaller and larger brush"),
    ("M", "Draw with a new label"),
    ("- and =", "Previous and next label"),
    ("Space, held", "Move and zoom while drawing"),
    ("Left and Right", "Previous and next slice"),
    ("Ctrl+Z", "Undo the last step: a stroke, a propagation, a slice said to be right or forgotten"),
    ("Ctrl+Shift+Z", "Redo it"),
    ("Ctrl+E", "Turn to the next plane"),
)


class Keys(QObject):
    """The keys of a viewer, from `bind` until `release` is called or the parent is gone.

    They work while the viewer's canvas has the focus. A key that the viewer has a use for already stays as it is.
    """

    def __init__(
        self, viewer: Any, act: Callable[[str], None], parent: QObject, shortcuts: Sequence[Shortcut] = SHORTCUTS
    ) -> None:  # fmt: skip
        """`act` does the action of a name; a bound method, which is not kept alive."""
        super().__init__(parent)
        self._shortcuts = shortcuts
        self._viewer, self._act = viewer, weakref.WeakMethod(act)
        self._made: dict[Any, Callable[[Any], None]] = {}
        # this object goes with its parent, so what is left to do must not need it
        made, keymap = self._made, viewer.keymap
        parent.destroyed.connect(lambda *_: _unbind(keymap, made))

    def bind(self) -> dict[str, str]:
        """Take the keys that are free; returns {action: key} of these."""
        taken = {}
        for shortcut in self._shortcuts:
            key = coerce_keybinding(shortcut.key)
            if key in self._made:
                taken[shortcut.action] = shortcut.key
            elif key not in self._viewer.keymap and key not in type(self._viewer).class_keymap:
                self._made[key] = _caller(self._act, shortcut.action)
                self._viewer.bind_key(key, self._made[key])
                taken[shortcut.action] = shortcut.key
        return taken

    def release(self) -> None:
        """Give the keys back."""
        _unbind(self._viewer.keymap, self._made)


def _caller(act: weakref.WeakMethod[Callable[[str], None]], action: str) -> Callable[[Any], None]:
    def call(_: Any) -> None:
        alive = act()
        if alive is not None:
            alive(action)

    return call


def _unbind(keymap: dict[Any, Any], made: dict[Any, Callable[[Any], None]]) -> None:
    while made:
        key, call = made.popitem()
        if keymap.get(key) is call:
            del keymap[key]
