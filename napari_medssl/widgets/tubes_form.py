"""What the Tubes widget looks like: its controls and how they lie. What they do is in `tubes`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QProgressBar, QSlider, QVBoxLayout, QWidget

from napari_medssl.widgets import tubes_texts as texts
from napari_medssl.widgets.controls import EMPHASIS, CalmMenu, button, first_line_style, row, settle, text
from napari_medssl.widgets.layer_choice import LayerChoice
from napari_medssl.widgets.model_menu import ModelMenu
from napari_medssl.widgets.tubes_table import BranchTable

if TYPE_CHECKING:
    from napari.viewer import ViewerModel

WIDTH = 360


class Threshold(QWidget):
    """A slider for a share, with its number beside it."""

    changed = Signal()

    def __init__(self, name: str, value: float, hint: str) -> None:
        super().__init__()
        self.slider, self.number = QSlider(Qt.Orientation.Horizontal), QLabel()
        self.slider.setRange(1, 99)
        self.slider.setAccessibleName(name)
        self.setToolTip(hint)
        self.number.setMinimumWidth(self.fontMetrics().horizontalAdvance("100 % "))
        self.number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(row(self.slider, self.number))
        self.slider.valueChanged.connect(self._on_value)
        self.slider.setValue(round(100 * value))

    @property
    def value(self) -> float:
        """The share, 0..1."""
        return self.slider.value() / 100

    def _on_value(self) -> None:
        self.number.setText(f"{self.slider.value()} %")
        self.changed.emit()


class TubesForm(QWidget):
    """The controls, from top to bottom in the order in which they are used."""

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        from napari.layers import Image, Labels

        super().__init__(parent)
        self.hint = text("What to do next")
        self.kind = CalmMenu()
        for title, kind in texts.KINDS:
            self.kind.addItem(title, kind)
        self.kind.setAccessibleName("Start from")
        self.kind.setToolTip(texts.KIND_HINT)
        self.image = LayerChoice(viewer, Image, "no scan is open", "The scan to look for tubes in.")
        self.image.setAccessibleName("Image layer")
        self.mask = LayerChoice(viewer, Labels, "no mask is open", "The mask to rebuild; it stays as it is.")
        self.mask.setAccessibleName("Mask")
        self.polarity = CalmMenu()
        for title, polarity in texts.POLARITIES:
            self.polarity.addItem(title, polarity)
        self.polarity.setAccessibleName("Kind of tube")
        self.polarity.setToolTip(texts.POLARITY_HINT)
        self.model = ModelMenu("tubes", "The network that looks for tubes.")
        self.threshold = Threshold(
            "Take from", 0.5, "A voxel belongs to a tube from this probability on; lower takes more."
        )
        self.sure = Threshold(
            "Sure at", 0.8, "A connected part that is more probable than this nowhere is left out; lower keeps more."
        )
        self.run = button(texts.RUN[True], "The results come as new layers; the layer you start from stays as it is.")
        self.cancel = button("Cancel", "Stop; nothing is added to the viewer.")
        self.progress = QProgressBar()
        self.progress_text = text("Time left")
        self.legend = text("Colours")
        self.table = BranchTable()
        self.keep = button(
            "Keep only the vessel I click",
            "Then click on it, in a slice or in 3D: all that does not hang together with it goes. Undo brings it back.",
        )
        self.keep.setCheckable(True)
        self.undo = button("Undo", "Take back what was last removed from, or drawn in, the rebuilt tubes.")
        self.view3d = button("3D view", "Show the rebuilt tubes and their centre line in 3D, and back.")
        self.view3d.setCheckable(True)
        self.export = button("Table as CSV…", "Write the table of branches to a file that spreadsheets open.")
        self.save = button("Save mask…", "Write the rebuilt tubes to a file that overlays the scan exactly.")
        self.research = text("Research use")
        self.research.setText(texts.RESEARCH)
        self._rows = QFormLayout()
        self._lay_out()

    def _lay_out(self) -> None:
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Blocks done")
        rows = self._rows
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("Start from", self.kind)
        for title, field in (
            ("Scan", self.image), ("Mask", self.mask), ("Tubes are", self.polarity), ("Model", self.model),
            ("Take from", self.threshold), ("Sure at", self.sure),
        ):  # fmt: skip
            rows.addRow(title, field)
        self.results = QWidget()
        inside = QVBoxLayout(self.results)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(8)
        for widget in (
            self.table, self.legend, row(self.keep, self.undo), row(self.view3d, self.export, self.save)
        ):  # fmt: skip
            inside.addWidget(widget)
        inside.addStretch(1)
        self._column = column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addWidget(self.hint)
        column.addLayout(rows)
        for widget in (row(self.run, self.cancel), self.progress, self.progress_text, self.results, self.research):
            column.addWidget(widget)
        column.addStretch(1)
        self.setMinimumWidth(WIDTH)
        self.results.setVisible(False)

    def add_notice(self, notice: QWidget) -> None:
        """Put something below the first line."""
        self._column.insertWidget(1, notice)

    def settle(self) -> None:
        """Lay everything out for the table's height as it is now."""
        settle(self.results, self)

    def say(self, kind: str, sentence: str) -> None:
        """Show `sentence` in the first line; `kind` is one of `controls.BARS`."""
        self.hint.setText(sentence)
        self.hint.setStyleSheet(first_line_style(kind))

    def show_state(self, kind: str, *, ready: bool, running: bool, stopping: bool, network: bool, urgent: bool) -> None:
        """Show the rows that this kind of start needs, and offer what can be done now."""
        wanted = {
            self.image: kind != "mask",
            self.mask: kind == "mask",
            self.polarity: kind == "scan",
            self.model: kind == "scan",
            self.threshold: kind != "mask",
            self.sure: kind != "mask",
        }
        for field, shown in wanted.items():
            field.setVisible(shown)
            self._rows.labelForField(field).setVisible(shown)
            field.setEnabled(not running)
        self._rows.labelForField(self.image).setText("Scan" if kind == "scan" else "Map")
        self.kind.setEnabled(not running)
        self.run.setText(texts.RUN[network])
        self.run.setEnabled(ready and not running)
        self.run.setStyleSheet(EMPHASIS if ready and urgent and not running else "")
        self.cancel.setEnabled(running and not stopping)
        self.progress.setVisible(running)
        self.progress_text.setVisible(running)
        self.results.setEnabled(not running)
