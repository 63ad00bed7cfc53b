"""Tidy up, a section of the Propagate widget: holes, islands, rough edges, gaps between drawn slices."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QPushButton, QVBoxLayout, QWidget

from napari_medssl.errors import BadInput, Cancelled
from napari_medssl.volumes.tidy import Name, Step
from napari_medssl.widgets import brush_history
from napari_medssl.widgets.controls import button, menu, row
from napari_medssl.widgets.desk import Desk
from napari_medssl.widgets.layers import spacing_of
from napari_medssl.widgets.planes import NAMES, shown_axis, shown_slice
from napari_medssl.widgets.structures_of import structures_of
from napari_medssl.widgets.tidy_job import Tidied, TidyJob, Wish
from napari_medssl.widgets.trouble import tell_trouble

if TYPE_CHECKING:
    from napari_medssl.widgets.propagate_job import Work

_DONE = {
    "fill_holes": "Holes are filled",
    "keep_largest": "Only the largest piece is left",
    "remove_small": "Small pieces are removed",
    "smooth": "The edges are smoothed",
    "grow": "It is larger",
    "shrink": "It is smaller",
}


class TidySection(QWidget):
    """Buttons that clean up the selected structure or all that are not locked.

    Parameters
    ----------
    viewer : napari's viewer
    work : answers the layers that are worked on, or raises `BadInput`

    `said` is emitted with (kind, sentence) for the first line, `changed` when the labels have been changed, and
    `between_asked` with the labels whose gaps are to be filled.
    """

    said = Signal(str, str)
    changed = Signal()
    between_asked = Signal(object)

    def __init__(self, viewer: Any, work: Callable[[], Work], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._work = viewer, work
        self._desk = Desk(self)
        self._doing: Any = None  # while one is under way: its name, and the layers
        self._job: TidyJob | None = None
        self._last: tuple[Any, int] | None = None  # the layer, and the step that Undo takes back
        self.which = menu(
            [("Selected structure", "selected"), ("All that are not locked", "open")],
            "Structures to tidy up",
            "Locked structures are never changed.",
        )
        self.where = menu(
            [("Whole volume", "volume"), ("Each slice on its own", "slices"), ("Slice shown", "slice")],
            "Where to tidy up",
            "In three dimensions, or in the plane that is shown: in all its slices or the one on screen.",
        )
        self.fill_holes = button("Fill holes", "Fill what the structure encloses.")
        self.keep_largest = button("Keep largest piece", "Remove all other pieces.")
        self.remove_small = button("Remove small pieces", "Remove pieces below this volume.")
        self.least = _amount(" ml", 0.5, "Pieces below this volume are removed.", 3, 0.1)
        self.smooth = button("Smooth", "Round off rough edges; the structure keeps its volume.")
        self.roundness = _amount(" mm", 1.5, "Details smaller than about this are rounded off.", 1, 0.5)
        self.grow = button("Grow", "Make the structure larger on all sides by this much; not into other structures.")
        self.shrink = button("Shrink", "Make the structure smaller on all sides by this much.")
        self.distance = _amount(" mm", 1.0, "By how much to grow or shrink.", 1, 0.5)
        self.between = button(
            "Fill between drawn slices",
            "Fill the slices between those drawn by hand by their shape alone, without looking at the scan.\n"
            "Counts as a propagation: the next one replaces it.",
        )
        self.undo = button("Undo tidying", "Take the last tidying back.")
        self.cancel = button("Cancel", "Stop tidying up; nothing is changed.")
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("What", self.which)
        rows.addRow("Where", self.where)
        self._controls = QWidget()  # what waits while a tidying is under way
        column = QVBoxLayout(self._controls)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(rows)
        for widget in (
            row(self.fill_holes, self.keep_largest),
            row(self.remove_small, self.least),
            row(self.smooth, self.roundness),
            row(self.grow, self.shrink, self.distance),
            self.between,
            self.undo,
        ):
            column.addWidget(widget)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._controls)
        whole.addWidget(self.cancel)
        self.undo.setEnabled(False)
        self.cancel.setVisible(False)

    def _connect(self) -> None:
        steps: dict[Name, tuple[QPushButton, QDoubleSpinBox | None]] = {
            "fill_holes": (self.fill_holes, None),
            "keep_largest": (self.keep_largest, None),
            "remove_small": (self.remove_small, self.least),
            "smooth": (self.smooth, self.roundness),
            "grow": (self.grow, self.distance),
            "shrink": (self.shrink, self.distance),
        }
        for name, (control, amount) in steps.items():
            control.clicked.connect(lambda _=False, name=name, amount=amount: self._tidy(name, amount))
        self.between.clicked.connect(self._on_between)
        self.undo.clicked.connect(self._on_undo)
        self.cancel.clicked.connect(self._on_cancel)

    def _tidy(self, name: Name, amount: QDoubleSpinBox | None) -> None:
        try:
            work = self._ready()
            axis, index = self._place(work)
            label = self._label(work)
            step = Step(name, 0.0 if amount is None else amount.value())
            wish = Wish(step, label, spacing_of(work.labels), axis, index)
        except BadInput as error:
            self.said.emit("trouble", tell_trouble(error))
            return
        self._wait(True)
        self.said.emit("busy", "Tidying up…")
        job = TidyJob(work, wish, lambda: structures_of(work.labels, work.session).locked, self)
        self._doing = name, work
        self._job = job
        job.writing.connect(lambda: self.cancel.setEnabled(False))
        job.ended.connect(self._on_ended)
        job.start(self._desk)

    def _on_ended(self, result: Tidied | BaseException) -> None:
        (name, work), self._doing, self._job = self._doing, None, None
        self._wait(False)
        if isinstance(result, Cancelled):
            self.said.emit("next", "Tidying up is cancelled; nothing was changed.")
            return
        if isinstance(result, BaseException):
            self.said.emit("trouble", tell_trouble(result))
            return
        if result.number is None:
            self.said.emit("next", "Nothing to tidy up there; nothing was changed.")
            return
        self._last = work.labels, result.number
        self.look()
        self.changed.emit()
        voxel = spacing_of(work.labels)
        gained, lost = (count * voxel[0] * voxel[1] * voxel[2] / 1000 for count in (result.gained, result.lost))
        self.said.emit("done", f"{_DONE[name]}: {gained:.3g} ml added, {lost:.3g} ml removed. Ctrl+Z takes it back.")

    def _wait(self, whether: bool) -> None:
        self._controls.setEnabled(not whether)
        self.cancel.setEnabled(True)
        self.cancel.setVisible(whether)

    def _on_cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _on_between(self) -> None:
        try:
            work = self._ready()
            label, axis = self._label(work), work.session.plane(work.labels.data) or 0
            drawn = work.session.drawn(axis, work.labels.data)
            labels = set(drawn) - structures_of(work.labels, work.session).locked if label is None else {label}
            wanted = sorted(label for label in labels if len(drawn.get(label, ())) > 1)
            if not wanted:
                raise BadInput("Draw the structure on two slices at least; what lies between them is filled.")
        except BadInput as error:
            self.said.emit("trouble", tell_trouble(error))
            return
        self.between_asked.emit(wanted)

    def _on_undo(self) -> None:
        if self._last is not None:
            layer, number = self._last
            brush_history.undo_run(layer, number)
        self.look()
        self.changed.emit()
        self.said.emit("next", "The tidying is undone.")

    @property
    def idle(self) -> bool:
        """Whether no tidying is under way."""
        return self._doing is None

    def look(self) -> None:
        """Offer Undo as long as nothing came after the last tidying."""
        steps = brush_history.past(self._last[0])[-1:] if self._last is not None else []
        self.undo.setEnabled(self._last is not None and self._last[1] in brush_history.runs_in(steps))

    def _ready(self) -> Work:
        work = self._work()
        if brush_history.drawing(work.labels):
            raise BadInput("Finish the line that you are drawing first, or press Esc.")
        return work

    def _label(self, work: Work) -> int | None:
        """The label to tidy up, None for all that are not locked."""
        if self.which.currentData() == "open":
            return None
        structures, label = structures_of(work.labels, work.session), int(work.labels.selected_label)
        if label in structures.locked:
            raise BadInput(f"{structures.called(label).capitalize()} is locked; unlock it to tidy it up.")
        if label <= 0:
            raise BadInput("Select the structure to tidy up in the table first.")
        return label

    def _place(self, work: Work) -> tuple[int | None, int | None]:
        """(axis, index) for `Wish`."""
        where = self.where.currentData()
        if where == "volume":
            return None, None
        axis = shown_axis(self._viewer, work.labels)
        if axis is None:
            raise BadInput("The 3D view shows no slice; turn it off, or choose Whole volume.")
        index = shown_slice(self._viewer, work.labels, axis)
        if where == "slice" and not 0 <= index < work.labels.data.shape[axis]:
            raise BadInput(f"The {NAMES[axis]} slice that is shown lies beside the labels; scroll to one of theirs.")
        return axis, index if where == "slice" else None


def _amount(unit: str, value: float, name: str, digits: int, step: float) -> QDoubleSpinBox:
    made = QDoubleSpinBox()
    made.setDecimals(digits)
    made.setRange(step if digits < 3 else 0.001, 1000.0)
    made.setSingleStep(step)
    made.setValue(value)
    made.setSuffix(unit)
    made.setAccessibleName(name.rstrip("."))
    made.setToolTip(name)
    made.setMaximumWidth(96)
    return made
