"""Runs that were left halfway when the widget was opened, offered for resuming in one line."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QObject, Signal

from napari_medssl.widgets import train_texts as texts
from napari_medssl.widgets.train_form import OfferLine
from napari_medssl.widgets.train_runs import TrainRuns
from napari_medssl.widgets.train_session import TrainSession

HALFWAY = ("stopped", "lost")


class Offer(QObject):
    """Found once, at the opening; what is resumed or removed since leaves the line, what is dismissed never returns."""

    resume_asked = Signal(Path)
    look_asked = Signal()

    def __init__(self, line: OfferLine, session: TrainSession, runs: TrainRuns) -> None:
        super().__init__(line)
        self._line, self._session, self._runs = line, session, runs
        self._found: list[Path] = []
        line.resume.clicked.connect(self._on_resume)
        line.look.clicked.connect(self.look_asked)
        line.dismiss.clicked.connect(self._on_dismiss)

    def make(self) -> None:
        """Find what was left halfway."""
        dismissed = set(self._session.choices.dismissed)
        self._found = [info.folder for info in self._runs.infos if _halfway(info) and info.folder.name not in dismissed]
        self.look()

    def look(self) -> None:
        """Bring the line in line with how the runs stand."""
        infos = [info for info in map(self._runs.info, self._found) if info is not None and _halfway(info)]
        self._found = [info.folder for info in infos]
        self._line.show_offer(texts.offer_text(infos) if infos else "", one=len(infos) == 1)

    def _on_resume(self) -> None:
        if self._found:
            self.resume_asked.emit(self._found[0])

    def _on_dismiss(self) -> None:
        for folder in self._found:
            self._session.choices.dismiss(folder.name)
        self._session.choices.write(self._session.home)
        self._found = []
        self.look()


def _halfway(info: object) -> bool:
    return bool(getattr(info, "resumable", False)) and getattr(info, "state", "") in HALFWAY
