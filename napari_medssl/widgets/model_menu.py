"""A menu of the models for one purpose, always in step with the shelf."""

from __future__ import annotations

import html

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QWidget

from napari_medssl.models import Card, Entry, in_words
from napari_medssl.widgets.controls import CalmMenu
from napari_medssl.widgets.notices import tell
from napari_medssl.widgets.shelf_watch import ShelfWatch, tell_once

DEFAULT = "default"
MARKS = {"own": " (yours)", "extra": " (model folder)", "shipped": ""}
LONGEST = 60  # characters of a title


class ModelMenu(CalmMenu):
    """Offers the usable models, the default one first, then the person's own; `chosen` says that the choice changed.

    Parameters
    ----------
    purpose : which models, as on their cards
    hint : what the choice is about, for the tooltip
    """

    chosen = Signal()

    def __init__(self, purpose: str, hint: str = "The trained network to use.", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.purpose, self._hint = purpose, hint
        self._name = ""
        self.setAccessibleName("Model")
        self._shelf = ShelfWatch(self)
        self._shelf.changed.connect(self._on_shelf)
        self.currentIndexChanged.connect(self._take)
        self.refresh()

    @property
    def name(self) -> str:
        """The model that is chosen, for --model."""
        return str(self.currentData() or DEFAULT)

    def choose(self, name: str) -> bool:
        """Choose a model; False where it is not there, and then nothing changes."""
        self.refresh()
        place = self.findData(name)
        if place >= 0:
            self.setCurrentIndex(place)
        return place >= 0

    def refresh(self) -> None:
        """Bring the menu in line with the shelf; the choice stays if it can."""
        entries = [entry for entry in self._shelf.entries() if entry.card is None or entry.card.purpose == self.purpose]
        cards = [(entry, entry.card) for entry in entries if entry.card is not None and not entry.trouble]
        cards.sort(key=lambda pair: _place(*pair))
        before = self._name
        self.blockSignals(True)
        self.clear()
        titles = [card.title for _, card in cards]
        for entry, card in cards:
            self.addItem(_text(entry, card, alone=titles.count(card.title) == 1), card.name)
            self.setItemData(self.count() - 1, _rich(in_words(card)), Qt.ItemDataRole.ToolTipRole)
        if not cards:
            self.addItem("none", DEFAULT)
        self.setCurrentIndex(max(0, self.findData(before)))
        self.blockSignals(False)
        self._take()
        if before and before != self._name:
            tell(f"Model {before} is not on the shelf any more; {self.currentText()} is chosen instead.")
        _tell_of([entry for entry in entries if entry.trouble])

    def showPopup(self) -> None:  # noqa: N802  (Qt's name)
        self.refresh()
        super().showPopup()

    def _on_shelf(self) -> None:
        if not self.view().isVisible():  # not under the person's hand; the next look comes soon
            self.refresh()

    def _take(self) -> None:
        words = self.itemData(self.currentIndex(), Qt.ItemDataRole.ToolTipRole)
        self.setToolTip(f"{html.escape(self._hint)}<br><br>{words}" if words else self._hint)
        if self.name != self._name:
            self._name = self.name
            self.chosen.emit()


def _place(entry: Entry, card: Card) -> tuple[bool, int, list[int], str]:
    """The default, then one's own, the newest first."""
    return card.name != DEFAULT, list(MARKS).index(entry.where), [-ord(c) for c in card.created], card.name


def _text(entry: Entry, card: Card, *, alone: bool) -> str:
    title = card.title if alone else f"{card.title}, {card.name}"
    title = title if len(title) <= LONGEST else f"{title[: LONGEST - 1]}…"
    return title + MARKS[entry.where]


def _rich(words: str) -> str:
    """As a tooltip that wraps; what stands in a card is never taken for markup."""
    return html.escape(words).replace("\n", "<br>")


def _tell_of(unusable: list[Entry]) -> None:
    """One notice about models that the menu leaves out."""
    if len(unusable) == 1:
        tell_once(f"Model {unusable[0].name} cannot be used: {unusable[0].trouble}")
    elif unusable:
        names = ", ".join(entry.name for entry in unusable)
        tell_once(f"These models cannot be used: {names}. Plugins > Models says why.")
