"""The lower half of the Tubes widget: the table and the picture tied together, keeping a part, 3D, saving."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_medssl.errors import BadInput
from napari_medssl.widgets import brush_history, save_mask
from napari_medssl.widgets import tubes_texts as texts
from napari_medssl.widgets.autosave import keep_safe
from napari_medssl.widgets.connections import Connections
from napari_medssl.widgets.desk import Desk
from napari_medssl.widgets.hand_strokes import strokes_on
from napari_medssl.widgets.layers import spacing_of
from napari_medssl.widgets.mask_saving import MaskSaving
from napari_medssl.widgets.trouble import tell_trouble
from napari_medssl.widgets.tubes_clicks import ViewerClicks, voxel_under
from napari_medssl.widgets.tubes_layers import LINE, NARROW, TubeLayers
from napari_medssl.widgets.tubes_table import worst
from napari_medssl.widgets.tubes_view import View3D, go_to

if TYPE_CHECKING:
    from napari_medssl.widgets.tubes_form import TubesForm
    from napari_medssl.widgets.tubes_run import Found


class TubesResults(QObject):
    """What can be done with the results.

    `said` is emitted with (kind, sentence) for the first line, `shown` with what was found once all of it is shown.
    """

    said = Signal(str, str)
    shown = Signal(object)

    def __init__(self, viewer: Any, form: TubesForm, layers: TubeLayers, parent: Any) -> None:
        super().__init__(parent)
        self._viewer, self._form, self._layers = viewer, form, layers
        self._desk = Desk(self)
        self._steps: Iterator[None] = iter(())
        self._clicks = ViewerClicks(viewer, self)
        self._links = Connections(self)
        self.view = View3D(viewer)
        self.ask_mask, self.ask_table = save_mask.ask_path, ask_table
        self._saving = MaskSaving(self)
        self._saving.said.connect(self.said)
        self._clicks.clicked.connect(self._on_click)
        form.table.picked.connect(self._on_row)
        form.keep.toggled.connect(self._on_keep)
        form.undo.clicked.connect(self._on_undo)
        form.view3d.toggled.connect(self._on_3d)
        form.export.clicked.connect(self._on_export)
        form.save.clicked.connect(self._on_save)
        links = Connections(self)
        links.add(viewer.dims.events.ndisplay, self._on_ndisplay)
        links.add(viewer.layers.events.removed, self.look)

    def show(self, found: Found) -> None:
        """Show what came of a run, a layer at a time; `shown` is emitted at the end."""
        self._links.clear()
        self._form.legend.setText(texts.legend(found))
        self._steps = self._layers.show(found)
        self._step()

    def _step(self) -> None:
        try:
            next(self._steps)
        except StopIteration:
            self._all_shown()
        else:
            QTimer.singleShot(0, self._step)

    def _all_shown(self) -> None:
        refined, found = self._layers.refined, self._layers.found
        if refined is not None:
            events = refined.events
            strokes_on(refined, self._viewer)
            keep_safe(self._viewer, self._form).begin_anew(refined)
            for event in (events.paint, events.labels_update, events.set_data, events.data):
                self._links.add(event, self.look)
        if self.view.on:
            self._show_3d()
        self.look()
        self.shown.emit(found)

    def look(self) -> None:
        """Bring the table and the buttons in line with the layers."""
        form, found, refined = self._form, self._layers.found, self._layers.refined
        if found is not None:  # first, so that the rest is laid out below a table of the right height
            form.table.show_branches(found.branches, self._layers.alive())
        form.results.setVisible(found is not None and bool(found.branches))
        form.settle()
        if found is None:
            return
        for control in (form.keep, form.view3d, form.save):
            control.setEnabled(refined is not None)
        form.undo.setEnabled(refined is not None and bool(brush_history.past(refined)))
        if refined is None and form.keep.isChecked():
            form.keep.setChecked(False)

    def leave(self) -> None:
        """The dock was closed: slices again."""
        self.view.back()

    def _on_row(self, number: int) -> None:
        found, refined = self._layers.found, self._layers.refined
        if found is None or refined is None:
            return
        branch = found.branches[number - 1]
        narrow = worst(branch)
        voxel = branch.points[len(branch.points) // 2] if narrow is None else narrow.voxel
        self._layers.mark(number)
        go_to(self._viewer, refined, found.wish.source.shown_voxels(voxel)[0])
        self.said.emit("done", texts.branch_text(number, None if narrow is None else narrow.percent))

    def _on_click(self, event: Any) -> None:
        refined = self._layers.refined
        if refined is None or not refined.visible or not self._form.isVisible():
            return
        voxel = voxel_under(event, refined)
        if self._form.keep.isChecked():
            self._keep(voxel)
            return
        number = None if voxel is None else self._layers.branch_at(voxel)
        if number is not None and self._layers.found is not None:
            self._form.table.choose(number)
            self._layers.mark(number)
            narrow = worst(self._layers.found.branches[number - 1])
            self.said.emit("done", texts.picked(number, None if narrow is None else narrow.percent))

    def _on_keep(self, on: bool) -> None:
        active = self._viewer.layers.selection.active
        if on and active is not None and hasattr(active, "mode"):
            active.mode = "pan_zoom"  # a click is to reach the picture, not the brush
        if on:
            self.said.emit("next", texts.KEEP)

    def _keep(self, voxel: Any) -> None:
        refined = self._layers.refined
        if voxel is None or refined is None:
            self.said.emit("trouble", texts.NO_HIT)
            return
        self._form.keep.setEnabled(False)
        data = refined.data
        self._desk.send(
            lambda: rest_of(data, voxel),
            lambda rest: self._remove(refined, data, rest),
            self._not_kept,
        )

    def _remove(self, refined: Any, data: Any, rest: Any) -> None:
        self._form.keep.setEnabled(True)
        self._form.keep.setChecked(False)
        if refined is self._layers.refined and refined.data is data:
            if len(rest[0]):
                refined.data_setitem(rest, 0)
            z, y, x = spacing_of(refined)
            self.said.emit("done", texts.kept(len(rest[0]) * z * y * x / 1000))

    def _not_kept(self, error: BaseException) -> None:
        self._form.keep.setEnabled(True)
        self.said.emit("trouble", texts.NO_HIT if isinstance(error, BadInput) else tell_trouble(error))

    def _on_undo(self) -> None:
        if self._layers.refined is not None:
            self._layers.refined.undo()
            self.look()
            self.said.emit("next", texts.UNDONE)

    def _on_3d(self, on: bool) -> None:
        if on and not self.view.on:
            self._show_3d()
        elif not on:
            self.view.back()

    def _show_3d(self) -> None:
        wanted = [
            layer for layer in (self._layers.refined, *map(self._layers.get, (LINE, NARROW))) if layer is not None
        ]
        self.view.show(wanted)

    def _on_ndisplay(self) -> None:
        self._form.view3d.setChecked(self.view.on)

    def _on_export(self) -> None:
        from napari_medssl.tubes import write_branches

        found, refined = self._layers.found, self._layers.refined
        if found is None:
            return
        source = found.wish.source
        suggestion = save_mask.suggested_path(source.layer)
        path = self.ask_table(self._form, suggestion.with_name(f"{source.volume.name or 'tubes'} branches.csv"))
        if not path:
            return
        target = Path(path if Path(path).suffix else f"{path}.csv")
        alive = self._layers.alive() if refined is not None else {branch.number for branch in found.branches}
        try:
            write_branches(target, [branch for branch in found.branches if branch.number in alive])
        except (BadInput, OSError) as error:
            self.said.emit("trouble", tell_trouble(BadInput(str(error))))
            return
        self.said.emit("done", f"The table is written to {target.name}.")

    def _on_save(self) -> None:
        found, refined = self._layers.found, self._layers.refined
        if found is None or refined is None:
            return
        image: Any = found.wish.source.image or found.wish.source.layer
        self._saving.save(refined, image, self.ask_mask(self._form, save_mask.suggested_path(image)))


def rest_of(data: Any, voxel: Any) -> tuple[Any, ...]:
    """Indices of all in a mask but the connected part at a place; for a thread.

    Raises
    ------
    BadInput
        There is nothing at that place.
    """
    from napari_medssl.tubes import keep_part

    labels = np.asarray(data)
    return np.nonzero((labels != 0) & ~keep_part(labels, voxel))


def ask_table(parent: Any, suggestion: Path) -> str:
    """Ask for a file name; an empty answer means never mind."""
    from qtpy.QtWidgets import QFileDialog

    return str(QFileDialog.getSaveFileName(parent, "Table as CSV", str(suggestion), "CSV (*.csv)")[0])
