"""Layers > Segment > Segment with my model: a trained model finds its structures in the open scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFormLayout, QProgressBar, QVBoxLayout

from napari_medssl.errors import BadInput, Cancelled
from napari_medssl.widgets.connections import Connections
from napari_medssl.widgets.controls import EMPHASIS, button, first_line_style, row, text
from napari_medssl.widgets.desk import Desk
from napari_medssl.widgets.layer_choice import LayerChoice
from napari_medssl.widgets.layers import volume_from_layer
from napari_medssl.widgets.model_menu import DEFAULT, ModelMenu
from napari_medssl.widgets.planes import shown_frame
from napari_medssl.widgets.propagate_texts import count, duration
from napari_medssl.widgets.running import RunningWidget
from napari_medssl.widgets.segment_run import Engine, Progress, SegmentRun
from napari_medssl.widgets.trouble import tell_trouble

if TYPE_CHECKING:
    import napari.viewer

WIDTH = 316
OPEN = "Open a scan: drop a file or a DICOM folder on the window."
TRAIN = (
    "There is no model for this yet. Train one from scans that you have labels of: Plugins > Train a model,"
    " “Segment like my labelled scans”."
)
READY = "Click Segment: the model marks in this scan what it was trained on."
STARTING = "Reading the model and the scan…"
RUNNING = "Segmenting; you can go on working meanwhile."
STOPPING = "Stopping…"
STOPPED = "Stopped; nothing was added."
GONE = "The scan was removed from the viewer, so the result was let go."


class SegmentWidget(RunningWidget):
    """Choose a scan and a model, click Segment, and the labels lie on the scan.

    Parameters
    ----------
    napari_viewer : the viewer that it works in
    engine : computes the labels, as `napari_medssl.segmentation.segment` does, which is the default
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, *, engine: Engine | None = None) -> None:
        super().__init__()
        from napari.layers import Image

        # napari hands plugins a proxy, under which no layer is the same object twice
        self.viewer: Any = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.run: SegmentRun | None = None
        self._engine, self._desk = engine, Desk(self)
        self._message: tuple[str, str] | None = None  # stands in the first line until the person does something
        self.hint = text("What to do next")
        self.scan = LayerChoice(self.viewer, Image, "no scan is open", "The scan to segment.")
        self.model = ModelMenu("segmentation", "The model that was trained on the structures to find.")
        self.segment = button("Segment", "Find the model's structures in the scan; they come as a new labels layer.")
        self.cancel = button("Cancel", "Stop; nothing is added to the viewer.")
        self.progress = QProgressBar()
        self.progress_text = text("Time left")
        self._lay_out()
        self.segment.clicked.connect(self._on_segment)
        self.cancel.clicked.connect(self._on_cancel)
        self.scan.chosen.connect(self._on_change)
        self.model.chosen.connect(self._on_change)
        Connections(self).add(self.viewer.layers.selection.events.active, self._on_active)
        self.look()

    def _lay_out(self) -> None:
        self.scan.setAccessibleName("Scan")
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Windows done")
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("Scan", self.scan)
        rows.addRow("Model", self.model)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        column.addWidget(self.hint)
        column.addLayout(rows)
        for widget in (row(self.segment, self.cancel), self.progress, self.progress_text):
            column.addWidget(widget)
        column.addStretch(1)
        self.setMinimumWidth(WIDTH)

    def look(self) -> None:
        """Bring every text and button in line with what is there."""
        running = self.run is not None
        has_scan, has_model = self.scan.layer is not None, self.model.name != DEFAULT
        ready = has_scan and has_model and not running
        self.scan.setEnabled(not running)
        self.model.setEnabled(has_model and not running)
        self.segment.setEnabled(ready)
        self.segment.setStyleSheet(EMPHASIS if ready and self._message is None else "")
        self.cancel.setEnabled(self.run is not None and not self.run.stopping)
        self.progress.setVisible(running)
        self.progress_text.setVisible(running)
        if self.run is not None:
            kind, sentence = "busy", STOPPING if self.run.stopping else RUNNING
        elif self._message is not None:
            kind, sentence = self._message
        else:
            kind, sentence = "next", TRAIN if not has_model else READY if has_scan else OPEN
        self.hint.setText(sentence)
        self.hint.setStyleSheet(first_line_style(kind))

    def _say(self, kind: str, sentence: str) -> None:
        self._message = (kind, sentence)
        self.look()

    def _on_change(self) -> None:
        self._message = None
        self.look()

    def _on_active(self) -> None:
        if self.run is None:
            self.scan.choose(self.viewer.layers.selection.active)

    def _on_segment(self) -> None:
        self._message = None
        layer = self.scan.layer
        try:
            volume = volume_from_layer(layer, frame=shown_frame(self.viewer, layer))
            self.progress.setRange(0, 0)
            self.progress_text.setText(STARTING)
            self.run = SegmentRun(
                self._desk, layer, volume, self.model.name, engine=self._engine,
                on_progress=self._on_progress, on_end=self._on_end,
            )  # fmt: skip
        except BadInput as error:
            self._say("trouble", tell_trouble(error))
        self.look()

    def _on_progress(self, progress: Progress) -> None:
        self.progress.setRange(0, progress.total)
        self.progress.setValue(progress.done)
        left = "" if progress.seconds_left is None else f", about {duration(progress.seconds_left)} left"
        self.progress_text.setText(f"{progress.done / progress.total:.0%} done{left}")

    def _on_end(self, found: Any) -> None:
        run, self.run = self.run, None
        if run is None:
            return
        if run.stopping or isinstance(found, Cancelled):
            self._say("next", STOPPED)
        elif isinstance(found, BaseException):
            self._say("trouble", tell_trouble(found))
        elif run.image not in self.viewer.layers:
            self._say("trouble", GONE)
        else:
            try:
                labels = run.show(self.viewer, found)
            except BadInput as error:
                self._say("trouble", tell_trouble(error))
                return
            self._say("done", done_text(found, labels.name))


def done_text(found: Any, layer: str) -> str:
    """What was found, in a sentence or two."""
    import numpy as np

    there = [int(label) for label in np.unique(found.labels) if label]
    if not there:
        return f"Nothing was found in this scan ({duration(found.seconds)}); the layer {layer} is empty."
    named = [found.names.get(label, f"label {label}") for label in there]
    what = ", ".join(named) if len(named) <= 6 else count(len(named), "structure")
    return (
        f"Done in {duration(found.seconds)}: {what}. Check it and correct it with the brush, then save the layer with"
        " File > Save Selected Layers."
    )
