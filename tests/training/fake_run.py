"""A child that behaves as a run, or does not: `fake_run.py FOLDER MANNER`, for the tests of jobs."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from napari_medssl.training.events import EventLog
from napari_medssl.training.run_folder import RunFolder


def main() -> None:
    folder, manner = RunFolder.of_another(Path(sys.argv[1])), sys.argv[2]
    if manner == "never begins":
        threading.Event().wait()
    if manner == "bad input":
        print("Step 3, loss 1\nThe data folder scans does not exist.", file=sys.stderr)
        sys.exit(2)
    if manner == "traceback":
        raise ImportError("No module named 'torch'")
    with folder.locked():
        train(folder, EventLog(folder.events), manner)
    if manner == "leaves slowly":
        while not (folder.path / "leave").exists():
            time.sleep(0.01)


def train(folder: RunFolder, log: EventLog, manner: str) -> None:
    before = int(folder.checkpoint.read_text()) if folder.checkpoint.exists() else 0
    log.write("start", step=before)
    log.write("step", step=before + 1, done=0.5, loss=1.0, left=30.0, figures={}, seconds=7.0)
    log.write("validation", step=before + 1, metrics={"dice": 0.8}, score=0.8, best=True, pictures=[])
    folder.checkpoint.write_text(str(before + 1))
    log.write("checkpoint", step=before + 1)
    reason = "done"
    if manner == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif manner == "crash":
        ctypes.string_at(0)
    elif manner == "terminated":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    elif manner == "hang":
        helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (folder.path / "helper").write_text(str(helper.pid))
        log.write("step", step=before + 2)
        threading.Event().wait()
    elif manner == "flood":
        for _ in range(12):
            sys.stdout.write(("x" * 99 + "\n") * 10_000)
            sys.stdout.flush()
            time.sleep(0.1)
    elif manner == "full":
        log.write("end", step=before + 1, seconds=7.0, reason="failed", complete=False, sentence="The disk is full.")
        return
    elif manner == "fills the disk":
        fill(folder.path / "filler")
        log.write("step", step=before + 2, filling="x" * 5000)
        log.write("end", step=before + 1, seconds=7.0, reason="failed", sentence="The disk is full.", complete=False)
        return
    elif manner == "until cancelled":
        while not folder.cancel.exists():
            time.sleep(0.01)
        reason = "cancelled"
    log.write(
        "end", step=before + 1, seconds=8.0, reason=reason, complete=reason == "done", sentence=f"It is {reason}.",
        model="liver.json", metrics={"dice": 0.9},
    )  # fmt: skip


def fill(path: Path) -> None:
    with open(path, "ab", buffering=0) as handle, contextlib.suppress(OSError):
        while handle.write(b"x" * 4096):
            pass


if __name__ == "__main__":
    main()
