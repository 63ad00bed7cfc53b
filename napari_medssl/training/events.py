"""The event log of a run: one JSON object a line, each written whole, and reading it while it grows."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

Event = dict[str, Any]

_RESERVE = 16384  # bytes kept free for the last words of a run whose disk is full
_UNWRITTEN = 200
_MOST_AT_ONCE = 4 << 20
_BLOCK = 1 << 14


class EventLog:
    """Appends events to ``events.jsonl`` and passes them to a callback.

    A log that cannot be written ends no run: events wait in memory (the newest `_UNWRITTEN` of them) until there is
    room again, and writing the checkpoint is what says that the disk is full. The event "end" is never lost to a full
    disk: a reserved file beside the log, ``last-words``, is written over with it, and `read_events` and `Tail` look
    there, too.
    """

    def __init__(self, path: Path | None, on_event: Callable[[Event], None] | None = None) -> None:
        """With no path nothing is written, as in all processes of a run but the leading one."""
        self._path, self._on_event = path, on_event
        self._unwritten: deque[bytes] = deque(maxlen=_UNWRITTEN)
        self._begun = False

    def write(self, kind: str, **fields: Any) -> None:
        """Tell something; numbers that JSON does not know (nan, inf) become null."""
        event = {"event": kind, "time": round(time.time(), 3), **_finite(fields)}
        if self._path is not None:
            self._append(self._path, (json.dumps(event, allow_nan=False) + "\n").encode(), last=kind == "end")
        if self._on_event is not None:
            self._on_event(event)

    def _append(self, path: Path, line: bytes, *, last: bool) -> None:
        self._unwritten.append(line)
        try:
            if not self._begun:
                _begin(path)
                self._begun = True
            _append_whole(path, b"".join(self._unwritten))
        except OSError:
            if last:
                _last_words(path, line)
            return
        self._unwritten.clear()
        if last:
            _reserve(path).unlink(missing_ok=True)


def _reserve(path: Path) -> Path:
    return path.with_name("last-words")


def _begin(path: Path) -> None:
    """Make room for last words; those of an earlier part of the run go into the log."""
    reserve = _reserve(path)
    words = _read_last_words(path)
    if words:
        _append_whole(path, words)
    # Written in place, never renamed: the room must be this file's own.
    with open(reserve, "wb") as handle:
        handle.write(b" " * _RESERVE)
        handle.flush()
        os.fsync(handle.fileno())


def _append_whole(path: Path, lines: bytes) -> None:
    """Append all of `lines` or nothing; a half line that a crash left before them is ended first."""
    with open(path, "ab+", buffering=0) as handle:
        size = handle.seek(0, os.SEEK_END)
        if size:
            handle.seek(size - 1)
            if handle.read(1) != b"\n":
                lines = b"\n" + lines
        try:
            written = 0
            while written < len(lines):
                written += handle.write(lines[written:]) or 0
        except OSError:
            with suppress(OSError):
                handle.truncate(size)
            raise


def _last_words(path: Path, line: bytes) -> None:
    """Put the last line where it was promised room; where writing in place takes new room (btrfs), free that first."""
    reserve = _reserve(path)
    with suppress(OSError):
        if len(line) > _RESERVE:
            raise OSError
        with open(reserve, "rb+", buffering=0) as handle:
            if handle.write(line.ljust(_RESERVE)) == _RESERVE:
                return
    with suppress(OSError):
        reserve.unlink(missing_ok=True)
        _append_whole(path, line)


def _read_last_words(path: Path) -> bytes:
    try:
        words = _reserve(path).read_bytes()[:_RESERVE].strip()
    except OSError:
        return b""
    return words + b"\n" if words else b""


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {str(key): _finite(entry) for key, entry in value.items()}
    return [_finite(entry) for entry in value] if isinstance(value, list | tuple) else value


def read_events(path: Path) -> list[Event]:
    """The events written so far; a last line that a crash cut short is left out."""
    tail, events = Tail(path), []
    while more := tail.read():
        events += more
    return events


class Tail:
    """Reads a log while it is being written: each `read` gives the events that came since the one before.

    A line that is still being written waits for the next time. When the log became shorter, it is another one, and is
    read from its beginning.
    """

    def __init__(self, path: Path, *, at_end: bool = False) -> None:
        """With `at_end` only what is written from now on is read, but for a line that is not whole yet."""
        self.path = path
        self._place, self._words = 0, b""
        if at_end:
            self._place = _end_of_lines(path)
            self._words = _read_last_words(path)

    def read(self) -> list[Event]:
        """The events that came since, in order; [] when there is none, or no log. At most some MB at once."""
        events: list[Event] = []
        with suppress(OSError), open(self.path, "rb") as handle:
            size = handle.seek(0, os.SEEK_END)
            if size < self._place:
                self._place = 0
            while not events and self._place < size:
                handle.seek(self._place)
                block = handle.read(_MOST_AT_ONCE)
                end = block.rfind(b"\n") + 1
                if not end and len(block) < _MOST_AT_ONCE:
                    break
                end = end or len(block)  # a line of megabytes is none of ours: pass over it
                self._place += end
                events = _parse(block[:end])
        if not events and (words := _read_last_words(self.path)) != self._words:
            self._words = words
            events = _parse(words)
        return events


def last_events(path: Path, size: int = 1 << 17, *, sparse: bool = False) -> list[Event]:
    """The events in the last `size` bytes of a log, without reading the rest.

    With `sparse`, of steps that follow one another only the last: most of the time goes into reading the others.
    """
    try:
        with open(path, "rb") as handle:
            start = max(0, handle.seek(0, os.SEEK_END) - size)
            handle.seek(start)
            block = handle.read()
    except OSError:
        block, start = b"", 0
    if start:
        block = block[block.find(b"\n") + 1 :]
    block = block[: block.rfind(b"\n") + 1]
    if sparse:
        pairs = pairwise(block.split(b"\n"))
        block = b"\n".join(line for line, after in pairs if not (_is_step(line) and _is_step(after)))
    return _parse(block) + _parse(_read_last_words(path))


def _is_step(line: bytes) -> bool:
    return line.startswith(b'{"event": "step"')  # as `EventLog` writes it


def curve(events: Iterable[Event]) -> list[Event]:
    """The events of a run without those that a crash and the resuming after it made void.

    Where a part of the run starts at step N, what was told before of steps beyond N has not happened.
    """
    kept: list[Event] = []
    for event in events:
        if event.get("event") == "start":
            step = event.get("step", 0)
            kept = [one for one in kept if not (one.get("event") in _OF_A_STEP and one.get("step", 0) > step)]
        kept.append(event)
    return kept


_OF_A_STEP = ("step", "validation", "checkpoint")


def _parse(block: bytes) -> list[Event]:
    events: list[Event] = []
    for line in block.split(b"\n"):
        with suppress(ValueError, RecursionError):
            event = json.loads(line)
            if isinstance(event, dict) and isinstance(event.get("event"), str):
                events.append(event)
    return events


def _end_of_lines(path: Path) -> int:
    """Where the last whole line ends, in bytes."""
    try:
        with open(path, "rb") as handle:
            start = size = handle.seek(0, os.SEEK_END)
            block = b""
            while start and b"\n" not in block:
                start = max(0, start - _BLOCK)
                handle.seek(start)
                block = handle.read(min(_BLOCK, size - start))
            return start + block.rfind(b"\n") + 1
    except OSError:
        return 0


def newest(events: Sequence[Event], kind: str) -> Event:
    """The last event of a kind; {} where there is none."""
    return next((event for event in reversed(events) if event.get("event") == kind), {})
