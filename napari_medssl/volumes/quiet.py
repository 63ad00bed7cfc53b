"""Keeping ITK and its codecs from writing to the terminal: what they find wrong is said in a sentence instead."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

_LOCK = threading.RLock()


@contextlib.contextmanager
def quiet_itk() -> Iterator[None]:
    """Silence ITK's warnings and, since its codecs print past those, the process's error stream, for the block.

    One thread at a time; where there is no error stream (a program without a console) only the warnings are silenced.
    """
    import SimpleITK

    with _LOCK, contextlib.ExitStack() as undo:
        itk = SimpleITK.ProcessObject
        undo.callback(itk.SetGlobalWarningDisplay, itk.GetGlobalWarningDisplay())
        itk.SetGlobalWarningDisplay(False)
        with contextlib.suppress(OSError):
            kept = os.dup(2)
            undo.callback(os.close, kept)
            sink = os.open(os.devnull, os.O_WRONLY)
            undo.callback(os.close, sink)
            os.dup2(sink, 2)
            undo.callback(os.dup2, kept, 2)
        yield
