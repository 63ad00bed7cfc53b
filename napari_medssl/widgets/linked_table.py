"""A table whose rows stand for places in the viewer: choosing a row goes there, and a click there chooses the row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

_ROW = 22


@dataclass(frozen=True)
class Row:
    """A row: its key, the texts of its cells, what each is sorted by, and perhaps a colour of its last cell."""

    key: int
    texts: tuple[str, ...]
    values: tuple[Any, ...]
    colour: tuple[float, float, float] | None = None


class Rows(QAbstractTableModel):
    """The rows as Qt asks for them."""

    def __init__(self, titles: Sequence[str], hints: Sequence[str], parent: Any = None) -> None:
        super().__init__(parent)
        self._titles, self._hints = titles, hints
        self.rows: list[Row] = []

    def show(self, rows: Sequence[Row]) -> None:
        if [row.key for row in rows] == [row.key for row in self.rows]:  # the same rows: nothing scrolls
            self.rows = list(rows)
            if rows:
                self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(self._titles) - 1))
            return
        self.beginResetModel()
        self.rows = list(rows)
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802  (Qt's name)
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802  (Qt's name)
        return 0 if parent is not None and parent.isValid() else len(self._titles)

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:  # noqa: N802  (Qt's name)
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._hints[section] + "\nClick to sort."
        return self._titles[section] if role == Qt.ItemDataRole.DisplayRole else None

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        row, column = self.rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return row.texts[column]
        if role == Qt.ItemDataRole.UserRole:  # to sort by
            return row.values[column]
        if role == Qt.ItemDataRole.ForegroundRole and row.colour is not None and column == len(row.texts) - 1:
            return QColor.fromRgbF(*row.colour)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if isinstance(row.values[column], str) else Qt.AlignmentFlag.AlignRight
            return (side | Qt.AlignmentFlag.AlignVCenter).value
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{self._hints[column].split(':')[0]}: {row.texts[column] or 'none'}"
        return None


class LinkedTable(QTableView):
    """Shows rows; `picked` is emitted with the key of one when the person chooses it with the mouse or the arrow keys.

    Parameters
    ----------
    name : what screen readers call it
    titles, hints : of the columns
    most_rows : it grows up to so many rows, and is scrolled from then on
    """

    picked = Signal(int)

    def __init__(
        self, name: str, titles: Sequence[str], hints: Sequence[str], most_rows: int = 8, parent: Any = None
    ) -> None:
        super().__init__(parent)
        self.rows, self._order, self._most = Rows(titles, hints, self), QSortFilterProxyModel(self), most_rows
        self._order.setSourceModel(self.rows)
        self._order.setSortRole(Qt.ItemDataRole.UserRole)
        self._by_hand = True
        self.setModel(self._order)
        self.setAccessibleName(name)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        self.setSortingEnabled(True)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(24)
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(False)
        self.selectionModel().currentRowChanged.connect(self._on_row)
        self.clicked.connect(self._on_row)
        self._fit()

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show these; the chosen one stays chosen while it is among them."""
        chosen, self._by_hand = self.chosen, False
        self.rows.show(rows)
        self._by_hand = True
        if chosen is not None and self.chosen != chosen:
            self.choose(chosen)
        self._fit()

    def choose(self, key: int) -> None:
        """Choose a row as if nobody had clicked on it."""
        self._by_hand = False
        for row in range(self._order.rowCount()):
            if self._key(self._order.index(row, 0)) == key:
                self.selectRow(row)
                self.setCurrentIndex(self._order.index(row, 0))
                self.scrollTo(self._order.index(row, 0))
        self._by_hand = True

    @property
    def chosen(self) -> int | None:
        """The key of the chosen row."""
        index = self.currentIndex()
        return self._key(index) if index.isValid() else None

    @property
    def keys(self) -> list[int]:
        """Of all rows, from the top down as they are sorted."""
        return [self._key(self._order.index(row, 0)) for row in range(self._order.rowCount())]

    def _key(self, index: QModelIndex) -> int:
        return self.rows.rows[self._order.mapToSource(index).row()].key

    def _on_row(self, index: QModelIndex, _: Any = None) -> None:
        if self._by_hand and index.isValid():
            self.picked.emit(self._key(index))

    def _fit(self) -> None:
        rows = min(self._most, max(1, len(self.rows.rows)))
        height = self.horizontalHeader().sizeHint().height() + rows * _ROW
        self.setFixedHeight(height + 2 * self.frameWidth() + 2)
