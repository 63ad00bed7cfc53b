"""What a command prints: words for people, or one JSON object for programs; progress goes to stderr."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def complain(sentence: str, as_json: bool) -> None:
    """Print one sentence on stderr and, for programs, ``{"error": sentence}`` on stdout."""
    line = " ".join(sentence.split())
    if as_json:
        print(json.dumps({"error": line}), flush=True)
    print(line, file=sys.stderr, flush=True)


def print_json(content: object) -> None:
    """Print `content` as one strict JSON object; numbers that JSON does not know (nan, inf) become null."""
    print(json.dumps(plain(content), allow_nan=False, ensure_ascii=False, indent=1), flush=True)


def plain(value: Any) -> Any:
    """`value` as JSON knows it: dataclasses and mappings as objects, arrays as lists, paths as text, nan as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # numpy arrays and numbers, without importing numpy
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Rows of text in aligned columns, the first `left` of them to the left and the others to the right."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]

    def aligned(line: Sequence[str]) -> str:
        cells = (
            cell.ljust(w) if i < left else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join(map(aligned, lines))


def duration(seconds: float) -> str:
    """A time that people read: ``8 s``, ``2 min 05 s``, ``1 h 12 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Progress:
    """How far the work is and how long it will still take, on stderr.

    On a terminal one line is rewritten; elsewhere (a log file) a line is added every two seconds.
    """

    def __init__(self, what: str = "Step", *, every: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._clock = clock
        self._start = clock()
        self._terminal = sys.stderr.isatty()
        self._every = 0.1 if self._terminal else every
        self._last = -math.inf
        self._width = 0

    def update(self, done: int, total: int) -> None:
        """Say that `done` of `total` steps are finished."""
        self.fraction(done / total, f"{self._what} {done} of {total}")

    def fraction(self, part: float, words: str, left: float | None = None) -> None:
        """Say `words`, and how long the rest takes when `part` (0..1) of the work is finished.

        `left` are its seconds where they are known better than from the time that has passed here.
        """
        now = self._clock()
        if part < 1 and now - self._last < self._every:
            return
        self._last = now
        if left is None:
            left = (now - self._start) * (1 - part) / part if part > 0 else math.nan
        time_left = "done" if part >= 1 else f"about {duration(left)} left" if math.isfinite(left) else "starting"
        self._show(f"{words}, {time_left}")

    def _show(self, line: str) -> None:
        if self._terminal:
            print(f"\r{line.ljust(self._width)}", end="", file=sys.stderr, flush=True)
            self._width = len(line)
        else:
            print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """End the line, so that what follows starts on one of its own."""
        if self._terminal and self._width:
            print(file=sys.stderr, flush=True)
            self._width = 0
