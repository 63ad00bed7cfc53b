"""Going through the slices of a propagation: which to look at, and what to say of the one that is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_medssl.errors import BadInput
from napari_medssl.propagation.strip import strip_of
from napari_medssl.widgets import propagate_texts as texts
from napari_medssl.widgets import slice_work
from napari_medssl.widgets.connections import Connections
from napari_medssl.widgets.hint_points import HintClicks
from napari_medssl.widgets.planes import show_slice
from napari_medssl.widgets.propagate_job import Work

if TYPE_CHECKING:
    from napari_medssl.widgets.propagate_form import PropagateForm

Slices = Mapping[int, Sequence[int]]


class CheckingLoop(QObject):
    """The strip, and the buttons that go to a slice or say something of it.

    `said` gives a sentence to show with its kind, "" for that of the situation; `troubled` an error to tell.
    """

    said = Signal(str, str)
    troubled = Signal(object)

    def __init__(self, viewer: Any, form: PropagateForm, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._form = viewer, form
        self.visited: list[int] = []
        self._drawn: tuple[Slices, Slices] = {}, {}
        form.check.clicked.connect(self.check)
        form.right.clicked.connect(self.right)
        form.not_here.clicked.connect(self.not_here)
        form.forget.clicked.connect(self.forget)
        self.clicks = HintClicks(self)
        form.belongs.clicked.connect(self.belongs)
        form.foreign.clicked.connect(self.foreign)
        form.options.from_here.clicked.connect(self.from_here)
        form.options.to_here.clicked.connect(self.to_here)
        form.strip.jumped.connect(self.jump)
        form.strip.ranged.connect(self._on_ranged)
        Connections(self).add(viewer.dims.events.current_step, self.follow)

    def work(self) -> Work:
        """The chosen layers, checked; see `Work.chosen`."""
        return Work.chosen(self._viewer, self._form.scan.layer, self._form.labels.layer)

    def show(self, work: Work | None, now: texts.Situation) -> None:
        """Bring the strip in line with what is there; no layers to work on, no strip."""
        self._drawn = now.drawn, now.stops
        self._form.strip.setVisible(work is not None)
        if work is not None:
            self.clicks.watch(work)
            self.grow(work, now.axis, now.check)
            self._show_slice(work)

    def grow(self, work: Work, axis: int, following: int | None = None) -> None:
        """More slices have come; what was drawn is as it was."""
        strip = strip_of(work.session.runs, axis, work.labels.data.shape[axis], *self._drawn)
        strip = replace(strip, names=work.structures.names)
        self._form.strip.show_strip(strip, following, self._form.options.limits())

    def follow(self) -> None:
        """The viewer shows another slice."""
        if self._form.strip.isVisible():
            self._tried(self._show_slice, quietly=True)

    def _show_slice(self, work: Work) -> None:
        self._form.strip.show_slice(slice_work.slice_on_screen(work, work.axis(self._form.options)))

    def check(self) -> None:
        """Go to the slice most worth checking."""

        def go(work: Work) -> None:
            axis = work.axis(self._form.options)
            index = work.next_to_check(axis, self.visited)
            if index is not None:
                self.visited.append(index)
                show_slice(self._viewer, work.labels, axis, index)
            self.said.emit("", "")

        self._tried(go)

    def right(self) -> None:
        """The slice that is shown is right."""

        def accept(work: Work) -> None:
            alone = self._form.options.which.currentData() == "selected"
            slice_work.accept(work, work.axis(self._form.options), only_selected=alone)

        self._tried(accept)

    def not_here(self) -> None:
        """The selected label is not on the slice that is shown."""
        self._tried(lambda work: slice_work.rub_out(work, work.axis(self._form.options)))

    def forget(self) -> None:
        """What was drawn of the selected label on the slice that is shown shall not count."""

        def take(work: Work) -> None:
            self.said.emit("next", texts.forgotten_text(slice_work.forget(work, work.axis(self._form.options))))

        self._tried(take)

    def belongs(self) -> None:
        """The next clicks are on what belongs to the selected label."""
        self._tried(lambda work: self._click(work, True))

    def foreign(self) -> None:
        """The next clicks are on what does not belong to the selected label."""
        self._tried(lambda work: self._click(work, False))

    def _click(self, work: Work, inside: bool) -> None:
        self.clicks.begin(work, inside)
        self.said.emit("next", texts.CLICK[inside])

    def previous_drawn(self) -> None:
        self._tried(lambda work: self._to_drawn(work, -1))

    def next_drawn(self) -> None:
        self._tried(lambda work: self._to_drawn(work, 1))

    def _to_drawn(self, work: Work, step: int) -> None:
        axis = work.axis(self._form.options)
        here = slice_work.slice_on_screen(work, axis)
        drawn = sorted({i for slices in work.drawn(self._form.options).values() for i in slices})
        ahead = [i for i in drawn if here is None or (i - here) * step > 0]
        if ahead:
            show_slice(self._viewer, work.labels, axis, ahead[0] if step > 0 else ahead[-1])

    def jump(self, index: int) -> None:
        """Show a slice of the working plane."""
        self._tried(lambda work: show_slice(self._viewer, work.labels, work.axis(self._form.options), index))

    def from_here(self) -> None:
        """Fill no slice before the one that is shown."""
        self._tried(lambda work: self._limit(work, first=True))

    def to_here(self) -> None:
        """Fill no slice after the one that is shown."""
        self._tried(lambda work: self._limit(work, first=False))

    def _limit(self, work: Work, *, first: bool) -> None:
        options = self._form.options
        here = slice_work.slice_on_screen(work, work.axis(options))
        if here is None:
            raise BadInput("Turn to the plane in which the slices are drawn, and choose a slice of the scan.")
        low, high = options.limits() or (0, options.last.maximum())
        options.limit(here if first else min(low, here), max(high, here) if first else here)

    def _on_ranged(self, first: int, last: int) -> None:
        self._form.options.limit(first, last)

    def _tried(self, do: Callable[[Work], Any], *, quietly: bool = False) -> None:
        try:
            do(self.work())
        except BadInput as error:
            if not quietly:
                self.troubled.emit(error)
