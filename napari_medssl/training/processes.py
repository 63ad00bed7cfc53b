"""Processes, told apart beyond their numbers: a number is given to another process once its owner has gone."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import psutil

_TOLERANCE = 1.5  # seconds; the time of the last start of the computer is only known to the second


def identity(pid: int | None = None) -> dict[str, Any]:
    """Number and start of a process (of this one), as `is_alive` wants them.

    ``pid``; ``started`` and ``boot``, when it and the computer started, in seconds since 1970; ``machine``, which tells
    computers apart without their names.

    Raises
    ------
    psutil.Error
        There is no such process.
    """
    process = psutil.Process(os.getpid() if pid is None else pid)
    started, boot = process.create_time(), psutil.boot_time()
    return {"pid": process.pid, "started": started, "boot": boot, "machine": _machine()}


def elsewhere(who: Mapping[str, Any]) -> bool:
    """Whether the process of an `identity` is one of another computer, of which nothing can be known from here."""
    return who.get("machine") not in (None, _machine())


def is_alive(who: Mapping[str, Any]) -> bool:
    """Whether the process of an `identity` still runs; another one that got its number does not count, nor a zombie.

    An identity of a ``pid`` alone is taken for that of whatever process has this number.
    """
    if elsewhere(who):
        return False
    try:
        now = identity(int(who["pid"]))
        if psutil.Process(now["pid"]).status() == psutil.STATUS_ZOMBIE:
            return False
        return "started" not in who or abs(_start(now) - _start(who)) < _TOLERANCE
    except psutil.AccessDenied:
        return True
    except (psutil.Error, KeyError, ValueError, TypeError, OverflowError):
        return False


@cache
def _machine() -> str:
    return hashlib.sha256(platform.node().encode("utf-8", "replace")).hexdigest()[:12]


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
