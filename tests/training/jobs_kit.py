"""For the tests of jobs: children that only pretend, and a supervisor that is listened to."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_medssl.training import jobs, launch
from napari_medssl.training.run_folder import RunFolder, read_record

FAKE = Path(__file__).with_name("fake_run.py")
PATIENCE = 120.0


def pretend(monkeypatch: pytest.MonkeyPatch, *manners: str) -> None:
    """Let the children that are started next be fake ones: each takes the next manner, the last one goes on."""
    left = list(manners)

    def command(folder: RunFolder) -> list[str]:
        return [sys.executable, str(FAKE), str(folder.path), left.pop(0) if len(left) > 1 else left[0]]

    monkeypatch.setattr(launch, "command", command)


class Listener:
    """A supervisor and all that it told."""

    def __init__(self, home: Path, at_once: int = 1) -> None:
        self.supervisor = jobs.Supervisor(home, at_once=at_once)
        self.supervisor.on_change, self.supervisor.on_events = self._on_change, self._on_events
        self.changes: list[jobs.RunInfo] = []
        self.events: dict[Path, list[dict[str, Any]]] = {}
        self.threads: set[threading.Thread] = set()
        self._told = threading.Condition()

    def __enter__(self) -> Listener:
        self.supervisor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.supervisor.stop()

    def _on_change(self, info: jobs.RunInfo) -> None:
        with self._told:
            self.changes.append(info)
            self.threads.add(threading.current_thread())
            self._told.notify_all()

    def _on_events(self, folder: Path, events: Any) -> None:
        with self._told:
            self.events.setdefault(folder, []).extend(events)
            self._told.notify_all()

    def states(self, folder: Path) -> list[str]:
        """The states that a run went through."""
        told = [info.state for info in self.changes if info.folder == folder]
        return [state for place, state in enumerate(told) if not place or told[place - 1] != state]

    def wait(self, true: Callable[[], object]) -> None:
        with self._told:
            assert self._told.wait_for(true, PATIENCE), self.changes[-3:]

    def until(self, folder: Path, *states: str) -> jobs.RunInfo:
        """Wait until a run was told to be in one of the states."""
        found: list[jobs.RunInfo] = []

        def there() -> bool:
            found[:] = [info for info in self.changes if info.folder == folder][-1:]
            return bool(found) and found[0].state in states

        self.wait(there)
        return found[0]


def wait_for(true: Callable[[], object], what: str = "it") -> None:
    """Wait for something that tells nobody when it happens."""
    ends = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < ends, f"waited in vain for {what}"
        time.sleep(0.01)


def exists(pid: int) -> bool:
    """Whether a process runs, zombies not counted."""
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end_all(home: Path) -> None:
    """No child of a test outlives it."""
    for info in jobs.list_runs(home):
        if info.active and read_record(info.folder / "lock").get("pid") != os.getpid():
            jobs.kill(info.folder)
