"""What the batch widget shows: folders, options, progress, the review list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QLineEdit, QProgressBar, QVBoxLayout, QWidget

from napari_medssl.widgets.batch_run import Folders
from napari_medssl.widgets.batch_table import ReviewTable
from napari_medssl.widgets.controls import button, menu, row, text
from napari_medssl.widgets.model_menu import ModelMenu

WIDTH = 316
FRAMES = [
    ("One scan each", ""),
    ("All frames, from what is drawn on one", "all"),
    ("All frames, one has its whole mask", "as-drawn"),
]


class FolderField(QWidget):
    """A folder's path with a button to look for it; `changed` says that it is another one."""

    changed = Signal()

    def __init__(self, name: str, hint: str, ask: Callable[[str, str], str]) -> None:
        super().__init__()
        self.edit = QLineEdit()
        self.edit.setAccessibleName(name)
        self.edit.setToolTip(hint)
        self.edit.setPlaceholderText("choose a folder")
        self.look_for = button("…", f"Look for the folder: {hint[:1].lower()}{hint[1:]}")
        self.look_for.setAccessibleName(f"Look for {name.lower()}")
        self.look_for.setMaximumWidth(34)
        self._name, self._ask = name, ask
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(row(self.edit, self.look_for))
        self.edit.textChanged.connect(self.changed)
        self.look_for.clicked.connect(self._on_click)

    @property
    def path(self) -> Path | None:
        typed = self.edit.text().strip()
        return Path(typed).expanduser() if typed else None

    def _on_click(self) -> None:
        found = self._ask(f"Choose the folder: {self._name.lower()}", self.edit.text())
        if found:
            self.edit.setText(found)


class BatchForm(QWidget):
    """`ask_folder`, which may be replaced, asks for a folder: (title, where to begin) -> path or an empty string."""

    def __init__(self) -> None:
        super().__init__()
        self.ask_folder: Callable[[str, str], str] = self._ask_folder
        ask = self._ask
        self.hint = text("What to do next")
        self.scans = FolderField("Scans", "The folder with the scans: files, or a DICOM folder for each.", ask)
        self.drawn = FolderField(
            "Drawn",
            "The folder with what you drew: for each scan a mask of the same name, with its session if saved.",
            ask,
        )
        self.masks = FolderField("Masks", "The folder for the finished masks and the review list.", ask)
        self.model = ModelMenu("propagation", "The model that carries what is drawn through each scan.")
        self.frames = menu(
            FRAMES, "Frames", "For scans with a time axis, such as a beating heart: carry on to all frames."
        )
        self.start = button("Start", "Go through the folder; finished scans are not done twice.")
        self.cancel = button("Cancel", "Stop; what is finished stays, and Start goes on from there.")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Scans done")
        self.progress_text = text("Progress")
        self.table = ReviewTable()
        self.open = button("Open", "Open the chosen scan with its mask, to look at it and correct it.")
        self.reviewed = button("Reviewed", "The mask is right: keep it as it is on screen, and mark it as reviewed.")
        self._lay_out()

    def _lay_out(self) -> None:
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, field in (
            ("Scans", self.scans), ("Drawn", self.drawn), ("Masks", self.masks), ("Model", self.model),
            ("Frames", self.frames),
        ):  # fmt: skip
            rows.addRow(name, field)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(8)
        column.addWidget(self.hint)
        column.addLayout(rows)
        for widget in (
            row(self.start, self.cancel), self.progress, self.progress_text, self.table, row(self.open, self.reviewed)
        ):  # fmt: skip
            column.addWidget(widget)
        self.setMinimumWidth(WIDTH)

    @property
    def folders(self) -> Folders | None:
        """The folders, once all three are named."""
        scans, drawn, masks = self.scans.path, self.drawn.path, self.masks.path
        return None if scans is None or drawn is None or masks is None else Folders(scans, drawn, masks)

    def lock(self, running: bool) -> None:
        for widget in (self.scans, self.drawn, self.masks, self.model, self.frames):
            widget.setEnabled(not running)

    def _ask(self, title: str, begin: str) -> str:
        return self.ask_folder(title, begin)

    def _ask_folder(self, title: str, begin: str) -> str:
        from qtpy.QtWidgets import QFileDialog

        return str(QFileDialog.getExistingDirectory(self, title, begin))
