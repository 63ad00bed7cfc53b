"""The scans to train on: a folder, and right under it the report of what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QResizeEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QProgressBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_medssl.widgets.controls import NO_ARROW, WRONG, button, fold, row, text
from napari_medssl.widgets.train_scans import Finding

MOST_HEIGHT = 150


class DataPanel(QWidget):
    """Folder, report, problems. It reads no file: what is in the folder, `show_...` is told."""

    folder_chosen = Signal(Path)
    cancel_asked = Signal()
    check_asked = Signal()
    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self.folder: Path | None = None
        self.ask_folder = _ask_folder
        self.path = QLineEdit()
        self.path.setPlaceholderText("Choose a folder, or drop it here")
        self.path.setAccessibleName("Folder of scans")
        self.path.editingFinished.connect(self._on_typed)
        self.choose = button("Choose…", "Choose the folder with your scans: NIfTI, NRRD or MetaImage files.")
        self.choose.clicked.connect(self._on_choose)
        self.recent = QToolButton()
        self.recent.setText("Recent ▾")
        self.recent.setStyleSheet(NO_ARROW)
        self.recent.setAccessibleName("Recent folders")
        self.recent.setToolTip("Folders that were trained on before.")
        self.recent.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.recent.setMenu(QMenu(self.recent))
        self.recent.setEnabled(False)
        self.line = text("What is in the folder")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Scans checked")
        self.cancel = button("Cancel", "Stop checking. Training checks the scans again when it begins.")
        self.cancel.clicked.connect(self.cancel_asked)
        self.again = button("Check again", "Read the folder again, for instance after mending a scan.")
        self.again.clicked.connect(self.check_asked)
        self.checking = row(self.bar, self.cancel)
        self.problems = ProblemList()
        self.heading = fold("Problems", self.problems, "What is wrong with which scan.")
        self.leave_out = QCheckBox("Train without the scans that cannot be used")
        self.leave_out.setToolTip("They stay where they are; this run passes over them.")
        self.leave_out.toggled.connect(lambda _: self.changed.emit())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (
            row(self.path, self.choose, self.recent), self.line, self.checking, self.heading, self.problems,
            self.leave_out, self.again,
        ):  # fmt: skip
            column.addWidget(widget)
        column.setAlignment(self.again, Qt.AlignmentFlag.AlignLeft)
        self.clear()

    def clear(self) -> None:
        """Nothing is known of the folder."""
        self.line.setText("")
        for widget in (self.line, self.checking, self.heading, self.problems, self.leave_out, self.again):
            widget.setVisible(False)

    def show_folder(self, folder: Path | None, recent: Sequence[str]) -> None:
        """Show which folder is chosen, and which were before."""
        self.folder = folder
        self.path.setText("" if folder is None else str(folder))
        self.path.setToolTip("" if folder is None else str(folder))
        menu = self.recent.menu()
        menu.clear()
        for other in recent:
            menu.addAction(other).triggered.connect(lambda _=False, path=other: self.folder_chosen.emit(Path(path)))
        self.recent.setEnabled(bool(recent))

    def show_checking(self, sentence: str, done: int, total: int) -> None:
        """A check is under way; of `total` scans (0: not known yet) `done` are read."""
        self.clear()
        self._say(sentence)
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        self.checking.setVisible(True)

    def show_finding(self, finding: Finding) -> None:
        """The report: one line, and what is wrong, which can be opened."""
        self.clear()
        self._say(finding.line, wrong=finding.failed)
        self.line.setToolTip(finding.details)
        self.problems.clear()
        for problem in finding.problems:
            item = QListWidgetItem(problem.in_words())
            item.setToolTip(problem.in_words())
            self.problems.addItem(item)
        self.problems.fit()
        unusable = finding.unusable
        self.heading.setText(_heading(unusable, sum(not problem.unusable for problem in finding.problems)))
        self.heading.setVisible(bool(finding.problems))
        self.problems.setVisible(bool(finding.problems) and self.heading.isChecked())
        self.leave_out.setVisible(bool(unusable) and not finding.failed)
        self.again.setVisible(finding.failed or finding.cut_short or bool(finding.problems))

    def _say(self, sentence: str, *, wrong: bool = False) -> None:
        self.line.setText(sentence)
        self.line.setStyleSheet(WRONG if wrong else "")
        self.line.setVisible(bool(sentence))

    def _on_choose(self) -> None:
        chosen = self.ask_folder(self, self.folder)
        if chosen is not None:
            self.folder_chosen.emit(chosen)

    def _on_typed(self) -> None:
        typed = self.path.text().strip()
        if typed and Path(typed).expanduser() != self.folder:
            self.folder_chosen.emit(Path(typed).expanduser())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802  (Qt's name)
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802  (Qt's name)
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            # a file stands for the folder that it lies in
            self.folder_chosen.emit(paths[0] if paths[0].is_dir() else paths[0].parent)


class ProblemList(QListWidget):
    """Sentences that wrap; as high as they need, within reason."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        self.setAccessibleName("Problems")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def fit(self) -> None:
        # From the words themselves: the list lays its rows out only later.
        width, wrap = self.viewport().width() - 8, int(Qt.TextFlag.TextWordWrap)
        texts = [self.item(row).text() for row in range(self.count())]
        heights = [self.fontMetrics().boundingRect(0, 0, width, 9999, wrap, words).height() + 3 for words in texts]
        self.setFixedHeight(min(MOST_HEIGHT, 8 + sum(heights)))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  (Qt's name)
        super().resizeEvent(event)
        self.fit()


def _ask_folder(parent: QWidget, start: Path | None) -> Path | None:
    chosen = QFileDialog.getExistingDirectory(parent, "Folder of scans", str(start or Path.home()))
    return Path(chosen) if chosen else None


def _heading(unusable: int, others: int) -> str:
    words = [f"{unusable} cannot be used"] if unusable else []
    words += [f"{others} to look at"] if others else []
    return "Problems: " + ", ".join(words)
