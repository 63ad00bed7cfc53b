"""Layers > Annotate > Nodules: nodules of a chest CT found, read one by one, measured, exported, learnt from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QVBoxLayout

from napari_medssl.errors import BadInput, Cancelled
from napari_medssl.widgets import nodules_texts as texts
from napari_medssl.widgets.connections import Connections
from napari_medssl.widgets.controls import scrolled
from napari_medssl.widgets.desk import Desk
from napari_medssl.widgets.keyed_widget import KeyedWidget
from napari_medssl.widgets.model_menu import DEFAULT
from napari_medssl.widgets.nodules_files import Files
from napari_medssl.widgets.nodules_form import NodulesForm
from napari_medssl.widgets.nodules_ground import Ground
from napari_medssl.widgets.nodules_hand import Hand
from napari_medssl.widgets.nodules_keeping import Keeping
from napari_medssl.widgets.nodules_outlines import Outlines
from napari_medssl.widgets.nodules_reader import Reader
from napari_medssl.widgets.nodules_run import Engine, NodulesRun
from napari_medssl.widgets.nodules_window import show_lungs, show_window
from napari_medssl.widgets.recovery import RecoveryBar
from napari_medssl.widgets.running import RunningWidget
from napari_medssl.widgets.shortcuts import Shortcut
from napari_medssl.widgets.sides import mark_sides
from napari_medssl.widgets.tile_progress import STARTING, TileProgress
from napari_medssl.widgets.trouble import tell_trouble

if TYPE_CHECKING:
    import napari.viewer

# None of them is a key of napari's own for scans, labels or the viewer, nor one of Propagate's.
SHORTCUTS = (
    Shortcut("accept", "A", "Accept the finding, and show the next one to read"),
    Shortcut("reject", "D", "Reject it, and show the next one to read"),
    Shortcut("next", "S", "Show the next finding to read"),
    Shortcut("previous", "W", "Show the finding before this one in the list"),
    Shortcut("undo", "Q", "Take back the last step of the reading"),
    Shortcut("redo", "Shift+Q", "Take it again"),
)


class NodulesWidget(KeyedWidget, RunningWidget):
    """Choose a chest CT; get a list of findings to accept or reject, measure, export, compare and learn from.

    Parameters
    ----------
    napari_viewer : the viewer that it works in
    engine : looks for nodules, as `nodules_run.look_for_nodules` does, which is the default
    outliner : carries an outline through a scan, as `napari_medssl.propagation.propagate` does, which is the default
    """

    def __init__(
        self, napari_viewer: napari.viewer.Viewer, *, engine: Engine | None = None, outliner: Engine | None = None
    ) -> None:  # fmt: skip
        super().__init__()
        # napari hands plugins a proxy, under which no layer is the same object twice
        self.viewer: Any = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.form = NodulesForm(self.viewer)
        self.reader = Reader(self.viewer, self.form, self)
        self.hand = Hand(self.viewer, self.form, self.reader)
        self.keeping = Keeping(self.viewer, self.form.offer, self)
        self.recovery = RecoveryBar(self.viewer)  # of outlines
        self.form.add_notice(self.recovery)
        self.files = Files(self.viewer, self.form, self.reader)
        self.outlines = Outlines(self.viewer, self.form, self.reader, self, outliner)
        self.run: NodulesRun | None = None
        self.take_keys_of(self.viewer, SHORTCUTS)
        self._engine, self._desk = engine, Desk(self)
        self._message: tuple[str, str] | None = None  # stands in the first line until the person does something
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled(self.form), 1)
        self.form.research.setContentsMargins(8, 0, 8, 4)
        layout.addWidget(self.form.research)  # beneath the scrolled part: always to be seen
        self._connect()
        self.form.image.choose(self.viewer.layers.selection.active)
        mark_sides(self.viewer)
        self._on_scan()

    def _connect(self) -> None:
        form = self.form
        form.find.clicked.connect(self._on_find)
        form.cancel.clicked.connect(self._on_cancel)
        form.image.chosen.connect(self._on_scan)
        form.model.chosen.connect(self.look)
        form.window.chosen.connect(self._on_window)
        for speaker in (self.reader, self.files, self.outlines, self.keeping, self.recovery):
            speaker.said.connect(self._say)
        self.reader.changed.connect(self._on_reading)
        self.reader.seen.connect(self.outlines.look)
        self.reader.filtered.connect(self._on_filtered)
        self.keeping.brought_back.connect(self._on_brought_back)
        links = Connections(self)
        links.add(self.viewer.layers.selection.events.active, self._on_active)
        links.add(self.viewer.layers.events.removed, self._on_layers)
        links.add(self.viewer.layers.events.inserted, self._on_layers)

    def look(self) -> None:
        """Bring every text and button in line with what is there."""
        form, reading = self.form, self.reader.reading
        empty = reading is None or not reading.findings
        model = form.model.name != DEFAULT or self._engine is not None
        running = self.run is not None
        form.show_state(
            scan=self.reader.ground is not None, model=model, running=running,
            stopping=self.run is not None and self.run.stopping, empty=empty,
        )  # fmt: skip
        self.files.look()
        self.outlines.look()
        if self.run is not None:
            form.say("busy", texts.STOPPING if self.run.stopping else texts.RUNNING)
        elif self._message is not None:
            form.say(*self._message)
        elif self.reader.ground is None:
            form.say("next", texts.OPEN)
        elif not model and empty:
            form.say("trouble", texts.NO_MODEL)
        elif reading is None or empty:
            form.say("next", texts.READY)
        else:
            form.say(*texts.what_next(reading, self.reader.least))

    def leave(self) -> None:
        """The dock was closed: stop, and keep the readings."""
        super().leave()
        self.outlines.leave()
        self.keeping.leave()
        self.reader.marks.remove()
        self.files.theirs.remove()

    def _say(self, kind: str, sentence: str) -> None:
        self._message = (kind, sentence)
        self.look()

    def _on_scan(self) -> None:
        self._message = None
        self.outlines.leave()
        self.files.forget()
        try:
            ground = None if self.form.image.layer is None else Ground.of(self.viewer, self.form.image.layer)
        except BadInput as error:
            self.reader.read(None, None)
            self._say("trouble", str(error))
            return
        if ground is not None:
            show_lungs(ground.layer)
        self.reader.read(ground, None if ground is None else self.keeping.of(ground))
        self.keeping.look()
        self.look()

    def _on_window(self, name: str) -> None:
        if self.reader.ground is not None:
            show_window(self.reader.ground.layer, name)

    def _on_brought_back(self) -> None:
        self._on_scan()
        self._learn_places()
        self._say("done", texts.RESTORED)

    def _on_active(self) -> None:
        active = self.viewer.layers.selection.active
        if self.run is None and active is not None and active is not self.form.image.layer:
            self.form.image.choose(active)

    def _on_layers(self) -> None:
        self.outlines.look()

    def _on_reading(self) -> None:
        self._message = None
        self.keeping.changed()
        if self.reader.kept is not None and self.reader.kept.places is None:
            self._learn_places()
        self.look()

    def _on_filtered(self) -> None:
        self._message = None
        self.look()

    def _learn_places(self) -> None:
        """Find out, once for each scan, where its lungs are, for what was marked without a search."""
        kept, ground = self.reader.kept, self.reader.ground
        if kept is None or ground is None or kept.asked_for_lungs:
            return
        kept.asked_for_lungs = True
        volume = ground.volume

        def places() -> Any:
            from napari_medssl.nodules import find_lungs
            from napari_medssl.nodules.reading_places import Places

            return Places.of(find_lungs(volume))

        def arrived(found: Any) -> None:
            kept.places = found
            self.reader.look()

        self._desk.send(places, arrived, lambda _: None)  # without lungs a mark by hand just has no place

    def _on_find(self) -> None:
        self._message, form, ground = None, self.form, self.reader.ground
        if ground is not None:
            self._on_progress(STARTING)
            self.run = NodulesRun(
                self._desk, ground, form.model.name, engine=self._engine, on_progress=self._on_progress,
                on_end=self._on_end,
            )  # fmt: skip
        self.look()

    def _on_progress(self, now: TileProgress) -> None:
        now.show(self.form.progress, self.form.progress_text)

    def _on_end(self, found: Any) -> None:
        run, self.run = self.run, None
        if run is None:
            return
        if run.stopping or isinstance(found, Cancelled):
            self._say("next", texts.STOPPED)
        elif isinstance(found, BaseException):
            self._say("trouble", tell_trouble(found))
        elif run.ground.layer not in self.viewer.layers or self.reader.reading is None:
            self._say("trouble", texts.GONE)
        else:
            self._show_found(found)

    def _show_found(self, found: Any) -> None:
        from napari_medssl.nodules.reading_places import Places

        reader, kept = self.reader, self.reader.kept
        if kept is None:
            return
        kept.places, kept.least, kept.asked_for_lungs = Places.of(found.lungs), found.threshold, True
        self.form.score.slider.setValue(round(100 * found.threshold))
        new = kept.reading.found(found.nodules)
        reader.chosen = None
        reader.touched()
        self._say(*texts.found(found, new))
        if kept.reading.next_unread(None, reader.least) is not None:
            reader.next()
