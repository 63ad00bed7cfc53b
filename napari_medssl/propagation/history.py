"""One propagation: where it started, what it changed, how sure it is, and the way back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

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
