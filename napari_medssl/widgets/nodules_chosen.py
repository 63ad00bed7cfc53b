"""The chosen finding under the list: where it lies, its diameter and the person's note on it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_medssl.widgets import nodules_texts as texts

if TYPE_CHECKING:
    from napari_medssl.widgets.nodules_form import NodulesForm
    from napari_medssl.widgets.nodules_reader import Reader


class ChosenFields(QObject):
    """Shows the finding that a reader has chosen, and passes on what is written into the fields."""

    def __init__(self, form: NodulesForm, reader: Reader) -> None:
        super().__init__(reader)
        self._form, self._reader = form, reader
        self._filling = False
        form.diameter.valueChanged.connect(self._on_diameter)
        form.note.editingFinished.connect(self._on_note)

    def show(self) -> None:
        """Bring the fields in line with the reading."""
        form, one, kept = self._form, self._reader.finding, self._reader.kept
        form.chosen.setEnabled(one is not None)
        places = None if kept is None else kept.places
        where = () if one is None or places is None else (places.side(one.centre), places.third(one.centre))
        form.details.setText(texts.CHOOSE if one is None else texts.details(one, *where))
        self._filling = True
        if not form.note.hasFocus() or one is None or form.note.property("number") != one.number:
            form.note.setText("" if one is None else one.note)
            form.note.setProperty("number", None if one is None else one.number)
        form.diameter.setValue(form.diameter.minimum() if one is None or math.isnan(one.diameter) else one.diameter)
        self._filling = False

    def _on_diameter(self, value: float) -> None:
        one, reading = self._reader.finding, self._reader.reading
        if self._filling or one is None or reading is None or abs(value - one.diameter) < 0.05:
            return
        reading.resize(one.number, value)
        self._reader.touched()

    def _on_note(self) -> None:
        one, reading, note = self._reader.finding, self._reader.reading, self._form.note
        if self._filling or reading is None or one is None or note.property("number") != one.number:
            return
        if " ".join(note.text().split()) != one.note:
            reading.annotate(one.number, note.text())
            self._reader.touched()
