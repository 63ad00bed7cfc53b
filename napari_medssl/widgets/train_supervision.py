"""One supervisor for each runs folder, shared by all widgets of this napari, and awake while any run waits. No Qt."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Tell = Callable[[Any], None]

_SHARED: dict[Path, Supervision] = {}
_LOCK = threading.Lock()


class Supervision:
    """Passes on what a supervisor tells to all who joined.

    When the last one leaves, the supervisor stops; but while runs wait for their turn it stays, to start them.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        """`make` makes a `napari_medssl.training.jobs.Supervisor` or something like it."""
        self._make = make
        self._supervisor: Any = None
        self._listeners: list[tuple[Tell, Tell]] = []
        self._lock = threading.Lock()
        self._states: dict[Path, str] = {}

    def join(self, on_info: Tell, on_events: Tell) -> Callable[[], None]:
        """Be told: a run's `RunInfo` when it stands differently, and (folder, events) that it wrote.

        Both are called from the supervisor's thread. What is returned ends it, and may be called twice.
        """
        listener = (on_info, on_events)
        with self._lock:
            self._listeners.append(listener)
            if self._supervisor is None:
                self._supervisor = supervisor = self._make()
                supervisor.on_change = self._on_change
                supervisor.on_events = self._on_events
                supervisor.start()

        def leave() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)
            self._rest_if_done()

        return leave

    def wake(self) -> None:
        """Something was asked of a run: look now rather than at the next turn, where the supervisor can be told."""
        wake = getattr(self._supervisor, "wake", None)
        if wake is not None:
            wake()

    def _on_change(self, info: Any) -> None:
        self._states[info.folder] = info.state
        for on_info, _ in list(self._listeners):
            on_info(info)
        self._rest_if_done()

    def _on_events(self, folder: Path, events: Sequence[Any]) -> None:
        for _, on_events in list(self._listeners):
            on_events((folder, events))

    def _rest_if_done(self) -> None:
        with self._lock:
            if self._listeners or self._supervisor is None or "queued" in self._states.values():
                return
            supervisor, self._supervisor = self._supervisor, None
        # It may be its own thread that is here, which cannot wait for itself.
        threading.Thread(target=supervisor.stop, daemon=True).start()


def supervision(home: Path, make: Callable[[], Any]) -> Supervision:
    """The supervision of a runs folder, shared."""
    with _LOCK:
        if home not in _SHARED:
            _SHARED[home] = Supervision(make)
        return _SHARED[home]
