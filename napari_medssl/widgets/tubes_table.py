"""The table of branches: length, radius, winding, volume, greatest narrowing; sorted by a click on a heading."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_medssl.widgets.structures_table import volume_text

if TYPE_CHECKING:
    from napari_medssl.tubes import Branch

_TITLES = ("No.", "Length\nmm", "Radius\nmm", "Least\nmm", "Wind.", "Volume\nml", "Narrow")
_HINTS = (
    "Number of the branch, the widest tree first",
    "Length along the centre line, in mm",
    "Mean radius in mm, without the forks at its ends",
    "Smallest radius in mm",
    "Winding: the length over the straight way; 1 is straight",
    "Volume in ml",
    "Greatest narrowing: how much smaller the diameter is than before and behind it; a place to look at, no finding",
)
_MOST_ROWS, _ROW = 8, 22


class BranchRows(QAbstractTableModel):
    """The branches as Qt asks for them."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.branches: list[Branch] = []

    def show(self, branches: Sequence[Branch]) -> None:
        self.beginResetModel()
        self.branches = list(branches)
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802  (Qt's name)
        return 0 if parent is not None and parent.isValid() else len(self.branches)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802  (Qt's name)
        return 0 if parent is not None and parent.isValid() else len(_TITLES)

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:  # noqa: N802  (Qt's name)
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.ToolTipRole:
            return _HINTS[section] + "\nClick to sort."
        return _TITLES[section] if role == Qt.ItemDataRole.DisplayRole else None

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        branch, column = self.branches[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return texts_of(branch)[column]
        if role == Qt.ItemDataRole.UserRole:  # to sort by
            value = _values(branch)[column]
            return -math.inf if math.isnan(value) else value
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return (Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter).value
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{_HINTS[column].split(':')[0]}: {texts_of(branch)[column] or 'none'}"
        return None


class BranchTable(QTableView):
    """Shows the branches; `picked` is emitted with the number of one when the person chooses its row."""

    picked = Signal(int)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.rows, self._order = BranchRows(self), QSortFilterProxyModel(self)
        self._order.setSourceModel(self.rows)
        self._order.setSortRole(Qt.ItemDataRole.UserRole)
        self._by_hand = True
        self.setModel(self._order)
        self.setAccessibleName("Branches")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
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

    def show_branches(self, branches: Sequence[Branch], numbers: Collection[int]) -> None:
        """Show those of the branches that have one of these numbers."""
        wanted = [branch for branch in branches if branch.number in numbers]
        if [id(branch) for branch in wanted] == [id(branch) for branch in self.rows.branches]:
            return
        self._by_hand = False
        self.rows.show(wanted)
        self._by_hand = True
        self._fit()

    def choose(self, number: int) -> None:
        """Choose the row of a branch, as if nobody had clicked on it."""
        self._by_hand = False
        for row in range(self._order.rowCount()):
            if self._number(self._order.index(row, 0)) == number:
                self.selectRow(row)
                self.setCurrentIndex(self._order.index(row, 0))
                self.scrollTo(self._order.index(row, 0))
        self._by_hand = True

    @property
    def chosen(self) -> int | None:
        """The number of the branch whose row is chosen."""
        index = self.currentIndex()
        return self._number(index) if index.isValid() else None

    def _number(self, index: QModelIndex) -> int:
        return self.rows.branches[self._order.mapToSource(index).row()].number

    def _on_row(self, index: QModelIndex, _: Any = None) -> None:
        if self._by_hand and index.isValid():
            self.picked.emit(self._number(index))

    def _fit(self) -> None:
        rows = min(_MOST_ROWS, max(1, len(self.rows.branches)))
        height = self.horizontalHeader().sizeHint().height() + rows * _ROW
        self.setFixedHeight(height + 2 * self.frameWidth() + 2)


def worst(branch: Branch) -> Any:
    """The greatest narrowing of a branch, or None."""
    return max(branch.narrowings, key=lambda narrow: narrow.percent, default=None)


def _values(branch: Branch) -> tuple[float, ...]:
    narrow = worst(branch)
    percent = math.nan if narrow is None else float(narrow.percent)
    return (
        branch.number, branch.length, branch.mean_radius, branch.min_radius, branch.tortuosity, branch.volume, percent
    )  # fmt: skip


def texts_of(branch: Branch) -> tuple[str, ...]:
    """A row of the table."""
    number, length, mean, least, winding, volume, percent = _values(branch)
    straight = "-" if math.isnan(winding) else f"{winding:.2f}"
    narrow = "" if math.isnan(percent) else f"{percent:.0f} %"
    return f"{number:.0f}", f"{length:.1f}", f"{mean:.2f}", f"{least:.2f}", straight, volume_text(volume / 1000), narrow
