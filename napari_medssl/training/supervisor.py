"""Starts runs that wait for their turn and follows those that are under way, from a thread. It owns none of them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from napari_medssl.errors import BadInput
from napari_medssl.training.events import Event, Tail
from napari_medssl.training.guards import guarded
from napari_medssl.training.launch import launch, note_exit, trim_log
from napari_medssl.training.run_folder import RunFolder, read_record
from napari_medssl.training.run_info import RunInfo, is_active, look

_LOGGER = logging.getLogger(__name__)
_BUSY, _IDLE = 0.5, 2.0  # seconds between two looks
_FRESH = 3.0  # seconds for which a folder's time of change may hide another change


@dataclass
class _Followed:
    """What is known of a run so far."""

    tail: Tail
    info: RunInfo | None = None
    seen: tuple[int, ...] = ()
    doubtful: bool = False
    reported: RunInfo | None = field(default=None)


class Supervisor:
    """Follows all runs of a folder of runs; `on_change`, `on_events` and `on_gone` are called from its thread.

    Every run is reported once at the beginning, then whenever it stands differently. Of runs that were there at the
    beginning only events written since are told (`read_events` has the others).

    Parameters
    ----------
    home : the folder of runs; `jobs.runs_folder` when None
    at_once : so many runs may be under way at a time; those that others started in `home` count
    """

    def __init__(self, home: Path | None = None, at_once: int = 1) -> None:
        if home is None:
            from napari_medssl.training.jobs import runs_folder

            home = runs_folder()
        self.home, self.at_once = Path(home), at_once
        self.on_change: Callable[[RunInfo], None] = lambda info: None
        self.on_events: Callable[[Path, Sequence[Event]], None] = lambda folder, events: None
        self.on_gone: Callable[[Path], None] = lambda folder: None  # somebody removed the run
        self._runs: dict[Path, _Followed] = {}
        self._awake, self._stopped = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; a second call does nothing."""
        if self._thread is None:
            self._stopped.clear()
            self._thread = threading.Thread(target=self._go, name="napari-medssl runs", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the supervision; the runs go on."""
        thread, self._thread = self._thread, None
        self._stopped.set()
        self._awake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def wake(self) -> None:
        """Look at once."""
        self._awake.set()

    def _go(self) -> None:
        while not self._stopped.is_set():
            self._awake.clear()
            try:
                self.turn()
            except Exception:  # the thread must live on: a folder may vanish at any moment
                _LOGGER.exception("Looking after the runs in %s failed", self.home)
            infos = [followed.info for followed in self._runs.values()]
            busy = any(info is not None and (info.active or info.state == "queued") for info in infos)
            self._awake.wait(_BUSY if busy else _IDLE)

    def turn(self) -> None:
        """One look at all runs, and the start of those whose turn has come."""
        try:
            folders = sorted(path for path in self.home.iterdir() if path.is_dir())
        except OSError:
            folders = []
        for gone in self._runs.keys() - set(folders):
            del self._runs[gone]
            self._call(self.on_gone, gone)
        for folder in folders:
            if self._stopped.is_set():
                return
            self._follow(folder)
        if self._start_waiting():
            self._awake.set()

    def _follow(self, folder: Path) -> None:
        followed = self._runs.get(folder)
        if followed is None:
            followed = self._runs[folder] = _Followed(Tail(folder / "events.jsonl", at_end=True))
        seen = _signature(folder)
        info = followed.info
        if seen == followed.seen and not followed.doubtful and (info is None or not info.active):
            return
        followed.seen = seen if _settled(seen) else ()
        try:
            followed.info = look(folder)
        except (BadInput, OSError):
            followed.info = None  # no run, or not one yet
            return
        while events := followed.tail.read():
            self._call(self.on_events, folder, events)
        self._report(followed, followed.info)

    def _report(self, followed: _Followed, info: RunInfo) -> None:
        before = followed.reported
        # A process that is gone may only not have been asked yet how it ended: look once more before that is told.
        sudden = info.state in ("lost", "failed") and before is not None and before.active
        if sudden and not followed.doubtful:
            followed.doubtful = True
            self._awake.set()
            return
        followed.doubtful = False
        if info != before:
            followed.reported = info
            self._call(self.on_change, info)
        if info.active:
            trim_log(RunFolder.of_another(info.folder).log)

    def _start_waiting(self) -> bool:
        """Start runs while there is a place for them, the one that has waited longest first; True if any was."""
        waiting = [f.info.folder for f in self._runs.values() if f.info is not None and f.info.state == "queued"]
        if not waiting:
            return False
        started = False
        with guarded(self.home):  # so that two supervisors do not both see the last place free
            runs = [RunFolder.of_another(folder) for folder in self._runs]
            free = self.at_once - sum(is_active(run) for run in runs)
            for run in sorted(map(RunFolder.of_another, waiting), key=_since)[: max(0, free)]:
                started |= self._start(run)
        return started

    def _start(self, run: RunFolder) -> bool:
        with guarded(run.path):
            if is_active(run) or not run.queued.exists():
                return False
            try:
                launch(run, on_exit=self.wake)
            except BadInput as error:
                run.queued.unlink(missing_ok=True)
                with suppress(OSError):
                    note_exit(run, {}, sentence=str(error))
        return True

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        try:
            function(*arguments)
        except Exception:  # what a listener does wrong must not end the supervision
            _LOGGER.exception("A listener failed")


def _signature(folder: Path) -> tuple[int, ...]:
    """What changes when a file of the folder is made, removed or renamed, or an event is written."""
    found = []
    for path in (folder, folder / "events.jsonl"):
        try:
            state = path.stat()
        except OSError:
            found += [0, 0]
            continue
        found += [state.st_mtime_ns, state.st_size]
    return tuple(found)


def _settled(seen: tuple[int, ...]) -> bool:
    """Whether the last change is so long ago that another one would show."""
    return abs(time.time() - max(seen[0], seen[2]) / 1e9) > _FRESH


def _since(run: RunFolder) -> float:
    since = read_record(run.queued).get("since")
    return float(since) if isinstance(since, int | float) else 0.0
