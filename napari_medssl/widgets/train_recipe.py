"""What to train: the recipes, grouped as people think of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_medssl.widgets.controls import CalmMenu, text
from napari_medssl.widgets.train_texts import LOOKING


class RecipePanel(QWidget):
    """A menu of recipes under the headings of their groups; below it, what the chosen one does."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.menu = CalmMenu()
        self.menu.setAccessibleName("What to train")
        self.menu.setToolTip("What the model will be able to do.")
        self.menu.setEnabled(False)
        self.menu.addItem(LOOKING, "")
        self.summary = text("What it does")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.menu)
        column.addWidget(self.summary)
        self.menu.currentIndexChanged.connect(self._on_chosen)

    def show_recipes(self, recipes: Mapping[str, Any], chosen: str) -> None:
        """Offer the recipes, {name: recipe}; `chosen` is the one to begin with, if there is one of that name."""
        self.menu.blockSignals(True)
        self.menu.clear()
        groups = dict.fromkeys(recipe.group for recipe in recipes.values())
        for group in groups:
            self._add_heading(group)
            for name, recipe in recipes.items():
                if recipe.group == group:
                    self.menu.addItem(f"   {recipe.title}", name)
                    last = self.menu.count() - 1
                    self.menu.setItemData(last, recipe.summary, Qt.ItemDataRole.ToolTipRole)
        place = self.menu.findData(chosen) if chosen else -1
        first = next((i for i in range(self.menu.count()) if self.menu.itemData(i)), -1)
        self.menu.setCurrentIndex(place if place >= 0 else first)
        self.menu.setEnabled(first >= 0)
        self.menu.blockSignals(False)
        self._on_chosen()

    def _add_heading(self, title: str) -> None:
        self.menu.addItem(title, "")
        item = self.menu.model().item(self.menu.count() - 1)
        item.setFlags(Qt.ItemFlag.NoItemFlags)  # passed over by keys, too
        font = item.font()
        font.setBold(True)
        item.setFont(font)

    @property
    def name(self) -> str:
        """The chosen recipe's name, "" while there is none."""
        return str(self.menu.currentData() or "")

    def choose(self, name: str) -> None:
        place = self.menu.findData(name)
        if place >= 0:
            self.menu.setCurrentIndex(place)

    def _on_chosen(self) -> None:
        summary = self.menu.currentData(Qt.ItemDataRole.ToolTipRole) or ""
        self.summary.setText(summary)
        self.summary.setVisible(bool(summary))
        if self.name:
            self.chosen.emit(self.name)
