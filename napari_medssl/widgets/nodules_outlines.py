"""The buttons that outline, measure and save nodules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_medssl.errors import BadInput
from napari_medssl.widgets import nodules_texts as texts
from napari_medssl.widgets import save_mask
from napari_medssl.widgets.desk import Desk, Stop
from napari_medssl.widgets.mask_saving import MaskSaving
from napari_medssl.widgets.nodules_masks import Engine, Masks, Outlined, outline_nodule
from napari_medssl.widgets.preferences import device_preference
from napari_medssl.widgets.trouble import tell_trouble

if TYPE_CHECKING:
    from napari_medssl.nodules.reading import Finding, Reading, Step
    from napari_medssl.widgets.nodules_form import NodulesForm
    from napari_medssl.widgets.nodules_ground import Ground
    from napari_medssl.widgets.nodules_reader import Reader


class Outlines(QObject):
    """Outlines one finding after the other in a thread, and keeps layer and list in step.

    `said` is emitted with (kind, sentence) for the first line.
    """

    said = Signal(str, str)

    def __init__(self, viewer: Any, form: NodulesForm, reader: Reader, owner: Any, engine: Engine | None) -> None:
        super().__init__(reader)
        self._viewer, self._form, self._reader, self._engine = viewer, form, reader, engine
        self._desk = Desk(self)
        self.masks = Masks(viewer, owner)
        self._waiting: list[int] = []
        self._stop = Stop()
        self._troubles: list[str] = []
        self._done = 0
        self.ask_mask = save_mask.ask_path
        self._saving = MaskSaving(self)
        self._saving.said.connect(self.said)
        form.outline.clicked.connect(self._on_outline)
        form.outline_all.clicked.connect(self._on_all)
        form.measure.clicked.connect(self._on_measure)
        form.save.clicked.connect(self._on_save)
        reader.undone.connect(self._on_undone)
        reader.redone.connect(self._on_redone)
        reader.moved.connect(self._on_moved)

    @property
    def busy(self) -> bool:
        return self._desk.busy

    def look(self) -> None:
        """Offer what can be done now."""
        form, ground, one = self._form, self._reader.ground, self._reader.finding
        layer = None if ground is None else self.masks.layer(ground)
        form.outline.setEnabled(one is not None and not self.busy)
        form.outline_all.setEnabled(not self.busy)
        form.measure.setEnabled(one is not None and layer is not None and not self.busy)
        form.save.setEnabled(layer is not None)

    def leave(self) -> None:
        """The dock was closed, or another scan is read."""
        self._stop.ask()
        self._waiting = []

    def _on_outline(self) -> None:
        if self._reader.chosen is not None:
            self._begin([self._reader.chosen])

    def _on_all(self) -> None:
        ground, reading = self._reader.ground, self._reader.reading
        if ground is not None and reading is not None:
            accepted = [one for one in reading.findings if one.state == "accepted"]
            left = [one.number for one in accepted if not self.masks.has(ground, one)]
            if left:
                self._begin(left)
            else:
                self.said.emit("next", "Every accepted finding has an outline; accept some first, or choose one.")

    def _begin(self, numbers: list[int]) -> None:
        self._waiting, self._stop, self._troubles, self._done = numbers, Stop(), [], 0
        self.destroyed.connect(self._stop.ask)
        self._next()

    def _next(self) -> None:
        ground, reading = self._reader.ground, self._reader.reading
        if ground is None or reading is None:
            self._waiting = []
            return
        self._waiting = [number for number in self._waiting if number in reading]
        if self._waiting:
            self._send(ground, reading, self._waiting.pop(0))
        elif self._troubles:
            self.said.emit("trouble", " ".join(self._troubles))
        elif self._done:
            what = texts.count(self._done, "finding")
            self.said.emit("done", f"{what} outlined and measured; an outline can be corrected with the brush.")
        self.look()

    def _send(self, ground: Ground, reading: Reading, number: int) -> None:
        finding, stop, engine, device = reading[number], self._stop, self._engine, device_preference()
        self.said.emit("busy", f"{texts.OUTLINING} No. {number}")
        self._desk.send(
            lambda: outline_nodule(ground, finding, device=device, cancelled=stop, engine=engine),
            lambda found: self._on_outlined(ground, reading, found),
            lambda error: self._on_failed(number, error),
        )

    def _on_outlined(self, ground: Ground, reading: Reading, found: Outlined) -> None:
        if not self._stop() and reading is self._reader.reading and found.number in reading:
            before = reading[found.number]
            key = reading.measured(found.number, found.sizes)
            try:
                self.masks.paint(ground, before, found, (id(reading), -1 if key is None else key))
                self._done += 1
            except BadInput as error:
                reading.undo()
                self._troubles.append(str(error))
            self._reader.touched()
        self._next()

    def _on_failed(self, number: int, error: BaseException) -> None:
        if not self._stop():
            self._troubles.append(f"No. {number}: {tell_trouble(error)}")
        self._next()

    def _on_undone(self, step: Step) -> None:
        self.masks.undo((id(self._reader.reading), step.key))

    def _on_redone(self, step: Step) -> None:
        if step.number is not None:
            self.masks.redo((id(self._reader.reading), step.key), step.number)

    def _on_moved(self, before: Finding, key: int) -> None:
        ground, reading = self._reader.ground, self._reader.reading
        if ground is None or reading is None:
            return
        if self.masks.drop_if_left(ground, before, reading[before.number], (id(reading), key)):
            self.said.emit("done", f"No. {before.number} was moved off its outline, which was taken out.")

    def _on_measure(self) -> None:
        ground, reading, one = self._reader.ground, self._reader.reading, self._reader.finding
        if ground is None or reading is None or one is None:
            return
        try:
            reading.measured(one.number, self.masks.measured(ground, one))
        except BadInput as error:
            self.said.emit("trouble", tell_trouble(error))
            return
        self._reader.touched()
        self.said.emit("done", texts.details(reading[one.number]).replace("\n", ". ") + ".")

    def _on_save(self) -> None:
        ground = self._reader.ground
        layer = None if ground is None else self.masks.layer(ground)
        if ground is None or layer is None:
            return
        suggestion = save_mask.suggested_path(ground.layer).with_name(f"{ground.uid}_nodules.nii.gz")
        self._saving.save(layer, ground.layer, self.ask_mask(self._form, suggestion))
