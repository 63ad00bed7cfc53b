"""Processes, told apart beyond their numbers: a number is given to another process once its owner has gone."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import psutil

_TOLERANCE = 1.5  # seconds; the time of the last start of the computer is only known to the second


def identity(pid: int | None = None) -> dict[str, Any]:
    """Number and start of a process (of this one), as `is_alive` wants them: ``pid``, ``started``, ``boot``.

    Raises
    ------
    psutil.Error
        There is no such process.
    """
    process = psutil.Process(os.getpid() if pid is None else pid)
    return {"pid": process.pid, "started": process.create_time(), "boot": psutil.boot_time()}


def is_alive(who: Mapping[str, Any]) -> bool:
    """Whether the process of an `identity` still runs; another one that got its number does not count, nor a zombie.

    An identity of a ``pid`` alone is taken for that of whatever process has this number.
    """
    try:
        now = identity(int(who["pid"]))
        if psutil.Process(now["pid"]).status() == psutil.STATUS_ZOMBIE:
            return False
        return "started" not in who or abs(_start(now) - _start(who)) < _TOLERANCE
    except psutil.AccessDenied:
        return True
    except (psutil.Error, KeyError, ValueError, TypeError, OverflowError):
        return False


def _start(who: Mapping[str, Any]) -> float:
    # Linux counts from its own start: when the clock is set anew, both times move along.
    return float(who["started"]) - (float(who["boot"]) if sys.platform == "linux" else 0.0)


def kill_tree(who: Mapping[str, Any], patience: float = 10.0) -> bool:
    """End a process at once, with all that it started; True when it has gone.

    Nothing is done to a process that only has the same number.
    """
    if not is_alive(who):
        return True
    try:
        process = psutil.Process(int(who["pid"]))
        family = process.children(recursive=True)
        # The parent first, so that it cannot start more.
        _kill(process)
        for child in family:
            _kill(child)
        psutil.wait_procs([process, *family], timeout=patience)
    except psutil.NoSuchProcess:
        pass
    return not is_alive(who)


def _kill(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill()
