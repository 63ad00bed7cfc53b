"""Starting the process of a run, so that it outlives whoever started it, and noting how it ended."""

from __future__ import annotations

import errno
import json
import os
import site
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from napari_medssl.errors import BadInput
from napari_medssl.files import write_text
from napari_medssl.training.processes import identity
from napari_medssl.training.run_folder import RunFolder, read_record

MOST_LOG = 4 << 20  # bytes of log.txt that are kept at most
KEPT_LOG = 1 << 20  # of it when it is cut
_CUT = b"[what was printed before has been cut off]\n"
_NICE = 5  # the viewer goes first
_OOM_SCORE = 300  # when memory runs out, Linux is to end the run rather than the viewer and what is drawn in it
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def command(folder: RunFolder) -> list[str]:
    """The words that train the run of a folder."""
    saved = folder.read_settings()
    # -P: what lies in the working folder must not be taken for a module.
    program = [sys.executable, "-P", "-m", "napari_medssl.cli"]
    return [*program, "train", saved.recipe, "--data", str(saved.data), "--run", str(folder.path), "--resume"]


def environment() -> dict[str, str]:
    """The environment of a run: this one's, with the package to be found and the model shelf where it is here."""
    env = {key: value for key, value in os.environ.items() if key not in _TORCHRUN}
    home = Path(__file__).resolve().parents[2]
    installed = [Path(path).resolve() for path in (*site.getsitepackages(), site.getusersitepackages())]
    if home not in installed:
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(home), env.get("PYTHONPATH", ""))))
    for shelf in ("NAPARI_MEDSSL_MODELS", "NAPARI_MEDSSL_EXTRA_MODELS"):  # the run works in another folder
        parts = [str(Path(part).expanduser().absolute()) for part in env.get(shelf, "").split(os.pathsep) if part]
        if parts:
            env[shelf] = os.pathsep.join(parts)
    # A crash then leaves its traceback in the log.
    return env | {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", "PYTHONIOENCODING": "utf-8"}


def launch(folder: RunFolder, on_exit: Callable[[], None] | None = None) -> int:
    """Start the process of a run; its number. Hold the folder's guard meanwhile.

    It has a process session of its own, no input, and writes to ``log.txt``: nothing ties it to this process. As long
    as this process lives, it notes how the other one ended (``exit``), then calls `on_exit` in a thread of its own.

    Raises
    ------
    BadInput
        It could not be started, or the folder's settings cannot be used.
    """
    try:
        return _launch(folder, on_exit)
    except OSError as error:
        if error.errno in _FULL:
            raise BadInput("The disk is full: make room, then resume the run.") from error
        raise BadInput(f"Training could not be started: {(error.strerror or str(error)).lower()}.") from error


def _launch(folder: RunFolder, on_exit: Callable[[], None] | None) -> int:
    words = command(folder)
    trim_log(folder.log)
    for stale in (folder.exit, folder.cancel):
        stale.unlink(missing_ok=True)
    with open(folder.log, "ab") as log:  # opened for appending: what is cut off leaves no hole
        note = {"since": time.time(), "log": log.tell()}
        write_text(folder.child, json.dumps(note) + "\n")  # where there is no room for this, nothing is started
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=folder.path, env=environment(),
            close_fds=True, **_detached(),
        )  # fmt: skip
    who = {"pid": child.pid}
    with suppress(psutil.Error):
        who = identity(child.pid)
    _step_back(child.pid)
    watcher = threading.Thread(target=_watch, args=(child, folder, who, on_exit), daemon=True)
    watcher.start()
    with suppress(OSError):  # the process goes on all the same, and will be known by its lock
        write_text(folder.child, json.dumps({**who, **note}) + "\n")
    folder.queued.unlink(missing_ok=True)
    return child.pid


def _detached() -> dict[str, Any]:
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        return {"creationflags": flags | subprocess.BELOW_NORMAL_PRIORITY_CLASS}
    return {"start_new_session": True}


def _step_back(pid: int) -> None:
    """Let the viewer go first, with time and with memory."""
    if sys.platform == "win32":
        return
    with suppress(psutil.Error, OSError):
        psutil.Process(pid).nice(_NICE)
    if sys.platform == "linux":
        with suppress(OSError):
            Path(f"/proc/{pid}/oom_score_adj").write_text(str(_OOM_SCORE))


def _watch(
    child: subprocess.Popen[bytes], folder: RunFolder, who: dict[str, Any], on_exit: Callable[[], None] | None
) -> None:
    code = child.wait()
    with suppress(OSError, ValueError):  # the folder may be gone, the disk full
        if not (read_record(folder.exit).get("killed") and read_record(folder.exit).get("pid") == child.pid):
            note_exit(folder, who, code=code)
    if on_exit is not None:
        on_exit()


def note_exit(folder: RunFolder, who: dict[str, Any], **how: Any) -> None:
    """Write down how the process of a run ended: its exit `code`, `killed` on request, or a `sentence`."""
    if folder.settings.is_file():
        write_text(folder.exit, json.dumps({"pid": who.get("pid"), "time": round(time.time(), 3), **how}) + "\n")


def trim_log(path: Path) -> None:
    """Cut the beginning off a log that has grown too long; whoever appends to it may go on."""
    with suppress(OSError):
        if path.stat().st_size <= MOST_LOG:
            return
        with open(path, "rb+") as handle:
            handle.seek(-KEPT_LOG, os.SEEK_END)
            kept = handle.read(KEPT_LOG)
            handle.seek(0)
            handle.truncate()
        with open(path, "ab") as handle:
            handle.write(_CUT + kept[kept.find(b"\n") + 1 :])


def log_end(path: Path, start: int = 0, size: int = 8192) -> str:
    """The last `size` bytes of a log, of those after `start`; "" where there is none."""
    try:
        with open(path, "rb") as handle:
            length = handle.seek(0, os.SEEK_END)
            handle.seek(max(start if start <= length else 0, length - size))
            return handle.read(size).decode("utf-8", errors="replace")
    except OSError:
        return ""
