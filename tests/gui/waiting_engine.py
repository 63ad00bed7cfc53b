"""For tests of widgets that run an engine in a worker thread: one that waits, stops and fails where it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from napari_medssl.errors import Cancelled
from napari_medssl.volumes import Volume


class WaitingEngine:
    """Gives `answer` of the volume, once it is let go on.

    Attributes
    ----------
    go_on : set by a test that held the engine
    started, left : that a call has begun, has ended
    calls, settings : how many calls there were, and what the latest one was told
    """

    def __init__(self, answer: Callable[[Volume], Any], error: Exception | None = None, held: bool = False) -> None:
        self.answer, self.error = answer, error
        self.calls, self.settings = 0, dict[str, Any]()
        self.go_on, self.started, self.left = threading.Event(), threading.Event(), threading.Event()
        if not held:
            self.go_on.set()

    def __call__(self, volume: Volume, *, on_progress: Any, cancelled: Any, **settings: Any) -> Any:
        self.calls, self.settings = self.calls + 1, settings
        on_progress(1, 4)
        self.started.set()
        try:
            while not self.go_on.wait(0.005):
                if cancelled():
                    raise Cancelled
            if self.error is not None:
                raise self.error
            return self.answer(volume)
        finally:
            self.left.set()
