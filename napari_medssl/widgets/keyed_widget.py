"""A docked widget that answers to its keys while it is to be seen, and has a page of help on them."""

from __future__ import annotations

from typing import Any

from qtpy.QtGui import QHideEvent, QShowEvent

from napari_medssl.widgets.dock import DockedWidget
from napari_medssl.widgets.propagate_form import PropagateForm
from napari_medssl.widgets.propagate_help import HelpPage
from napari_medssl.widgets.propagate_loop import CheckingLoop
from napari_medssl.widgets.shortcuts import Keys


class KeyedWidget(DockedWidget):
    """Does what the keys of `shortcuts.SHORTCUTS` say with its `form` and its `loop`."""

    form: PropagateForm
    loop: CheckingLoop

    def take_keys_of(self, viewer: Any) -> None:
        """Answer to keys from when the widget is shown; its form and loop are there."""
        self.keys = Keys(viewer, self.act, self)
        self._page: HelpPage | None = None
        self.form.help.clicked.connect(self._on_help)

    def act(self, action: str) -> None:
        """Do what the button of this name does, if it can be clicked now, or what a key without a button does."""
        control = getattr(self.form, action, None)
        if control is not None:
            control.click()
        elif self.form.strip.isVisible():
            getattr(self.loop, action)()

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

    def _on_help(self) -> None:
        self._page = self._page or HelpPage(self)
        self._page.show()
        self._page.raise_()
