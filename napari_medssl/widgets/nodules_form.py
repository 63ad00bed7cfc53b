"""What the Nodules widget looks like: its controls and how they lie. What they do is in `nodules`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QLineEdit, QProgressBar, QVBoxLayout, QWidget

from napari_medssl.widgets import nodules_texts as texts
from napari_medssl.widgets.controls import EMPHASIS, button, first_line_style, fold, row, settle, text
from napari_medssl.widgets.layer_choice import LayerChoice
from napari_medssl.widgets.model_menu import ModelMenu
from napari_medssl.widgets.nodules_table import ComparedTable, FindingsTable
from napari_medssl.widgets.nodules_window import WindowButtons
from napari_medssl.widgets.tubes_form import Threshold

if TYPE_CHECKING:
    from napari.viewer import ViewerModel

WIDTH = 380


class NodulesForm(QWidget):
    """The controls, from top to bottom in the order in which they are used."""

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        from napari.layers import Image

        super().__init__(parent)
        self.hint = text("What to do next")
        self.offer = OfferBar()
        self.image = LayerChoice(viewer, Image, "no scan is open", "The chest CT to read.")
        self.image.setAccessibleName("Scan")
        self.window = WindowButtons()
        self.model = ModelMenu("nodules", "The network that looks for nodules.")
        self.find = button("Find nodules", "Look for nodules in the lungs; what you have decided or marked stays.")
        self.cancel = button("Cancel", "Stop; the list stays as it is.")
        self.progress, self.progress_text = QProgressBar(), text("Time left")
        self.score = Threshold(
            "Show from", 0.3,
            "Less sure findings of the model are hidden, not deleted.\nWhat you decided or marked always shows.",
        )  # fmt: skip
        self.table = FindingsTable()
        self.counts, self.details = text("How far the reading is"), text("The chosen finding")
        self.accept = button("Accept", "It is a nodule; go on to the next to read.")
        self.reject = button("Reject", "It is none; go on to the next to read.")
        self.next = button("Next", "Show the next finding to read.")
        self.previous = button("Previous", "Show the finding before this one in the list.")
        self.undo = button("Undo", "Take back the last step.")
        self.redo = button("Redo", "Take it again.")
        self.diameter, self.note = CalmNumber(), QLineEdit()
        self.add = button("Add by a click", "Then click on the middle of a nodule that is not in the list.")
        self.put_back = button("To read again", "Take the decision back; a finding that you added is taken out.")
        self.outline = button(
            "Outline and measure", "Outline the chosen finding in all its slices, and measure its axes and volume."
        )
        self.outline_all = button("All accepted", "Outline and measure every accepted finding that has no outline yet.")
        self.measure = button("Measure again", "Measure the outline as it is now, after you corrected it by hand.")
        self.bring = button("Import…", "Add the findings of a table (CSV, LUNA16's columns, world mm).")
        self.export = button("Export…", "Write the list as a table (CSV, LUNA16's columns, world mm).")
        self.save = button("Save outlines…", "Write the outlines as a mask that overlays the scan.")
        self.compare = button("Compare with a table…", "Another reader's findings of this scan, beside mine.")
        self.compared, self.both = text("How the readings agree"), ComparedTable()
        self.take = button("Take into my list", "Add the chosen finding of the other reading to mine, to read.")
        self.train = button("Add to a training folder…", "A new folder, or one that other readings were added to.")
        self.open_train = button("Train on this folder…", "Open Train a model with this folder.")
        self.train_text = text("Training data")
        self.research = text("Research use")
        self.research.setText(texts.RESEARCH)
        self._lay_out()

    def _lay_out(self) -> None:
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Parts of the lungs done")
        self.add.setCheckable(True)
        self.diameter.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.diameter.setRange(0.5, 200)
        self.diameter.setDecimals(1)
        self.diameter.setSuffix(" mm")
        self.diameter.setSpecialValueText("? mm")  # nobody has measured it
        self.diameter.setKeyboardTracking(False)
        self.diameter.setAccessibleName("Diameter")
        self.diameter.setToolTip("Diameter of the chosen finding. To move it, hold Shift and drag its ring.")
        self.note.setPlaceholderText("Note")
        self.note.setAccessibleName("Note")
        self.note.setToolTip("A note on the chosen finding; it is exported with the list.")
        self.train_text.setText(texts.TRAIN_HINT)
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for title, field in (("Scan", self.image), ("Window", self.window), ("Model", self.model)):
            rows.addRow(title, field)
        filters = QFormLayout()
        filters.addRow("Show from", self.score)
        self.results, self.chosen = QWidget(), QWidget()
        _stack(
            self.chosen, self.details, row(self.note, self.diameter, self.put_back),
            row(self.outline, self.outline_all, self.measure),
        )  # fmt: skip
        self.comparison, self.training = QWidget(), QWidget()
        _stack(self.comparison, self.compare, self.compared, self.both, row(self.take))
        _stack(self.training, self.train_text, row(self.train, self.open_train))
        self.folds = [
            fold("Compare with another reading", self.comparison, "What both readings have, and what only one has."),
            fold("Use for training", self.training, "Turn this reading into training data."),
        ]
        inside = _stack(
            self.results, self.table, self.counts, row(self.accept, self.reject, self.previous, self.next), self.chosen,
            row(self.bring, self.export, self.save),
        )  # fmt: skip
        inside.insertLayout(0, filters)
        self._column = column = QVBoxLayout(self)
        column.setSpacing(7)
        column.addWidget(self.hint)
        column.addWidget(self.offer)
        column.addLayout(rows)
        for widget in (
            row(self.find, self.cancel), self.progress, self.progress_text, row(self.add, self.undo, self.redo),
            self.results, self.folds[0], self.comparison, self.folds[1], self.training,
        ):  # fmt: skip
            column.addWidget(widget)
        column.addStretch(1)
        self.setMinimumWidth(WIDTH)
        for hidden in (self.compared, self.both, self.take, self.open_train):
            hidden.setVisible(False)

    def add_notice(self, notice: QWidget) -> None:
        """Put something below the offer of an unsaved reading."""
        self._column.insertWidget(2, notice)

    def settle(self) -> None:
        """Lay everything out for the table's height and the words as they are now."""
        settle(self.chosen, self.results, self)

    def say(self, kind: str, sentence: str) -> None:
        """Show `sentence` in the first line; `kind` is one of `controls.BARS`."""
        self.hint.setText(sentence)
        self.hint.setStyleSheet(first_line_style(kind))

    def show_state(self, *, scan: bool, model: bool, running: bool, stopping: bool, empty: bool) -> None:
        """Offer what can be done now."""
        self.find.setEnabled(scan and model and not running)
        self.find.setStyleSheet(EMPHASIS if scan and model and empty and not running else "")
        self.cancel.setEnabled(running and not stopping)
        for field in (self.image, self.model):
            field.setEnabled(not running)
        self.progress.setVisible(running)
        self.progress_text.setVisible(running)
        self.window.setEnabled(scan)
        self.add.setEnabled(scan)
        self.results.setVisible(scan)
        for one in (self.folds[0], self.folds[1]):
            one.setEnabled(scan)

    def show_keys(self, keys: dict[str, str]) -> None:
        """Say on the buttons' tooltips which keys do the same."""
        for action, key in keys.items():
            control = getattr(self, action, None)
            if control is not None:
                plain = control.toolTip().split("\nKey: ")[0]
                control.setToolTip(f"{plain}\nKey: {key}, while the picture has the focus")


class CalmNumber(QDoubleSpinBox):
    """A number that scrolling past leaves as it is."""

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802  (Qt's name)
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class OfferBar(QWidget):
    """One line about an unsaved reading."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.line = text("Unsaved reading")
        self.line.setStyleSheet(first_line_style("next"))
        self.bring_back = button("Bring back", "Show the reading as it was.")
        self.discard = button("Discard…", "Delete this unsaved reading for good; asks first.")
        self.delete = button("Delete for good", "It cannot be brought back after that.")
        self.keep = button("Keep", "Delete nothing.")
        _stack(self, self.line, row(self.bring_back, self.discard, self.delete, self.keep))
        self.setVisible(False)

    def show_offer(self, sentence: str, *, asking: bool = False) -> None:
        """Offer a reading, or ask whether to delete it; nothing where there is no sentence."""
        self.setVisible(bool(sentence))
        self.line.setText(sentence)
        for control in (self.bring_back, self.discard):
            control.setVisible(not asking)
        for control in (self.delete, self.keep):
            control.setVisible(asking)


def _stack(owner: QWidget, *widgets: QWidget) -> QVBoxLayout:
    column = QVBoxLayout(owner)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(6)
    for widget in widgets:
        column.addWidget(widget)
    return column
