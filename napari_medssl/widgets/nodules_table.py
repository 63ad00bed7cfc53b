"""The reading list as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt

from napari_medssl.widgets.linked_table import LinkedTable, Row
from napari_medssl.widgets.nodules_texts import STATES, percent, place_text, size_text

if TYPE_CHECKING:
    from napari_medssl.nodules.reading import Finding
    from napari_medssl.nodules.reading_places import Places
    from napari_medssl.widgets.nodules_ground import Ground

# As the rings, dark enough for a light table and light enough for a dark one.
_INK = {"unread": (0.85, 0.38, 0.17), "accepted": (0.20, 0.64, 0.45), "rejected": (0.52, 0.52, 0.52)}
_TITLES = ("No.", "Score", "mm", "Where", "Slice", "State")
_HINTS = (
    "Number of the finding; it stays with it",
    "How sure the model is, in percent; empty for what a person marked",
    "Diameter in mm, or long and short axis where they were measured",
    "Side of the patient and third of the lung: up, mid, low",
    "Axial slice of its centre",
    "What you decided",
)
_AGREED_TITLES = ("Who", "Mine", "mm", "Theirs, mm", "Slice")
_AGREED_HINTS = (
    "Whether both readings have it",
    "Number in my list",
    "Diameter in my list, in mm",
    "Diameter in the other list, in mm",
    "Axial slice of its centre",
)


class FindingsTable(LinkedTable):
    """The findings, the surest first until another heading is clicked."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__("Findings", _TITLES, _HINTS, 8, parent)
        self.sortByColumn(1, Qt.SortOrder.DescendingOrder)
        header = self.horizontalHeader()
        for column in (1, 2, 4, 5):
            header.setSectionResizeMode(column, header.ResizeMode.ResizeToContents)

    def show_findings(self, findings: Sequence[Finding], ground: Ground | None, places: Places | None) -> None:
        """Show these; `places` is None while the lungs are not known."""
        rows = []
        for one in findings:
            where = "" if places is None else place_text(places.side(one.centre), places.third(one.centre))
            slice_ = round(float(ground.shown(one.centre)[0])) if ground is not None else 0
            score = percent(one.score) if one.origin == "model" or one.score < 1 else ""
            size = -1.0 if math.isnan(one.diameter) else one.diameter
            texts = (str(one.number), score, size_text(one), where, str(slice_), STATES[one.state])
            values = (one.number, one.score - 1e-6 * one.number, size, where, slice_, one.state)
            rows.append(Row(one.number, texts, values, _INK[one.state]))
        self.show_rows(rows)


class ComparedTable(LinkedTable):
    """Two readings, one row a nodule."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__("Both readings", _AGREED_TITLES, _AGREED_HINTS, 6, parent)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
