"""Keeps one Labels layer safe: notices what has changed on it, and copies just that, a little at a time.

Copies are taken on the main thread, where the labels change, so that they and the session always belong together. What
changes while the copying is under way is copied again; the state is whole once nothing is left to copy.
"""

from __future__ import annotations

import json
import threading
import time
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_medssl.errors import BadInput
from napari_medssl.propagation.recovery import About, Recovery
from napari_medssl.propagation.session import Session
from napari_medssl.propagation.session_state import frozen
from napari_medssl.propagation.tiles import Labels as Array
from napari_medssl.propagation.tiles import Tiles, checksum
from napari_medssl.widgets import brush_history

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_medssl.widgets.hand_strokes import HandStrokes

SWEEP_S = 20.0  # at least, between two looks at all labels for changes that nobody told of


@dataclass(frozen=True)
class State:
    """What is to be written, by any thread."""

    recovery: Recovery
    tiles: dict[int, Array | None]
    session: Session
    about: About


@dataclass(frozen=True)
class Written:
    """What writing a state found: checksums of its tiles, and tiles that have changed without a word."""

    sums: dict[int, int]
    stale: set[int]


class Keeper:
    """What is known of one layer; `look` and `copy` belong to the main thread.

    Attributes
    ----------
    tracker : knows the layer's session
    about : where the labels belong; brought up to date from outside
    recovery : where the unsaved work is kept; None while there is none
    version : counts the changes
    since : when the first change was made that is not on disk; None when there is none
    saved_version : the version that was last saved as a mask; any thread may set it
    """

    def __init__(self, layer: Labels, tracker: HandStrokes, about: About) -> None:
        self.tracker, self.about = tracker, about
        self.recovery: Recovery | None = None
        self.version = 0
        self.since: float | None = None
        self.saved_version: int | None = None
        self._layer = weakref.ref(layer)
        self._lock = threading.Lock()  # one thread at a time writes
        self._swept = time.monotonic()
        self._begin(layer.data)
        if len(tracker.session.strokes) > tracker.from_file:  # drawn before anybody watched
            self.changed()

    def _begin(self, array: Array) -> None:
        self._array, self._session = array, self.tracker.sync()
        self._grid = Tiles(array.shape)
        self._dirty: set[int] = set()
        self._copies: dict[int, Array | None] = {}
        self._sums: dict[int, int] = {}
        self._strokes, self._blocks, self._undone = set(self._session.strokes), self._count_blocks(), self._now_undone()
        self._words = self._in_words()

    def changed(self, tiles: Iterable[int] | None = None) -> None:
        """Something is not on disk: some tiles, or all of them."""
        self.version += 1
        self.since = self.since if self.since is not None else time.monotonic()
        self._dirty.update(range(len(self._grid)) if tiles is None or self.recovery is None else tiles)
        self.recovery = self.recovery or Recovery.new()

    def look(self) -> None:
        """Notice what has changed since the last look."""
        layer, session = self._layer(), self.tracker.sync()
        if layer is not None and (layer.data is not self._array or session is not self._session):
            if layer.data.shape != self._array.shape:
                self._let_go()
            self._begin(layer.data)
            return self.changed()
        boxes = [where for stroke in self._strokes ^ set(session.strokes) for where, _ in stroke.parts]
        for run in session.runs:
            turned = run.undone != (run.number in self._undone)
            boxes += [where for where, *_ in run.blocks[0 if turned else self._blocks.get(run.number, 0) :]]
        words = self._in_words()
        if boxes or _differ(self._words, words):
            self.changed({tile for where in boxes for tile in self._grid.touched(where)})
            self._strokes = set(session.strokes)
            self._blocks, self._undone = self._count_blocks(), self._now_undone()
        self._words = words
        return None

    def copy(self, seconds: float) -> State | None:
        """Copy for so long; when nothing is left to copy, the state to write."""
        layer = self._layer()
        if self.recovery is None or (layer is not None and brush_history.drawing(layer)):
            return None
        until = time.monotonic() + seconds
        while self._dirty:
            number = self._dirty.pop()
            tile = self._array[self._grid.box(number)]
            self._copies[number] = tile.copy() if tile.any() else None
            if time.monotonic() > until and self._dirty:
                return None
        state = State(self.recovery, self._copies, frozen(self._session), self.about)
        self._copies, self.since = {}, None
        return state

    def write(self, state: State) -> Written:
        """Write a state, in any thread; `BadInput` where that is not possible."""
        with self._lock:
            state.recovery.write(state.tiles, state.session, state.about)
        sums = {number: 0 if tile is None else checksum(tile) for number, tile in state.tiles.items()}
        stale: set[int] = set()
        if time.monotonic() - self._swept > SWEEP_S:
            array, grid, known = self._array, self._grid, self._sums | sums
            # What changes at this moment is taken for changed, rightly.
            stale = {n for n in range(len(grid)) if checksum(array[grid.box(n)]) != known.get(n, 0)}
            self._swept = time.monotonic()
        return Written(sums, stale)

    def is_written(self, state: State, found: Written) -> None:
        """A state is on disk."""
        if state.recovery is self.recovery:
            self._sums.update(found.sums)
            if found.stale:
                self.changed(found.stale)

    def not_written(self, state: State) -> None:
        """A state did not get to the disk."""
        if state.recovery is self.recovery:
            self.changed(state.tiles)

    def forget_if_saved(self) -> None:
        """What is in the mask's file need not be kept here."""
        if self.saved_version is None:
            return
        self.look()
        if self.saved_version == self.version and self.recovery is not None:
            self.recovery.remove()
            self.recovery, self.since = None, None
            self._dirty.clear()
            self._copies.clear()
            self._sums.clear()
        self.saved_version = None

    def finish(self) -> State | None:
        """The layer goes: the last state to write, all at once, if there is one; see `write_and_release`."""
        self.forget_if_saved()
        self.look()
        if self.recovery is None or self.since is None:
            return None
        # nothing changes any more, so that the thread can do without copies
        tiles = self._copies | {number: self._array[self._grid.box(number)] for number in self._dirty}
        return State(self.recovery, tiles, frozen(self._session), self.about)

    def write_and_release(self, state: State | None) -> None:
        """Write the last state, and let others have it."""
        recovery = self.recovery
        try:
            if state is not None:
                filled = {n: tile if tile is not None and tile.any() else None for n, tile in state.tiles.items()}
                self.write(replace(state, tiles=filled))
            if recovery is not None:
                with self._lock:
                    recovery.release()
        except BadInput:
            pass  # it was said when it happened first, or there is nobody left to say it to

    def _let_go(self) -> None:
        """Other labels are in the layer now; what was there stays on disk."""
        if self.recovery is not None:
            self.write_and_release(None)
        self.recovery = None

    def _count_blocks(self) -> dict[int, int]:
        return {run.number: len(run.blocks) for run in self._session.runs}

    def _now_undone(self) -> set[int]:
        return {run.number for run in self._session.runs if run.undone}

    def _in_words(self) -> dict[str, str]:
        """What a session holds besides voxels, to compare."""
        session = self._session
        runs = [(run.number, run.outcome, run.undone, sum(map(len, run.confidence.values()))) for run in session.runs]
        told = {name: json.dumps(value, sort_keys=True, default=repr) for name, value in session.extra.items()}
        return told | {"": repr((len(session.strokes), runs, session.hints))}


def _differ(before: dict[str, str], now: dict[str, str]) -> bool:
    # What is noted for the first time was found out by looking at the layer, and is nobody's work.
    return any(name in now and now[name] != told for name, told in before.items())
