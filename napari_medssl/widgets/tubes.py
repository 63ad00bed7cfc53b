"""Layers > Segment > Tubes: vessels and airways, found, rebuilt from their centre lines, and measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout

from napari_medssl.errors import BadInput, Cancelled
from napari_medssl.widgets import tubes_texts as texts
from napari_medssl.widgets.connections import Connections
from napari_medssl.widgets.controls import scrolled
from napari_medssl.widgets.desk import Desk
from napari_medssl.widgets.model_menu import DEFAULT
from napari_medssl.widgets.planes import shown_frame
from napari_medssl.widgets.recovery import RecoveryBar
from napari_medssl.widgets.running import RunningWidget
from napari_medssl.widgets.sides import mark_sides
from napari_medssl.widgets.tile_progress import STARTING, TileProgress
from napari_medssl.widgets.trouble import tell_trouble
from napari_medssl.widgets.tubes_form import TubesForm
from napari_medssl.widgets.tubes_layers import TubeLayers
from napari_medssl.widgets.tubes_preview import Preview
from napari_medssl.widgets.tubes_results import TubesResults
from napari_medssl.widgets.tubes_run import Engine, Found, TubesRun, Wish
from napari_medssl.widgets.tubes_source import Source

if TYPE_CHECKING:
    import napari.viewer

    from napari_medssl.tubes import Tubes

PREVIEW_MS = 10  # a slider sends many values while it is dragged


class TubesWidget(RunningWidget):
    """Choose a scan, a mask or a probability map; get rebuilt tubes, their centre line and a table of branches.

    Parameters
    ----------
    napari_viewer : the viewer that it works in
    engine : finds tubes in a scan, as `napari_medssl.tubes.segment` does, which is the default
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, *, engine: Engine | None = None) -> None:
        super().__init__()
        # napari hands plugins a proxy, under which no layer is the same object twice
        self.viewer: Any = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.form = TubesForm(self.viewer)
        self.layers, self.preview = TubeLayers(self.viewer), Preview(self.viewer)
        self.results = TubesResults(self.viewer, self.form, self.layers, self)
        self.recovery = RecoveryBar(self.viewer)
        self.form.add_notice(self.recovery)
        self.run: TubesRun | None = None
        self._engine, self._desk = engine, Desk(self)
        self._known: tuple[tuple[Any, ...], Tubes] | None = None  # what the network said, and of what
        self._message: tuple[str, str] | None = None  # stands in the first line until the person does something
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled(self.form))
        self._preview_soon = QTimer(self)
        self._preview_soon.setSingleShot(True)
        self._preview_soon.setInterval(PREVIEW_MS)
        self._preview_soon.timeout.connect(self._show_preview)
        self._begin_with_what_is_selected()
        self._connect()
        mark_sides(self.viewer)
        self.look()

    def _begin_with_what_is_selected(self) -> None:
        active = self.viewer.layers.selection.active
        if active in self.form.mask.layers and active.visible:
            self.form.kind.setCurrentIndex(self.form.kind.findData("mask"))
            self.form.mask.choose(active)
        self.form.image.choose(active)

    def _connect(self) -> None:
        form = self.form
        form.run.clicked.connect(self._on_run)
        form.cancel.clicked.connect(self._on_cancel)
        form.kind.currentIndexChanged.connect(self._on_change)
        form.polarity.currentIndexChanged.connect(self._on_change)
        for choice in (form.image.chosen, form.mask.chosen, form.model.chosen):
            choice.connect(self._on_change)
        for threshold in (form.threshold, form.sure):
            threshold.changed.connect(self._on_threshold)
        self.recovery.said.connect(self._say)
        self.results.said.connect(self._say)
        self.results.shown.connect(self._on_shown)
        links = Connections(self)
        links.add(self.viewer.layers.selection.events.active, self._on_active)
        for event in (self.viewer.dims.events.current_step, self.viewer.dims.events.order):
            links.add(event, self._on_slice)
        links.add(self.viewer.dims.events.ndisplay, self._on_slice)

    @property
    def kind(self) -> Any:
        return self.form.kind.currentData()

    def look(self) -> None:
        """Bring every text and button in line with what is there."""
        form, running = self.form, self.run is not None
        layer = self._layer()
        no_model = self.kind == "scan" and form.model.name == DEFAULT
        known = self._known_maps()
        urgent = self._message is None or self.preview.layer is not None
        ready = layer is not None and (not no_model or known is not None)
        form.show_state(
            self.kind, ready=ready, running=running, stopping=self.run is not None and self.run.stopping,
            network=self.kind == "scan" and known is None, urgent=urgent,
        )  # fmt: skip
        self.results.look()
        if self.run is not None:
            form.say("busy", texts.STOPPING if self.run.stopping else texts.RUNNING)
        elif self._message is not None:
            form.say(*self._message)
        elif layer is None:
            form.say("next", texts.OPEN[self.kind])
        elif no_model and known is None:
            form.say("trouble", texts.NO_MODEL)
        else:
            form.say("next", texts.KNOWN if self.kind == "scan" and known is not None else texts.READY[self.kind])

    def leave(self) -> None:
        """The dock was closed: stop, and leave only results in the viewer."""
        super().leave()
        self.preview.remove()
        self.results.leave()

    def _layer(self) -> Any:
        return self.form.mask.layer if self.kind == "mask" else self.form.image.layer

    def _asked_of(self) -> tuple[Any, ...]:
        """What the network's answer depends on."""
        layer, form = self.form.image.layer, self.form
        frame = None if layer is None else shown_frame(self.viewer, layer)
        return layer, None if layer is None else layer.data, frame, form.model.name, form.polarity.currentData()

    def _known_maps(self) -> Tubes | None:
        if self._known is None or self.kind != "scan":
            return None
        before, now = self._known[0], self._asked_of()
        same = before[0] is now[0] and before[1] is now[1] and before[2:] == now[2:]
        return self._known[1] if same and now[0] is not None else None

    def _say(self, kind: str, sentence: str) -> None:
        self._message = (kind, sentence)
        self.look()

    def _trouble(self, error: BaseException) -> None:
        self._say("trouble", tell_trouble(error))

    def _on_change(self) -> None:
        self._message = None
        self.preview.remove()
        self.look()

    def _on_active(self) -> None:
        active = self.viewer.layers.selection.active
        if self.run is None and active is not None and active not in self.layers and active is not self.preview.layer:
            (self.form.mask if self.kind == "mask" else self.form.image).choose(active)

    def _on_threshold(self) -> None:
        self._preview_soon.start()

    def _on_slice(self) -> None:
        if self.preview.layer is not None:
            self._preview_soon.start()

    def _show_preview(self) -> None:
        layer, known = self._layer(), self._known_maps()
        if self.run is not None or layer is None or (known is None and self.kind != "probability"):
            return
        try:
            source = Source.of(self.viewer, self.kind, layer)
            probability = source.volume.array if known is None else known.probability
            shown = self.preview.show(source, probability, self.form.threshold.value, self.form.sure.value)
        except BadInput as error:
            self._trouble(error)
            return
        self._say("next", texts.PREVIEW if shown else texts.NO_PREVIEW)

    def _on_run(self) -> None:
        self._message, form = None, self.form
        self.preview.remove()
        try:
            source = Source.of(self.viewer, self.kind, self._layer())
            wish = Wish(
                source, form.model.name, form.polarity.currentData(), form.threshold.value, form.sure.value,
                self._known_maps(),
            )  # fmt: skip
            self._asked = self._asked_of()
            self._on_progress(STARTING)
            self.run = TubesRun(
                self._desk, wish, engine=self._engine, on_progress=self._on_progress, on_end=self._on_end
            )
        except BadInput as error:
            self._trouble(error)
        self.look()

    def _on_progress(self, now: TileProgress) -> None:
        now.show(self.form.progress, self.form.progress_text)

    def _on_end(self, found: Any) -> None:
        run = self.run
        if run is None:
            return
        if isinstance(found, Found) and not run.stopping and run.wish.source.layer in self.viewer.layers:
            if found.maps is not None and found.wish.source.kind == "scan":
                self._known = self._asked, found.maps
            self.results.show(found)
            return
        self.run = None
        if run.stopping or isinstance(found, Cancelled):
            self._say("next", texts.STOPPED)
        elif isinstance(found, BaseException):
            self._trouble(found)
        else:
            self._say("trouble", texts.GONE)

    def _on_shown(self, found: Found) -> None:
        self.run = None
        self._say(*texts.done(found))
