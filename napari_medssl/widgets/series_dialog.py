"""Choosing one of several DICOM series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from napari_medssl.volumes.dicom import SeriesInfo


class SeriesDialog(QDialog):
    """A table of series, one a row; the one with the most slices is selected to begin with."""

    def __init__(self, series: Sequence[SeriesInfo], folder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Choose a series")
        self.table = QTableWidget(len(series), 5)
        self.table.setHorizontalHeaderLabels(["Series", "Description", "Modality", "Slices", "Voxel size (mm)"])
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        for row, info in enumerate(series):
            size = " x ".join(f"{v:.3g}" for v in info.spacing)
            slices = str(info.slices) if info.frames == 1 else f"{info.slices}, {info.frames} frames"
            texts = (str(row + 1), info.description or "no description", info.modality, slices, size)
            for column, text in enumerate(texts):
                self.table.setItem(row, column, QTableWidgetItem(text))
        self.table.resizeColumnsToContents()
        self.table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.table.selectRow(max(range(len(series)), key=lambda row: series[row].slices))
        self.table.doubleClicked.connect(self.accept)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel, parent=self
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel(f"{folder} holds {len(series)} series. Which one should be opened?"))
        layout.addWidget(self.table)
        layout.addWidget(buttons)
        self.resize(620, 320)

    @property
    def number(self) -> int:
        """The selected series' number, from 1; 0 when none is."""
        return int(self.table.currentRow()) + 1


def choose_series(series: Sequence[SeriesInfo], folder: str, parent: QWidget | None = None) -> int:
    """Ask which series to open: its number, from 1, or 0 when the person cancels."""
    dialog = SeriesDialog(series, folder, parent)
    try:
        return dialog.number if dialog.exec() == QDialog.DialogCode.Accepted else 0
    finally:
        dialog.deleteLater()
