"""What a person did on one label volume over time: slices drawn by hand, and propagations made from them.

Nothing here knows of Qt or napari. A widget or a script reports strokes and runs; the session answers which slices were
drawn by hand, in which plane, and what a propagation must leave as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medssl.propagation.hints import Hint
from napari_medssl.propagation.history import Run
from napari_medssl.propagation.seeds import along
from napari_medssl.propagation.strokes import Stroke
from napari_medssl.propagation.survey import labels_by_slice, labels_on, likely_plane

Labels = NDArray[np.integer]


@dataclass
class Session:
    """The slices of a label volume that a person drew, and the propagations made from them.

    Whatever the volume holds counts as drawn by hand unless a propagation put it there. A slice that a propagation has
    reached counts once it is drawn on.

    Attributes
    ----------
    strokes : what was seen being drawn and has not been undone
    runs : the propagations, oldest first
    hints : single voxels that were said to belong to a label or not
    extra : plain JSON values that are kept with the session and travel along, such as the labels' names
    guessed_plane : what `plane` took for the plane of labels that nobody saw being drawn
    """

    strokes: list[Stroke] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    hints: tuple[Hint, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
    guessed_plane: int | None = None
    _contents: dict[int, dict[int, list[int]]] = field(default_factory=dict)
    _outdated: dict[int, set[int]] = field(default_factory=lambda: {0: set(), 1: set(), 2: set()})
    _count: int = 0

    def touched(self, stroke: Stroke) -> None:
        """A stroke was made, undone or redone: look at its slices again when next asked."""
        for axis, labels in stroke.slices.items():
            self._outdated[axis].update(*labels.values())

    def look_again(self) -> None:
        """Anything may have changed: look at the whole volume when next asked."""
        self._contents.clear()
        if not self.strokes:
            self.guessed_plane = None

    def new_number(self) -> int:
        self._count = 1 + max([self._count, *(run.number for run in self.runs)])
        return self._count

    @property
    def last_run(self) -> Run | None:
        """The latest propagation that has not been undone."""
        return next((run for run in reversed(self.runs) if not run.undone), None)

    @property
    def drawn_since(self) -> bool:
        """Whether something has been drawn since the last propagation began."""
        run = self.last_run
        return run is not None and (bool(set(self.strokes) - run.strokes) or frozenset(self.hints) != run.hints)

    @property
    def only_accepted_since(self) -> bool:
        """Whether all that was drawn since the last propagation was to say that slices are right as they are."""
        since = set(self.strokes) - (self.last_run.strokes if self.last_run is not None else set())
        return bool(since) and self.drawn_since and all(stroke.accepts for stroke in since)

    def start(self, axis: int, seeds: Mapping[int, Iterable[int]]) -> Run:
        """A new run, from slices drawn by hand."""
        from_slices = {label: tuple(slices) for label, slices in seeds.items()}
        run = Run(self.new_number(), axis, from_slices, strokes=frozenset(self.strokes), hints=frozenset(self.hints))
        self.runs.append(run)
        return run

    def end(self, run: Run, outcome: str, seconds: float) -> None:
        """A run has ended; one that changed and reached nothing is forgotten."""
        run.outcome, run.seconds = outcome, seconds
        if not run.blocks and outcome != "done":
            self.runs = [other for other in self.runs if other is not run]
        self.look_again()

    def plane(self, array: Labels) -> int | None:
        """The axis that counts the slices of the plane the person draws in; None while nothing says so.

        It stays that of the last propagation, or of what was drawn first: a touch-up in another view must not turn the
        whole work around. Of labels that nobody saw being drawn, such as those of a file, it is a guess
        (see `likely_plane`).
        """
        if self.last_run is not None:
            return self.last_run.axis
        if self.guessed_plane is None and not self.strokes and self._present(0, array):
            self.guessed_plane = likely_plane(array)
        planes = dict.fromkeys([self.guessed_plane, *(stroke.axis for stroke in self.strokes)])
        return next((axis for axis in planes if axis is not None and self.drawn(axis, array)), None)

    def drawn(self, axis: int, array: Labels) -> dict[int, list[int]]:
        """{label: slices drawn by hand} along `axis`; a slice without the label among them is a stop.

        A slice that a person emptied counts as a stop only where a propagation had carried the label there: what was
        drawn by mistake and erased again says nothing.
        """
        present, others = self._present(axis, array), self._only_others(axis, array)
        strokes: dict[int, set[int]] = {}
        for stroke in self._along(axis):
            for label, slices in stroke.slices[axis].items():
                earlier = strokes.get(label, set())
                strokes[label] = earlier - slices if stroke.forgets else earlier | slices
        runs = [run for run in self.runs if not run.undone]
        drawn = {}
        for label in sorted({*present, *strokes}):
            mine = [run for run in runs if label in run.seeds]
            reached = {i for run in mine for i in run.confidence.get(label, ())}
            by_hand = strokes.get(label, set()).union(
                *(self._seeds_left(run, label) for run in mine if run.axis == axis)
            )
            here = present.get(label, set())
            # what a propagation along another axis put there cannot be told apart from what was drawn
            untouched = here - reached - others.get(label, set()) if all(run.axis == axis for run in mine) else set()
            stops = (by_hand & reached) - here
            if seeds := (by_hand & here) | untouched:
                drawn[label] = sorted(seeds | stops)
        return drawn

    def stops(self, axis: int, array: Labels) -> dict[int, list[int]]:
        """{label: slices} among `drawn` that say the label is not there."""
        present = self._present(axis, array)
        stops = {
            label: [index for index in slices if index not in present[label]]
            for label, slices in self.drawn(axis, array).items()
        }
        return {label: slices for label, slices in stops.items() if slices}

    def reached(self, axis: int, index: int) -> list[int]:
        """The labels that propagations along `axis` have carried to a slice."""
        runs = [run for run in self.runs if not run.undone and run.axis == axis]
        return sorted({label for run in runs for label in run.seeds if run.reached(label, index)})

    def only_accepted(self, axis: int, label: int, index: int) -> bool:
        """Whether all that makes a slice count as drawn by hand is that it was said to be right as it was."""
        there = [stroke for stroke in self._along(axis) if index in stroke.slices[axis].get(label, ())]
        last = max((i for i, stroke in enumerate(there) if stroke.forgets), default=-1)
        return bool(there[last + 1 :]) and all(stroke.accepts for stroke in there[last + 1 :])

    def _along(self, axis: int) -> list[Stroke]:
        """Strokes that guide a propagation along `axis`, oldest first."""
        return [stroke for stroke in self.strokes if stroke.axis in (axis, None)]

    def _seeds_left(self, run: Run, label: int) -> set[int]:
        """Slices of a label that a run started from, less those that were forgotten since."""
        since = [s for s in self._along(run.axis) if s.forgets and s not in run.strokes]
        return set(run.seeds[label]).difference(*(s.slices[run.axis].get(label, ()) for s in since))

    def _only_others(self, axis: int, array: Labels) -> dict[int, set[int]]:
        """{label: slices along `axis` that hold nothing of it but what strokes in other planes left there}"""
        kept = self.kept_voxels(axis, array.shape)
        if kept is None:
            return {}
        view, kept = along(array, axis), np.moveaxis(kept, axis, 0)
        found: dict[int, set[int]] = {}
        for stroke in self.strokes:
            if stroke.axis not in (axis, None):
                for label, slices in stroke.slices[axis].items():
                    alone = {i for i in slices if not ((view[i] == label) & ~kept[i]).any()}
                    found.setdefault(label, set()).update(alone)
        return found

    def _present(self, axis: int, array: Labels) -> dict[int, set[int]]:
        if axis not in self._contents:
            self._contents[axis] = labels_by_slice(array, axis)
        else:
            for index in self._outdated[axis]:
                self._contents[axis][index] = labels_on(along(array, axis)[index])
        self._outdated[axis].clear()
        present: dict[int, set[int]] = {}
        for index, labels in self._contents[axis].items():
            for label in labels:
                present.setdefault(label, set()).add(index)
        return present

    def kept_voxels(self, axis: int, shape: Sequence[int]) -> NDArray[np.bool_] | None:
        """Voxels drawn or erased in other planes than `axis`, which a propagation along it leaves as they are."""
        others = [stroke for stroke in self.strokes if stroke.axis not in (axis, None)]
        if not others:
            return None
        kept = np.zeros(tuple(shape), dtype=bool)
        for stroke in others:
            for where, mask in stroke.parts:
                kept[where] |= True if mask is None else mask
        return kept

    def other_planes(self, axis: int) -> dict[int, list[int]]:
        """{other axis: slices} that were drawn on and do not guide a propagation along `axis`."""
        found: dict[int, set[int]] = {}
        for stroke in self.strokes:
            if stroke.axis not in (axis, None):
                for slices in stroke.slices.get(stroke.axis, {}).values():
                    found.setdefault(stroke.axis, set()).update(slices)
        return {other: sorted(slices) for other, slices in found.items()}
