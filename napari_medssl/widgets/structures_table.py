"""The table of structures: label and colour, name, slices drawn, volume, lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QEvent, QModelIndex, QRect, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCompleter,
    QHeaderView,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QTableView,
)

from napari_medssl.volumes.anatomy import names
from napari_medssl.volumes.segments import Colour

COLOUR, NAME, DRAWN, VOLUME, LOCK = range(5)
_TITLES = ("", "Structure", "Drawn", "ml", "Lock")
_HINTS = (
    "Label number and colour; click to choose another colour.",
    "Press F2, or click the selected name, to change it; double-click to jump to the largest drawn slice.",
    "Slices drawn by hand",
    "Volume in millilitres",
    "A locked structure is not changed by the brush, by Propagate or by Tidy up, and is not propagated.",
)
_WIDTHS = {COLOUR: 34, DRAWN: 48, VOLUME: 58, LOCK: 40}
_MOST_ROWS = 6


@dataclass(frozen=True)
class Row:
    """One structure; `millilitres` is None until it has been counted."""

    label: int
    name: str
    colour: Colour
    drawn: int = 0
    millilitres: float | None = None
    locked: bool = False
    accepted: bool = False

    @property
    def called(self) -> str:
        return self.name or f"label {self.label}"

    @property
    def volume(self) -> str:
        """In millilitres, or "…" while it is being counted."""
        return "…" if self.millilitres is None else volume_text(self.millilitres)


class Rows(QAbstractTableModel):
    """The rows as Qt asks for them."""

    renamed = Signal(int, str)
    lock_asked = Signal(int, bool)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.rows: list[Row] = []

    def show(self, rows: Sequence[Row]) -> None:
        if [row.label for row in rows] != [row.label for row in self.rows]:
            self.beginResetModel()
            self.rows = list(rows)
            self.endResetModel()
        elif list(rows) != self.rows:
            self.rows = list(rows)
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, LOCK))

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802  (Qt's name)
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802  (Qt's name)
        return 0 if parent is not None and parent.isValid() else len(_TITLES)

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:  # noqa: N802  (Qt's name)
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.ToolTipRole:
            return _HINTS[section]
        return _TITLES[section] if role == Qt.ItemDataRole.DisplayRole else None

    def flags(self, index: QModelIndex) -> Any:
        flags = super().flags(index)
        if index.column() == NAME:
            return flags | Qt.ItemFlag.ItemIsEditable
        return flags | Qt.ItemFlag.ItemIsUserCheckable if index.column() == LOCK else flags

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        row, column = self.rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            tick = "✓ " if row.accepted else ""
            return ("", f"{tick}{row.called}", str(row.drawn or "-"), row.volume, "")[column]
        if role == Qt.ItemDataRole.EditRole and column == NAME:
            return row.name
        if role == Qt.ItemDataRole.CheckStateRole and column == LOCK:
            return (Qt.CheckState.Checked if row.locked else Qt.CheckState.Unchecked).value
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (DRAWN, VOLUME):
            return (Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter).value
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tip(row) if column == NAME else _HINTS[column]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return (f"Colour of {row.called}", _tip(row), f"{row.drawn} drawn", f"{row.volume} ml", "Lock")[column]
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = 0) -> bool:  # noqa: N802  (Qt's name)
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.EditRole and index.column() == NAME:
            if str(value).strip() != row.name:
                self.renamed.emit(row.label, str(value))
            return True
        if role == Qt.ItemDataRole.CheckStateRole and index.column() == LOCK:
            self.lock_asked.emit(row.label, not row.locked)
            return True
        return False


class StructuresTable(QTableView):
    """Shows the rows; `picked`, `colour_asked` and `shown` are emitted with the label of the row."""

    picked = Signal(int)
    colour_asked = Signal(int)
    shown = Signal(int)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.rows = Rows(self)
        self._by_hand = True  # whether a change of the row is the person's doing
        self.setModel(self.rows)
        self.setItemDelegateForColumn(COLOUR, _Swatch(self))
        self.setItemDelegateForColumn(NAME, _Names(self))
        self.setItemDelegateForColumn(LOCK, _Padlock(self))
        self.setAccessibleName("Structures")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.EditKeyPressed | QAbstractItemView.EditTrigger.SelectedClicked
        )
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(24)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(24)
        header.setHighlightSections(False)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for column, width in _WIDTHS.items():
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            self.setColumnWidth(column, width)
        self.selectionModel().currentRowChanged.connect(self._on_row)
        self.clicked.connect(self._on_click)
        self.doubleClicked.connect(self._on_double_click)
        self._fit()

    def show_rows(self, rows: Sequence[Row], selected: int) -> None:
        """Show the rows, with the one of the label `selected` highlighted."""
        self._by_hand = False
        self.rows.show(rows)
        place = next((i for i, row in enumerate(rows) if row.label == selected), -1)
        if place != self.currentIndex().row() and self.state() != QAbstractItemView.State.EditingState:
            if place >= 0:
                self.setCurrentIndex(self.rows.index(place, NAME))
            else:
                self.clearSelection()
        self._by_hand = True
        self._fit()

    def _fit(self) -> None:
        rows = min(_MOST_ROWS, max(1, len(self.rows.rows)))
        height = self.horizontalHeader().sizeHint().height() + rows * self.verticalHeader().defaultSectionSize()
        self.setFixedHeight(height + 2 * self.frameWidth() + 2)

    def _label(self, index: QModelIndex) -> int:
        return self.rows.rows[index.row()].label

    def _on_row(self, index: QModelIndex, _: QModelIndex) -> None:
        if index.isValid() and self._by_hand:
            self.picked.emit(self._label(index))

    def _on_click(self, index: QModelIndex) -> None:
        if index.column() == COLOUR:
            self.colour_asked.emit(self._label(index))

    def _on_double_click(self, index: QModelIndex) -> None:
        if index.column() not in (COLOUR, LOCK):
            self.shown.emit(self._label(index))


class _Swatch(QStyledItemDelegate):
    """The label's number on its colour."""

    def paint(self, painter: QPainter, option: Any, index: QModelIndex) -> None:
        row: Row = index.model().rows[index.row()]
        colour = QColor.fromRgbF(*row.colour)
        area = QRect(option.rect).adjusted(4, 3, -4, -3)
        painter.save()
        painter.fillRect(area, colour)
        # black or white, whichever stands out
        light = 0.2126 * row.colour[0] + 0.7152 * row.colour[1] + 0.0722 * row.colour[2]
        painter.setPen(QColor("black" if light > 0.45 else "white"))
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, str(row.label))
        painter.restore()


class _Padlock(QStyledItemDelegate):
    """A padlock, closed or open; a click anywhere in the cell turns it."""

    def paint(self, painter: QPainter, option: Any, index: QModelIndex) -> None:
        row: Row = index.model().rows[index.row()]
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen:
            painter.fillRect(option.rect, option.palette.highlight())
        colour = (option.palette.highlightedText() if chosen else option.palette.text()).color()
        colour.setAlphaF(1.0 if row.locked else 0.45)
        middle = QRect(option.rect).center()
        body = QRectF(middle.x() - 5, middle.y() - 1, 11, 8)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour, 1.6))
        painter.setBrush(colour if row.locked else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(body, 1.5, 1.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        way = 0 if row.locked else 6  # an open one has its bow to the side
        painter.drawArc(QRectF(body.left() + 2 + way, body.top() - 6, 7, 11), 0, 180 * 16)
        painter.restore()

    def editorEvent(self, event: Any, model: Any, option: Any, index: QModelIndex) -> bool:  # noqa: N802  (Qt's name)
        if event.type() == QEvent.Type.MouseButtonRelease and event.button() == Qt.MouseButton.LeftButton:
            return bool(model.setData(index, None, Qt.ItemDataRole.CheckStateRole))
        if event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
            return False
        return super().editorEvent(event, model, option, index)


class _Names(QStyledItemDelegate):
    """Editing a name, with common ones on offer."""

    def createEditor(self, parent: Any, option: Any, index: QModelIndex) -> QLineEdit:  # noqa: N802  (Qt's name)
        line = QLineEdit(parent)
        line.setFrame(False)
        line.setPlaceholderText("name")
        completer = QCompleter(names(), line)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        line.setCompleter(completer)
        return line


def volume_text(millilitres: float) -> str:
    """ "0.25", "12.3", "1534" """
    if not millilitres:
        return "0"
    digits = 2 if millilitres < 10 else 1 if millilitres < 100 else 0
    return f"{millilitres:.{digits}f}"


def _tip(row: Row) -> str:
    state = "accepted and locked" if row.accepted else "locked" if row.locked else "open"
    return f"{row.called} (label {row.label}): {state}"
