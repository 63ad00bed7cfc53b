"""What the Train widget looks like: three tabs under a line that says what to do next. What they do is in `train`."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QLabel, QScrollArea, QTabWidget, QVBoxLayout, QWidget

from napari_medssl.widgets.controls import EMPHASIS, button, first_line_style, row, text
from napari_medssl.widgets.train_data import DataPanel
from napari_medssl.widgets.train_history import HistoryPanel
from napari_medssl.widgets.train_plan import PlanPanel
from napari_medssl.widgets.train_recipe import RecipePanel
from napari_medssl.widgets.train_watch import WatchPanel

WIDTH = 380
NEW, WATCH, RUNS = range(3)


class TrainForm(QWidget):
    """The panels."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.hint = text("What to do next")
        self.offer = OfferLine()
        self.recipe, self.data, self.plan = RecipePanel(), DataPanel(), PlanPanel()
        self.watch, self.history = WatchPanel(), HistoryPanel()
        self.start = button("Start", "Begin training in the background, or line up behind the run that is going.")
        self.tabs = QTabWidget()
        self.tabs.addTab(self._new_run(), "New run")
        self.tabs.addTab(scrolled(self.watch), "Progress")
        self.tabs.addTab(self.history, "Runs")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.hint)
        column.addWidget(self.offer)
        column.addWidget(self.tabs, 1)
        self.setMinimumWidth(WIDTH)

    def _new_run(self) -> QWidget:
        questions = QWidget()
        column = QVBoxLayout(questions)
        column.setSpacing(6)
        for title, panel in (("What to train", self.recipe), ("Scans", self.data), ("How long", self.plan)):
            column.addWidget(heading(title))
            column.addWidget(panel)
        column.addStretch(1)
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled(questions), 1)
        layout.addWidget(self.start)
        return page

    def say(self, kind: str, sentence: str) -> None:
        """Show `sentence` in the first line; `kind` is one of `controls.BARS`."""
        if self.hint.text() != sentence:
            self.hint.setText(sentence)
        if self.hint.styleSheet() != first_line_style(kind):
            self.hint.setStyleSheet(first_line_style(kind))

    def can_start(self, ready: bool, why_not: str) -> None:
        """Offer Start, or say on it why not."""
        self.start.setEnabled(ready)
        self.start.setStyleSheet(EMPHASIS if ready else "")
        self.start.setToolTip(why_not or "Begin training in the background, or line up behind the run that is going.")

    def show_tab(self, place: int) -> None:
        self.tabs.setCurrentIndex(place)


class OfferLine(QFrame):
    """One line about runs that were left halfway, with what can be done about them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = text("Runs left halfway")
        self.resume = button("Resume", "Go on where it stopped.")
        self.look = button("Show", "Show these runs.")
        self.dismiss = button("✕", "Do not offer these again; they stay under Runs.")
        self.dismiss.setAccessibleName("Not now")
        for made in (self.resume, self.look, self.dismiss):
            made.setStyleSheet("QPushButton { padding: 3px 7px; }")
        line = QVBoxLayout(self)
        line.setContentsMargins(6, 0, 0, 2)
        line.addWidget(row(self.words, self.resume, self.look, self.dismiss))
        self.setVisible(False)

    def show_offer(self, words: str, *, one: bool) -> None:
        """Nothing is offered where there are no words; only one run can be resumed from here."""
        self.words.setText(words)
        self.resume.setVisible(one)
        self.setVisible(bool(words))


def heading(title: str) -> QLabel:
    made = QLabel(title)
    made.setStyleSheet("QLabel { font-weight: bold; padding-top: 4px; }")
    return made


def scrolled(content: QWidget) -> QScrollArea:
    """The content with a scroll bar at its side where the dock is too low for it; never one below."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    return area
