"""Plugins > Propagate a folder: the same structure through a folder of scans, and the list of what to check."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QVBoxLayout

from napari_medssl.errors import BadInput
from napari_medssl.widgets import batch_texts as texts
from napari_medssl.widgets import save_mask
from napari_medssl.widgets.batch_form import BatchForm
from napari_medssl.widgets.batch_open import add_case, opened_case, read_case
from napari_medssl.widgets.batch_run import BatchRun, Progress, Tally
from napari_medssl.widgets.controls import EMPHASIS, first_line_style, scrolled
from napari_medssl.widgets.desk import Desk
from napari_medssl.widgets.dock import DockedWidget
from napari_medssl.widgets.layers import reference_image
from napari_medssl.widgets.preferences import device_preference
from napari_medssl.widgets.trouble import tell_trouble

if TYPE_CHECKING:
    import napari.viewer

    from napari_medssl.propagation.review import Entry


class BatchWidget(DockedWidget):
    """Choose three folders, click Start, then look at the worst masks first and mark what is right.

    Parameters
    ----------
    napari_viewer : the viewer that it works in
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        # napari hands plugins a proxy, under which no layer is the same object twice
        self.viewer: Any = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.form = BatchForm()
        self.run: BatchRun | None = None
        self._desk = Desk(self)
        self._message: tuple[str, str] | None = None  # stands in the first line until the person does something
        self._opening = self._saving = ""  # the case that is being read, written
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled(self.form))
        form = self.form
        form.start.clicked.connect(self._on_start)
        form.cancel.clicked.connect(self._on_cancel)
        form.scans.changed.connect(self._on_scans)
        for field in (form.drawn, form.masks):
            field.changed.connect(self._on_change)
        form.table.opened.connect(self._on_open)
        form.table.moved.connect(self._on_row)
        form.open.clicked.connect(self._on_open)
        form.reviewed.clicked.connect(self._on_reviewed)
        self.look()

    def look(self) -> None:
        """Bring every text and button in line with what is there."""
        form, running = self.form, self.run is not None
        entry, folders = form.table.entry, form.folders
        has_mask = entry is not None and bool(entry.mask) and not self._opening and not self._saving
        form.lock(running)
        form.start.setEnabled(folders is not None and not running)
        form.start.setStyleSheet(EMPHASIS if folders is not None and not form.table.rowCount() else "")
        form.cancel.setEnabled(self.run is not None and not self.run.stop())
        form.open.setEnabled(has_mask and form.scans.path is not None)
        form.reviewed.setEnabled(has_mask)
        form.progress.setVisible(running)
        form.progress_text.setVisible(running)
        if self._opening:
            kind, sentence = "busy", texts.OPENING.format(self._opening)
        elif self.run is not None:
            kind, sentence = "busy", texts.STOPPING if self.run.stop() else texts.RUNNING
        else:
            kind, sentence = self._message or texts.next_step(folders, form.table.entries)
        form.hint.setText(sentence)
        form.hint.setStyleSheet(first_line_style(kind))

    def leave(self) -> None:
        """The dock was closed: stop; what is finished stays."""
        if self.run is not None:
            self.run.stop.ask()

    def _say(self, kind: str, sentence: str) -> None:
        self._message = (kind, sentence)
        self.look()

    def _trouble(self, error: BaseException) -> None:
        self._opening = self._saving = ""
        self._say("trouble", tell_trouble(error))

    def _on_scans(self) -> None:
        scans, masks = self.form.scans.path, self.form.masks
        if scans is not None and scans.is_dir() and masks.path is None:
            masks.edit.setText(str(scans.with_name(f"{scans.name}_masks")))
        self._on_change()

    def _on_change(self) -> None:
        self._message = None
        self._show_list()
        self.look()

    def _on_row(self) -> None:
        entry = self.form.table.entry
        self._message = ("trouble", f"{entry.case}: {entry.message}") if entry and entry.message else None
        self.look()

    def _show_list(self) -> None:
        from napari_medssl.propagation.review import read_review

        masks = self.form.masks.path
        try:
            self.form.table.show_entries(list(read_review(masks).values()) if masks is not None else [])
        except BadInput as error:
            self._message = ("trouble", str(error))

    def _on_start(self) -> None:
        folders = self.form.folders
        if folders is None:
            self._say("next", texts.CHOOSE)
            return
        self._message = None
        from napari_medssl.propagation.scan_job import Settings

        frames = self.form.frames.currentData()
        settings = Settings(
            model=self.form.model.name, device=device_preference(), frames=frames, save_session=not frames
        )
        self.run = BatchRun(
            self._desk, folders, settings, on_progress=self._on_progress, on_case=self._on_case, on_end=self._on_end,
            failed=self._on_failed,
        )  # fmt: skip
        self.form.progress.setRange(0, 0)
        self.form.progress_text.setText("")
        self.look()

    def _on_cancel(self) -> None:
        self.leave()
        self.look()

    def _on_progress(self, now: Progress) -> None:
        self.form.progress.setRange(0, 100 * now.total)
        self.form.progress.setValue(round(100 * (now.number + now.part)))
        self.form.progress_text.setText(texts.progress_text(now))

    def _on_case(self) -> None:
        self._show_list()
        self.look()

    def _on_end(self, tally: Tally) -> None:
        self.run = None
        self._show_list()
        self._say(*texts.ended_text(tally))

    def _on_failed(self, error: BaseException) -> None:
        self.run = None
        self._trouble(error)

    def _files(self, entry: Entry) -> tuple[Path, Path]:
        scans, masks = self.form.scans.path, self.form.masks.path
        assert scans is not None
        assert masks is not None
        return scans / entry.scan, masks / entry.mask

    def _on_open(self, case: object = "") -> None:
        if isinstance(case, str) and case:
            self.form.table.choose(case)
        entry = self.form.table.entry
        if entry is None or self._opening or not self.form.open.isEnabled():
            return
        scan, mask = self._files(entry)
        there = opened_case(self.viewer, mask)
        if there is not None:
            self.viewer.layers.selection = {there}
            return
        self._opening, self._message = entry.case, None
        self._desk.send(partial(read_case, scan, mask), partial(self._on_read, entry, scan, mask), self._trouble)
        self.look()

    def _on_read(self, entry: Entry, scan: Path, mask: Path, read: Any) -> None:
        self._opening = ""
        add_case(self.viewer, read, scan, mask)
        self._dock_propagate()
        self._say(*(("trouble", read[2]) if read[2] else ("next", texts.OPENED.format(entry.case))))

    def _dock_propagate(self) -> None:
        """The widget to correct with, beside this one."""
        window = getattr(self.viewer, "window", None)
        if window is not None:
            window.add_plugin_dock_widget("napari-medssl", "Propagate a slice", tabify=True)

    def _on_reviewed(self) -> None:
        entry = self.form.table.entry
        if entry is None:
            return
        _, mask = self._files(entry)
        labels = opened_case(self.viewer, mask)
        if labels is None or labels.ndim > 3:
            self._mark(entry.case)
            return
        image = reference_image(self.viewer.layers, labels)
        try:
            save_mask.save_in_background(labels, image, str(mask), self._on_saved)
            self._saving = entry.case
            self._say("busy", texts.SAVING.format(mask.name))
        except BadInput as error:
            self._trouble(error)

    def _on_saved(self, result: Path | tuple[Exception]) -> None:
        case, self._saving = self._saving, ""
        if isinstance(result, tuple):
            self._trouble(result[0])
        else:
            self._mark(case)

    def _mark(self, case: str) -> None:
        from napari_medssl.propagation.review import REVIEWED, mark

        masks = self.form.masks.path
        assert masks is not None
        try:
            mark(masks, case, REVIEWED)
        except BadInput as error:
            self._trouble(error)
            return
        self._on_change()
