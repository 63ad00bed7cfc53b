"""Compare, a section of the Propagate widget: how far the labels are from a reference mask."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from napari_medssl.errors import BadInput
from napari_medssl.metrics import SegmentationReport, evaluate_segmentation
from napari_medssl.widgets.controls import button, row, text
from napari_medssl.widgets.desk import Desk
from napari_medssl.widgets.difference import add_difference, differences
from napari_medssl.widgets.layer_choice import LayerChoice
from napari_medssl.widgets.layers import check_labels_layer, lies_on, spacing_of
from napari_medssl.widgets.structures_of import structures_of, structures_on
from napari_medssl.widgets.structures_table import volume_text
from napari_medssl.widgets.trouble import tell_trouble

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_medssl.widgets.propagate_job import Work

_TITLES = ("", "Dice", "HD95", "Mean", "ml", "Ref.")
_HINTS = (
    "Structure",
    "Dice: overlap, from 0 (apart) to 1 (the same)",
    "95th percentile Hausdorff distance in mm: all but the worst twentieth of the surface lies nearer than this",
    "Mean distance between the surfaces in mm",
    "Volume in ml",
    "Volume in ml in the reference",
)
_FIELDS = ("dice", "hausdorff95_mm", "mean_surface_distance_mm", "prediction_ml", "truth_ml")
_MOST_ROWS = 6


class CompareSection(QWidget):
    """Choose another labels layer, read the numbers, copy them, or see where the two differ.

    `said` is emitted with (kind, sentence) for the widget's first line.
    """

    said = Signal(str, str)

    def __init__(self, viewer: Any, work: Callable[[], Work], parent: QWidget | None = None) -> None:
        from napari.layers import Labels

        super().__init__(parent)
        self._viewer, self._work = viewer, work
        self._desk = Desk(self)
        self.report: SegmentationReport | None = None
        self._names: dict[int, str] = {}
        self.reference = LayerChoice(viewer, Labels, "none yet", "The mask to compare with: open it, then choose it.")
        self.reference.setAccessibleName("Reference mask")
        self.compare = button("Compare", "Measure how far the labels are from the reference.")
        self.difference = button("Show differences", "Add a layer with what is too much and what is missing.")
        self.copy = button("Copy", "Copy the table as text that spreadsheets take (comma-separated).")
        self.note = text("What was compared")
        self.table = QTableWidget(0, len(_TITLES))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.reference, row(self.compare, self.copy), self.note, self.table, self.difference):
            column.addWidget(widget)
        self._prepare_table()
        self.compare.clicked.connect(self._on_compare)
        self.difference.clicked.connect(self._on_difference)
        self.copy.clicked.connect(self._on_copy)
        self._show(None, "")

    def _prepare_table(self) -> None:
        table = self.table
        table.setAccessibleName("Comparison")
        table.setHorizontalHeaderLabels(_TITLES)
        for column, hint in enumerate(_HINTS):
            table.horizontalHeaderItem(column).setToolTip(hint)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(24)
        table.horizontalHeader().setMinimumSectionSize(30)
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

    def stay_apart(self, labels: Labels | None) -> None:
        """Nobody compares labels with themselves: offer another layer as the reference, if there is one."""
        if labels is not None and self.reference.layer is labels:
            self.reference.choose(next((layer for layer in self.reference.layers if layer is not labels), None))

    def _pair(self) -> tuple[Labels, Labels]:
        """(labels, reference), checked.

        Raises
        ------
        BadInput
            There is no other mask, or it does not lie on the labels.
        """
        labels, reference = self._work().labels, self.reference.layer
        if reference is None or reference is labels:
            raise BadInput("Open the mask to compare with, and choose it as the reference.")
        check_labels_layer(reference)
        if not lies_on(reference, labels):
            raise BadInput(f"{reference.name} does not lie on {labels.name}: both need the voxels of one scan.")
        return labels, reference

    def _on_compare(self) -> None:
        try:
            labels, reference = self._pair()
        except BadInput as error:
            return self._trouble(error)
        mine, theirs, spacing = labels.data, reference.data, spacing_of(labels)
        known, others = structures_of(labels, self._work().session), structures_on(reference)
        self._names = {label: known[label].name or others[label].name for label in {*known.labels, *others.labels}}
        note = f"{labels.name} against {reference.name}"
        self._show(None, "Comparing…")
        self.compare.setEnabled(False)
        self._desk.send(
            lambda: evaluate_segmentation(np.asarray(mine), np.asarray(theirs), spacing),
            lambda report: self._show(report, note),
            self._trouble,
        )
        return None

    def _show(self, report: SegmentationReport | None, note: str) -> None:
        self.report = report
        self.compare.setEnabled(True)
        self.copy.setEnabled(report is not None)
        self.note.setText("Neither holds anything." if report is not None and not report.labels else note)
        self.note.setVisible(bool(note))
        self.table.setVisible(report is not None and bool(report.labels))
        lines = [] if report is None else self._lines(report)
        self.table.setRowCount(len(lines))
        for place, line in enumerate(lines):
            for column, cell in enumerate(line):
                item = QTableWidgetItem(cell)
                if column:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                item.setToolTip(cell if column == 0 else _HINTS[column])
                self.table.setItem(place, column, item)
        header = self.table.horizontalHeader().sizeHint().height()
        self.table.setFixedHeight(header + 24 * min(_MOST_ROWS, max(1, len(lines))) + 4)

    def _lines(self, report: SegmentationReport) -> list[list[str]]:
        shapes = ("{:.3f}".format, "{:.1f}".format, "{:.2f}".format, volume_text, volume_text)
        lines = []
        for one in report.labels:
            values = [getattr(one, field) for field in _FIELDS]
            cells = [shape(v) if math.isfinite(v) else "-" for shape, v in zip(shapes, values, strict=True)]
            lines.append([self._name(one.label), *cells])
        return lines

    def _name(self, label: int) -> str:
        return self._names.get(label) or f"label {label}"

    def as_text(self) -> str:
        """The report as comma-separated text with a line of titles; what is not a number is left empty."""
        lines = ["label,name,dice,hd95_mm,mean_surface_distance_mm,volume_ml,reference_ml"]
        for one in self.report.labels if self.report is not None else ():
            values = [getattr(one, field) for field in _FIELDS]
            name = self._names.get(one.label, "").replace('"', '""')
            quoted = f'"{name}"' if {",", '"'} & set(name) else name
            cells = [f"{value:.6g}" if math.isfinite(value) else "" for value in values]
            lines.append(",".join([str(one.label), quoted, *cells]))
        return "\n".join(lines) + "\n"

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self.as_text())
        self.said.emit("done", "The table is copied; paste it into a spreadsheet or a text.")

    def _on_difference(self) -> None:
        try:
            labels, reference = self._pair()
        except BadInput as error:
            return self._trouble(error)
        mine, theirs = labels.data, reference.data
        self.difference.setEnabled(False)
        self._desk.send(
            lambda: differences(np.asarray(mine), np.asarray(theirs)),
            lambda found: self._add(found, labels, reference),
            self._trouble,
        )
        return None

    def _add(self, found: Any, labels: Labels, reference: Labels) -> None:
        self.difference.setEnabled(True)
        if labels in self._viewer.layers:
            add_difference(self._viewer, labels, reference, found)
            self.said.emit("done", "Orange is too much, blue is missing; the layer can be removed like any other.")

    def _trouble(self, error: BaseException) -> None:
        self.difference.setEnabled(True)
        self._show(None, "")
        self.said.emit("trouble", tell_trouble(error))
