"""Starting, stopping, taking back and bringing back propagations on the layers of a viewer."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Container
from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_medssl.errors import BadInput
from napari_medssl.propagation.spare_copy import SpareCopy
from napari_medssl.widgets import brush_history
from napari_medssl.widgets.planes import shown_axis, shown_slice
from napari_medssl.widgets.propagate_worker import REDRAW_3D_S, Engine, Outcome, Streaming

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_medssl.propagation import KeptWork
    from napari_medssl.widgets.propagate_job import Work
    from napari_medssl.widgets.propagate_options import PropagateOptions


class PropagateRuns(QObject):
    """At most one propagation at a time; `progressed` and `ended` pass on what it tells."""

    progressed = Signal(object)
    ended = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.work: Work | None = None  # while one runs, what it works on
        self._streaming: Streaming | None = None
        # What one run leaves for the next, so that a correction is quick; one for all Labels layers on a scan, since
        # what is drawn is told apart by its contents.
        self._kept: KeptWork | None = None
        self._scan: weakref.ref[Layer] | None = None
        self._spare = SpareCopy()
        self._went_along: dict[int, int] = {}  # run number -> later steps that were undone with it

    @property
    def running(self) -> bool:
        return self._streaming is not None

    @property
    def cancelling(self) -> bool:
        return self._streaming is not None and self._streaming.stop()

    def make_ready(self, work: Work) -> None:
        """Prepare for a start on these layers, in a thread, so that the viewer will not stand still then."""
        if not self.running:
            self._spare.make_ready(work.labels.data)

    def start(
        self, work: Work, options: PropagateOptions, engine: Engine | None, only: Collection[int] | None = None
    ) -> None:
        """Propagate what is drawn, of the labels that the options say or of `only` these.

        Raises
        ------
        BadInput
            It cannot begin; nothing has been changed.
        """
        if engine is None:
            from napari_medssl.propagation import KeptWork
            from napari_medssl.propagation import iter_propagate as engine

            self._kept = self._kept or KeptWork()
        job, writer = work.start(options, only, self._spare.copy)
        if self._kept is not None:
            job, self._scan = replace(job, kept=self._kept), weakref.ref(work.image)
        axis = job.run.axis

        def on_screen(slices: set[int]) -> float | None:
            shown = shown_axis(work.viewer, work.labels)
            if shown is None:
                return REDRAW_3D_S
            return 0.0 if shown != axis or shown_slice(work.viewer, work.labels, axis) in slices else None

        self.work = work
        self._streaming = Streaming(job, work.labels, writer, engine, on_screen, self)
        self._streaming.progressed.connect(self.progressed)
        self._streaming.ended.connect(self._on_ended)
        self.destroyed.connect(self._streaming.stop.ask)
        self._streaming.start()

    def cancel(self) -> None:
        """Stop within a slice; what is done stays."""
        if self._streaming is not None:
            self._streaming.cancel()

    def abandon(self) -> None:
        """Stop at once and leave the layer alone from here on."""
        if self._streaming is not None:
            self._streaming.abandon("lost")

    def layers_removed(self, left: Container[Layer]) -> None:
        """Let go of the scan of the last run when it is not among the layers that are left."""
        if self._kept is not None and self._scan is not None and self._scan() not in left:
            self._kept.clear()

    def _on_ended(self, outcome: Outcome) -> None:
        streaming, work = self._streaming, self.work
        self._streaming = self.work = None
        if streaming is not None and work is not None:
            work.session.end(streaming.job.run, outcome.how, outcome.seconds)
            streaming.deleteLater()
        self.ended.emit(outcome)

    def undo(self, work: Work) -> int:
        """Take the last propagation back; returns how many later steps went with it.

        Raises
        ------
        BadInput
            A line is being drawn at this moment, the propagation came with the file, or what it made is locked.
        """
        run = work.session.last_run
        if run is None:
            return 0
        locked = work.structures.locked & set(run.labels)
        if locked:
            called = work.structures.called(min(locked))
            raise BadInput(f"The last propagation made {called}, which is locked; unlock it to undo it.")
        if run.from_file:
            raise BadInput("The last propagation was made before this mask was opened and cannot be undone any more.")
        if brush_history.drawing(work.labels):
            raise BadInput("Finish the line that you are drawing first, or press Esc.")
        others = brush_history.undo_run(work.labels, run.number)
        if others is None:  # too many strokes ago for napari's memory: keep what was drawn since, take back the rest
            others = 0
            for block in run.take_back(work.labels.data, work.session.new_number()):
                brush_history.record(work.labels, block)
            work.session.look_again()
            work.labels.refresh()
        self._went_along[run.number] = others
        return others

    def redo(self, work: Work) -> None:
        """Bring back the propagation that was undone last, and what went with it."""
        work.session  # noqa: B018  (in step with what has been undone)
        run = work.tracker.redoable_run
        if run is not None and not brush_history.drawing(work.labels):
            brush_history.redo_run(work.labels, run.number, self._went_along.get(run.number, 0))
