"""One propagation: where it started, what it changed, how sure it is, and the way back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_medssl.propagation.hints import Hint
from napari_medssl.propagation.next_slice import next_slice
from napari_medssl.propagation.strokes import Stroke, Where

Labels = NDArray[np.integer]


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
    areas : {label: {slice index: pixels}} there
    outcome : "running", "done", "cancelled", "failed", or "lost" when its volume went away
    seconds : wall time
    undone : whether what it changed is taken back at present
    taken_back_by : number of the step that took it back without going back in time (see `take_back`), if one did
    strokes, hints : what had been drawn by hand, and clicked, when it began
    from_file : whether it was read from a saved session, which keeps no way back to before it
    """

    number: int
    axis: int
    seeds: dict[int, tuple[int, ...]]
    blocks: list[Block] = field(default_factory=list)
    confidence: dict[int, dict[int, float]] = field(default_factory=dict)
    areas: dict[int, dict[int, int]] = field(default_factory=dict)
    outcome: str = "running"
    seconds: float = 0.0
    undone: bool = False
    taken_back_by: int | None = None
    strokes: frozenset[Stroke] = frozenset()
    hints: frozenset[Hint] = frozenset()
    from_file: bool = False

    @property
    def labels(self) -> tuple[int, ...]:
        return tuple(sorted(self.seeds))

    def note(self, index: int, confidence: Mapping[int, float], found: Labels) -> None:
        """Remember how sure the labels of a slice are, and their areas in what was found there; later values replace
        earlier ones."""
        for label, value in confidence.items():
            self.confidence.setdefault(label, {})[index] = float(value)
            self.areas.setdefault(label, {})[index] = int((found == label).sum())

    def reached(self, label: int, index: int) -> bool:
        """Whether the label was carried to this slice."""
        return index in self.confidence.get(label, {})

    def reached_slices(self) -> set[int]:
        """The slices that any label was carried to, the drawn ones among them."""
        return {index for slices in self.confidence.values() for index in slices}

    def worth_checking(self, drawn: Mapping[int, Iterable[int]], seen: Iterable[int] = ()) -> int | None:
        """The slice whose correction would help most, but none of `drawn` {label: slices} or `seen` to be right."""
        count = 1 + max((index for slices in self.confidence.values() for index in slices), default=-1)
        confidence = {label: np.full(count, np.nan) for label in self.confidence}
        areas = {label: np.zeros(count, dtype=np.int64) for label in self.confidence}
        by_hand = {}
        for label, slices in self.confidence.items():
            confidence[label][list(slices)] = list(slices.values())
            areas[label][list(self.areas[label])] = list(self.areas[label].values())
            by_hand[label] = {i for i in (*drawn.get(label, ()), *self.seeds.get(label, ())) if i < count}
        return next_slice(confidence, areas, by_hand, [index for index in seen if 0 <= index < count])

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
