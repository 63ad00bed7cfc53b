"""One at a time, over all processes of the computer: a lock of the operating system, which goes with its owner."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LONGEST = 30.0  # seconds; what is guarded takes milliseconds


@contextmanager
def guarded(folder: Path) -> Iterator[None]:
    """Keep out all others who want the same folder's guard, in this process and in others, for a short piece of work.

    Where the file system knows no locks, there is no guard.

    Raises
    ------
    OSError
        The guard's file cannot be made, or was not to be had for half a minute.
    """
    # This file stays: if it were removed, two could hold locks on files of the same name.
    handle = os.open(folder / ".guard", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _acquire(handle)
        yield
    finally:
        with suppress(OSError):
            _release(handle)
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _acquire(handle: int) -> None:
        ends = time.monotonic() + _LONGEST
        while True:
            os.lseek(handle, 0, os.SEEK_SET)
            try:
                return msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            except OSError:
                if time.monotonic() > ends:
                    raise
                time.sleep(0.01)

    def _release(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:
    import errno
    import fcntl

    _NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}

    def _acquire(handle: int) -> None:
        ends = time.monotonic() + _LONGEST
        while True:
            try:
                return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno in _NO_LOCKS:
                    return
                if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EINTR) or time.monotonic() > ends:
                    raise
                time.sleep(0.01)

    def _release(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)
