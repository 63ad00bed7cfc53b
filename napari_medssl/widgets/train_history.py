"""The runs so far: what they trained, how they stand, and what can be done with each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import QPoint, Qt, Signal
from qtpy.QtWidgets import QHeaderView, QMenu, QToolButton, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from napari_medssl.widgets import train_texts as texts
from napari_medssl.widgets.controls import NO_ARROW, button, row, text

NOTHING = "No runs yet."
# napari's theme leaves empty boxes in tables all but invisible.
TICKS = "QTreeView::indicator:unchecked { border: 1px solid #8a8d93; } QTreeView::item { padding: 3px 1px; }"
HINT = "Tick runs to lay their curves over one another."
ACTIONS = {
    "resume": ("Resume", texts.RESUME_HINT),
    "stop": ("Stop", texts.STOP_HINT),
    "use": ("Use this model", texts.USE_HINT),
    "change": ("Resume with changes…", "Go on with more time, fewer samples per step, on another device."),
    "open": ("Open folder", "Show the run's files: settings, log, pictures, model."),
    "kill": ("End at once…", "For a run that does not react to Stop."),
    "remove": ("Remove…", "Delete the run's folder. Models on the shelf stay."),
}


class HistoryPanel(QWidget):
    """A table of runs; `asked` is emitted with an action's name and the folder of the selected run."""

    asked = Signal(str, Path)
    selected = Signal(Path)
    ticked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._infos: dict[Path, Any] = {}
        self._titles: Mapping[str, str] = {}
        self.hint = text("Runs")
        self.table = QTreeWidget()
        self.table.setAccessibleName("Runs")
        self.table.setHeaderLabels(["Model", "State", "When", "Best"])
        self.table.setRootIsDecorated(False)
        self.table.setStyleSheet(TICKS)
        self.table.setAllColumnsShowFocus(True)
        self.table.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._on_menu)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.table.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2, 3):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.show_curves = button("Show", "Show this run's curves and pictures.")
        self.show_curves.clicked.connect(self._on_show)
        self.buttons = {name: button(title, hint) for name, (title, hint) in ACTIONS.items()}
        for name in ("resume", "stop", "use"):
            self.buttons[name].clicked.connect(lambda _=False, action=name: self._ask(action))
        self.more = QToolButton()
        self.more.setText("More ▾")
        self.more.setStyleSheet(NO_ARROW)
        self.more.setAccessibleName("More")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.more)
        self.more.setMenu(menu)
        self.entries = {}
        for name in ("change", "open", "kill", "remove"):
            self.entries[name] = menu.addAction(ACTIONS[name][0])
            self.entries[name].setToolTip(ACTIONS[name][1])
            self.entries[name].triggered.connect(lambda _=False, action=name: self._ask(action))
        self.details = text("Details")
        buttons = row(self.show_curves, self.buttons["resume"], self.buttons["stop"], self.buttons["use"], self.more)
        for number in range(4):
            buttons.layout().setStretch(number, 1)
        column = QVBoxLayout(self)
        for widget in (self.hint, self.table, self.details, buttons):
            column.addWidget(widget)
        column.setStretchFactor(self.table, 1)
        self.table.itemSelectionChanged.connect(self._on_selected)
        self.table.itemDoubleClicked.connect(lambda *_: self._on_show())
        self.table.itemChanged.connect(lambda *_: self.ticked.emit())
        self._offer()

    def show_runs(self, infos: Sequence[Any], titles: Mapping[str, str]) -> None:
        """Fill the table, newest first; `titles` are those of the recipes. Selection and ticks stay."""
        self._infos, self._titles = {info.folder: info for info in infos}, titles
        self.table.blockSignals(True)
        known = {self._folder(item): item for item in self._items()}
        for folder, item in known.items():
            if folder not in self._infos:
                self.table.takeTopLevelItem(self.table.indexOfTopLevelItem(item))
        for place, info in enumerate(infos):
            item = known.get(info.folder)
            if item is None:
                item = QTreeWidgetItem()
                item.setData(0, Qt.ItemDataRole.UserRole, str(info.folder))
                item.setCheckState(0, Qt.CheckState.Unchecked)
                self.table.insertTopLevelItem(place, item)
            self._fill(item, info)
        self.table.blockSignals(False)
        self.hint.setText(HINT if infos else NOTHING)
        self._offer()

    def select(self, folder: Path) -> None:
        for item in self._items():
            if self._folder(item) == folder:
                self.table.setCurrentItem(item)

    @property
    def folder(self) -> Path | None:
        """Of the selected run."""
        items = self.table.selectedItems()
        return self._folder(items[0]) if items else None

    @property
    def compared(self) -> list[Path]:
        """The runs that are ticked, newest first."""
        return [self._folder(item) for item in self._items() if item.checkState(0) == Qt.CheckState.Checked]

    def tick(self, folder: Path, on: bool = True) -> None:
        for item in self._items():
            if self._folder(item) == folder:
                item.setCheckState(0, Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)

    def _items(self) -> list[QTreeWidgetItem]:
        return [self.table.topLevelItem(place) for place in range(self.table.topLevelItemCount())]

    @staticmethod
    def _folder(item: QTreeWidgetItem) -> Path:
        return Path(item.data(0, Qt.ItemDataRole.UserRole))

    def _fill(self, item: QTreeWidgetItem, info: Any) -> None:
        metric, value = texts.best_metric(info.metrics)
        share = f"{info.done:.0%}" if info.done is not None and info.state != "finished" else ""
        title = self._titles.get(info.recipe, info.recipe)
        cells = (
            f"{info.name}\n{title}",
            f"{texts.STATES.get(info.state, info.state)}\n{share}",
            f"{texts.when(info.created)}\n{texts.lasted(info.seconds) if info.seconds else ''}",
            f"{value}\n{metric}",
        )
        for column, words in enumerate(cells):
            if item.text(column) != words:
                item.setText(column, words)
                item.setToolTip(column, words if column else f"{words}\n{info.sentence or ''}".rstrip())

    def _offer(self) -> None:
        """Offer what can be done with the selected run."""
        folder = self.folder
        info = self._infos.get(folder) if folder is not None else None
        going = info is not None and info.state in texts.UNDER_WAY
        can = {
            "resume": info is not None and info.resumable and not going and info.state != "queued",
            "stop": info is not None and (going or info.state == "queued"),
            "use": info is not None and info.model is not None and not going,
        }
        for name in ("resume", "stop", "use"):
            self.buttons[name].setVisible(can[name])
        self.show_curves.setVisible(info is not None)
        self.more.setVisible(info is not None)
        self.entries["change"].setEnabled(can["resume"])
        self.entries["kill"].setEnabled(going)
        self.entries["remove"].setEnabled(info is not None and not going)
        self.details.setText((info.sentence or "") if info is not None else "")
        self.details.setVisible(bool(self.details.text()))

    def _on_selected(self) -> None:
        self._offer()

    def _on_show(self) -> None:
        if self.folder is not None:
            self.selected.emit(self.folder)

    def _ask(self, action: str) -> None:
        if self.folder is not None:
            self.asked.emit(action, self.folder)

    def _on_menu(self, place: QPoint) -> None:
        if self.table.itemAt(place) is not None:
            self.more.menu().popup(self.table.viewport().mapToGlobal(place))
