"""Tidying up the labels of a layer: computed in a thread, written on Qt's thread as one step of the layer's history."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_medssl.errors import Cancelled
from napari_medssl.propagation.history import Block
from napari_medssl.volumes.sizes import voxels_by_slice
from napari_medssl.volumes.tidy import Step, tidied
from napari_medssl.widgets import brush_history
from napari_medssl.widgets.desk import Stop

if TYPE_CHECKING:
    from napari_medssl.widgets.desk import Desk
    from napari_medssl.widgets.propagate_job import Work

Labels = NDArray[np.integer]
Change = tuple[tuple[slice, ...], Labels, Labels]

BUDGET_S = 0.02  # of Qt's thread at a time
PAUSE_MS = 5


@dataclass(frozen=True)
class Wish:
    """What to tidy: a step, a label (None for all that are not locked), and where.

    `axis`, `index`: see `volumes.tidy.tidied`.
    """

    step: Step
    label: int | None
    spacing: tuple[float, float, float]
    axis: int | None = None
    index: int | None = None


@dataclass(frozen=True)
class Tidied:
    """What came of it: voxels gained and lost, and the number of the step in the layer's history (None: no change)."""

    gained: int
    lost: int
    number: int | None


def changes_of(
    array: Labels, wish: Wish, locked: frozenset[int], cancelled: Callable[[], bool] = lambda: False
) -> list[Change]:
    """The changes slice by slice, each in a box around it; for a thread. What is `cancelled` has none."""
    changes = []
    labels = {wish.label} if wish.label is not None else set(voxels_by_slice(array)) - locked
    for where, old, new in tidied(array, wish.step, wish.spacing, labels, axis=wish.axis, index=wish.index):
        if cancelled():
            return []
        for place, (before, after) in enumerate(zip(old, new, strict=True)):
            differs = before != after
            rows, columns = (np.flatnonzero(differs.any(axis=1 - side)) for side in (0, 1))
            if not rows.size:
                continue
            box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            first = where[0].start + place
            pairs = zip(where[1:], box, strict=True)
            sides = (slice(int(part.start + b.start), int(part.start + b.stop)) for part, b in pairs)
            cut = (slice(first, first + 1), *sides)
            changes.append((cut, before[box][None].copy(), after[box][None].copy()))
    return changes


class TidyJob(QObject):
    """One tidying; `ended` is emitted with a `Tidied` or an error, `writing` once it can no longer be cancelled.

    Voxels that are drawn on while it computes stay as the person leaves them.
    """

    ended = Signal(object)
    writing = Signal()

    def __init__(self, work: Work, wish: Wish, locked_now: Callable[[], frozenset[int]], parent: QObject) -> None:
        super().__init__(parent)
        self._work, self._wish, self._locked_now = work, wish, locked_now
        self._array = work.labels.data
        self._number = work.session.new_number()
        self._gained = self._lost = 0
        self._stop = Stop()
        self._changes: Iterator[Change] = iter(())
        self._timer = QTimer(self)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self._write)

    def start(self, desk: Desk) -> None:
        array, wish, locked, stop = self._array, self._wish, self._locked_now(), self._stop
        self.destroyed.connect(stop.ask)
        desk.send(lambda: changes_of(array, wish, locked, stop), self._on_changes, self._on_failed)

    def cancel(self) -> None:
        """Change nothing; the thread ends when it next looks. Too late once the changes are being written."""
        if not self._stop() and not self._timer.isActive():
            self._stop.ask()
            self._end(Cancelled())

    def _on_failed(self, error: BaseException) -> None:
        if not self._stop():
            self._end(error)

    def _on_changes(self, changes: Sequence[Change]) -> None:
        if self._stop():
            return
        self.writing.emit()
        self._changes = iter(changes)
        self._timer.start()
        self._write()

    def _write(self) -> None:
        layer, until = self._work.labels, time.monotonic() + BUDGET_S
        if layer.data is not self._array or self._number in brush_history.runs_in(brush_history.future(layer)):
            return self._end(self._result())  # the labels were replaced, or this was taken back, while it was written
        for change in self._changes:
            self._put(*change)
            if time.monotonic() > until:
                return None
        return self._end(self._result())

    def _put(self, where: Any, before: Labels, after: Labels) -> None:
        now = self._array[where]
        untouched = (now == before) & ~np.isin(now, list(self._locked_now()))
        changed = np.where(untouched, after, now).astype(now.dtype)
        if (changed == now).all():
            return
        block = Block.of(self._number, where, now.copy(), changed)
        self._gained += int(np.count_nonzero((changed != now) & (changed != 0)))
        self._lost += int(np.count_nonzero((changed != now) & (now != 0)))
        self._array[where] = changed
        brush_history.record(self._work.labels, block)

    def _result(self) -> Tidied:
        return Tidied(self._gained, self._lost, self._number if self._gained or self._lost else None)

    def _end(self, result: Tidied | BaseException) -> None:
        self._timer.stop()
        self._changes = iter(())
        if isinstance(result, Tidied) and result.number is not None:
            self._note_reached()
            self._work.session.look_again()
            self._work.labels.refresh()
        self.ended.emit(result)
        self.deleteLater()

    def _note_reached(self) -> None:
        """Slices to which tidying carried a propagated label beyond its ends are no slices drawn by hand."""
        session = self._work.session
        for run in session.runs:
            labels = set(run.confidence) if self._wish.label is None else {self._wish.label} & set(run.confidence)
            for label in labels if not run.undone else ():
                known = run.confidence[label]
                slices = np.moveaxis(self._array, run.axis, 0)
                for end, way in ((min(known, default=0), -1), (max(known, default=-1), 1)):
                    index = end + way
                    while 0 <= index < len(slices) and known and (area := int((slices[index] == label).sum())):
                        known[index] = known[end]
                        run.areas.setdefault(label, {})[index] = area  # no session is written without it
                        index += way
