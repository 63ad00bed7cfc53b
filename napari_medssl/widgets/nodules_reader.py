"""Reading the list: the table, the rings and the view tied together, deciding, marking, and every step taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_medssl.widgets import nodules_texts as texts
from napari_medssl.widgets.connections import Connections
from napari_medssl.widgets.nodules_chosen import ChosenFields
from napari_medssl.widgets.nodules_marks import Marks
from napari_medssl.widgets.planes import shown_axis
from napari_medssl.widgets.tubes_view import go_to

if TYPE_CHECKING:
    from napari_medssl.nodules.reading import Finding, Reading, Step
    from napari_medssl.widgets.nodules_form import NodulesForm
    from napari_medssl.widgets.nodules_ground import Ground
    from napari_medssl.widgets.nodules_keeping import Kept

FIELD_MM = 140.0  # of the picture, at most, when a finding is shown


class Reader(QObject):
    """Shows a reading and passes on what the person does to it.

    `said` is emitted with (kind, sentence) for the first line; `changed` after each change of the reading; `undone`
    with a step that was taken back, and `redone` with one that was taken again; `moved` with a finding as it was before
    it was moved, and the key of that step; `seen` after what is shown or chosen may have become another, and `filtered`
    when the person shows more or fewer.
    """

    said = Signal(str, str)
    changed = Signal()
    undone = Signal(object)
    redone = Signal(object)
    moved = Signal(object, int)
    seen = Signal()
    filtered = Signal()

    def __init__(self, viewer: Any, form: NodulesForm, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._form = viewer, form
        self.ground: Ground | None = None
        self.kept: Kept | None = None
        self.chosen: int | None = None
        self.marks = Marks(viewer)
        self._fields = ChosenFields(form, self)
        self._follow = QTimer(self)  # a slider sends many slices while it is dragged
        self._follow.setSingleShot(True)
        self._follow.setInterval(0)
        self._follow.timeout.connect(self.marks.follow)
        self._connect()

    def _connect(self) -> None:
        form = self._form
        form.table.picked.connect(self.go)
        form.accept.clicked.connect(lambda: self.decide("accepted"))
        form.reject.clicked.connect(lambda: self.decide("rejected"))
        form.put_back.clicked.connect(self._on_put_back)
        form.next.clicked.connect(self.next)
        form.previous.clicked.connect(self.previous)
        form.undo.clicked.connect(self._on_undo)
        form.redo.clicked.connect(self._on_redo)
        form.score.changed.connect(self._on_score)
        links = Connections(self)
        for event in (self._viewer.dims.events.current_step, self._viewer.dims.events.order):
            links.add(event, self._on_slice)
        links.add(self._viewer.dims.events.ndisplay, self._on_slice)

    @property
    def reading(self) -> Reading | None:
        return None if self.kept is None else self.kept.reading

    @property
    def least(self) -> float:
        """The score from which on findings of the model are shown."""
        return self._form.score.value

    @property
    def finding(self) -> Finding | None:
        """The chosen one."""
        reading = self.reading
        there = reading is not None and self.chosen is not None and self.chosen in reading
        return reading[self.chosen] if there and reading is not None and self.chosen is not None else None

    def read(self, ground: Ground | None, kept: Kept | None) -> None:
        """Show the reading of a scan."""
        if kept is not self.kept:
            self.marks.remove()
            self.chosen = None
        self.ground, self.kept = ground, kept
        if kept is not None and kept.least is not None:
            self._form.score.slider.setValue(round(100 * kept.least))
        self.look()

    def _on_slice(self) -> None:
        self._follow.start()

    def look(self) -> None:
        """Bring table, rings and buttons in line with the reading."""
        form, reading = self._form, self.reading
        if reading is None or self.ground is None or self.kept is None:
            self.marks.remove()
            form.undo.setEnabled(False)
            form.redo.setEnabled(False)
            return
        shown = reading.shown(self.least)
        if self.chosen is not None and self.chosen not in [one.number for one in shown]:
            self.chosen = None
        form.table.show_findings(shown, self.ground, self.kept.places)
        if self.chosen is None:
            form.table.clearSelection()
        elif form.table.chosen != self.chosen:
            form.table.choose(self.chosen)
        self.marks.show(self.ground, shown, self.chosen)
        form.counts.setText(texts.progress_of(reading, self.least) if reading.findings else "")
        form.undo.setEnabled(bool(reading.can_undo))
        form.redo.setEnabled(bool(reading.can_redo))
        self._fields.show()
        form.settle()
        self.seen.emit()

    def choose(self, number: int) -> None:
        """Choose a finding that is on screen already."""
        self.chosen = number
        self.look()

    def touched(self) -> None:
        """The reading has changed."""
        self.look()
        self.changed.emit()

    def go(self, number: int) -> None:
        """Choose a finding and show it: its slice, in the middle, large enough."""
        self.chosen = number
        one = self.finding
        if one is not None and self.ground is not None:
            self.show_place(one.centre)
        self.look()

    def show_place(self, centre: Any) -> None:
        """Show a point in LPS mm."""
        if self.ground is None:
            return
        layer = self.ground.layer
        go_to(self._viewer, layer, (*(0,) * (layer.ndim - 3), *self.ground.shown(centre)))
        if shown_axis(self._viewer, layer) is not None:
            camera = self._viewer.scene.camera
            camera.zoom = max(camera.zoom, min(self._viewer.canvas.size) / FIELD_MM)

    def next(self) -> None:
        """Show the next finding that nobody decided about."""
        reading = self.reading
        number = None if reading is None else reading.next_unread(self.chosen, self.least)
        if number is not None:
            self.go(number)
        elif reading is not None and reading.findings:
            self.said.emit(*texts.none_left(reading, self.least))

    def previous(self) -> None:
        """Show the finding above the chosen one in the table."""
        keys = self._form.table.keys
        if keys:
            place = keys.index(self.chosen) if self.chosen in keys else 0
            self.go(keys[place - 1])

    def decide(self, state: Any) -> None:
        """Accept or reject the chosen finding, and go on."""
        reading, number = self.reading, self.chosen
        if reading is None or number is None or number not in reading:
            self.next()
            return
        reading.decide(number, state)
        following = reading.next_unread(number, self.least)
        self.chosen = following if following is not None else number
        self.touched()
        if following is not None:
            self.go(following)
        else:
            self.said.emit("done", texts.ALL_READ)

    def _on_put_back(self) -> None:
        reading, one = self.reading, self.finding
        if reading is None or one is None:
            return
        if one.origin == "hand":
            reading.remove(one.number)
        else:
            reading.decide(one.number, "unread")
        self.touched()

    def _on_undo(self) -> None:
        step = None if self.reading is None else self.reading.undo()
        if step is not None:
            self.undone.emit(step)
            self._after(step, f"Taken back: {step.what}.")

    def _on_redo(self) -> None:
        step = None if self.reading is None else self.reading.redo()
        if step is not None:
            self.redone.emit(step)
            self._after(step, f"Done again: {step.what}.")

    def _after(self, step: Step, sentence: str) -> None:
        if step.number is not None and self.reading is not None and step.number in self.reading:
            self.go(step.number)
        self.touched()
        self.said.emit("done", sentence)

    def _on_score(self) -> None:
        if self.kept is not None:
            self.kept.least = self.least
        self.look()
        self.filtered.emit()
