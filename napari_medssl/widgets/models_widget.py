"""Plugins > Models: what stands on the shelf, and adding, removing and giving away models."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QListWidget, QListWidgetItem, QTextBrowser, QVBoxLayout

from napari_medssl.errors import BadInput
from napari_medssl.models import PURPOSES, Entry, card_lines, export_model, remove_model, user_folder
from napari_medssl.widgets.controls import button, row, text
from napari_medssl.widgets.dock import DockedWidget
from napari_medssl.widgets.model_menu import MARKS
from napari_medssl.widgets.shelf_watch import ShelfWatch
from napari_medssl.widgets.trouble import tell_trouble
from napari_medssl.widgets.use_model import TOOLS, ask_about_name, put_on_shelf, use_model

if TYPE_CHECKING:
    import napari.viewer

USUAL = "Models that the tools can use. Training adds yours."
FILES = "Models (*.zip *.json *.safetensors)"


class ModelsWidget(DockedWidget):
    """A list of all models, the card of the one that is selected, and what can be done with it.

    Parameters
    ----------
    napari_viewer : the viewer in whose tools a model is chosen
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer: Any = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.ask_name = lambda name: ask_about_name(name, self)
        self.ask_file = _ask_file
        self.ask_target = _ask_target
        self.message = text("What happened")
        self.list = QListWidget()
        self.list.setAccessibleName("Models")
        self.card = QTextBrowser()
        self.card.setAccessibleName("Card of the selected model")
        self.use = button("Use", "Choose this model in the tool that it is for.")
        self.add = button("Add…", "Copy a model onto your shelf: an exported zip, or a card or weights file.")
        self.remove = button("Remove", "Take this model of yours off the shelf; its files are kept in 'removed'.")
        self.export = button("Export…", "Write this model into one zip file, to give it away or keep it safe.")
        self.folder = button("Open folder", "Show the folder of your own models.")
        self._shelf = ShelfWatch(self)
        self._lay_out()
        self._connect()
        self.say(USUAL)
        self.refresh()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(self.message)
        column.addWidget(self.list, 2)
        column.addWidget(self.card, 3)
        column.addWidget(row(self.use, self.export, self.remove))
        column.addWidget(row(self.add, self.folder))
        self.list.setMinimumHeight(90)
        self.card.setMinimumHeight(140)
        self.card.setOpenLinks(False)
        self.setMinimumWidth(316)

    def _connect(self) -> None:
        self._shelf.changed.connect(self.refresh)
        self.list.currentItemChanged.connect(lambda *_: self._look())
        self.use.clicked.connect(self._on_use)
        self.add.clicked.connect(self._on_add)
        self.remove.clicked.connect(self._on_remove)
        self.export.clicked.connect(self._on_export)
        self.folder.clicked.connect(_open_folder)

    def say(self, sentence: str) -> None:
        """Show `sentence` in the first line."""
        self.message.setText(sentence)

    @property
    def entry(self) -> Entry | None:
        """What is selected."""
        item = self.list.currentItem()
        return None if item is None else item.data(Qt.ItemDataRole.UserRole)

    def select(self, name: str) -> None:
        for place in range(self.list.count()):
            if self.list.item(place).data(Qt.ItemDataRole.UserRole).name == name:
                self.list.setCurrentRow(place)

    def refresh(self) -> None:
        """Bring the list in line with the shelf; the selection stays if it can."""
        selected = self.entry.name if self.entry else ""
        self.list.blockSignals(True)
        self.list.clear()
        for entry in self._shelf.entries():
            title = entry.card.title if entry.card else entry.name
            item = QListWidgetItem(f"{title}{MARKS[entry.where]}{', cannot be used' if entry.trouble else ''}")
            item.setData(Qt.ItemDataRole.UserRole, entry)
            item.setToolTip(html.escape(entry.trouble or entry.name))
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        self.select(selected)
        self.list.blockSignals(False)
        self._look()

    def _look(self) -> None:
        """Show the card of what is selected, and offer what can be done with it."""
        entry = self.entry
        usable = entry is not None and entry.card is not None and not entry.trouble
        self.card.setHtml(_page(entry) if entry is not None else "")
        self.export.setEnabled(usable)
        self.remove.setEnabled(entry is not None and entry.where == "own")
        tool = TOOLS.get(entry.card.purpose) if usable else None
        self.use.setEnabled(tool is not None)
        self.use.setToolTip(f"Choose this model in {tool!r}." if tool else "No tool in the viewer uses it.")

    def _on_use(self) -> None:
        entry = self.entry
        if entry is not None:
            self._try(lambda: self.say(use_model(self.viewer, entry.path, self.ask_name)))

    def _on_add(self) -> None:
        def add() -> None:
            path = self.ask_file(self)
            card = put_on_shelf(Path(path), self.ask_name) if path else None
            if card is not None:
                self.refresh()
                self.select(card.name)
                self.say(f"{card.title} is on the shelf, for {PURPOSES[card.purpose]}.")

        self._try(add)

    def _on_remove(self) -> None:
        def remove(name: str) -> None:
            moved = remove_model(name)
            self.refresh()
            self.say(f"{name} is off the shelf. To bring it back, add {moved}.")

        if self.entry is not None:
            name = self.entry.name
            self._try(lambda: remove(name))

    def _on_export(self) -> None:
        def export(name: str) -> None:
            target = self.ask_target(self, f"{name}.zip")
            if target:
                self.say(f"Written: {export_model(name, _with_ending(target))}")

        if self.entry is not None:
            name = self.entry.name
            self._try(lambda: export(name))

    def _try(self, what: Any) -> None:
        try:
            what()
        except (BadInput, OSError) as error:
            self.say(tell_trouble(error))


def _page(entry: Entry) -> str:
    """A card as a page; what stands in it is never taken for markup."""
    parts = []
    if entry.trouble:
        parts.append(f"<p><b>Cannot be used.</b> {html.escape(entry.trouble)}</p>")
    if entry.hides is not None:
        parts.append(f"<p>Used instead of the one in {html.escape(str(entry.hides))}.</p>")
    for place, (title, words) in enumerate(card_lines(entry.card) if entry.card else [("", entry.name)]):
        words = html.escape(words)
        head = f"<b>{html.escape(title)}:</b> " if title else ""
        parts.append(f"<p>{f'<b>{words}</b>' if place == 0 else head + words}</p>")
    parts.append(f"<p><b>File:</b> {html.escape(str(entry.weights))}</p>")
    return "".join(parts)


def _with_ending(target: str) -> Path:
    return Path(target) if target.lower().endswith(".zip") else Path(f"{target}.zip")


def _ask_file(parent: Any) -> str:
    return str(QFileDialog.getOpenFileName(parent, "Add a model", "", FILES)[0])


def _ask_target(parent: Any, name: str) -> str:
    return str(QFileDialog.getSaveFileName(parent, "Export a model", name, "Model (*.zip)")[0])


def _open_folder() -> None:
    folder = user_folder()
    folder.mkdir(parents=True, exist_ok=True)
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
