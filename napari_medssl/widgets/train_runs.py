"""The runs of this computer as the widget knows them: how each stands, what it told, and asking something of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_medssl.errors import BadInput
from napari_medssl.training.track import Track
from napari_medssl.widgets.desk import Desk
from napari_medssl.widgets.train_supervision import Supervision
from napari_medssl.widgets.train_texts import UNDER_WAY

Failed = Callable[[BaseException], None]
LOG_BYTES = 40_000
PATIENCE_S = 20.0


class TrainRuns(QObject):
    """Follows the runs through a supervisor's thread; asks in threads, so that nothing holds up the viewer.

    `listed` is emitted once, with what was there at the opening; `ended` when a run comes to an end; `changed` when a
    run stands differently; `told` when a run that is watched told something; `failed` when what was asked cannot be.
    """

    listed = Signal()
    ended = Signal(object)  # how a run stands that was under way until now
    changed = Signal()
    told = Signal(object)
    failed = Signal(object)

    def __init__(self, jobs: Any, supervision: Supervision, desk: Desk, home: Path) -> None:
        """`jobs` has the functions of `napari_medssl.training.jobs`."""
        super().__init__(desk)
        self._jobs, self._desk, self._home, self._supervision = jobs, desk, home, supervision
        self._infos: dict[Path, Any] = {}
        self._removed: set[Path] = set()
        self._tracks: dict[Path, Track] = {}
        self._unread: dict[Path, list[Any]] = {}  # what arrived while the run's log was being read
        self._followed: set[Path] = set()  # those that the supervisor is known to follow
        self._leave = leave = supervision.join(desk.line(self._on_report), desk.line(self._on_events))
        self.destroyed.connect(lambda *_: leave())  # with napari itself
        desk.send(lambda: jobs.list_runs(home), self._on_listed, self.failed.emit)

    def leave(self) -> None:
        """Follow no longer; the runs go on."""
        self._leave()

    @property
    def infos(self) -> list[Any]:
        """All runs, newest first."""
        return sorted(self._infos.values(), key=lambda info: info.created, reverse=True)

    def info(self, folder: Path | None) -> Any:
        """How a run stands; None where there is none."""
        return self._infos.get(folder) if folder is not None else None

    @property
    def going(self) -> list[Any]:
        """Those that are under way or wait for their turn."""
        return [i for i in self.infos if i.state in ("queued", "starting", "running", "stopping")]

    def track(self, folder: Path) -> Track:
        """What a run told; empty until its log has been read, which `told` announces."""
        if folder not in self._tracks:
            self._tracks[folder] = Track()
            self._read(folder)
        return self._tracks[folder]

    def _read(self, folder: Path) -> None:
        self._unread[folder] = []
        self._desk.send(
            lambda: _read(folder), lambda events: self._on_read(folder, events), lambda _: self._on_read(folder, [])
        )

    def list_again(self) -> None:
        """Find out which runs were removed by others."""
        jobs, home = self._jobs, self._home
        self._desk.send(lambda: [info.folder for info in jobs.list_runs(home)], self._on_listed_again)

    def _on_listed_again(self, folders: Sequence[Path]) -> None:
        for gone in set(self._infos) - set(folders):
            if not gone.exists():
                self._forget(gone)

    def submit(self, recipe: str, data: Path, settings: Mapping[str, Any], then: Callable[[Path], None]) -> None:
        """Put a new run into the queue; `then` is called with its folder."""
        jobs, home, name = self._jobs, self._home, str(settings.get("name", ""))

        def errand() -> tuple[Path, Any]:
            folder = jobs.submit(recipe, data, dict(settings), name=name, home=home)
            return folder, jobs.look(folder)

        def done(made: tuple[Path, Any]) -> None:
            self._removed.discard(made[0])
            self._on_info(made[1])
            self._supervision.wake()
            then(made[0])

        self._desk.send(errand, done, self.failed.emit)

    def ask(
        self, action: str, folder: Path, then: Callable[[], None] | None = None, **settings: Any
    ) -> None:
        """"stop", "resume" (with changed settings), "kill" or "remove" a run; `failed` tells what goes wrong."""
        jobs = self._jobs
        errands: dict[str, Callable[..., Any]] = {
            "stop": jobs.cancel, "resume": jobs.resume, "kill": jobs.kill, "remove": jobs.remove,
        }  # fmt: skip

        def errand() -> Any:
            _patiently(lambda: errands[action](folder, **settings), lambda: jobs.look(folder).state in UNDER_WAY)
            return None if action == "remove" else jobs.look(folder)

        def done(info: Any) -> None:
            if info is None:
                self._forget(folder)
            else:
                self._on_info(info)
            self._supervision.wake()
            if then is not None:
                then()

        self._desk.send(errand, done, self.failed.emit)

    def read_log(self, folder: Path, then: Callable[[str], None]) -> None:
        """The end of what a run's program said."""
        self._desk.send(lambda: _log_end(folder / "log.txt"), then)

    def _on_listed(self, infos: Sequence[Any]) -> None:
        for info in infos:
            self._infos.setdefault(info.folder, info)
        self.listed.emit()
        self.changed.emit()

    def _on_info(self, info: Any) -> None:
        if info.folder in self._removed:
            return
        before = self._infos.get(info.folder)
        self._infos[info.folder] = info
        self.changed.emit()
        if before is not None and before.state in UNDER_WAY and info.state not in (*UNDER_WAY, "queued"):
            self.ended.emit(info)

    def _on_report(self, info: Any) -> None:
        """The supervisor tells how a run stands. It tells events from its first report on; what came before that, and
        after the log was read, is read now."""
        if info.folder not in self._followed:
            self._followed.add(info.folder)
            if info.folder in self._tracks and info.folder not in self._unread:
                self._read(info.folder)
        self._on_info(info)

    def _on_events(self, told: tuple[Path, Sequence[Any]]) -> None:
        folder, events = told
        if folder in self._unread:
            self._unread[folder].extend(events)
        elif folder in self._tracks:
            self._tracks[folder].feed(events)
            self.told.emit(folder)

    def _on_read(self, folder: Path, events: Sequence[Any]) -> None:
        # What came meanwhile stands in the log as well; the same twice does no harm.
        self._tracks[folder].feed([*events, *self._unread.pop(folder, [])])
        self.told.emit(folder)

    def _forget(self, folder: Path) -> None:
        self._removed.add(folder)
        self._infos.pop(folder, None)
        self._tracks.pop(folder, None)
        self.changed.emit()


def _patiently(errand: Callable[[], Any], going: Callable[[], bool]) -> None:
    """Do it; a run that has said its last word may take another moment to leave, and cannot be touched until then."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            errand()
            return
        except BadInput:
            if going() or time.monotonic() > until:
                raise
            time.sleep(0.2)


def _read(folder: Path) -> list[Any]:
    from napari_medssl.training.events import read_events

    return read_events(folder / "events.jsonl")


def _log_end(path: Path) -> str:
    try:
        with open(path, "rb") as handle:
            handle.seek(max(0, path.stat().st_size - LOG_BYTES))
            return handle.read(LOG_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""
