"""What the Propagate widget looks like: its controls and how they lie. What they do is in `propagate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFormLayout, QGridLayout, QProgressBar, QToolButton, QVBoxLayout, QWidget

from napari_medssl.widgets.confidence_strip import ConfidenceStrip
from napari_medssl.widgets.controls import EMPHASIS, button, first_line_style, fold, row, text
from napari_medssl.widgets.layer_choice import LayerChoice
from napari_medssl.widgets.propagate_options import PropagateOptions
from napari_medssl.widgets.propagate_texts import Situation, check_text, drawn_line, emphasised, slice_text

if TYPE_CHECKING:
    from napari.viewer import ViewerModel

KEY = "\nKey: "
WIDTH = 316  # the dock's title fits too


class PropagateForm(QWidget):
    """The controls, from top to bottom in the order in which they are used."""

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        from napari.layers import Image, Labels

        super().__init__(parent)
        self.hint = text("What to do next")
        self.scan = LayerChoice(viewer, Image, "no scan is open", "The scan that the structure is drawn on.")
        self.labels = LayerChoice(viewer, Labels, "none yet", "The layer to draw in; the result goes into it too.")
        self.new_labels = button("New labels", "Make an empty labels layer on the scan and take up the brush.")
        self.drawn = text("Slices drawn by hand")
        self.options = PropagateOptions()
        self.fold = fold("Options", self.options, "Labels, plane, slices, model, device and verification.")
        self.propagate = button("Propagate", "Carry what is drawn to the other slices.")
        self.cancel = button("Cancel", "Stop; the slices that are done stay.")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress_text = text("Time left")
        self.undo = button(
            "Undo propagation",
            "Back to what was there before the last propagation; brush strokes made since then go back with it.",
        )
        self.redo = button("Redo", "Bring back the propagation that was undone, and the strokes that went with it.")
        self.check = button("Check a slice", "Show the slice most worth checking; again for the next one.")
        self.not_here = button(
            "Not here",
            "For the first slice beyond the structure's end: rub the selected label out on the slice that is shown.\n"
            "The next propagation stops there.",
        )
        self.right = button(
            "This slice is right",
            "Let the slice that is shown count as drawn by hand, just as it is.\n"
            "The next propagation starts from it too.",
        )
        self.forget = button(
            "Forget this slice",
            "Let what was drawn of the selected label on the slice that is shown no longer count, and clear it.\n"
            "The next propagation fills it.",
        )
        self.belongs = button(
            "Click: belongs to it",
            "Then click in the viewer, in any plane, on what the selected label misses;\n"
            "the next propagation takes it in.",
        )
        self.foreign = button(
            "Click: does not belong",
            "Then click in the viewer, in any plane, on what the selected label should not cover;\n"
            "the next propagation leaves it out.",
        )
        self.help = QToolButton()
        self.help.setText("?")
        self.help.setAccessibleName("Help")
        self.help.setToolTip("How it goes, what the strip shows, and the keys.")
        self.strip = ConfidenceStrip(slice_text)
        self.save = button("Save mask…", "Write the labels to a file that overlays the scan exactly.")
        self.scan.setAccessibleName("Scan")
        self.labels.setAccessibleName("Labels")
        self.progress.setAccessibleName("Slices done")
        self.redo.setAccessibleName("Redo propagation")
        self.checking = _grid(
            (self.check, self.right), (self.not_here, self.forget), (self.belongs, self.foreign)
        )
        self._notices, self._sections = _plain_column(), _plain_column()
        self._lay_out()

    def _lay_out(self) -> None:
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("Scan", self.scan)
        rows.addRow("Labels", self.labels)
        rows.addRow("", self.new_labels)
        rows.addRow("Drawn", self.drawn)
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addWidget(row(self.hint, self.help))
        column.addLayout(self._notices)
        column.addLayout(rows)
        for widget in (
            row(self.propagate, self.cancel),
            self.progress,
            self.progress_text,
            self.strip,
            self.checking,
            row(self.undo, self.redo),
            self.save,
        ):
            column.addWidget(widget)
        column.addLayout(self._sections)
        for widget in (self.fold, self.options):
            self._sections.addWidget(widget)
        self.setMinimumWidth(WIDTH)
        for shown in (self.progress, self.progress_text, self.strip, self.checking):
            shown.setVisible(False)

    def add_notice(self, widget: QWidget) -> None:
        """Put a line under the first one; it takes no room while `widget` is hidden."""
        self._notices.addWidget(widget)

    def add_section(self, title: str, widget: QWidget, *, folded: bool = True, hint: str = "") -> QToolButton:
        """Put `widget` at the bottom under a heading that opens and closes it; returns the heading."""
        heading = fold(title, widget, hint or title)
        self._sections.addWidget(heading)
        self._sections.addWidget(widget)
        heading.setChecked(not folded)
        return heading

    def show_keys(self, keys: Mapping[str, str]) -> None:
        """Name the key of each action in the tooltip of its button."""
        for action, key in keys.items():
            control = getattr(self, action, None) or getattr(self.options, action, None)
            if control is not None:
                control.setToolTip(f"{control.toolTip().split(KEY)[0]}{KEY}{key}")

    def say(self, kind: str, sentence: str) -> None:
        """Show `sentence` in the first line; `kind` is one of `controls.BARS`."""
        self.hint.setText(sentence)
        self.hint.setStyleSheet(first_line_style(kind))

    def show_situation(self, now: Situation, running: bool, cancelling: bool, redoable: bool) -> None:
        """Offer what can be done now; while a propagation runs, lock what must not change under it."""
        usable = now.has_scan and now.has_labels and not now.problem
        for control in (self.scan, self.labels, self.options):
            control.setEnabled(not running)
        self.new_labels.setEnabled(now.has_scan and not running)
        self.propagate.setEnabled(usable and not running)
        self.save.setEnabled(usable and not running)
        self.cancel.setEnabled(running and not cancelling)
        self.undo.setEnabled(now.run is not None and not now.run.from_file and not running)
        self.redo.setEnabled(redoable and not running)
        self.progress.setVisible(running)
        self.progress_text.setVisible(running)
        self.checking.setVisible(now.run is not None and not running)
        for control in (self.right, self.not_here, self.forget, self.belongs, self.foreign):
            control.setEnabled(now.run is not None and not running)
        self.check.setEnabled(now.check is not None and not running)
        self.check.setText(check_text(now))
        next_button = "" if running else emphasised(now)
        for name in ("new_labels", "propagate", "check"):
            getattr(self, name).setStyleSheet(EMPHASIS if name == next_button else "")
        self.drawn.setText(drawn_line(now))


def _plain_column() -> QVBoxLayout:
    column = QVBoxLayout()
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(6)
    return column


def _grid(*rows: tuple[QWidget, ...]) -> QWidget:
    made = QWidget()
    layout = QGridLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    for down, widgets in enumerate(rows):
        for across, widget in enumerate(widgets):
            layout.addWidget(widget, down, across)
    return made
