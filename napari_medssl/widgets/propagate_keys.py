"""The keys of the Propagate widget: what has no button, and a page of help on them."""

from __future__ import annotations

from typing import Any

from napari_medssl.widgets.keyed_widget import KeyedWidget
from napari_medssl.widgets.propagate_form import PropagateForm
from napari_medssl.widgets.propagate_help import HelpPage
from napari_medssl.widgets.propagate_loop import CheckingLoop
from napari_medssl.widgets.shortcuts import SHORTCUTS


class PropagateKeys(KeyedWidget):
    """Does what the keys of `shortcuts.SHORTCUTS` say with its `form` and its `loop`."""

    form: PropagateForm
    loop: CheckingLoop

    def take_own_keys(self, viewer: Any) -> None:
        """Answer to keys from when the widget is shown; its form and loop are there."""
        self.take_keys_of(viewer, SHORTCUTS)
        self._page: HelpPage | None = None
        self.form.help.clicked.connect(self._on_help)

    def act(self, action: str) -> None:
        """Do what the button of this name does, if it can be clicked now, or what a key without a button does."""
        if hasattr(self.form, action):
            super().act(action)
        elif self.form.strip.isVisible():
            getattr(self.loop, action)()

    def _on_help(self) -> None:
        self._page = self._page or HelpPage(self)
        self._page.show()
        self._page.raise_()
