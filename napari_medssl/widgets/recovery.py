"""One line for unsaved work of a viewer that is gone: bring it back, or discard it, which it asks about first."""

from __future__ import annotations

import datetime as dt
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_medssl.propagation.recovery import About, Offer, Recovery, offers, prune
from napari_medssl.widgets.bring_back import Found, fetch, show
from napari_medssl.widgets.controls import button, first_line_style, row, text
from napari_medssl.widgets.desk import Desk
from napari_medssl.widgets.trouble import tell_trouble


class RecoveryBar(QWidget):
    """Offers unsaved work, the newest first; hidden while there is none.

    `said` is emitted with what came of bringing it back: the kind of line, and a sentence.
    """

    said = Signal(str, str)

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._offers: list[Offer] = []
        self._desk = Desk(self)
        self.line = text("Unsaved work")
        self.line.setStyleSheet(first_line_style("next"))
        self.bring_back = button("Bring back", "Open the scan with the labels on it, as they were.")
        self.discard = button("Discard…", "Delete this unsaved work for good; asks first.")
        self.delete = button("Delete for good", "It cannot be brought back after that.")
        self.keep = button("Keep", "Delete nothing.")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.line)
        column.addWidget(row(self.bring_back, self.discard, self.delete, self.keep))
        self.bring_back.clicked.connect(self._on_bring_back)
        self.discard.clicked.connect(lambda: self._ask(True))
        self.delete.clicked.connect(self._on_delete)
        self.keep.clicked.connect(lambda: self._ask(False))
        self.setVisible(False)
        self.look()

    def look(self) -> None:
        """See what there is, in a thread."""
        self._desk.send(_look, self._show, lambda _: self._show([]))

    def _show(self, found: list[Offer]) -> None:
        self._offers = found
        self.setVisible(bool(found))
        self._enable(bool(found))
        if found:
            self._ask(False)

    def _ask(self, whether: bool) -> None:
        """Ask whether to delete the work on offer, or offer it."""
        about, others = self._offers[0].about, len(self._offers) - 1
        self.line.setText(question_text(about) if whether else offer_text(about, others))
        for control in (self.bring_back, self.discard):
            control.setVisible(not whether)
        for control in (self.delete, self.keep):
            control.setVisible(whether)

    def _enable(self, whether: bool) -> None:
        for control in (self.bring_back, self.discard, self.delete, self.keep):
            control.setEnabled(whether)

    def _on_bring_back(self) -> None:
        path = self._offers[0].path
        self._wait("Bringing it back…")

        def arrived(found: Found) -> None:
            self.setVisible(False)
            layer, trouble = show(self._viewer, path, found, self)
            self.said.emit(*(("trouble", trouble) if trouble else ("done", f"{layer.name} is back, as it was.")))
            self.look()

        def failed(error: BaseException) -> None:
            self.said.emit("trouble", tell_trouble(error))
            self.look()

        self._desk.send(lambda: fetch(path), arrived, failed)

    def _on_delete(self) -> None:
        recovery = Recovery(self._offers[0].path)
        self._wait("Deleting it…")
        self._desk.send(recovery.remove, lambda _: self.look(), lambda _: self.look())

    def _wait(self, words: str) -> None:
        self.line.setText(words)
        self._enable(False)


def _look() -> list[Offer]:
    prune()
    return offers()


def offer_text(about: About, others: int, now: dt.datetime | None = None) -> str:
    """ "Unsaved work from today, 14:32: scan labels on scan.nii.gz (and 2 more)." """
    on = f" on {about.scan_name}" if about.scan_name and not about.name.startswith(about.scan_name) else ""
    more = f" (and {others} more)" if others else ""
    return f"Unsaved work from {when_text(about.saved, now)}: {about.name}{on}{more}."


def question_text(about: About, now: dt.datetime | None = None) -> str:
    """ "Delete the unsaved work on scan labels from today, 14:32? It cannot be brought back." """
    return f"Delete the unsaved work on {about.name} from {when_text(about.saved, now)}? It cannot be brought back."


def when_text(seconds: float, now: dt.datetime | None = None) -> str:
    """ "today, 14:32", "yesterday, 14:32", "3 May, 14:32" or "3 May 2024, 14:32" """
    then, now = dt.datetime.fromtimestamp(seconds), now or dt.datetime.now()
    days = (now.date() - then.date()).days
    month = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
             "November", "December")[then.month - 1]  # fmt: skip
    day = {0: "today", 1: "yesterday"}.get(days, f"{then.day} {month}" + (f" {then.year}" if days > 300 else ""))
    return f"{day}, {then:%H:%M}"
