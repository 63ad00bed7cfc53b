"""The event log of a run: one JSON object a line, each written whole."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Event = dict[str, Any]


class EventLog:
    """Appends events to ``events.jsonl`` and passes them to a callback."""

    def __init__(self, path: Path, on_event: Callable[[Event], None] | None = None) -> None:
        self._path, self._on_event = path, on_event

    def write(self, kind: str, **fields: Any) -> None:
        event = {"event": kind, "time": round(time.time(), 3), **fields}
        with open(self._path, "a", encoding="utf-8") as handle:
            handle.write(json.dumps(event) + "\n")
        if self._on_event is not None:
            self._on_event(event)


def read_events(path: Path) -> list[Event]:
    """The events written so far; a last line that a crash cut short is left out."""
    events: list[Event] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            events.append(json.loads(line))
        except ValueError:
            continue
    return events
