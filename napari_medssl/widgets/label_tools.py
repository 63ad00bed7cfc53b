"""What the Propagate widget offers around its labels: the sections Structures, Tidy up and Compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_medssl.propagation.fill_between import iter_fill_between
from napari_medssl.widgets.compare_section import CompareSection
from napari_medssl.widgets.structures_section import StructuresSection
from napari_medssl.widgets.tidy_section import TidySection

if TYPE_CHECKING:
    from napari_medssl.widgets.propagate import PropagateWidget


class LabelTools(QObject):
    """Makes the sections, puts them into the form and keeps them up to date.

    `said` is emitted with (kind, sentence) for the first line, `changed` when the situation may be another,
    `between_asked` with (labels, engine) when what lies between drawn slices is to be filled.
    """

    said = Signal(str, str)
    changed = Signal()
    between_asked = Signal(object, object)

    def __init__(self, widget: PropagateWidget) -> None:
        super().__init__(widget)
        work, form = widget.work, widget.form
        self.structures = StructuresSection(widget.viewer, work)
        self.tidy = TidySection(widget.viewer, work)
        self.compare = CompareSection(widget.viewer, work)
        self.headings = (
            form.add_section("Structures", self.structures, folded=False, hint="Names, colours, volumes and locks."),
            form.add_section("Tidy up", self.tidy, hint="Holes, islands, rough edges, gaps between drawn slices."),
            form.add_section("Compare", self.compare, hint="Compare with a reference mask."),
        )
        for section in (self.structures, self.tidy, self.compare):
            section.said.connect(self.said)
        self.structures.changed.connect(self.changed)
        self.tidy.changed.connect(self._on_changed)
        self.tidy.between_asked.connect(self._on_between)
        self._chosen = form.labels
        widget.pair.chosen.connect(self._on_chosen)
        for signal in (widget.pair.drawn, widget.pair.moved, widget.runs.progressed):
            signal.connect(self.look_soon)
        widget.runs.ended.connect(self.structures.look_again)
        self.structures.look()

    def look_soon(self, *_: Any) -> None:
        """Something may have changed."""
        self.structures.look_soon()
        self.tidy.look()

    def look_again(self) -> None:
        """Anything may have changed, in ways that leave no trace."""
        self.structures.look_again()

    def lock(self, running: bool) -> None:
        """While a propagation runs, nothing is tidied up."""
        if self.tidy.idle:
            self.tidy.setEnabled(not running)

    def _on_chosen(self) -> None:
        self.structures.look_again()
        self.structures.look()  # at once: a lock that comes with a file must hold from the first stroke
        self.compare.stay_apart(self._chosen.layer)

    def _on_changed(self) -> None:
        self.structures.look_soon()
        self.changed.emit()

    def _on_between(self, labels: Any) -> None:
        self.between_asked.emit(labels, iter_fill_between)
