"""The readings of a viewer's scans: one for each, on disk at every moment, and offered again when napari is gone."""

from __future__ import annotations

import atexit
import threading
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_medssl.errors import BadInput
from napari_medssl.widgets.connections import Connections
from napari_medssl.widgets.desk import Desk
from napari_medssl.widgets.nodules_ground import Ground
from napari_medssl.widgets.propagate_texts import count
from napari_medssl.widgets.recovery import when_text
from napari_medssl.widgets.trouble import tell_trouble

if TYPE_CHECKING:
    from napari_medssl.nodules.reading import Reading
    from napari_medssl.nodules.reading_places import Places
    from napari_medssl.nodules.reading_recovery import ReadingOffer, ReadingStore, ScanKnown
    from napari_medssl.widgets.nodules_form import OfferBar

WRITE_MS = 300  # from a change until it is written; more may follow


class Kept:
    """The reading of one scan layer, and the file that keeps it.

    Attributes
    ----------
    places : tells places in its lungs, once these are known
    least : the score from which on the model's findings are shown
    asked_for_lungs : whether they are known, or being looked for
    """

    def __init__(self, reading: Reading, scan: ScanKnown) -> None:
        self.reading, self.scan = reading, scan
        self.places: Places | None = None
        self.least: float | None = None
        self.asked_for_lungs = False
        self.store: ReadingStore | None = None
        self._written, self._released = 0, False
        self._lock = threading.Lock()  # one thread at a time writes

    def write(self, *, released: bool = False) -> None:
        """Bring the file in line with the reading, in any thread.

        There is none while all of it is in a file of the person's own.
        """
        from napari_medssl.nodules.reading_recovery import ReadingStore

        with self._lock:
            version = self.reading.version  # before the findings: what changes meanwhile is written once more
            if not self.reading.unkept:
                if self.store is not None:
                    self.store.remove()
                self.store, self._written = None, version
            elif (version, released) != (self._written, self._released):
                self.store = self.store or ReadingStore()
                self.store.write(self.scan, self.reading.findings, released=released, least=self.least)
                self._written, self._released = version, released


_READINGS: weakref.WeakKeyDictionary[Any, Kept] = weakref.WeakKeyDictionary()


class Keeping(QObject):
    """Knows the reading of every scan layer, has it written soon after each change, and offers those left behind.

    `said` is emitted with (kind, sentence) for the first line; `brought_back` when a layer has its reading again.
    """

    said = Signal(str, str)
    brought_back = Signal()

    def __init__(self, viewer: Any, bar: OfferBar, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._bar = viewer, bar
        self._layers: dict[int, weakref.ref[Any]] = {}
        self._told = ""
        self._offers: list[ReadingOffer] = []
        self._desk = Desk(self)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(WRITE_MS)
        self._soon.timeout.connect(self.write_now)
        bar.bring_back.clicked.connect(self._on_bring_back)
        bar.discard.clicked.connect(lambda: self._show_offer(asking=True))
        bar.keep.clicked.connect(lambda: self._show_offer())
        bar.delete.clicked.connect(self._on_delete)
        Connections(self).add(viewer.layers.events.removed, self._on_removed)
        self._open: list[Kept] = []
        left = self._open
        end = lambda *_: _finish(left)  # noqa: E731  (nothing of Qt in it: it outlives the object)
        self.destroyed.connect(end)
        atexit.register(end)

    def of(self, ground: Ground) -> Kept:
        """The reading of a scan, a new one if it has none."""
        from napari_medssl.nodules.reading import Reading

        kept = _READINGS.get(ground.layer)
        if kept is None:
            kept = _READINGS[ground.layer] = Kept(Reading(), ground.known)
        self._layers.setdefault(id(ground.layer), weakref.ref(ground.layer))
        if kept not in self._open:
            self._open.append(kept)
        self._soon.start()  # another widget may have let go of it
        return kept

    def changed(self) -> None:
        """Something is not on disk."""
        self._soon.start()

    def write_now(self) -> None:
        """Have a thread write what has changed."""
        for kept in self._all():
            self._desk.send(kept.write, None, self._tell)

    def leave(self) -> None:
        """Write all, and let others have it."""
        self._soon.stop()
        for kept in self._all():
            self._release(kept)
        self._open.clear()

    def look(self) -> None:
        """See, in a thread, what was left behind."""
        from napari_medssl.nodules.reading_recovery import reading_offers

        def arrived(found: list[ReadingOffer]) -> None:
            own = {kept.store.path for kept in self._all() if kept.store is not None}
            others = [offer for offer in found if offer.path not in own]
            # those of scans that are open come first
            self._offers = sorted(others, key=lambda offer: self._ground_of(offer.scan) is None)
            self._show_offer()

        self._desk.send(reading_offers, arrived, lambda _: None)

    def _all(self) -> list[Kept]:
        layers = [ref() for ref in self._layers.values()]
        return [_READINGS[layer] for layer in layers if layer is not None and layer in _READINGS]

    def _release(self, kept: Kept) -> None:
        try:
            kept.write(released=True)
        except BadInput as error:
            self._tell(error)

    def _tell(self, error: BaseException) -> None:
        if str(error) != self._told:  # once, not each few seconds
            self._told = str(error)
            self.said.emit("trouble", tell_trouble(error))

    def _on_removed(self) -> None:
        for key, ref in list(self._layers.items()):
            layer = ref()
            if layer is None or layer not in self._viewer.layers:
                del self._layers[key]
                kept = _READINGS.pop(layer, None) if layer is not None else None
                if kept is not None:
                    self._release(kept)
                    self._open[:] = [one for one in self._open if one is not kept]
                    self.look()

    def _show_offer(self, *, asking: bool = False) -> None:
        if not self._offers:
            self._bar.show_offer("")
            return
        offer, more = self._offers[0], len(self._offers) - 1
        what = f"{offer.scan.name} from {when_text(offer.saved)}"
        if asking:
            sentence = f"Delete the unsaved reading of {what}? It cannot be brought back."
        else:
            others = f" (and {more} more)" if more else ""
            findings = count(len(offer.findings), "finding")
            sentence = f"Unsaved reading of {what}: {findings}, {offer.decided} read{others}."
        self._bar.show_offer(sentence, asking=asking)

    def _on_bring_back(self) -> None:
        from napari_medssl.nodules.reading import Reading
        from napari_medssl.nodules.reading_recovery import ReadingStore
        from napari_medssl.widgets.bring_back import open_scan

        offer = self._offers[0]
        ground = self._ground_of(offer.scan)
        if ground is None:
            trouble = open_scan(self._viewer, offer.scan)
            ground = self._ground_of(offer.scan)
            if ground is None:
                first = f"Open the scan {offer.scan.name} first; the reading belongs to it."
                self.said.emit("trouble", trouble or first)
                return
        before = _READINGS.get(ground.layer)
        if before is not None and before.reading.findings:
            self.said.emit("trouble", f"{ground.layer.name} has findings already; export or undo them first.")
            return
        store = ReadingStore(offer.path)
        try:
            taken = store.take()
        except BadInput as error:
            self.said.emit("trouble", tell_trouble(error))
        else:
            kept = _READINGS[ground.layer] = Kept(Reading(taken.findings), ground.known)
            kept.store, kept.reading.kept_version, kept.least = store, -1, taken.least
            self.of(ground)
            self.brought_back.emit()
        self.look()

    def _ground_of(self, scan: ScanKnown) -> Ground | None:
        from napari.layers import Image

        for layer in self._viewer.layers:
            if isinstance(layer, Image):
                try:
                    ground = Ground.of(self._viewer, layer)
                except BadInput:
                    continue
                if ground.known.same_scan(scan):
                    return ground
        return None

    def _on_delete(self) -> None:
        from napari_medssl.nodules.reading_recovery import ReadingStore

        ReadingStore(self._offers[0].path).remove()
        self.look()


def _finish(left: list[Kept]) -> None:
    """The viewer or the process goes: write what is not on disk yet, and let others have it."""
    while left:
        with suppress(BadInput):  # it was said when it happened first, or there is nobody left to say it to
            left.pop().write(released=True)
