"""What a person did on one label volume over time: slices drawn by hand, and propagations made from them.

Nothing here knows of Qt or napari. A widget or a script reports strokes and runs; the session answers which slices were
drawn by hand, and can take a whole propagation back exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medssl.propagation.seeds import along
from napari_medssl.propagation.survey import labels_by_slice, labels_on, likely_plane

Labels = NDArray[np.integer]
Where = tuple[slice, ...]
# A box, the mask of the voxels in it that changed (None for all of them), and their values before and after: one value,
# one for each voxel of the mask, or one for each of the box.
Change = tuple[Where, NDArray[np.bool_] | None, Any, Any]


class Block(tuple[Where, Labels, Labels]):
    """A box of voxels that a propagation changed: (where, before, after).

    It is a plain tuple of three, so that it can stand on an undo stack of such changes, and knows its run.
    """

    run: int

    @classmethod
    def of(cls, run: int, where: Where, before: Labels, after: Labels) -> Block:
        block = cls((where, before, after))
        block.run = run
        return block


@dataclass
class Run:
    """One propagation, as far as it got.

    Attributes
    ----------
    number : counts the session's runs
    axis : axis that counts the slices
    seeds : {label: slice indices} it started from; its keys are the labels that were propagated
    blocks : everything it changed, in order
    confidence : {label: {slice index: 0..1}} where the label was reached
    outcome : "running", "done", "cancelled", "failed", or "lost" when its volume went away
    seconds : wall time
    undone : whether what it changed is taken back at present
    taken_back_by : number of the step that took it back without going back in time (see `take_back`), if one did
    strokes : what had been drawn by hand when it began
    """

    number: int
    axis: int
    seeds: dict[int, tuple[int, ...]]
    blocks: list[Block] = field(default_factory=list)
    confidence: dict[int, dict[int, float]] = field(default_factory=dict)
    outcome: str = "running"
    seconds: float = 0.0
    undone: bool = False
    taken_back_by: int | None = None
    strokes: frozenset[Stroke] = frozenset()

    @property
    def labels(self) -> tuple[int, ...]:
        return tuple(sorted(self.seeds))

    def note(self, index: int, confidence: Mapping[int, float]) -> None:
        """Remember how sure the labels of a slice are; later values replace earlier ones."""
        for label, value in confidence.items():
            self.confidence.setdefault(label, {})[index] = float(value)

    def reached(self, label: int, index: int) -> bool:
        """Whether the label was carried to this slice."""
        return index in self.confidence.get(label, {})

    def reached_slices(self) -> set[int]:
        """The slices that any label was carried to, the drawn ones among them."""
        return {index for slices in self.confidence.values() for index in slices}

    def least_sure(self, drawn: Mapping[int, Iterable[int]]) -> list[int]:
        """The slices that were propagated, least sure first; `drawn` {label: slices} are left out."""
        lowest: dict[int, float] = {}
        for label, slices in self.confidence.items():
            by_hand = {*drawn.get(label, ()), *self.seeds.get(label, ())}
            for index, value in slices.items():
                if index not in by_hand:
                    lowest[index] = min(value, lowest.get(index, np.inf))
        return sorted(lowest, key=lambda index: (lowest[index], index))

    def take_back(self, array: Labels, number: int) -> list[Block]:
        """Undo this run on `array` where nothing was changed since; returns the changes, as blocks of run `number`.

        For when something else (a script, a long row of brush strokes) stands between the run and now, so that exactly
        what was there before cannot come back. What a person drew since then stays.
        """
        undoing = []
        for where, before, after in reversed(self.blocks):
            now = array[where]
            changed = np.where((now == after) & (after != before), before, now)
            if (changed != now).any():
                undoing.append(Block.of(number, where, now.copy(), changed))
                array[where] = changed
        self.undone, self.taken_back_by = True, number
        return undoing


@dataclass(frozen=True, eq=False)
class Stroke:
    """Something drawn or erased by hand in one go.

    Attributes
    ----------
    axis : axis that counts the slices of the plane it was drawn in; None for a stroke in the 3D view
    parts : boxes that it touched, each with the mask of its voxels (None for all of them)
    slices : {axis: {label: slice indices}} for each label that gained or lost voxels
    """

    axis: int | None
    parts: tuple[tuple[Where, NDArray[np.bool_] | None], ...]
    slices: Mapping[int, Mapping[int, frozenset[int]]]


@dataclass
class Session:
    """The slices of a label volume that a person drew, and the propagations made from them.

    Whatever the volume holds counts as drawn by hand unless a propagation put it there. A slice that a propagation has
    reached counts once it is drawn on.

    Attributes
    ----------
    strokes : what was seen being drawn and has not been undone
    runs : the propagations, oldest first
    """

    strokes: list[Stroke] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    _contents: dict[int, dict[int, list[int]]] = field(default_factory=dict)
    _outdated: dict[int, set[int]] = field(default_factory=lambda: {0: set(), 1: set(), 2: set()})
    _guess: int | None = None
    _count: int = 0

    def touched(self, stroke: Stroke) -> None:
        """A stroke was made, undone or redone: look at its slices again when next asked."""
        for axis, labels in stroke.slices.items():
            self._outdated[axis].update(*labels.values())

    def look_again(self) -> None:
        """Anything may have changed: look at the whole volume when next asked."""
        self._contents.clear()
        self._guess = None

    def new_number(self) -> int:
        self._count += 1
        return self._count

    @property
    def last_run(self) -> Run | None:
        """The latest propagation that has not been undone."""
        return next((run for run in reversed(self.runs) if not run.undone), None)

    @property
    def drawn_since(self) -> bool:
        """Whether something has been drawn since the last propagation began."""
        return self.last_run is not None and bool(set(self.strokes) - self.last_run.strokes)

    def start(self, axis: int, seeds: Mapping[int, Iterable[int]]) -> Run:
        """A new run, from slices drawn by hand."""
        from_slices = {label: tuple(slices) for label, slices in seeds.items()}
        run = Run(self.new_number(), axis, from_slices, strokes=frozenset(self.strokes))
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

        It stays that of the last propagation: a touch-up in another view must not turn the whole work around. Of what
        nobody saw being drawn, such as labels from a file, it is a guess (see `likely_plane`).
        """
        if self.last_run is not None:
            return self.last_run.axis
        planes = [stroke.axis for stroke in self.strokes if stroke.axis is not None]
        if planes:
            return planes[-1]
        # only an empty volume, or a new look, makes another guess worth its time
        if self._guess is None and self._present(0, array):
            self._guess = likely_plane(array)
        return self._guess

    def drawn(self, axis: int, array: Labels) -> dict[int, list[int]]:
        """{label: slices drawn by hand} along `axis`; a slice without the label among them is a stop.

        A slice that a person emptied counts as a stop only where a propagation had carried the label there: what was
        drawn by mistake and erased again says nothing.
        """
        present = self._present(axis, array)
        strokes: dict[int, set[int]] = {}
        for stroke in self.strokes:
            if stroke.axis in (axis, None):
                for label, slices in stroke.slices[axis].items():
                    strokes.setdefault(label, set()).update(slices)
        runs = [run for run in self.runs if not run.undone]
        drawn = {}
        for label in sorted({*present, *strokes}):
            mine = [run for run in runs if label in run.seeds]
            reached = {i for run in mine for i in run.confidence.get(label, ())}
            by_hand = strokes.get(label, set()) | {i for run in mine if run.axis == axis for i in run.seeds[label]}
            here = present.get(label, set())
            # what a propagation along another axis put there cannot be told apart from what was drawn
            untouched = here - reached if all(run.axis == axis for run in mine) else set()
            stops = (by_hand & reached) - here
            if seeds := (by_hand & here) | untouched:
                drawn[label] = sorted(seeds | stops)
        return drawn

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


def stroke_of(axis: int | None, changes: Iterable[Change], shape: Sequence[int]) -> Stroke:
    """A stroke from its changes, which may overlap.

    Parameters
    ----------
    axis : see `Stroke`
    changes : in the order they were made
    shape : of the volume
    """
    parts = []
    slices: dict[int, dict[int, set[int]]] = {0: {}, 1: {}, 2: {}}
    for where, mask, before, after in changes:
        extent = [range(*part.indices(n)) for part, n in zip(where, shape, strict=True)]
        box = tuple(len(steps) for steps in extent)
        full = np.ones(box, dtype=bool) if mask is None else np.broadcast_to(np.asarray(mask, dtype=bool), box)
        parts.append((where, None if mask is None else full))
        for values in (before, after):
            spread = np.zeros(box, dtype=np.int64)
            spread[full] = np.broadcast_to(values, box)[full] if np.shape(values) == box else values
            for label in labels_on(spread):
                for other in range(3):
                    hit = np.flatnonzero((spread == label).any(axis=tuple(a for a in range(3) if a != other)))
                    slices[other].setdefault(label, set()).update(extent[other][i] for i in hit)
    frozen = {a: {label: frozenset(s) for label, s in of.items()} for a, of in slices.items()}
    return Stroke(axis, tuple(parts), frozen)
