"""The review list as a table: what is worst comes first, a double-click opens it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from napari_medssl.propagation.review import FAILED, Entry, worst_first

COLUMNS = ("Scan", "ml", "Lowest", "Status")
ML_WIDTH = 92  # pixels: two volumes; the tooltip has all
HINTS = (
    "The scan's name. Double-click to open it with its mask.",
    "The volume of each label, in millilitres; hold the mouse over a row for all of them.",
    "The lowest confidence of all slices: the worst come first.",
    "Whether somebody has looked at the mask.",
)


class ReviewTable(QTableWidget):
    """Shows entries of a review list; `opened` carries the case that was double-clicked, `moved` says that another
    row was chosen."""

    opened = Signal(str)
    moved = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(COLUMNS), parent)
        self._entries: list[Entry] = []
        self.setHorizontalHeaderLabels(list(COLUMNS))
        for column, hint in enumerate(HINTS):
            self.horizontalHeaderItem(column).setToolTip(hint)
        self.setAccessibleName("Review list")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.verticalHeader().setVisible(False)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(1, ML_WIDTH)
        self.setWordWrap(False)
        self.setMinimumHeight(150)
        self.itemDoubleClicked.connect(self._on_double_click)
        self.itemSelectionChanged.connect(self.moved)

    @property
    def entries(self) -> list[Entry]:
        return list(self._entries)

    @property
    def entry(self) -> Entry | None:
        """The one that is chosen."""
        rows = {index.row() for index in self.selectedIndexes()}
        return self._entries[rows.pop()] if len(rows) == 1 else None

    def show_entries(self, entries: Sequence[Entry]) -> None:
        """Show these, worst first; what was chosen stays chosen."""
        chosen = self.entry
        found = worst_first(entries)
        if found == self._entries:
            return
        self._entries = found
        self.blockSignals(True)
        self.clearSelection()
        self.setRowCount(len(found))
        for row, entry in enumerate(found):
            for column, text in enumerate(cells(entry)):
                item = QTableWidgetItem(text)
                item.setToolTip(entry.message or tooltip(entry))
                if column in (1, 2):
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(row, column, item)
        if chosen is not None:
            self.choose(chosen.case)
        self.blockSignals(False)
        self.moved.emit()

    def choose(self, case: str) -> None:
        """Choose a case, if it is in the list."""
        for row, entry in enumerate(self._entries):
            if entry.case == case:
                self.selectRow(row)

    def _on_double_click(self, item: QTableWidgetItem) -> None:
        self.opened.emit(self._entries[item.row()].case)


def cells(entry: Entry) -> tuple[str, ...]:
    """What the columns say of an entry."""
    sure = "" if math.isnan(entry.lowest_confidence) else f"{entry.lowest_confidence:.2f}"
    status = entry.status if entry.status == FAILED or not entry.message else f"{entry.status} (!)"
    return entry.case, entry.millilitres.replace(" ", ", "), sure, status


def tooltip(entry: Entry) -> str:
    """All that the list knows of a mask."""
    pairs = zip(entry.labels.split(), entry.millilitres.split(), strict=False)
    lines = [entry.case, *(f"label {label}: {volume} ml" for label, volume in pairs), "Double-click to open it."]
    return "\n".join(lines)
