"""Layers > Segment > Propagate: draw a structure on one slice, get it on all of them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtGui import QEnterEvent
from qtpy.QtWidgets import QVBoxLayout

from napari_medssl.errors import BadInput
from napari_medssl.widgets import propagate_texts as texts
from napari_medssl.widgets import save_mask
from napari_medssl.widgets.autosave import keep_safe
from napari_medssl.widgets.connections import Connections
from napari_medssl.widgets.controls import scrolled
from napari_medssl.widgets.drawing import labels_to_draw_on
from napari_medssl.widgets.label_tools import LabelTools
from napari_medssl.widgets.layer_pair import LayerPair
from napari_medssl.widgets.propagate_form import PropagateForm
from napari_medssl.widgets.propagate_job import Work
from napari_medssl.widgets.propagate_keys import PropagateKeys
from napari_medssl.widgets.propagate_loop import CheckingLoop
from napari_medssl.widgets.propagate_menus import fill_menus, look_for_devices
from napari_medssl.widgets.propagate_runs import PropagateRuns
from napari_medssl.widgets.propagate_worker import Engine, Outcome, Progress
from napari_medssl.widgets.recovery import RecoveryBar
from napari_medssl.widgets.sides import mark_sides
from napari_medssl.widgets.trouble import tell_trouble
from napari_medssl.widgets.warm_up import warm_up

if TYPE_CHECKING:
    import napari.viewer

LOOK_MS = 80  # changes come in bursts; look at the situation once after each


class PropagateWidget(PropagateKeys):
    """Draw a structure on one slice, click Propagate, watch it grow, save the mask.

    Parameters
    ----------
    napari_viewer : the viewer that it works in
    engine : computes the slices, as `napari_medssl.propagation.iter_propagate` does, which is the default
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, *, engine: Engine | None = None) -> None:
        super().__init__()
        # napari hands plugins a proxy, under which no layer is the same object twice
        self.viewer: Any = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.form = PropagateForm(self.viewer)
        self.runs = PropagateRuns(self)
        self.ask_path = save_mask.ask_path
        self._engine = engine
        self._message: tuple[str, str] | None = None  # stands in the first line until the person does something
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled(self.form))
        self._look_soon = QTimer(self)
        self._look_soon.setSingleShot(True)
        self._look_soon.setInterval(LOOK_MS)
        self._look_soon.timeout.connect(self.look)
        self.pair = LayerPair(self.viewer, self.form.scan, self.form.labels, self)
        self.loop = CheckingLoop(self.viewer, self.form, self)
        self.label_tools = LabelTools(self)
        self.take_own_keys(self.viewer)
        self.recovery = RecoveryBar(self.viewer)
        self.form.add_notice(self.recovery)
        keep_safe(self.viewer, self)
        self._connect()
        fill_menus(self.form.options)
        mark_sides(self.viewer)
        warm_up()
        self.look()

    def _connect(self) -> None:
        form = self.form
        form.new_labels.clicked.connect(self._on_new_labels)
        form.propagate.clicked.connect(self._on_propagate)
        form.cancel.clicked.connect(self._on_cancel)
        form.undo.clicked.connect(self._on_undo)
        form.redo.clicked.connect(self._on_redo)
        form.save.clicked.connect(self._on_save)
        form.options.changed.connect(self._on_change)
        form.fold.toggled.connect(self._on_fold)
        self.loop.said.connect(self._say)
        self.label_tools.said.connect(self._say)
        self.label_tools.changed.connect(self._on_change)
        self.label_tools.between_asked.connect(self._start)
        self.loop.troubled.connect(self._trouble)
        self.loop.clicks.changed.connect(self._on_change)
        self.recovery.said.connect(self._say)
        self.pair.chosen.connect(self._on_chosen)
        self.pair.drawn.connect(self._on_change)
        self.pair.moved.connect(self._look_soon.start)
        self.runs.progressed.connect(self._on_progress)
        self.runs.ended.connect(self._on_ended)
        Connections(self).add(self.viewer.layers.events.removed, self._on_removed)

    def work(self) -> Work:
        """The chosen layers, checked.

        Raises
        ------
        BadInput
            There is no scan or no labels layer, or they cannot be worked on.
        """
        return self.loop.work()

    def look(self) -> None:
        """Bring every text and button in line with what is there."""
        form, runs = self.form, self.runs
        now = texts.Situation(form.scan.layer is not None, form.labels.layer is not None)
        work = None
        try:
            work = runs.work or self.work()
            now = work.situation(form.options, self.loop.visited)
            runs.make_ready(work)
        except BadInput as error:
            if now.has_scan and now.has_labels:
                now = texts.Situation(True, True, str(error))
        self.loop.show(work, now)
        self.label_tools.lock(runs.running)
        form.show_situation(now, runs.running, runs.cancelling, bool(work and work.tracker.redoable_run))
        if runs.running:
            form.say("busy", texts.STOPPING if runs.cancelling else texts.RUNNING)
        else:
            form.say(*(self._message or texts.next_step(now)))

    def leave(self) -> None:
        """The dock was closed: stop, and keep what is done."""
        super().leave()
        self.runs.cancel()

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802  (Qt's name)
        """The mouse comes: look at the whole volume again, since a script may have drawn something."""
        super().enterEvent(event)
        if not self.runs.running:
            try:
                self.work().session.look_again()
            except BadInput:
                return
            self._look_soon.start()
            self.label_tools.look_again()

    def _say(self, kind: str, sentence: str) -> None:
        self._message = (kind, sentence) if sentence else None
        self.look()

    def _trouble(self, error: BaseException) -> None:
        self._say("trouble", tell_trouble(error))

    def _on_change(self) -> None:
        """The person did something: what was said before is over."""
        self._message = None
        self._look_soon.start()

    def _on_chosen(self) -> None:
        self._message = None
        self.loop.visited.clear()
        self.look()

    def _on_fold(self, opened: bool) -> None:
        if opened and not self.form.options.knows_devices:
            look_for_devices(self.form.options)

    def _on_removed(self) -> None:
        work = self.runs.work
        if work is not None and not (work.image in self.viewer.layers and work.labels in self.viewer.layers):
            self.runs.abandon()
        self.runs.layers_removed(self.viewer.layers)

    def _on_new_labels(self) -> None:
        try:
            self.form.labels.choose(labels_to_draw_on(self.viewer, self.form.scan.layer))
        except BadInput as error:
            self._trouble(error)

    def _on_propagate(self) -> None:
        self._start(None, self._engine)

    def _start(self, labels: Collection[int] | None, engine: Engine | None) -> None:
        """Run an engine on the labels that the options say, or on these."""
        self._message = None
        self.loop.visited.clear()
        try:
            self.loop.clicks.end(self.work())
            self.runs.start(self.work(), self.form.options, engine, labels)
            self.pair.follows = False
            self._on_progress(Progress(0, 0, None))
        except BadInput as error:
            self._trouble(error)
        self.look()

    def _on_progress(self, progress: Progress) -> None:
        self.form.progress.setRange(0, progress.total)
        self.form.progress.setValue(progress.done)
        self.form.progress_text.setText(texts.progress_text(progress))
        if self.runs.work is not None:
            self.loop.grow(self.runs.work, self.runs.work.axis(self.form.options))

    def _on_cancel(self) -> None:
        self.runs.cancel()
        self.look()

    def _on_ended(self, outcome: Outcome) -> None:
        self.pair.follows = True
        if outcome.error is not None:
            self._trouble(outcome.error)
        elif outcome.how in texts.ENDINGS:
            self._say("next", texts.ENDINGS[outcome.how])
        self.look()

    def _on_undo(self) -> None:
        try:
            self._say("next", texts.undone_text(self.runs.undo(self.work())))
        except BadInput as error:
            self._trouble(error)

    def _on_redo(self) -> None:
        self._message = None
        self.runs.redo(self.work())
        self.look()

    def _on_save(self) -> None:
        try:
            work = self.work()
            path = self.ask_path(self, save_mask.suggested_path(work.image))
            if path:
                save_mask.save_in_background(work.labels, work.image, path, self._on_saved)
                self._say("busy", f"Saving {Path(path).name}…")
        except BadInput as error:
            self._trouble(error)

    def _on_saved(self, result: Path | tuple[Exception]) -> None:
        if isinstance(result, tuple):
            self._trouble(result[0])
        else:
            self._say("done", f"Saved: {result}")
