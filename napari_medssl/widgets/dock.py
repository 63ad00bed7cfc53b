"""A widget that lives in a napari dock and notices when the dock is closed."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QWidget


class DockedWidget(QWidget):
    """Stops and goes when its dock is closed with the cross.

    napari then only takes the widget out of the dock. Left to Python's garbage collector, it could be deleted at any
    time and on any thread, which Qt does not survive; so it is deleted in the ordinary way, unless it is docked again.
    """

    _docked = False

    def leave(self) -> None:
        """The dock was closed: end what is under way."""

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  (Qt's name)
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange:
            if self.parent() is None and self._docked:
                self.leave()
                QTimer.singleShot(0, self._go_if_undocked)
            self._docked = self.parent() is not None

    def _go_if_undocked(self) -> None:
        if self.parent() is None:
            self.deleteLater()
