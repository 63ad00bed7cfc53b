"""Structures, a section of the Propagate widget: what each label is, how large it is, and whether it is finished."""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QVBoxLayout, QWidget

from napari_medssl.errors import BadInput
from napari_medssl.volumes.segments import Colour
from napari_medssl.volumes.sizes import voxels_by_slice
from napari_medssl.widgets import locks
from napari_medssl.widgets.brush_history import future, past
from napari_medssl.widgets.controls import button, row
from napari_medssl.widgets.desk import Desk
from napari_medssl.widgets.layers import spacing_of
from napari_medssl.widgets.planes import show_slice
from napari_medssl.widgets.structures_of import colour_of, keep, show, structures_of
from napari_medssl.widgets.structures_table import Row, StructuresTable
from napari_medssl.widgets.trouble import tell_trouble

if TYPE_CHECKING:
    from napari_medssl.propagation.structures import Structures
    from napari_medssl.widgets.propagate_job import Work

LOOK_MS = 150
SHARE = 0.2  # of the time at most, that the counting of voxels takes


class StructuresSection(QWidget):
    """The table of structures and what can be done with the selected one.

    Parameters
    ----------
    viewer : napari's viewer
    work : answers the layers that are worked on, or raises `BadInput`

    `said` is emitted with (kind, sentence) for the widget's first line, `changed` when a lock was set or taken off.
    """

    said = Signal(str, str)
    changed = Signal()

    def __init__(self, viewer: Any, work: Callable[[], Work], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._work = viewer, work
        self.ask_colour = ask_colour
        self.table = StructuresTable()
        self.accept_and_next = button(
            "Accept, next structure",
            "The selected structure is right: lock it, and draw the next one under a new label.",
        )
        self.add = button("Add", "Draw another structure under a new label, and leave the others as they are.")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table)
        column.addWidget(row(self.accept_and_next, self.add))
        self._desk = Desk(self)
        self._sizes: dict[int, int] = {}
        self._counted: object = None  # what the sizes were counted on
        self._counting: object = None
        self._outdated = False  # whether what is being counted may have changed since it was begun
        self._not_before = 0.0
        self._look_later = QTimer(self)
        self._look_later.setSingleShot(True)
        self._look_later.timeout.connect(self.look)
        self._look_soon = QTimer(self)
        self._look_soon.setSingleShot(True)
        self._look_soon.setInterval(LOOK_MS)
        self._look_soon.timeout.connect(self.look)
        self.table.picked.connect(self._on_picked)
        self.table.colour_asked.connect(self._on_colour)
        self.table.shown.connect(self._on_shown)
        self.table.rows.renamed.connect(self._on_renamed)
        self.table.rows.lock_asked.connect(self._on_lock)
        self.accept_and_next.clicked.connect(self._on_accept)
        self.add.clicked.connect(self._on_add)

    def look_soon(self, *_: Any) -> None:
        """Something may have changed."""
        self._look_soon.start()

    def look_again(self) -> None:
        """Anything may have changed, in ways that leave no trace: count the voxels anew."""
        self._counted, self._outdated = None, True
        self.look_soon()

    def look(self) -> None:
        """Bring the table in line with the layer."""
        try:
            work = self._work()
        except BadInput:
            self.table.show_rows([], 0)
            self.setEnabled(False)
            return
        self.setEnabled(True)
        self._count(work)
        structures, layer = structures_of(work.labels, work.session), work.labels
        show(layer, structures)
        locks.guard(layer).refused = self._refused(layer)
        axis = work.session.plane(layer.data)
        drawn = work.session.drawn(axis or 0, layer.data)
        selected = int(layer.selected_label)
        millilitres = float(np.prod(spacing_of(layer))) / 1000
        known = self._counted is not None
        labels = sorted({*self._sizes, *structures.labels, *drawn, *([selected] if selected > 0 else [])})
        rows = [
            Row(
                label=label,
                name=structures[label].name,
                colour=colour_of(layer, label),
                drawn=len(drawn.get(label, ())),
                millilitres=self._sizes.get(label, 0) * millilitres if known else None,
                locked=structures[label].locked,
                accepted=structures[label].accepted,
            )
            for label in labels
        ]
        self.table.show_rows(rows, selected)
        self.accept_and_next.setEnabled(selected in drawn or self._sizes.get(selected, 0) > 0)

    def _count(self, work: Work) -> None:
        """Count voxels in a thread, where something has changed since the last time."""
        layer = work.labels
        now = _state(layer)
        if now == self._counted or self._counting is not None:
            return
        wait = self._not_before - time.monotonic()
        if wait > 0 and self._counted is not None:
            self._look_later.start(math.ceil(1000 * wait))
            return
        if self._counted is None or self._counted[0] != now[0]:
            self._sizes, self._counted = {}, None
        self._counting, self._outdated, array = now, False, layer.data
        self._desk.send(lambda: _count(array), self._on_sizes, self._no)

    def _on_sizes(self, found: tuple[dict[int, int], float]) -> None:
        self._sizes, seconds = found
        self._not_before = time.monotonic() + seconds / SHARE
        self._counted, self._counting = None if self._outdated else self._counting, None
        self.look()

    def _no(self, error: BaseException) -> None:
        self._counting = None
        self.said.emit("trouble", tell_trouble(error))

    def _refused(self, layer: Any) -> Callable[[int], None]:
        me = weakref.ref(self)

        def tell(label: int) -> None:
            section = me()
            if section is not None:
                section._tell_refused(label)

        return tell

    def _tell_refused(self, label: int) -> None:
        work = self._work()
        called = structures_of(work.labels, work.session).called(label)
        self.said.emit("trouble", f"{_capital(called)} is locked and stays as it is; unlock it to change it.")

    def _change(self, change: Callable[[Structures, Work], str | None]) -> None:
        """Change the structures, and say what to do next, if there is something to say."""
        try:
            work = self._work()
            structures = structures_of(work.labels, work.session)
            sentence = change(structures, work)
            keep(work.labels, work.session, structures)
            self.look()
            self.changed.emit()
            if sentence:
                self.said.emit("next", sentence)
        except BadInput as error:
            self.said.emit("trouble", tell_trouble(error))

    def _on_picked(self, label: int) -> None:
        self._work().labels.selected_label = label

    def _on_renamed(self, label: int, name: str) -> None:
        self._change(lambda structures, _: structures.rename(label, name))

    def _on_lock(self, label: int, on: bool) -> None:
        self._change(lambda structures, _: structures.lock(label, on))

    def _on_colour(self, label: int) -> None:
        chosen = self.ask_colour(self, colour_of(self._work().labels, label))
        if chosen is not None:
            self._change(lambda structures, _: structures.paint(label, chosen))

    def _on_accept(self) -> None:
        def accept(structures: Structures, work: Work) -> str:
            label = int(work.labels.selected_label)
            following = self._free(structures, work)  # first, so that nothing happens where there is none
            structures.accept(label)
            done = f"{_capital(structures.called(label))} is accepted and locked. Now d"
            return self._take_up(work, following, done)

        self._change(accept)

    def _on_add(self) -> None:
        self._change(lambda structures, work: self._take_up(work, self._free(structures, work), "D"))

    def _free(self, structures: Structures, work: Work) -> int:
        drawn = work.session.drawn(work.session.plane(work.labels.data) or 0, work.labels.data)
        return structures.next_free([*self._sizes, *drawn], int(np.iinfo(work.labels.data.dtype).max))

    def _take_up(self, work: Work, label: int, start: str) -> str:
        """The brush in hand, with another label; returns what to say."""
        self._viewer.dims.ndisplay = 2
        self._viewer.layers.selection.active = work.labels
        work.labels.selected_label = label
        work.labels.mode = "paint"
        return f"{start}raw the next structure on one slice; it is label {label}."

    def _on_shown(self, label: int) -> None:
        """Jump to the largest of its drawn slices, or the largest at all."""
        work = self._work()
        array = work.labels.data
        axis = work.session.plane(array) or 0
        drawn = list(work.session.drawn(axis, array).get(label, ()))

        def largest() -> int | None:
            counts = voxels_by_slice(array, axis).get(label)
            if counts is None:
                return None
            kept = np.zeros_like(counts)
            kept[drawn] = counts[drawn]
            return int((kept if kept.any() else counts).argmax())

        layer = work.labels

        def jump(index: int | None) -> None:
            if index is not None and layer in self._viewer.layers:
                show_slice(self._viewer, layer, axis, index)

        self._desk.send(largest, jump, self._no)


def _count(array: Any) -> tuple[dict[int, int], float]:
    """({label: voxels}, seconds that it took)"""
    started = time.monotonic()
    sizes = {label: int(counts.sum()) for label, counts in voxels_by_slice(array).items()}
    return sizes, time.monotonic() - started


def ask_colour(parent: QWidget, colour: Colour) -> Colour | None:
    """Ask for a colour; None means never mind."""
    chosen = QColorDialog.getColor(QColor.fromRgbF(*colour), parent, "Colour of the structure")
    return (chosen.redF(), chosen.greenF(), chosen.blueF()) if chosen.isValid() else None


def _state(layer: Any) -> tuple[Any, ...]:
    """Something that differs once the layer's voxels have been changed by hand, by a run, by undo or by redo."""
    steps = past(layer)
    last = steps[-1] if steps else None
    return id(layer.data), len(steps), id(last), len(last or ()), len(future(layer))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
