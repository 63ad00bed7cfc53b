"""A propagation under way in the viewer: computed in a thread, written into the Labels layer on the main thread."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal, Slot

from napari_medssl.errors import BadInput, Cancelled
from napari_medssl.propagation.hints import Hint
from napari_medssl.propagation.history import Run
from napari_medssl.propagation.result import SliceResult
from napari_medssl.propagation.writer import Writer
from napari_medssl.widgets import brush_history

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_medssl.propagation import KeptWork

Engine = Callable[..., Iterator[SliceResult]]

FLUSH_MS = 70  # between two looks at what has arrived: fluid to the eye, and leaves the thread its time
FLUSH_BUDGET_S = 0.02  # of the main thread's time at each look
REDRAW_3D_S = 1.0  # in the 3D view every redraw sends the whole volume to the graphics card
REDRAW_SHARE = 0.2  # at most, of the main thread's time, however slow the graphics are


@dataclass(frozen=True)
class Job:
    """Everything the thread needs; nothing of it belongs to the viewer.

    Attributes
    ----------
    image : (z, y, x) as displayed, perhaps lazy
    before : the labels when the run began, a copy
    spacing : mm in array order
    slice_range : half-open, or None for all slices
    kept : what earlier runs found, for the engine
    hints : gives the single voxels that are known of the run's labels
    """

    image: Any
    before: NDArray[np.integer]
    spacing: tuple[float, float, float]
    run: Run
    slice_range: tuple[int, int] | None
    model: str
    verification: str
    device: str
    kept: KeptWork | None = None
    hints: Callable[[], list[Hint]] = list


@dataclass(frozen=True)
class Progress:
    done: int
    total: int
    seconds_left: float | None


@dataclass(frozen=True)
class Outcome:
    """How a run ended. "taken back" and "lost": while it ran, the person undid it, or its layer went away."""

    how: Literal["done", "cancelled", "failed", "taken back", "lost"]
    seconds: float
    error: BaseException | None = None


class Stop:
    """The way to stop a thread; it may outlive every Qt object around it."""

    def __init__(self) -> None:
        self._asked = Event()
        self._worker: Callable[[], Any] = lambda: None

    def ask(self, *_: Any) -> None:
        self._asked.set()

    def watch(self, worker: Any) -> None:
        """Stop, too, when napari itself ends the worker."""
        # Held weakly: the worker holds its generator, which holds this. In such a ring it would be left to the garbage
        # collector, which may run in any thread, and Qt objects must go in theirs.
        self._worker = weakref.ref(worker)

    def __call__(self) -> bool:
        worker = self._worker()
        return self._asked.is_set() or bool(worker is not None and worker.abort_requested)


class Streaming(QObject):
    """Runs one job and streams its slices into a layer without holding up the viewer."""

    progressed = Signal(object)
    ended = Signal(object)

    def __init__(
        self,
        job: Job,
        layer: Labels,
        writer: Writer,
        engine: Engine,
        on_screen: Callable[[set[int]], float | None],
        parent: QObject | None = None,
    ) -> None:
        """`on_screen` answers how many seconds to leave between redraws for some slices, None where none is visible."""
        super().__init__(parent)
        self.job, self.layer, self.stop = job, layer, Stop()
        self._array, self._writer, self._engine, self._on_screen = layer.data, writer, engine, on_screen
        self._waiting: dict[int, SliceResult] = {}
        self._reported: set[int] = set()
        self._not_drawn: set[int] = set()
        self._last_drawn = self._last_flush = 0.0
        self._redraw_s = 0.0  # what a redraw costs, as seen by how late the next flush comes
        self._ending: tuple[str, BaseException | None] | None = None
        self._progress = Progress(0, 0, None)
        self._started = self._first = 0.0
        self._over = False
        self._timer = QTimer(self)
        self._timer.setInterval(FLUSH_MS)
        self._timer.timeout.connect(self._flush)

    @property
    def cancelling(self) -> bool:
        return self.stop()

    def start(self) -> None:
        from napari.qt.threading import create_worker

        self._started = time.monotonic()
        worker = create_worker(_compute, self._engine, self.job, self.stop)
        self.stop.watch(worker)
        worker.yielded.connect(self._arrived)
        worker.returned.connect(self._returned)
        worker.finished.connect(self._finished)
        worker.start()
        self._timer.start()

    def cancel(self) -> None:
        """Stop computing, within a slice; what has been computed is kept."""
        self.stop.ask()

    def abandon(self, how: Literal["taken back", "lost"] = "lost") -> None:
        """Stop, and write nothing more."""
        self.stop.ask()
        self._waiting.clear()
        self._end(how)

    @Slot(object)
    def _arrived(self, result: SliceResult) -> None:
        if self._over:
            return
        self._waiting.pop(result.index, None)  # the later result goes to the end of the line
        self._waiting[result.index] = result
        self._reported.add(result.index)
        now = time.monotonic()
        self._first = self._first or now
        left = None
        if result.done > 1 and now - self._first > 0.5:
            left = (now - self._first) / (result.done - 1) * (result.total - result.done)
        self._progress = Progress(result.done, result.total, left)

    @Slot(object)
    def _returned(self, how: tuple[str, BaseException | None]) -> None:
        self._ending = how
        if how[0] == "done" and not self._over:
            self._clear_unreached()

    @Slot()
    def _finished(self) -> None:
        self._ending = self._ending or ("cancelled", None)

    def _clear_unreached(self) -> None:
        """Slices that no label reached any more lose what an earlier propagation had put there."""
        shape = np.moveaxis(self.job.before, self.job.run.axis, 0).shape
        first, last = self.job.slice_range or (0, shape[0])
        blank = np.zeros(shape[1:], dtype=self.job.before.dtype)
        for index in range(first, last):
            if index not in self._reported:
                self._waiting[index] = SliceResult(index, blank, {}, self._progress.done, self._progress.total)

    def _flush(self) -> None:
        if self.layer.data is not self._array:
            return self.abandon("lost")
        if self.job.run.number in brush_history.runs_in(brush_history.future(self.layer)):
            return self.abandon("taken back")
        if self._last_drawn > self._last_flush:
            self._redraw_s = time.monotonic() - self._last_drawn - FLUSH_MS / 1000
        self._last_flush = time.monotonic()
        until = self._last_flush + FLUSH_BUDGET_S
        while self._waiting and time.monotonic() < until:
            index = next(iter(self._waiting))
            result = self._waiting.pop(index)
            self.job.run.note(index, result.confidence, result.labels)
            block = self._writer.write(index, result.labels)
            if block is not None:
                brush_history.record(self.layer, block)
                self._not_drawn.add(index)
        self._redraw()
        self.progressed.emit(self._progress)
        if self._ending is not None and not self._waiting:
            self._end(*self._ending)
        return None

    def _redraw(self) -> None:
        pause = self._on_screen(self._not_drawn) if self._not_drawn else None
        if pause is not None and time.monotonic() - self._last_drawn >= max(pause, self._redraw_s / REDRAW_SHARE):
            self.layer.refresh(thumbnail=False, highlight=False, extent=False)
            self._not_drawn.clear()
            self._last_drawn = time.monotonic()

    def _end(self, how: Any, error: BaseException | None = None) -> None:
        if self._over:
            return
        self._over = True
        self._timer.stop()
        if how != "lost":
            self.layer.refresh(extent=False)
        seconds = time.monotonic() - self._started
        self.ended.emit(Outcome(how, seconds, error))


def _compute(
    engine: Engine, job: Job, cancelled: Callable[[], bool]
) -> Iterator[SliceResult]:  # the generator's return value is (how it ended, error)
    # Whatever is raised is returned: napari's worker would announce a plain sentence as a crash, and says nothing at
    # all of a RuntimeError, which is what torch raises.
    try:
        run = job.run
        seeds = {label: list(slices) for label, slices in run.seeds.items()}
        yield from engine(
            job.image, job.before, seed_slices=seeds, spacing=job.spacing, axis=run.axis, slice_range=job.slice_range,
            model=job.model, verification=job.verification, device=job.device, kept=job.kept, hints=job.hints(),
            cancelled=cancelled,
        )  # fmt: skip
    except Cancelled:
        return "cancelled", None
    except Exception as error:
        return "failed", sentence_for(error)
    return ("cancelled" if cancelled() else "done"), None


def sentence_for(error: Exception) -> Exception:
    """The same error, or a plain sentence where the cause is known and there is something to do about it."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return BadInput("There is not enough memory for this scan here; choose fewer slices or the CPU under Options.")
    return error
