"""A docked widget that answers to its keys while it is to be seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtGui import QHideEvent, QShowEvent

from napari_medssl.widgets.dock import DockedWidget
from napari_medssl.widgets.shortcuts import Keys, Shortcut


class KeyedWidget(DockedWidget):
    """Does what keys say with the buttons of its `form`."""

    form: Any  # its attributes of the actions' names are their buttons; `show_keys` is told {action: key}

    def take_keys_of(self, viewer: Any, shortcuts: Sequence[Shortcut]) -> None:
        """Answer to keys from when the widget is shown; its form is there."""
        self.keys = Keys(viewer, self.act, self, shortcuts)

    def act(self, action: str) -> None:
        """Do what the button of this name does, if it can be clicked now."""
        getattr(self.form, action).click()

    def leave(self) -> None:
        """The dock was closed: give the keys back."""
        super().leave()
        self.keys.release()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  (Qt's name)
        """On screen it answers to its keys."""
        super().showEvent(event)
        self.form.show_keys(self.keys.bind())

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802  (Qt's name)
        """Out of sight it answers to none."""
        super().hideEvent(event)
        if not event.spontaneous():
            self.keys.release()
